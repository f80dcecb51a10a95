use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use super::*;
use crate::delivery::{config::MailboxConfig, mailbox::Mailbox};

#[tokio::test]
async fn the_file_is_its_owners_and_has_the_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mailbox.jsonl");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let mailbox = Mailbox::new(&MailboxConfig { file: file.clone(), ..MailboxConfig::default() });
    mailbox.deliver(&message(Channel::Email)).await.unwrap();
    mailbox.deliver(&message(Channel::Phone)).await.unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let lines: Vec<Value> =
        fs::read_to_string(&file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["destination"], "owner@example.com");
    assert_eq!((&lines[1]["channel"], &lines[1]["destination"]), (&"PHONE".into(), &"+4930123456".into()));
    for line in lines {
        assert_eq!(line["code"], "012345");
        assert_eq!(line["purpose"], "SWITCH_TO_RESOURCE_ACCOUNT");
        assert_eq!(line["account"], "accounts/1000000000000002");
        assert_eq!(line["requester"], "accounts/1000000000000001/users/alice");
        assert_eq!(line["expire_time"], "2026-01-01T00:10:00Z");
    }
}

#[tokio::test]
async fn the_file_does_not_grow_without_bound() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mailbox.jsonl");
    let mailbox = Mailbox::new(&MailboxConfig { file: file.clone(), bytes_max: 4_096 });
    for _ in 0..50 {
        mailbox.deliver(&message(Channel::Email)).await.unwrap();
    }
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["mailbox.jsonl", "mailbox.jsonl.old"]);
    for name in names {
        let path = folder.path().join(name);
        let length = fs::metadata(&path).unwrap().len();
        assert!(0 < length && length <= 4_096, "{length}");
        assert!(fs::read_to_string(&path).unwrap().lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_a_failure_that_may_pass() {
    let file = "/nowhere/mailbox.jsonl".into();
    let failed = Mailbox::new(&MailboxConfig { file, ..MailboxConfig::default() });
    let error = failed.deliver(&message(Channel::Email)).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Temporary(_)), "{error}");
}
