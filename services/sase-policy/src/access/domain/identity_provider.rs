//! OpenID providers, and who somebody is by their ID tokens.

use std::collections::BTreeSet;

use bailiwick_openid::{Claims, Reach};
use serde::{Deserialize, Serialize};

use super::{Meta, Resource, ResourceKind, Strength};

const AUDIENCES_MAX: usize = 10;
const CLIENT_ID_MAX: usize = 255;
const CLAIM_MAX: usize = 64;
const MAPPINGS_MAX: usize = 200;
const ATTRIBUTE_CLAIMS_MAX: usize = 10;
const ACRS_MAX: usize = 10;
const VALUE_MAX: usize = 255;
/// Most of what is kept of one token, as of a user.
const ATTRIBUTES_MAX: usize = 20;
const ATTRIBUTE_VALUE_MAX: usize = 64;
/// Phishing-resistant, and by a key in hardware (OpenID Connect EAP ACR Values 1.0).
const PHISHING_RESISTANT: [&str; 2] = ["phr", "phrh"];

/// A provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdentityProvider {
    pub(crate) meta: Meta,
    pub(crate) settings: IdentitySettings,
}

/// What can be changed of a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdentitySettings {
    pub(crate) display_name: String,
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) user_claim: String,
    /// Empty if the claim is the id of a user.
    pub(crate) user_attribute: String,
    /// Empty for none.
    pub(crate) group_claim: String,
    /// Values, and the ids of the groups that they stand for.
    pub(crate) group_mappings: Vec<(String, String)>,
    pub(crate) attribute_claims: Vec<String>,
    pub(crate) multi_factor_acrs: Vec<String>,
    pub(crate) phishing_resistant_acrs: Vec<String>,
}

/// Who a token is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// The user of an id.
    Id(String),
    /// The one user that has an attribute.
    Attribute(String),
}

/// What a token says of the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asserted {
    pub(crate) user: Named,
    /// Ids.
    pub(crate) groups: BTreeSet<String>,
    /// `claim=value`.
    pub(crate) attributes: BTreeSet<String>,
    pub(crate) strength: Strength,
}

impl Resource for IdentityProvider {
    const KIND: ResourceKind = ResourceKind::IdentityProvider;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }
}

