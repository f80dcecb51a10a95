//! What risks can be filtered and ordered by.

use bailiwick_core::{
    AccountId, DirectoryId,
    filter::{Field, Filter, Kind, Listing, Order, Schema, Value},
};

use super::{Category, Risk, Severity, State};

const CATEGORIES: &[&str] = &category_names();
const SEVERITIES: &[&str] = &severity_names();
const STATES: &[&str] = &state_names();
const TITLE: Field = Field::new("title", Kind::Text);
const RULE: Field = Field::new("rule", Kind::Text);
const SOURCE: Field = Field::new("source", Kind::Text);
const SCOPE: Field = Field::new("scope", Kind::Text);
const RESOURCE: Field = Field::new("resource", Kind::Text);
const RESOURCE_TYPE: Field = Field::new("resource_type", Kind::Text);
const REGION: Field = Field::new("region", Kind::Text);
const ACCOUNT: Field = Field::new("account", Kind::Name);
const CATEGORY: Field = Field::new("category", Kind::Enum(CATEGORIES));
const SEVERITY: Field = Field::sorted("severity", Kind::Enum(SEVERITIES));

/// The fields of risks.
pub(crate) static RISKS: Schema = Schema {
    fields: &[
        TITLE,
        RULE,
        SOURCE,
        SCOPE,
        RESOURCE,
        RESOURCE_TYPE,
        REGION,
        ACCOUNT,
        Field::new("folder", Kind::Name),
        Field::new("suppression_rule", Kind::Name),
        CATEGORY,
        SEVERITY,
        Field::new("state", Kind::Enum(STATES)),
        Field::new("first_seen_time", Kind::Time),
        Field::sorted("last_seen_time", Kind::Time),
        Field::sorted("open_time", Kind::Time),
    ],
};

/// Those that a suppression rule can be about: what a scan says, and whose risk it is.
pub(crate) static SUPPRESSIBLE: Schema =
    Schema { fields: &[TITLE, RULE, SOURCE, SCOPE, RESOURCE, RESOURCE_TYPE, REGION, ACCOUNT, CATEGORY, SEVERITY] };

/// The fields of which alone the numbers of risks are kept.
const COUNTED: [&str; 5] = ["account", "folder", "category", "severity", "state"];

/// The risks that a filter asks for in the order asked for; the worst first, if none is.
pub(crate) fn listing(filter: Filter, order: Option<Order>) -> Listing {
    Listing { filter, order: Some(order.unwrap_or(Order { field: "severity", descending: true })) }
}

/// The open ones.
pub(crate) fn open() -> Filter {
    Filter::Enum("state", State::Open.name())
}

/// Whether a filter is about nothing but what the numbers of risks are kept by.
pub(crate) fn is_counted(filter: &Filter) -> bool {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => parts.iter().all(is_counted),
        Filter::Not(part) => is_counted(part),
        Filter::Enum(name, _) | Filter::Name(name, _) => COUNTED.contains(name),
        Filter::Search(_)
        | Filter::Text(..)
        | Filter::Bool(..)
        | Filter::Time(..)
        | Filter::Entry(..)
        | Filter::Key(..) => false,
    }
}

/// `directories/{directory}/suppressionRules/{suppression_rule}`.
pub(crate) fn rule_name(directory: DirectoryId, rule: &str) -> String {
    format!("{}/suppressionRules/{rule}", directory.name())
}

impl Category {
    /// The name in the contract.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Vulnerability => "RISK_CATEGORY_VULNERABILITY",
            Self::Baseline => "RISK_CATEGORY_BASELINE",
            Self::ExposedCredential => "RISK_CATEGORY_EXPOSED_CREDENTIAL",
            Self::Attack => "RISK_CATEGORY_ATTACK",
        }
    }
}

impl Severity {
    /// The name in the contract.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Informational => "SEVERITY_INFORMATIONAL",
            Self::Low => "SEVERITY_LOW",
            Self::Medium => "SEVERITY_MEDIUM",
            Self::High => "SEVERITY_HIGH",
            Self::Critical => "SEVERITY_CRITICAL",
        }
    }
}

