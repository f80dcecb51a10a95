//! Whom an identity provider signs in: from the claims of an ID token that was verified.

use bailiwick_core::{
    AccountId, IdentityName,
    authz::{Circumstances, Document, Verdict, action_matches},
};
use bailiwick_openid::Claims;

use super::{identity_provider::Settings, user::is_user_id};

/// Length of session names (E-GW-02).
const SESSION_NAME_MIN: usize = 2;
const SESSION_NAME_MAX: usize = 64;
/// A role that people may be signed in as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustingRole {
    /// Tokens of an earlier generation are dead.
    pub generation: i64,
    /// How long a session lasts at most, in seconds.
    pub session_seconds_max: u32,
    /// Who may be the role.
    pub trust: Document,
}

/// Who the person is to be, as `role` if one is asked for; none if nothing fits.
pub fn identity(
    claims: &Claims,
    account: AccountId,
    settings: &Settings,
    role: Option<&IdentityName>,
) -> Option<IdentityName> {
    let fits = |claim: &str, value: &str| claims.texts(claim).into_iter().any(|text| action_matches(value, text));
    let asked = |identity: &IdentityName| role.is_none_or(|role| role == identity);
    let mapped = settings.mappings.iter().find(|m| asked(&m.identity) && fits(&m.claim, &m.value));
    if let Some(mapping) = mapped {
        return Some(mapping.identity.clone());
    }
    let user = claims.text(&settings.user_claim).filter(|user| role.is_none() && is_user_id(user))?;
    Some(IdentityName::User(account, user.to_owned()))
}

/// What a session of a role is called.
pub fn session_name(claims: &Claims) -> String {
    let sanitize = |text: &str| -> String {
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".@-_=".contains(c);
        text.chars().take(SESSION_NAME_MAX).map(|c| if allowed(c) { c } else { '-' }).collect()
    };
    let names = ["preferred_username", "email", "sub"].into_iter().filter_map(|claim| claims.text(claim));
    let long = names.map(sanitize).find(|name| name.len() >= SESSION_NAME_MIN);
    long.unwrap_or_else(|| "signed-in".to_owned())
}

impl TrustingRole {
    /// Whether the role lets those in whom a provider signed in.
    pub fn trusts(&self, provider: &str, circumstances: &Circumstances) -> bool {
        matches!(self.trust.trusts_provider(provider, circumstances), Verdict::Allow(_))
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_core::{
        Timestamp,
        authz::{Environment, PolicyKind},
    };
    use serde_json::{Value, json};

    use super::{super::identity_provider::ClaimMapping, *};

    fn account() -> AccountId {
        1_000_000_000_000_001.try_into().unwrap()
    }

    fn user(id: &str) -> IdentityName {
        IdentityName::User(account(), id.to_owned())
    }

    fn role(id: &str) -> IdentityName {
        IdentityName::Role(account(), id.to_owned())
    }

    fn claims(all: Value) -> Claims {
        Claims { all: all.as_object().unwrap().clone(), presentable_until: Timestamp::from_micros(0) }
    }

    #[test]
    fn the_first_mapping_that_fits_counts_and_then_the_claim_of_users() {
        let mapping = |claim: &str, value: &str, identity| ClaimMapping {
            claim: claim.to_owned(),
            value: value.to_owned(),
            identity,
        };
        let settings = Settings {
            user_claim: "preferred_username".to_owned(),
            mappings: vec![
                mapping("groups", "ops-*", role("operator")),
                mapping("groups", "audit", role("auditor")),
                mapping("email", "*@example.com", user("staff")),
            ],
            ..Settings::default()
        };
        for (all, asked, expected) in [
            (json!({"groups": ["x", "ops-eu"]}), None, Some(role("operator"))),
            (json!({"groups": "ops-eu"}), None, Some(role("operator"))),
            (json!({"groups": ["audit", "ops-eu"]}), None, Some(role("operator"))),
            (json!({"groups": ["audit", "ops-eu"]}), Some(role("auditor")), Some(role("auditor"))),
            (json!({"groups": ["ops-eu"]}), Some(role("auditor")), None),
            (json!({"groups": ["ops"]}), None, None),
            (json!({"groups": [7, null, {"ops-": 1}]}), None, None),
            (json!({"groups": {"ops-eu": true}}), None, None),
            (json!({"email": "a@example.com"}), None, None),
            (json!({"email": "a@example.com", "email_verified": true}), None, Some(user("staff"))),
            (json!({"email": "a@example.com", "email_verified": false}), None, None),
            (json!({"email": "a@example.com", "email_verified": "false"}), None, None),
            (json!({"email": "a@example.com.evil"}), None, None),
            (json!({"preferred_username": "alice"}), None, Some(user("alice"))),
            (json!({"preferred_username": "alice"}), Some(role("auditor")), None),
            (json!({"preferred_username": ["alice"]}), None, None),
            (json!({"preferred_username": "root"}), None, None),
            (json!({"preferred_username": "../alice"}), None, None),
            (json!({}), None, None),
        ] {
            assert_eq!(
                identity(&claims(all.clone()), account(), &settings, asked.as_ref()),
                expected,
                "{all} {asked:?}"
            );
        }
        let none = Settings::default();
        assert_eq!(
            identity(
                &claims(json!({"": "alice"})),
                account(),
                &Settings { user_claim: "sub".to_owned(), ..none },
                None
            ),
            None
        );
    }

    #[test]
    fn sessions_are_called_after_the_person() {
        for (all, name) in [
            (json!({"preferred_username": "alice", "email": "a@b.c", "email_verified": true, "sub": "1"}), "alice"),
            (json!({"email": "a+x@b.c", "email_verified": true, "sub": "1"}), "a-x@b.c"),
            (json!({"preferred_username": "a", "sub": "auth0|17"}), "auth0-17"),
            (json!({"sub": "é/\n"}), "---"),
            (json!({"sub": "1"}), "signed-in"),
        ] {
            assert_eq!(session_name(&claims(all)), name);
        }
        assert_eq!(session_name(&claims(json!({"sub": "a".repeat(99)}))), "a".repeat(64));
    }

    #[test]
    fn a_role_lets_in_whom_a_provider_that_it_trusts_signed_in() {
        let provider = "accounts/1000000000000001/identityProviders/main";
        let text = format!(
            r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"Federated":["{provider}"]}},
            "Condition":{{"Bool":{{"acs:MFAPresent":"true"}}}}}}]}}"#
        );
        let trust = Document::parse(PolicyKind::Trust, &text).unwrap_or_else(|error| panic!("{error:?}"));
        let role = TrustingRole { generation: 1, session_seconds_max: 3_600, trust };
        let with = |mfa| Environment::at(Timestamp::from_micros(0)).with_mfa(mfa);
        assert!(role.trusts(provider, &with(true)));
        assert!(!role.trusts(provider, &with(false)));
        assert!(!role.trusts(&format!("{provider}2"), &with(true)));
    }
}