impl IdentitySettings {
    /// What is wrong: the field, and why.
    pub(crate) fn problems(&self, reach: Reach) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut unless = |sound: bool, field: String, problem: String| {
            problems.extend((!sound).then_some((field, problem)));
        };
        if let Err(error) = reach.check_issuer(&self.issuer) {
            unless(false, "issuer".to_owned(), error.to_string());
        }
        unless(is_text(&self.user_claim, 1, CLAIM_MAX), "user_claim".to_owned(), characters(1, CLAIM_MAX));
        let attribute = is_text(&self.user_attribute, 0, CLAIM_MAX) && !self.user_attribute.contains('=');
        unless(attribute, "user_attribute".to_owned(), format!("{}, without `=`", characters(0, CLAIM_MAX)));
        unless(is_text(&self.group_claim, 0, CLAIM_MAX), "group_claim".to_owned(), characters(0, CLAIM_MAX));
        let some = (1..=AUDIENCES_MAX).contains(&self.audiences.len());
        unless(some, "audiences".to_owned(), format!("must be 1 to {AUDIENCES_MAX}"));
        for (field, texts, most, longest) in [
            ("audiences", &self.audiences, AUDIENCES_MAX, CLIENT_ID_MAX),
            ("attribute_claims", &self.attribute_claims, ATTRIBUTE_CLAIMS_MAX, CLAIM_MAX),
            ("multi_factor_acrs", &self.multi_factor_acrs, ACRS_MAX, VALUE_MAX),
            ("phishing_resistant_acrs", &self.phishing_resistant_acrs, ACRS_MAX, VALUE_MAX),
        ] {
            unless(texts.len() <= most, field.to_owned(), format!("must have at most {most}"));
            for (at, text) in texts.iter().enumerate().take(most) {
                let sound = is_text(text, 1, longest) && (field != "attribute_claims" || !text.contains('='));
                unless(sound, format!("{field}[{at}]"), characters(1, longest));
            }
        }
        let few = self.group_mappings.len() <= MAPPINGS_MAX;
        unless(few, "group_mappings".to_owned(), format!("must have at most {MAPPINGS_MAX}"));
        for (at, (value, _)) in self.group_mappings.iter().enumerate().take(MAPPINGS_MAX) {
            unless(is_text(value, 1, VALUE_MAX), format!("group_mappings[{at}].value"), characters(1, VALUE_MAX));
        }
        problems
    }

    /// Who the claims of a verified token are about, and what they say; none if they name nobody.
    pub(crate) fn asserted(&self, claims: &Claims) -> Option<Asserted> {
        let name = claims.text(&self.user_claim).filter(|name| is_text(name, 1, VALUE_MAX))?;
        let user = match self.user_attribute.as_str() {
            "" => Named::Id(name.to_owned()),
            attribute => Named::Attribute(format!("{attribute}={name}")),
        };
        let said = if self.group_claim.is_empty() { Vec::new() } else { claims.texts(&self.group_claim) };
        let mapped = self.group_mappings.iter().filter(|(value, _)| said.contains(&value.as_str()));
        let groups = mapped.map(|(_, group)| group.clone()).collect();
        Some(Asserted { user, groups, attributes: self.attributes(claims), strength: self.strength(claims) })
    }

    fn attributes(&self, claims: &Claims) -> BTreeSet<String> {
        let mut attributes = BTreeSet::new();
        for claim in &self.attribute_claims {
            let values = claims.texts(claim);
            let short = values.iter().all(|value| is_text(value, 1, ATTRIBUTE_VALUE_MAX));
            if short && values.len() <= ATTRIBUTES_MAX {
                attributes.extend(values.into_iter().map(|value| format!("{claim}={value}")));
            }
        }
        attributes
    }

    fn strength(&self, claims: &Claims) -> Strength {
        let acr = claims.text("acr").unwrap_or_default();
        let is = |acrs: &[String]| acrs.iter().any(|one| one == acr);
        if PHISHING_RESISTANT.contains(&acr) || is(&self.phishing_resistant_acrs) {
            Strength::PhishingResistant
        } else if claims.mfa() || is(&self.multi_factor_acrs) {
            Strength::MultiFactor
        } else {
            Strength::SingleFactor
        }
    }
}

