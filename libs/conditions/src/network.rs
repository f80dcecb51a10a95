//! Ranges of addresses.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};

/// A range of addresses in CIDR notation, in its one spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    address: IpAddr,
    prefix: u32,
}

impl Cidr {
    /// Whether an address is in it. An IPv4 address is the same however it is written.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(of), IpAddr::V4(one)) => {
                let beyond = u32::BITS - self.prefix;
                (of.to_bits() ^ one.to_bits()).checked_shr(beyond).unwrap_or(0) == 0
            }
            (IpAddr::V6(of), IpAddr::V6(one)) => {
                let beyond = u128::BITS - self.prefix;
                (of.to_bits() ^ one.to_bits()).checked_shr(beyond).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = String;

    /// Reads `10.0.0.0/8`, `2001:db8::/32`, or one address.
    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| "is no IP address or range in CIDR notation".to_owned())?;
        if address != address.to_canonical() {
            return Err("is an IPv4 address written as an IPv6 one".to_owned());
        }
        let most = if address.is_ipv4() { u32::BITS } else { u128::BITS };
        let digits = |text: &&str| *text == "0" || !text.starts_with(['0', '+']);
        let length = |text: &str| Some(text).filter(digits).and_then(|text| text.parse().ok());
        let prefix = prefix.map_or(Some(most), length).filter(|prefix| *prefix <= most);
        let prefix = prefix.ok_or_else(|| format!("has no prefix length of 0 to {most}"))?;
        let beyond = match address {
            IpAddr::V4(address) => address.to_bits() & !u32::MAX.checked_shl(most - prefix).unwrap_or(0) != 0,
            IpAddr::V6(address) => address.to_bits() & !u128::MAX.checked_shl(most - prefix).unwrap_or(0) != 0,
        };
        // Is the address meant, or the range? Whoever reads it must not have to guess.
        if beyond {
            return Err("has an address with bits set beyond its prefix length".to_owned());
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl TryFrom<String> for Cidr {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_one_spelling() {
        for (text, read) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(text.parse::<Cidr>().unwrap().to_string(), read);
        }
        for text in ["", "192.0.2.0/33", "192.0.2.1/24", "192.0.2.0/+8", "192.0.2/24", "::ffff:192.0.2.0/120", "x/8"] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_contains_what_begins_as_it_does() {
        for (range, address, within) in [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.0/24", "::ffff:192.0.2.1", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("0.0.0.0/0", "203.0.113.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "192.0.2.1", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
        ] {
            let found = range.parse::<Cidr>().unwrap().contains(address.parse().unwrap());
            assert_eq!(found, within, "{address} in {range}");
        }
    }
}
