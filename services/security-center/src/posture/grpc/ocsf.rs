//! Risks as findings of the Open Cybersecurity Schema Framework, version 1.3 (<https://schema.ocsf.io/1.3.0>).

use bailiwick_core::Timestamp;
use serde_json::{Value, json};

use crate::posture::{
    app::RiskView,
    domain::{Category, Risk, Severity, State},
};

const VERSION: &str = "1.3.0";
/// Findings.
const CATEGORY_UID: i64 = 2;

/// The finding of a risk: a vulnerability finding (2002), a compliance finding (2003) of a setting, a detection finding
/// (2004) of anything else.
pub(super) fn finding(view: &RiskView) -> Value {
    let RiskView { risk, folder } = view;
    let class_uid = match risk.finding.category {
        Category::Vulnerability => 2002,
        Category::Baseline => 2003,
        Category::ExposedCredential | Category::Attack => 2004,
    };
    let (activity_id, activity) = activity(risk);
    let (status_id, status) = status(risk.state);
    let (severity_id, severity) = severity(risk.finding.severity);
    let mut finding = json!({
        "activity_id": activity_id,
        "activity_name": activity,
        "category_uid": CATEGORY_UID,
        "category_name": "Findings",
        "class_uid": class_uid,
        "class_name": class_name(class_uid),
        "type_uid": class_uid * 100 + activity_id,
        "type_name": format!("{}: {activity}", class_name(class_uid)),
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "time": millis(risk.fix_time.unwrap_or(risk.last_seen)),
        "message": risk.finding.title,
        "metadata": {
            "version": VERSION,
            "uid": risk.name(),
            "event_code": risk.finding.rule,
            "product": {"name": risk.finding.source, "vendor_name": risk.finding.source},
            "profiles": ["cloud"],
        },
        "cloud": {
            "provider": "Unknown",
            "region": risk.finding.region,
            "account": {"uid": risk.account.to_string(), "name": risk.account.name()},
        },
        "finding_info": {
            "uid": risk.finding.uid,
            "title": risk.finding.title,
            "desc": risk.finding.description,
            "types": [risk.finding.category.name()],
            "created_time": millis(risk.first_seen),
            "first_seen_time": millis(risk.first_seen),
            "last_seen_time": millis(risk.last_seen),
        },
        "resources": [{
            "uid": risk.finding.resource,
            "name": risk.finding.resource,
            "type": risk.finding.resource_type,
            "region": risk.finding.region,
        }],
        "unmapped": {"scope": risk.scope, "folder": folder, "detail": risk.finding.detail},
    });
    let (name, own) = own_part(risk);
    if let Some(fields) = finding.as_object_mut() {
        fields.insert(name.to_owned(), own);
    }
    finding
}

/// What the class has that the others have not, and must.
fn own_part(risk: &Risk) -> (&'static str, Value) {
    let finding = &risk.finding;
    let remediation = json!({"desc": finding.remediation, "references": finding.references});
    match finding.category {
        Category::Vulnerability => (
            "vulnerabilities",
            json!([{
                "title": finding.title,
                "desc": finding.description,
                "severity": severity(finding.severity).1,
                "references": finding.references,
                "remediation": remediation,
                "vendor_name": finding.source,
            }]),
        ),
        Category::Baseline => {
            let passed = risk.state == State::Fixed;
            let (status_id, status) = if passed { (1, "Pass") } else { (3, "Fail") };
            let check = json!({"control": finding.rule, "standards": [], "status_id": status_id, "status": status});
            ("compliance", check)
        }
        Category::ExposedCredential | Category::Attack => ("remediation", remediation),
    }
}

fn class_name(class_uid: i64) -> &'static str {
    match class_uid {
        2002 => "Vulnerability Finding",
        2003 => "Compliance Finding",
        _ => "Detection Finding",
    }
}

/// Whether it is new, was changed or is over.
fn activity(risk: &Risk) -> (i64, &'static str) {
    match risk.state {
        State::Fixed => (3, "Close"),
        _ if risk.version > 1 => (2, "Update"),
        _ => (1, "Create"),
    }
}

fn status(state: State) -> (i64, &'static str) {
    match state {
        State::Open => (1, "New"),
        // Somebody has looked at it, and it stands.
        State::Acknowledged => (2, "In Progress"),
        State::Suppressed => (3, "Suppressed"),
        State::Fixed => (4, "Resolved"),
    }
}

fn severity(severity: Severity) -> (i64, &'static str) {
    match severity {
        Severity::Informational => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

/// Milliseconds since 1970-01-01 UTC.
fn millis(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posture::domain::testing;

    #[test]
    fn findings_have_what_their_class_must_have() {
        for (category, class, own) in [
            (Category::Vulnerability, 2002, "vulnerabilities"),
            (Category::Baseline, 2003, "compliance"),
            (Category::ExposedCredential, 2004, "remediation"),
            (Category::Attack, 2004, "remediation"),
        ] {
            let mut risk = testing::risk(11, "uid", category, Severity::Critical);
            for (state, activity, status) in [(State::Open, 1, 1), (State::Fixed, 3, 4)] {
                risk.state = state;
                let json = finding(&RiskView { risk: risk.clone(), folder: String::new() });
                assert_eq!((&json["class_uid"], &json["category_uid"]), (&json!(class), &json!(2)));
                assert_eq!(json["type_uid"], class * 100 + activity);
                assert_eq!((&json["activity_id"], &json["status_id"]), (&json!(activity), &json!(status)));
                assert_eq!((&json["severity_id"], &json["time"]), (&json!(5), &json!(1_000)));
                assert!(json[own].is_array() || json[own].is_object(), "{own}");
                for required in
                    ["/finding_info/uid", "/finding_info/title", "/metadata/version", "/metadata/product/vendor_name"]
                {
                    assert!(json.pointer(required).is_some_and(|value| value != ""), "{required}");
                }
            }
        }
    }

    #[test]
    fn states_are_statuses_of_findings() {
        assert_eq!(State::ALL.map(|state| status(state).0), [1, 2, 3, 4]);
        assert_eq!(Severity::ALL.map(|known| severity(known).0), [1, 2, 3, 4, 5]);
    }
}