fn is_text(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

fn characters(least: usize, most: usize) -> String {
    format!("must have {least} to {most} characters that can be seen")
}

#[cfg(test)]
mod tests {
    use bailiwick_core::Timestamp;
    use serde_json::{Value, json};

    use super::*;

    fn settings() -> IdentitySettings {
        IdentitySettings {
            display_name: "main".to_owned(),
            issuer: "https://id.example.com".to_owned(),
            audiences: vec!["edge".to_owned()],
            user_claim: "preferred_username".to_owned(),
            group_claim: "groups".to_owned(),
            group_mappings: vec![("ops".to_owned(), "operators".to_owned()), ("dev".to_owned(), "staff".to_owned())],
            attribute_claims: vec!["department".to_owned()],
            multi_factor_acrs: vec!["gold".to_owned()],
            phishing_resistant_acrs: vec!["platinum".to_owned()],
            ..IdentitySettings::default()
        }
    }

    fn asserted(settings: &IdentitySettings, all: &Value) -> Option<Asserted> {
        let all = all.as_object().unwrap().clone();
        settings.asserted(&Claims { all, presentable_until: Timestamp::from_micros(0) })
    }

    #[test]
    fn settings_have_bounds() {
        assert_eq!(settings().problems(Reach::Public), []);
        let many = |n, text: &str| vec![text.to_owned(); n];
        for (wrong, field) in [
            (IdentitySettings { issuer: "http://id.example.com".into(), ..settings() }, "issuer"),
            (IdentitySettings { audiences: Vec::new(), ..settings() }, "audiences"),
            (IdentitySettings { audiences: many(1, ""), ..settings() }, "audiences[0]"),
            (IdentitySettings { user_claim: String::new(), ..settings() }, "user_claim"),
            (IdentitySettings { user_attribute: "a=b".into(), ..settings() }, "user_attribute"),
            (IdentitySettings { group_claim: "a".repeat(65), ..settings() }, "group_claim"),
            (
                IdentitySettings { group_mappings: vec![(String::new(), "g".into())], ..settings() },
                "group_mappings[0].value",
            ),
            (IdentitySettings { group_mappings: vec![("v".into(), "g".into()); 201], ..settings() }, "group_mappings"),
            (IdentitySettings { attribute_claims: many(11, "a"), ..settings() }, "attribute_claims"),
            (IdentitySettings { attribute_claims: many(1, "a=b"), ..settings() }, "attribute_claims[0]"),
            (IdentitySettings { multi_factor_acrs: many(1, "\n"), ..settings() }, "multi_factor_acrs[0]"),
            (IdentitySettings { phishing_resistant_acrs: many(11, "a"), ..settings() }, "phishing_resistant_acrs"),
        ] {
            let problems = wrong.problems(Reach::Public);
            assert_eq!(problems.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), [field]);
        }
        let both = IdentitySettings { audiences: many(11, "a"), ..settings() }.problems(Reach::Public);
        assert!(both.iter().all(|(field, _)| field == "audiences") && !both.is_empty());
    }

    #[test]
    fn a_token_names_one_user() {
        let by_mail = IdentitySettings { user_claim: "email".into(), user_attribute: "mail".into(), ..settings() };
        for (settings, claims, named) in [
            (settings(), json!({"preferred_username": "alice"}), Some(Named::Id("alice".into()))),
            (settings(), json!({"preferred_username": ["alice"]}), None),
            (settings(), json!({"preferred_username": ""}), None),
            (settings(), json!({"sub": "alice"}), None),
            (by_mail.clone(), json!({"email": "a@example.com"}), None),
            (by_mail.clone(), json!({"email": "a@example.com", "email_verified": false}), None),
            (
                by_mail,
                json!({"email": "a@example.com", "email_verified": true}),
                Some(Named::Attribute("mail=a@example.com".into())),
            ),
        ] {
            assert_eq!(asserted(&settings, &claims).map(|asserted| asserted.user), named, "{claims}");
        }
    }

    #[test]
    fn groups_are_those_that_are_mapped_and_attributes_those_that_are_kept() {
        let long = "x".repeat(65);
        for (said, groups, attributes) in [
            (json!({"groups": ["ops", "unknown"], "department": "it"}), &["operators"][..], &["department=it"][..]),
            (json!({"groups": "dev", "department": ["it", "hr"]}), &["staff"], &["department=hr", "department=it"]),
            (json!({"groups": {"ops": true}, "department": 7}), &[], &[]),
            (json!({"roles": ["ops"], "department": ["it", long]}), &[], &[]),
            (json!({"groups": ["Ops"], "department": ["a=b"]}), &[], &["department=a=b"]),
        ] {
            let mut claims = said.clone();
            claims["preferred_username"] = json!("alice");
            let asserted = asserted(&settings(), &claims).unwrap();
            assert!(asserted.groups.iter().eq(groups), "{said}");
            assert!(asserted.attributes.iter().eq(attributes), "{said}");
        }
    }

    #[test]
    fn how_strong_a_sign_in_was_is_what_the_provider_says_of_it() {
        use Strength::{MultiFactor, PhishingResistant, SingleFactor};
        for (said, strength) in [
            (json!({}), SingleFactor),
            (json!({"amr": ["pwd"]}), SingleFactor),
            (json!({"amr": ["pwd", "otp"]}), MultiFactor),
            (json!({"amr": ["mfa"], "acr": "0"}), MultiFactor),
            (json!({"acr": "gold"}), MultiFactor),
            (json!({"acr": "Gold"}), SingleFactor),
            (json!({"acr": ["gold"]}), SingleFactor),
            (json!({"acr": "platinum"}), PhishingResistant),
            (json!({"acr": "phr", "amr": ["hwk"]}), PhishingResistant),
            (json!({"acr": "phrh"}), PhishingResistant),
            (json!({"amr": ["hwk"]}), SingleFactor),
        ] {
            let mut claims = said.clone();
            claims["preferred_username"] = json!("alice");
            assert_eq!(asserted(&settings(), &claims).unwrap().strength, strength, "{said}");
        }
    }
}
