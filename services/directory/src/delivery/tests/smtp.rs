//! Against a mail server that is not ours: Python's `aiosmtpd`, which `scripts/setup` installs.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use super::*;
use crate::{
    delivery::{
        config::{SmtpConfig, SmtpSecurity},
        smtp::Smtp,
    },
    domain::destination::Destination,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A mail server in a process of its own, which ends with it.
struct Server {
    port: u16,
    folder: TempDir,
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Server {
    async fn start(security: SmtpSecurity) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&certificate, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        fs::write(folder.path().join("correct"), "correct\n").unwrap();
        fs::write(folder.path().join("wrong"), "wrong\n").unwrap();
        let mode = match security {
            SmtpSecurity::None => "plain",
            SmtpSecurity::Starttls => "starttls",
            SmtpSecurity::Tls => "tls",
        };
        let program = Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("run by cargo"))
            .join("src/delivery/tests/smtp_server.py");
        let mut process = Command::new(python())
            .args([program.as_os_str(), mode.as_ref(), certificate.as_os_str(), key.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().expect("the mail server starts");
        Self { port: port.parse().unwrap(), folder, lines, _process: process }
    }

    fn config(&self, security: SmtpSecurity) -> SmtpConfig {
        SmtpConfig {
            host: "localhost".to_owned(),
            port: self.port,
            security,
            from: "Bailiwick <no-reply@bailiwick.example>".to_owned(),
            timeout_seconds: 10,
            ..SmtpConfig::default()
        }
    }

    fn signed_in(&self, security: SmtpSecurity, password: &str) -> SmtpConfig {
        SmtpConfig {
            user: "bailiwick".to_owned(),
            password_file: self.folder.path().join(password),
            ca_file: self.folder.path().join("server.pem"),
            ..self.config(security)
        }
    }

    async fn received(&mut self) -> Value {
        let line = timeout(PATIENCE, self.lines.next_line()).await.unwrap().unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

fn python() -> PathBuf {
    let folder = env::var_os("BAILIWICK_TOOLS").map_or_else(
        || PathBuf::from(env::var_os("HOME").expect("`HOME` is not set")).join(".cache/bailiwick/tools"),
        PathBuf::from,
    );
    let python = folder.join("python/bin/python");
    assert!(python.exists(), "`{}` is missing: run scripts/setup", python.display());
    python
}

fn to(address: &str) -> Message {
    Message { destination: Destination::new(Channel::Email, address).unwrap(), ..message(Channel::Email) }
}

async fn error(config: &SmtpConfig, message: &Message) -> DeliveryError {
    Smtp::open(config).unwrap().deliver(message).await.unwrap_err()
}

#[tokio::test]
async fn the_reader_gets_the_message_as_it_was_written() {
    let mut server = Server::start(SmtpSecurity::None).await;
    let sent = message(Channel::Email);
    Smtp::open(&server.config(SmtpSecurity::None)).unwrap().deliver(&sent).await.unwrap();
    let got = server.received().await;
    assert_eq!((&got["from"], &got["to"]), (&json!("no-reply@bailiwick.example"), &json!(["owner@example.com"])));
    assert_eq!(got["headers"]["from"], "Bailiwick <no-reply@bailiwick.example>");
    assert_eq!(got["headers"]["subject"], sent.subject());
    assert_eq!(got["headers"]["message-id"], "<0123456789abcdefghjk@bailiwick.example>");
    assert!(got["headers"]["date"].is_string());
    let text = got["text"].as_str().unwrap().replace("\r\n", "\n");
    assert_eq!(text.trim_end(), sent.text().trim_end());
    assert!(text.contains("012345") && text.contains("Zahlungen & Gebühren"), "{text}");
}

#[tokio::test]
async fn with_tls_the_sender_signs_in_and_knows_its_server() {
    for security in [SmtpSecurity::Starttls, SmtpSecurity::Tls] {
        let mut server = Server::start(security).await;
        let smtp = Smtp::open(&server.signed_in(security, "correct")).unwrap();
        smtp.deliver(&message(Channel::Email)).await.unwrap();
        let got = server.received().await;
        assert_eq!((&got["tls"], &got["user"]), (&json!(true), &json!("bailiwick")), "{security:?}");
        // Another authority, another name, another password.
        let stranger = SmtpConfig { ca_file: PathBuf::new(), ..server.signed_in(security, "correct") };
        let misnamed = SmtpConfig { host: "127.0.0.1".to_owned(), ..server.signed_in(security, "correct") };
        for config in [stranger, misnamed, server.signed_in(security, "wrong")] {
            let error = error(&config, &message(Channel::Email)).await;
            assert!(matches!(error, DeliveryError::Temporary(_)), "{security:?}: {error}");
        }
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_nothing() {
    let server = Server::start(SmtpSecurity::None).await;
    let config = server.signed_in(SmtpSecurity::Starttls, "correct");
    let error = error(&config, &message(Channel::Email)).await;
    assert!(matches!(error, DeliveryError::Temporary(_)), "{error}");
}

#[tokio::test]
async fn refusals_are_told_from_what_may_pass_and_name_nobody() {
    let server = Server::start(SmtpSecurity::None).await;
    let config = SmtpConfig { timeout_seconds: 1, ..server.config(SmtpSecurity::None) };
    let failures = [
        ("gone@example.com", DeliveryError::Permanent("the mail server answered 550".to_owned())),
        ("busy@example.com", DeliveryError::Temporary("the mail server answered 451".to_owned())),
        ("silent@example.com", DeliveryError::Temporary("the mail server took too long".to_owned())),
    ];
    for (address, expected) in failures {
        assert_eq!(error(&config, &to(address)).await, expected, "{address}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_may_come_back() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = SmtpConfig {
        host: "127.0.0.1".to_owned(),
        port,
        security: SmtpSecurity::None,
        from: "no-reply@bailiwick.example".to_owned(),
        ..SmtpConfig::default()
    };
    let error = error(&config, &message(Channel::Email)).await;
    assert!(matches!(error, DeliveryError::Temporary(_)), "{error}");
}
