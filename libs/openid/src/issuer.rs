//! Which issuers of ID tokens are fetched from: whoever registers one makes this server send requests, which must not
//! reach what only this server can.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use openidconnect::url::{Host, Url};

/// Most characters of the address of an issuer.
const LEN_MAX: usize = 255;

/// Whether issuers may be in private networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only what the whole internet reaches, by https.
    Public,
    /// Private networks too; by http on this machine itself.
    Private,
}

/// Why an address is not fetched from, in words for who registered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// It is no address of an issuer.
    #[error("must be an https address of at most 255 characters without user, query and fragment")]
    Form,
    /// It is not on the internet.
    #[error("must not be in a private network, or on this machine")]
    Private,
}

impl Reach {
    /// Checks the address of an issuer.
    pub fn check_issuer(self, text: &str) -> Result<(), Unreachable> {
        let url = Url::parse(text).map_err(|_| Unreachable::Form)?;
        if text.len() > LEN_MAX || !text.is_ascii() || url.query().is_some() || url.fragment().is_some() {
            return Err(Unreachable::Form);
        }
        self.check(&url)
    }

    /// Checks an address before it is fetched from. What its name stands for is checked when it is looked up.
    pub fn check(self, url: &Url) -> Result<(), Unreachable> {
        let host = url.host().ok_or(Unreachable::Form)?;
        let address = match host {
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
            Host::Domain(_) => None,
        };
        let local = address.is_some_and(|address| address.is_loopback()) || host == Host::Domain("localhost");
        let scheme = url.scheme() == "https" || (url.scheme() == "http" && local && self == Self::Private);
        if !scheme || !url.username().is_empty() || url.password().is_some() {
            return Err(Unreachable::Form);
        }
        let reached = address.is_none_or(|address| self.reaches(address));
        if reached && (!local || self == Self::Private) { Ok(()) } else { Err(Unreachable::Private) }
    }

    /// Whether an address may be connected to.
    pub fn reaches(self, address: IpAddr) -> bool {
        self == Self::Private
            || match address.to_canonical() {
                IpAddr::V4(address) => is_public_v4(address),
                IpAddr::V6(address) => is_public_v6(address),
            }
    }
}

/// Not in the registry of special-purpose addresses (RFC 6890).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!((a, b, c), (0 | 10 | 127 | 224.., ..) | (169, 254, _) | (192, 168, _))
        || matches!((a, b, c), (100, 64..=127, _) | (172, 16..=31, _) | (198, 18..=19, _))
        || matches!((a, b, c), (192, 0, 0 | 2) | (192, 88, 99) | (198, 51, 100) | (203, 0, 113));
    !special
}

/// Global unicast, without what embeds or documents other addresses.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_internet_is_reached_unless_private_networks_are_allowed() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("172.32.0.1", true),
            ("100.128.0.1", true),
            ("2606:4700::1111", true),
            ("::ffff:8.8.8.8", true),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.0.0.192", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("::7f00:1", false),
            ("64:ff9b::a00:1", false),
            ("2001::1", false),
            ("2002:7f00:1::", false),
            ("2001:db8::1", false),
            ("fc00::1", false),
            ("fe80::1", false),
            ("ff02::1", false),
        ] {
            let parsed = address.parse().unwrap();
            assert_eq!(Reach::Public.reaches(parsed), public, "{address}");
            assert!(Reach::Private.reaches(parsed), "{address}");
        }
    }

    #[test]
    fn issuers_are_of_the_form_in_the_contract() {
        use Unreachable::{Form, Private};
        let long = format!("https://id.example.com/{}", "a".repeat(233));
        for (issuer, public, private) in [
            ("https://id.example.com", Ok(()), Ok(())),
            ("https://id.example.com/realms/main", Ok(()), Ok(())),
            (&long, Err(Form), Err(Form)),
            ("http://id.example.com", Err(Form), Err(Form)),
            ("https://id.example.com?x=1", Err(Form), Err(Form)),
            ("https://id.example.com#x", Err(Form), Err(Form)),
            ("https://me:pw@id.example.com", Err(Form), Err(Form)),
            ("file:///etc/passwd", Err(Form), Err(Form)),
            ("id.example.com", Err(Form), Err(Form)),
            ("http://127.0.0.1:8080", Err(Form), Ok(())),
            ("http://[::1]:8080", Err(Form), Ok(())),
            ("http://localhost:8080", Err(Form), Ok(())),
            ("http://10.0.0.1", Err(Form), Err(Form)),
            ("https://localhost", Err(Private), Ok(())),
            ("https://10.0.0.1", Err(Private), Ok(())),
            ("https://2130706433", Err(Private), Ok(())),
            ("https://0x7f.1/", Err(Private), Ok(())),
            ("https://169.254.169.254/latest", Err(Private), Ok(())),
        ] {
            assert_eq!(Reach::Public.check_issuer(issuer), public, "{issuer}");
            assert_eq!(Reach::Private.check_issuer(issuer), private, "{issuer}");
        }
    }
}
