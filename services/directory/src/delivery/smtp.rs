//! Delivery of e-mails to a mail server.

use std::time::Duration;

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use tokio::time::timeout;

use super::{
    Delivery, DeliveryError, DeliverySetupError, certificates,
    config::{SmtpConfig, SmtpSecurity, is_set},
    secret,
};
use crate::domain::message::Message;

/// Answers that refuse this very message. Others refuse who sends, or how: the settings may be put right in time.
const REFUSED: std::ops::RangeInclusive<u16> = 550..=559;

/// A mail server. Each message has a connection of its own: there are few of them.
pub(super) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    /// For a whole message; the transport itself bounds only its connecting.
    timeout: Duration,
}

impl Smtp {
    pub(super) fn open(config: &SmtpConfig) -> Result<Self, DeliverySetupError> {
        let from =
            config.from.parse().map_err(|_| DeliverySetupError::Setting("smtp.from` is no address".to_owned()))?;
        let timeout = Duration::from_secs(config.timeout_seconds.into());
        let tls = match config.security {
            SmtpSecurity::Tls => Tls::Wrapper(tls(config)?),
            SmtpSecurity::Starttls => Tls::Required(tls(config)?),
            SmtpSecurity::None => Tls::None,
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port)
            .tls(tls)
            .timeout(Some(timeout));
        if !config.user.is_empty() {
            let password = secret("smtp.password_file", &config.password_file)?;
            transport = transport.credentials(Credentials::new(config.user.clone(), password.to_string()));
        }
        Ok(Self { transport: transport.build(), from, timeout })
    }

    fn mail(&self, message: &Message) -> Result<lettre::Message, DeliveryError> {
        let refused = |what: &str| DeliveryError::Permanent(format!("the e-mail cannot be written: {what}"));
        let to: Address = message.destination.address().parse().map_err(|_| refused("its address"))?;
        // The same each time that the message is sent, so that mailboxes can drop a repetition.
        let id = format!("<{}@{}>", message.id, self.from.email.domain());
        lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(message.subject())
            .message_id(Some(id))
            .header(ContentType::TEXT_PLAIN)
            .body(message.text())
            .map_err(|_| refused("its form"))
    }
}

#[tonic::async_trait]
impl Delivery for Smtp {
    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        let mail = self.mail(message)?;
        match timeout(self.timeout, self.transport.send(mail)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failure(&error)),
            Err(_) => Err(DeliveryError::Temporary("the mail server took too long".to_owned())),
        }
    }
}

fn tls(config: &SmtpConfig) -> Result<TlsParameters, DeliverySetupError> {
    let wrong = |_| DeliverySetupError::Setting("smtp.ca_file` has no certificates in PEM".to_owned());
    let mut tls = TlsParameters::builder(config.host.clone());
    if is_set(&config.ca_file) {
        let authorities = certificates("smtp.ca_file", &config.ca_file)?;
        tls = tls.add_root_certificate(Certificate::from_pem(&authorities).map_err(wrong)?);
    }
    tls.build_rustls().map_err(wrong)
}

/// The text of an answer often repeats the address, so that only its number is told.
fn failure(error: &lettre::transport::smtp::Error) -> DeliveryError {
    match error.status().map(u16::from) {
        Some(status) if REFUSED.contains(&status) => {
            DeliveryError::Permanent(format!("the mail server answered {status}"))
        }
        Some(status) => DeliveryError::Temporary(format!("the mail server answered {status}")),
        None if error.is_response() => DeliveryError::Temporary("the mail server's answer cannot be read".to_owned()),
        None => DeliveryError::Temporary(format!("the mail server cannot be reached: {error}")),
    }
}
