//! What an ID token says.

use bailiwick_core::Timestamp;
use serde_json::{Map, Value};

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

impl Claims {
    /// Whether the provider says that the person proved who they are by two kinds of proof.
    pub fn mfa(&self) -> bool {
        let methods = self.texts("amr");
        let kinds = [&KNOWLEDGE[..], &POSSESSION, &INHERENCE];
        let proved = kinds.iter().filter(|kind| methods.iter().any(|method| kind.contains(method))).count();
        methods.contains(&"mfa") || proved >= 2
    }

    /// Who the person is at the provider.
    pub fn subject(&self) -> &str {
        self.text("sub").unwrap_or_default()
    }

    /// A claim that is a text, and that the provider stands for.
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.vouched(claim)?.as_str()
    }

    /// The texts of a claim that is one or a list of them, and that the provider stands for.
    pub fn texts(&self, claim: &str) -> Vec<&str> {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(all: Value) -> Claims {
        Claims { all: all.as_object().unwrap().clone(), presentable_until: Timestamp::from_micros(0) }
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
}
