use bailiwick_core::{Timestamp, TrustedService};

use super::*;
use crate::domain::Profile;

const MARKING: Spec = Spec {
    service: TrustedService::SecurityCenter,
    collection: "monitoredAccounts",
    pattern: "directories/{directory}/monitoredAccounts/{account}",
    marks: true,
};
const PLAIN: Spec = Spec { service: TrustedService::Sase, marks: false, ..MARKING };

fn entry() -> Entry {
    Entry {
        service: TrustedService::SecurityCenter,
        directory: "rd-0000000000001".parse().unwrap(),
        account: "1000000000000001".parse().unwrap(),
        uid: "u1".into(),
        incarnation: "i1".into(),
        profile: Profile::default(),
        remark: "old".into(),
        marked: true,
        add_operator: String::new(),
        add_time: Timestamp::default(),
        version: 3,
    }
}

fn values(remark: &str, marked: bool) -> Attributes {
    Attributes::new(remark.into(), marked).unwrap()
}

/// Remark and mark of `entry()` after an update.
fn updated(spec: &Spec, mask: &[&str], values: Attributes) -> Option<(String, bool)> {
    let mask: Vec<String> = mask.iter().map(ToString::to_string).collect();
    let changed = Selection::masked(spec, &mask, values).unwrap().apply(spec, &entry(), "").unwrap();
    changed.map(|entry| (entry.remark, entry.marked))
}

// covers: E-SC-05
#[test]
fn a_mask_says_what_is_set() {
    for (spec, mask, remark, marked, expected) in [
        (&MARKING, &["remark"] as &[_], "new", false, Some(("new", true))),
        (&MARKING, &["marked"], "new", false, Some(("old", false))),
        (&MARKING, &["marked", "remark", "marked"], "new", false, Some(("new", false))),
        (&MARKING, &[], "", false, Some(("", false))),
        (&MARKING, &[], "old", true, None),
        (&PLAIN, &[], "new", false, Some(("new", true))),
    ] {
        let expected = expected.map(|(remark, marked)| (remark.to_owned(), marked));
        assert_eq!(updated(spec, mask, values(remark, marked)), expected, "{mask:?}");
    }
}

#[test]
fn an_unknown_path_is_named() {
    for (spec, path) in [(&MARKING, "display_name"), (&MARKING, "*"), (&MARKING, ""), (&PLAIN, "marked")] {
        let refused = Selection::masked(spec, &["remark".into(), path.into()], values("", false)).unwrap_err();
        assert_eq!(refused, format!("`{path}` cannot be updated"));
    }
}

#[test]
fn adding_sets_only_what_is_given() {
    for (spec, given, expected) in [
        (&MARKING, values("", false), None),
        (&MARKING, values("new", false), Some(("new", true))),
        (&PLAIN, values("", true), None),
    ] {
        let changed = Selection::given(spec, given).apply(spec, &entry(), "").unwrap();
        let expected = expected.map(|(remark, marked): (&str, bool)| (remark.to_owned(), marked));
        assert_eq!(changed.map(|entry| (entry.remark, entry.marked)), expected);
    }
}

#[test]
fn an_etag_is_good_for_one_change() {
    let selection = Selection::masked(&MARKING, &[], values("new", true)).unwrap();
    let changed = selection.apply(&MARKING, &entry(), &entry().etag()).unwrap().unwrap();
    assert_ne!(changed.etag(), entry().etag());
    let name = "directories/rd-0000000000001/monitoredAccounts/1000000000000001";
    assert_eq!(selection.apply(&MARKING, &changed, &entry().etag()), Err(EntryError::EtagMismatch(name.into())));
    let again = Entry { uid: "u2".into(), ..entry() };
    assert_ne!(again.etag(), entry().etag());
}

// covers: R-SASE-11
#[test]
fn a_remark_has_256_characters() {
    assert!(Attributes::new("é".repeat(256), false).is_ok());
    assert!(Attributes::new("é".repeat(257), false).is_err());
    assert!(Attributes::new("a\0b".into(), false).is_err());
}

#[test]
fn members_are_named_once_and_at_most_1000() {
    let account = |n: u64| AccountId::try_from(1_000_000_000_000_000 + n).unwrap();
    assert!(Members::new(vec![]).is_err());
    let twice = Members::new(vec![account(1), account(2), account(1)]).unwrap_err();
    assert_eq!(twice, "names `accounts/1000000000000001` twice");
    assert!(Members::new((0..1_000).map(account).collect()).is_ok());
    assert!(Members::new((0..1_001).map(account).collect()).is_err());
}
