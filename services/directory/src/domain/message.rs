//! What a person is told with a verification code.

use bailiwick_core::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    destination::{Channel, Destination},
    verification::{Code, Purpose},
};

/// A message with a code, on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The id of the verification; the same each time that the message is sent.
    pub id: String,
    /// Where it goes.
    pub destination: Destination,
    /// What the code confirms.
    pub purpose: Purpose,
    /// The account that it is about.
    pub account: AccountId,
    /// Its display name.
    pub account_name: String,
    /// The identity that asked.
    pub requester: String,
    /// The code.
    pub code: Code,
    /// Until when it is good.
    pub expire_time: Timestamp,
}

impl Message {
    /// The subject of an e-mail. It is without the code, for subjects are shown on locked screens.
    pub fn subject(&self) -> String {
        format!("Verification code for account {}", self.account)
    }

    /// The text: what the code is for, which account, who asked and until when. A text message has it in one line.
    pub fn text(&self) -> String {
        let Self { account, account_name, requester, .. } = self;
        let (code, action, until) = (self.code.digits(), action(self.purpose), clock_time(self.expire_time));
        match self.destination.channel() {
            Channel::Phone => format!(
                "{code} is the code to {action}: account {account} ({account_name}), asked for by {requester}. Good \
                 until {until}, once. If you do not expect it, give it to nobody."
            ),
            Channel::Email => format!(
                "Your verification code is {code}\n\n\
                 It is needed to {action}.\n\n\
                 Account: {account} ({account_name})\n\
                 Asked for by: {requester}\n\
                 Good until: {until}, once\n\n\
                 If you do not expect this message, give the code to nobody and ask who sent for it.\n"
            ),
        }
    }
}

fn action(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::SwitchToResourceAccount => "switch to a resource account, which disables the root user",
        Purpose::SwitchToCloudAccount => "switch to a cloud account",
        Purpose::BindPhone => "make this the security phone",
        Purpose::BindEmail => "make this the security e-mail address",
    }
}

/// Hours and minutes: a code is good for an hour at most.
fn clock_time(time: Timestamp) -> String {
    let minutes = time.as_seconds().div_euclid(60);
    format!("{:02}:{:02} UTC", minutes.div_euclid(60).rem_euclid(24), minutes.rem_euclid(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(channel: Channel, address: &str, purpose: Purpose) -> Message {
        Message {
            id: "v".to_owned(),
            destination: Destination::new(channel, address).unwrap(),
            purpose,
            account: 1_000_000_000_000_002.try_into().unwrap(),
            account_name: "payments".to_owned(),
            requester: "accounts/1000000000000001/users/alice".to_owned(),
            code: Code::from_kept(b"012345").unwrap(),
            expire_time: Timestamp::from_micros(1_767_226_199_999_999),
        }
    }

    #[test]
    fn the_reader_learns_what_for_which_account_who_and_until_when() {
        for (channel, address) in [(Channel::Phone, "+4930123456"), (Channel::Email, "owner@example.com")] {
            for purpose in Purpose::ALL {
                let message = message(channel, address, purpose);
                let text = message.text();
                let told = [
                    "012345",
                    action(purpose),
                    "1000000000000002 (payments)",
                    "accounts/1000000000000001/users/alice",
                    "00:09 UTC",
                ];
                for told in told {
                    assert!(text.contains(told), "{told} in {text}");
                }
                assert_eq!(text.contains('\n'), channel == Channel::Email);
                assert!(!message.subject().contains("012345"));
                assert!(!format!("{message:?}").contains("012345"));
            }
        }
    }
}