impl State {
    /// The name in the contract.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Open => "RISK_STATE_OPEN",
            Self::Acknowledged => "RISK_STATE_ACKNOWLEDGED",
            Self::Suppressed => "RISK_STATE_SUPPRESSED",
            Self::Fixed => "RISK_STATE_FIXED",
        }
    }

    /// The name in metadata of refusals.
    pub(crate) fn short_name(self) -> &'static str {
        self.name().trim_start_matches("RISK_STATE_")
    }
}

const fn category_names() -> [&'static str; 4] {
    let [a, b, c, d] = Category::ALL;
    [a.name(), b.name(), c.name(), d.name()]
}

const fn severity_names() -> [&'static str; 5] {
    let [a, b, c, d, e] = Severity::ALL;
    [a.name(), b.name(), c.name(), d.name(), e.name()]
}

const fn state_names() -> [&'static str; 4] {
    let [a, b, c, d] = State::ALL;
    [a.name(), b.name(), c.name(), d.name()]
}

impl Risk {
    /// `directories/{directory}/suppressionRules/{suppression_rule}`, while it is suppressed; empty otherwise.
    pub(crate) fn suppression_rule_name(&self) -> String {
        match self.directory {
            Some(directory) if self.state == State::Suppressed => rule_name(directory, &self.suppression_rule),
            _ => String::new(),
        }
    }

    /// What it has in a field; nothing of where its account is, which it does not know.
    pub(crate) fn value(&self, field: &str) -> Option<Value<'_>> {
        let (finding, text) = (&self.finding, |text| Some(Value::Text(std::borrow::Cow::Borrowed(text))));
        match field {
            "title" => text(finding.title.as_str()),
            "rule" => text(&finding.rule),
            "source" => text(&finding.source),
            "scope" => text(&self.scope),
            "resource" => text(&finding.resource),
            "resource_type" => text(&finding.resource_type),
            "region" => text(&finding.region),
            "account" => Some(Value::Text(AccountId::name(self.account).into())),
            "suppression_rule" => Some(Value::Text(self.suppression_rule_name().into())),
            "category" => Some(Value::Enum(finding.category.name())),
            "severity" => Some(Value::Enum(finding.severity.name())),
            "state" => Some(Value::Enum(self.state.name())),
            "first_seen_time" => Some(Value::Time(self.first_seen)),
            "last_seen_time" => Some(Value::Time(self.last_seen)),
            "open_time" => Some(Value::Time(self.open_time)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enumerations_have_the_names_and_numbers_of_the_contract() {
        use bailiwick_api::securitycenter::v1 as pb;
        for category in Category::ALL {
            assert_eq!(pb::RiskCategory::try_from(category.code()).unwrap().as_str_name(), category.name());
        }
        for severity in Severity::ALL {
            assert_eq!(pb::Severity::try_from(severity.code()).unwrap().as_str_name(), severity.name());
        }
        for state in State::ALL {
            assert_eq!(pb::RiskState::try_from(state.code()).unwrap().as_str_name(), state.name());
        }
    }

    #[test]
    fn numbers_are_kept_of_some_fields_alone() {
        for (filter, counted) in [
            ("", true),
            ("state = RISK_STATE_OPEN", true),
            (
                "account = accounts/1 OR NOT folder = a AND severity != SEVERITY_LOW category = RISK_CATEGORY_ATTACK",
                true,
            ),
            ("severity = SEVERITY_LOW rule:a", false),
            ("aws", false),
            ("open_time > 2026-01-01T00:00:00Z", false),
            ("state = RISK_STATE_OPEN OR suppression_rule = a", false),
        ] {
            assert_eq!(is_counted(&RISKS.filter(filter).unwrap()), counted, "{filter}");
        }
    }

    #[test]
    fn a_rule_is_not_about_what_comes_and_goes() {
        for filter in
            ["state = RISK_STATE_OPEN", "folder = a", "open_time > 2026-01-01T00:00:00Z", "suppression_rule = a"]
        {
            RISKS.filter(filter).unwrap();
            assert!(SUPPRESSIBLE.filter(filter).is_err(), "{filter}");
        }
    }
}
