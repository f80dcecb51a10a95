use std::{path::Path, sync::Arc};

use bailiwick_core::Clock;
use bailiwick_testkit::ManualClock;

use crate::{
    Config,
    delivery::{Deliveries, DeliverySetupError},
};

fn config(text: &str) -> Config {
    toml::from_str(text).unwrap()
}

const SMTP: &str = "[delivery]\nemail = 'smtp'\n[delivery.smtp]\n";
const WEBHOOK: &str = "[delivery]\nphone = 'webhook'\n[delivery.webhook]\nsecret_file = 'secret'\n";

#[test]
fn mistakes_are_named() {
    assert_eq!(Config::default().problems(), Vec::<String>::new());
    let smtp = |rest: &str| format!("{SMTP}{rest}");
    let webhook = |rest: &str| format!("{WEBHOOK}{rest}");
    let sound = "host = 'mail.example.com'\nfrom = 'Bailiwick <no-reply@example.com>'\n";
    for (text, setting) in [
        ("[limits]\nverification_seconds = 59".to_owned(), "limits.verification_seconds"),
        ("[limits]\nverification_seconds = 3601".to_owned(), "limits.verification_seconds"),
        ("[limits]\nverification_pause_seconds = 0".to_owned(), "limits.verification_pause_seconds"),
        ("[limits]\nverifications_per_day_max = 0".to_owned(), "limits.verifications_per_day_max"),
        ("[delivery.mailbox]\nbytes_max = 1".to_owned(), "delivery.mailbox.bytes_max"),
        ("[delivery.mailbox]\nfile = ''".to_owned(), "delivery.mailbox.file"),
        (smtp("from = 'a@example.com'"), "delivery.smtp.host"),
        (smtp("host = 'mail.example.com'"), "delivery.smtp.from"),
        (smtp(&format!("{sound}security = 'none'")), "delivery.smtp.security"),
        (smtp(&format!("{sound}user = 'bailiwick'")), "delivery.smtp.user"),
        (smtp(&format!("{sound}password_file = 'password'")), "delivery.smtp.user"),
        (smtp(&format!("{sound}timeout_seconds = 31")), "delivery.smtp.timeout_seconds"),
        (webhook("url = 'http://sms.example.com'"), "delivery.webhook.url"),
        (webhook("url = 'http://127.0.0.1.example.com'"), "delivery.webhook.url"),
        (webhook("url = 'https://user:password@sms.example.com'"), "delivery.webhook.url"),
        (webhook("url = 'ftp://127.0.0.1'"), "delivery.webhook.url"),
        (webhook("url = 'https://sms.example.com'\ntimeout_seconds = 0"), "delivery.webhook.timeout_seconds"),
    ] {
        let problems = config(&text).problems();
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        assert!(problems[0].starts_with(&format!("`{setting}`")), "{problems:?}");
    }
    for text in [
        smtp(sound),
        smtp("host = 'localhost'\nfrom = 'a@example.com'\nsecurity = 'none'"),
        smtp("host = '127.0.0.1'\nfrom = 'a@example.com'\nsecurity = 'none'"),
        webhook("url = 'https://sms.example.com/send?to=all'"),
        webhook("url = 'http://[::1]:8080/'"),
        webhook("url = 'http://localhost:8080/'"),
    ] {
        assert_eq!(config(&text).problems(), Vec::<String>::new(), "{text}");
    }
    assert!(toml::from_str::<Config>("[delivery]\nphone = 'smtp'").is_err(), "no mail server sends text messages");
}

#[test]
fn paths_are_taken_from_the_folder_unless_they_are_absolute() {
    let set = config(&format!("{WEBHOOK}ca_file = '/etc/ca.pem'\n")).in_folder(Path::new("/data")).delivery;
    assert_eq!(set.webhook.secret_file, Path::new("/data/secret"));
    assert_eq!(set.webhook.ca_file, Path::new("/etc/ca.pem"));
    assert_eq!(set.mailbox.file, Path::new("/data/mailbox.jsonl"));
    assert_eq!(set.smtp.ca_file, Path::new(""), "what is not set stays so");
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let open = || {
        let text = format!("{WEBHOOK}url = 'https://sms.example.com'");
        let config = config(&text).in_folder(folder.path());
        Deliveries::open(&config.delivery, &clock).map(drop)
    };
    assert!(matches!(open(), Err(DeliverySetupError::File { setting: "webhook.secret_file", .. })));
    for secret in ["", "whsec_", "whsec_c2hvcnQ=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "whsec_%%%%"] {
        std::fs::write(folder.path().join("secret"), secret).unwrap();
        let error = open().unwrap_err().to_string();
        assert!(error.starts_with("`directory.delivery.webhook.secret_file` must hold"), "{error}");
        assert!(secret.is_empty() || !error.contains(secret) || secret == "whsec_", "the secret is not told");
    }
    std::fs::write(folder.path().join("secret"), "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n").unwrap();
    open().unwrap();
}
