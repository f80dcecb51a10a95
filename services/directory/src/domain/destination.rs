//! Where a message goes: a phone number or an e-mail address.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest e-mail address that mail servers take, in bytes.
const EMAIL_MAX: usize = 254;
const LOCAL_PART_MAX: usize = 64;
const LABEL_MAX: usize = 63;
/// Digits of a phone number in E.164 form.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 8..=15;

/// Ways to reach a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channel {
    /// A text message.
    Phone,
    /// An e-mail.
    Email,
}

/// A phone number or e-mail address that messages can be sent to. It is personal: `Debug` shows it masked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    channel: Channel,
    address: String,
}

/// A text that nothing can be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDestination {
    /// No phone number.
    #[error("must be a phone number in E.164 form, such as `+4930123456`")]
    Phone,
    /// No e-mail address.
    #[error("must be an e-mail address such as `alice@example.com`, in ASCII")]
    Email,
}

impl Channel {
    /// The name in the contract, without its prefix.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "PHONE",
            Self::Email => "EMAIL",
        }
    }
}

impl Destination {
    /// Looks at an address: of a phone in E.164 form, of e-mail in ASCII, one mailbox without a display name.
    pub fn new(channel: Channel, address: &str) -> Result<Self, InvalidDestination> {
        match channel {
            Channel::Phone if !is_phone(address) => Err(InvalidDestination::Phone),
            Channel::Email if !is_email(address) => Err(InvalidDestination::Email),
            _ => Ok(Self { channel, address: address.to_owned() }),
        }
    }

    /// How it is reached.
    pub fn channel(&self) -> Channel {
        self.channel
    }

    /// The address itself, for who delivers.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The address with most of it blotted out, for who asked: `+49*****56`, `a***@example.com`.
    pub fn masked(&self) -> String {
        match self.address.split_once('@') {
            Some((local, domain)) => format!("{}***@{domain}", local.chars().next().unwrap_or('*')),
            None => {
                let last = self.address.len().saturating_sub(2);
                let hidden = |(at, c)| if at < 3 || at >= last { c } else { '*' };
                self.address.chars().enumerate().map(hidden).collect()
            }
        }
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

fn is_phone(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        PHONE_DIGITS.contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

fn is_email(text: &str) -> bool {
    text.len() <= EMAIL_MAX
        && text.split_once('@').is_some_and(|(local, domain)| is_local_part(local) && is_domain(domain))
}

/// The dot-atom of RFC 5322: what needs no quotes.
fn is_local_part(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&b);
    text.len() <= LOCAL_PART_MAX && text.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(allowed))
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=LABEL_MAX).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.contains('.') && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_mailbox_or_one_number_and_nothing_around_it() {
        for address in ["a@example.com", "first.last+tag@sub.example.co", "x@xn--bcher-kva.example"] {
            assert!(Destination::new(Channel::Email, address).is_ok(), "{address}");
        }
        for address in [
            "",
            "a",
            "@example.com",
            "a@",
            "a@example",
            "a@b@example.com",
            ".a@example.com",
            "a..b@example.com",
            "a@-x.example",
            "a@example..com",
            "a b@example.com",
            "a@example.com\r\nBcc: b@example.com",
            "Alice <a@example.com>",
            "a@example.com,b@example.com",
            "é@example.com",
        ] {
            assert_eq!(Destination::new(Channel::Email, address), Err(InvalidDestination::Email), "{address:?}");
        }
        let long = format!("{}@example.com", "a".repeat(65));
        assert!(Destination::new(Channel::Email, &long).is_err());
        for (address, ok) in [
            ("+4930123456", true),
            ("+123456789012345", true),
            ("+1234567", false),
            ("+1234567890123456", false),
            ("4930123456", false),
            ("+0930123456", false),
            ("+49 30123456", false),
            ("+４９３０１２３４５６", false),
        ] {
            assert_eq!(Destination::new(Channel::Phone, address).is_ok(), ok, "{address}");
        }
    }

    proptest! {
        #[test]
        fn a_masked_address_hides_what_is_not_needed(digits in "[1-9][0-9]{7,14}", local in "[a-z]{2,20}") {
            let phone = Destination::new(Channel::Phone, &format!("+{digits}")).unwrap();
            prop_assert_eq!(phone.masked().matches('*').count(), digits.len() - 4);
            let email = Destination::new(Channel::Email, &format!("{local}@example.com")).unwrap();
            prop_assert_eq!(format!("{email:?}"), format!("{}***@example.com", &local[..1]));
        }
    }
}
