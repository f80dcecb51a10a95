//! What can be configured of the delivery. Secrets are in files of their own, so that no configuration holds one.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use lettre::message::Mailbox as MailAddress;
use reqwest::Url;
use serde::{Deserialize, Serialize};

/// How messages reach people. Only what `email` and `phone` name need be configured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeliveryConfig {
    /// How e-mails are delivered.
    pub email: EmailBy,
    /// How text messages are delivered.
    pub phone: PhoneBy,
    /// The file.
    pub mailbox: MailboxConfig,
    /// The mail server.
    pub smtp: SmtpConfig,
    /// The webhook.
    pub webhook: WebhookConfig,
}

/// Ways of e-mails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailBy {
    /// Into a file: only who can read it gets the code.
    #[default]
    Mailbox,
    /// By a mail server.
    Smtp,
    /// By a webhook.
    Webhook,
}

/// Ways of text messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneBy {
    /// Into a file: only who can read it gets the code.
    #[default]
    Mailbox,
    /// By a webhook, of an SMS gateway or in front of one.
    Webhook,
}

/// The file that messages are appended to, one JSON object a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailboxConfig {
    /// The file. A full one is kept as `FILE.old`.
    pub file: PathBuf,
    /// Most bytes of it: 4,096 to 1,073,741,824.
    pub bytes_max: u64,
}

/// The mail server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SmtpConfig {
    /// Its name, which its certificate must have.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// Who signs in; empty for nobody.
    pub user: String,
    /// The file with the password of `user`.
    pub password_file: PathBuf,
    /// The sender: `name@example.com` or `Name <name@example.com>`.
    pub from: String,
    /// PEM file of authorities that are trusted besides the public ones; empty for none.
    pub ca_file: PathBuf,
    /// How long sending one message may take, in seconds: 1 to 30.
    pub timeout_seconds: u32,
}

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpSecurity {
    /// TLS from the first byte, usually on port 465.
    Tls,
    /// TLS after STARTTLS, which must succeed; usually on port 587.
    #[default]
    Starttls,
    /// Not at all: only to this machine itself.
    None,
}

/// The webhook. Requests are signed as <https://www.standardwebhooks.com> says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookConfig {
    /// Where messages are posted: `https`, or `http` to this machine itself.
    pub url: String,
    /// The file with the signing secret: `whsec_` and 24 to 64 bytes in base64.
    pub secret_file: PathBuf,
    /// PEM file of authorities that are trusted besides the public ones; empty for none.
    pub ca_file: PathBuf,
    /// How long one request may take, in seconds: 1 to 30.
    pub timeout_seconds: u32,
}

impl Default for MailboxConfig {
    fn default() -> Self {
        Self { file: PathBuf::from("mailbox.jsonl"), bytes_max: 1_048_576 }
    }
}

impl Default for SmtpConfig {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 587,
            security: SmtpSecurity::default(),
            user: String::new(),
            password_file: PathBuf::new(),
            from: String::new(),
            ca_file: PathBuf::new(),
            timeout_seconds: 10,
        }
    }
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self { url: String::new(), secret_file: PathBuf::new(), ca_file: PathBuf::new(), timeout_seconds: 10 }
    }
}

// === impl DeliveryConfig ===

impl DeliveryConfig {
    /// The same, with relative paths taken from a folder.
    pub(crate) fn in_folder(mut self, folder: &Path) -> Self {
        let paths = [
            &mut self.mailbox.file,
            &mut self.smtp.password_file,
            &mut self.smtp.ca_file,
            &mut self.webhook.secret_file,
            &mut self.webhook.ca_file,
        ];
        for path in paths.into_iter().filter(|path| is_set(path)) {
            *path = folder.join(&*path);
        }
        self
    }

    /// What is wrong with what is used; each begins with the name of the setting and a closing backtick.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.email == EmailBy::Mailbox || self.phone == PhoneBy::Mailbox {
            self.mailbox.check(&mut problems);
        }
        if self.email == EmailBy::Smtp {
            self.smtp.check(&mut problems);
        }
        if self.email == EmailBy::Webhook || self.phone == PhoneBy::Webhook {
            self.webhook.check(&mut problems);
        }
        problems
    }
}

impl MailboxConfig {
    fn check(&self, problems: &mut Vec<String>) {
        let mut unless = |sound: bool, what: &str| problems.extend((!sound).then(|| format!("mailbox.{what}")));
        unless(is_set(&self.file), "file` must name a file");
        unless((4_096..=1_073_741_824).contains(&self.bytes_max), "bytes_max` must be between 4096 and 1073741824");
    }
}

impl SmtpConfig {
    fn check(&self, problems: &mut Vec<String>) {
        let mut unless = |sound: bool, what: &str| problems.extend((!sound).then(|| format!("smtp.{what}")));
        unless(!self.host.is_empty(), "host` must name the mail server");
        unless(self.port != 0, "port` must be between 1 and 65535");
        let open = self.security == SmtpSecurity::None;
        unless(!open || is_loopback(&self.host), "security` may be `none` to a loopback address only");
        unless(self.user.is_empty() != is_set(&self.password_file), "user` and `password_file` go together");
        unless(self.from.parse::<MailAddress>().is_ok(), "from` must be an e-mail address, with or without a name");
        unless((1..=30).contains(&self.timeout_seconds), "timeout_seconds` must be between 1 and 30");
    }
}

impl WebhookConfig {
    fn check(&self, problems: &mut Vec<String>) {
        let mut unless = |sound: bool, what: &str| problems.extend((!sound).then(|| format!("webhook.{what}")));
        let sound = Url::parse(&self.url).is_ok_and(|url| is_safe(&url));
        unless(sound, "url` must be an `https` address without credentials, or `http` to a loopback address");
        unless(is_set(&self.secret_file), "secret_file` must name a file");
        unless((1..=30).contains(&self.timeout_seconds), "timeout_seconds` must be between 1 and 30");
    }
}

pub(super) fn is_set(path: &Path) -> bool {
    !path.as_os_str().is_empty()
}

fn is_safe(url: &Url) -> bool {
    let local = url.host_str().is_some_and(|host| is_loopback(host.trim_matches(['[', ']'])));
    let bare = url.username().is_empty() && url.password().is_none();
    bare && url.has_host() && (url.scheme() == "https" || (url.scheme() == "http" && local))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
