//! Ranges of addresses.

use std::{net::IpAddr, str::FromStr};

/// A range of addresses with a common beginning. An IPv4 address that is written as an IPv6 one is an IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    V4 { first: u32, mask: u32 },
    V6 { first: u128, mask: u128 },
}

/// The prefix of `::ffff:0:0/96`, behind which IPv4 addresses are written as IPv6 ones.
const MAPPED: u32 = 96;

impl Network {
    /// Whether an address is in the range; none of IPv4 is in a range of IPv6, nor the reverse.
    pub(super) fn contains(self, address: IpAddr) -> bool {
        match (self, address.to_canonical()) {
            (Self::V4 { first, mask }, IpAddr::V4(address)) => address.to_bits() & mask == first,
            (Self::V6 { first, mask }, IpAddr::V6(address)) => address.to_bits() & mask == first,
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    /// Reads `10.0.0.0/8`, `2001:db8::/32`, or one address.
    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| "is no IP address or range in CIDR notation".to_owned())?;
        let most = if address.is_ipv4() { u32::BITS } else { u128::BITS };
        let mut prefix = prefix
            .map_or(Some(most), length)
            .filter(|prefix| *prefix <= most)
            .ok_or_else(|| format!("has no prefix length of 0 to {most}"))?;
        let canonical = address.to_canonical();
        if canonical.is_ipv4() && address.is_ipv6() {
            prefix = prefix.checked_sub(MAPPED).ok_or("is wider than the IPv4 addresses that it is written with")?;
        }
        let (network, beyond) = match canonical {
            IpAddr::V4(address) => {
                let (first, mask) = (address.to_bits(), u32::MAX.checked_shl(u32::BITS - prefix).unwrap_or(0));
                (Self::V4 { first, mask }, first & !mask != 0)
            }
            IpAddr::V6(address) => {
                let (first, mask) = (address.to_bits(), u128::MAX.checked_shl(u128::BITS - prefix).unwrap_or(0));
                (Self::V6 { first, mask }, first & !mask != 0)
            }
        };
        // Is the address meant, or the range? Whoever reads it must not have to guess.
        if beyond { Err("has an address with bits set beyond its prefix length".to_owned()) } else { Ok(network) }
    }
}

/// A prefix length in its one spelling.
fn length(text: &str) -> Option<u32> {
    let canonical = text == "0" || !text.starts_with(['0', '+']);
    text.parse().ok().filter(|_| canonical)
}
