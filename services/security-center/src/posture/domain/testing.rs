//! Risks for tests.

use bailiwick_core::{AccountId, Timestamp};

use super::{Category, Finding, Risk, Severity};

/// What a scanner found in account `n`, below 100.
pub(crate) fn risk(n: u8, uid: &str, category: Category, severity: Severity) -> Risk {
    let finding = Finding {
        uid: uid.into(),
        source: "Prowler".into(),
        rule: format!("rule-{}", severity.code()),
        category,
        severity,
        title: format!("Title of {uid}"),
        detail: "detail".into(),
        description: "description".into(),
        remediation: "remediation".into(),
        references: vec!["https://example.test/rule".into()],
        resource: format!("resource/{uid}"),
        resource_type: "bucket".into(),
        region: "eu-1".into(),
        passed: false,
    };
    let account = AccountId::try_from(1_000_000_000_000_000 + u64::from(n)).unwrap();
    Risk::begin(account, finding, "all", Timestamp::from_micros(1_000_000))
}
