//! Whom an identity provider signs in: from the claims of an ID token that was verified.

use bailiwick_core::{
    AccountId, IdentityName, Timestamp,
    authz::{Circumstances, Document, Verdict, action_matches},
};
use serde_json::{Map, Value};

use super::{identity_provider::Settings, user::is_user_id};

/// Length of session names (E-GW-02).
const SESSION_NAME_MIN: usize = 2;
const SESSION_NAME_MAX: usize = 64;
/// How the person authenticated (RFC 8176), by the kind of proof.
const KNOWLEDGE: [&str; 3] = ["pwd", "pin", "kba"];
const POSSESSION: [&str; 6] = ["otp", "hwk", "swk", "sc", "sms", "tel"];
const INHERENCE: [&str; 5] = ["face", "fpt", "iris", "retina", "vbm"];

/// The claims of a verified ID token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// All of them.
    pub all: Map<String, Value>,
    /// Until when the token could be presented again.
    pub presentable_until: Timestamp,
}

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

impl Claims {
    /// Who the person is to be, as `role` if one is asked for; none if nothing fits.
    pub fn identity(
        &self,
        account: AccountId,
        settings: &Settings,
        role: Option<&IdentityName>,
    ) -> Option<IdentityName> {
        let fits = |claim: &str, value: &str| self.texts(claim).into_iter().any(|text| action_matches(value, text));
        let asked = |identity: &IdentityName| role.is_none_or(|role| role == identity);
        let mapped = settings.mappings.iter().find(|m| asked(&m.identity) && fits(&m.claim, &m.value));
        if let Some(mapping) = mapped {
            return Some(mapping.identity.clone());
        }
        let user = self.text(&settings.user_claim).filter(|user| role.is_none() && is_user_id(user))?;
        Some(IdentityName::User(account, user.to_owned()))
    }

    /// Whether the provider says that the person proved who they are by two kinds of proof.
    pub fn mfa(&self) -> bool {
        let methods = self.texts("amr");
        let kinds = [&KNOWLEDGE[..], &POSSESSION, &INHERENCE];
        let proved = kinds.iter().filter(|kind| methods.iter().any(|method| kind.contains(method))).count();
        methods.contains(&"mfa") || proved >= 2
    }

    /// What a session of a role is called.
    pub fn session_name(&self) -> String {
        let sanitize = |text: &str| -> String {
            let allowed = |c: char| c.is_ascii_alphanumeric() || ".@-_=".contains(c);
            text.chars().take(SESSION_NAME_MAX).map(|c| if allowed(c) { c } else { '-' }).collect()
        };
        let names = ["preferred_username", "email", "sub"].into_iter().filter_map(|claim| self.text(claim));
        let long = names.map(sanitize).find(|name| name.len() >= SESSION_NAME_MIN);
        long.unwrap_or_else(|| "signed-in".to_owned())
    }

    /// Who the person is at the provider.
    pub fn subject(&self) -> &str {
        self.text("sub").unwrap_or_default()
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.vouched(claim)?.as_str()
    }

    fn texts(&self, claim: &str) -> Vec<&str> {
        match self.vouched(claim) {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// A claim that the provider stands for: an address that it has not verified is whatever the person wrote.
    fn vouched(&self, claim: &str) -> Option<&Value> {
        let by = match claim {
            "email" => self.all.get("email_verified"),
            "phone_number" => self.all.get("phone_number_verified"),
            _ => Some(&Value::Bool(true)),
        };
        let verified = by.is_some_and(|verified| matches!(verified, Value::Bool(true)) || verified == "true");
        if verified { self.all.get(claim) } else { None }
    }
}

impl TrustingRole {
    /// Whether the role lets those in whom a provider signed in.
    pub fn trusts(&self, provider: &str, circumstances: &Circumstances) -> bool {
        matches!(self.trust.trusts_provider(provider, circumstances), Verdict::Allow(_))
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_core::authz::{Environment, PolicyKind};
    use serde_json::json;

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
            assert_eq!(claims(all.clone()).identity(account(), &settings, asked.as_ref()), expected, "{all} {asked:?}");
        }
        let none = Settings::default();
        assert_eq!(
            claims(json!({"": "alice"})).identity(account(), &Settings { user_claim: "sub".to_owned(), ..none }, None),
            None
        );
    }

    #[test]
    fn two_kinds_of_proof_are_more_than_one_factor() {
        for (amr, mfa) in [
            (json!(["mfa"]), true),
            (json!("mfa"), true),
            (json!(["pwd", "otp"]), true),
            (json!(["hwk", "fpt"]), true),
            (json!(["pwd", "pin"]), false),
            (json!(["pwd"]), false),
            (json!(["sms", "tel"]), false),
            (json!(["pwd", "pwd"]), false),
            (json!(["pwd", "wia"]), false),
            (json!(true), false),
        ] {
            assert_eq!(claims(json!({"amr": amr})).mfa(), mfa, "{amr}");
        }
        assert!(!claims(json!({})).mfa());
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
            assert_eq!(claims(all).session_name(), name);
        }
        assert_eq!(claims(json!({"sub": "a".repeat(99)})).session_name(), "a".repeat(64));
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
