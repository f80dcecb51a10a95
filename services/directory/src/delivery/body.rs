//! A message as machines read it: the body of a webhook, a line of the mailbox.

use serde::Serialize;

use crate::domain::message::Message;

/// The fields, in the order in which they are written.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    /// The same each time that the message is sent.
    id: &'a str,
    /// `PHONE` or `EMAIL`.
    channel: &'static str,
    /// The phone number in E.164 form, or the e-mail address.
    destination: &'a str,
    /// The subject, for e-mails.
    subject: String,
    /// What the person is to read; the code is in it.
    text: String,
    /// The code alone, for gateways with templates of their own.
    code: &'a str,
    /// What it confirms: `SWITCH_TO_RESOURCE_ACCOUNT` and so on.
    purpose: &'static str,
    /// `accounts/{account}`.
    account: String,
    /// The identity that asked for the code.
    requester: &'a str,
    /// Until when it is good, as RFC 3339 has it.
    expire_time: String,
}

impl<'a> Body<'a> {
    pub(super) fn of(message: &'a Message) -> Self {
        let expires = prost_types::Timestamp { seconds: message.expire_time.as_seconds(), nanos: 0 };
        Self {
            id: &message.id,
            channel: message.destination.channel().as_str(),
            destination: message.destination.address(),
            subject: message.subject(),
            text: message.text(),
            code: message.code.digits(),
            purpose: message.purpose.as_str(),
            account: message.account.name(),
            requester: &message.requester,
            expire_time: expires.to_string(),
        }
    }

    /// As JSON, in one line.
    pub(super) fn json(&self) -> Vec<u8> {
        // Texts and static names: nothing here can fail to be written.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
