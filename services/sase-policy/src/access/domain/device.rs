//! Devices, and how they are.

use std::{fmt, str::FromStr};

use bailiwick_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Meta, Resource, ResourceKind};

/// Operating systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Os {
    Windows,
    Macos,
    Linux,
    Ios,
    Android,
}

/// A version of up to four numbers; those that are missing are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct OsVersion([u16; 4]);

/// What a device says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Posture {
    pub(crate) os: Os,
    pub(crate) version: OsVersion,
    pub(crate) disk_encrypted: bool,
    /// When it said so.
    pub(crate) reported: Timestamp,
}

/// A device of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Device {
    pub(crate) meta: Meta,
    pub(crate) display_name: String,
    /// Id of whom it belongs to.
    pub(crate) user: String,
    pub(crate) managed: bool,
    /// None if it never said anything.
    pub(crate) posture: Option<Posture>,
    /// SHA-256 of its key.
    pub(crate) key_hash: [u8; 32],
}

impl Resource for Device {
    const KIND: ResourceKind = ResourceKind::Device;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }
}

// === impl Os ===

impl Os {
    /// The number in the contract.
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Windows => 1,
            Self::Macos => 2,
            Self::Linux => 3,
            Self::Ios => 4,
            Self::Android => 5,
        }
    }
}

// === impl OsVersion ===

impl OsVersion {
    const NUMBER_MAX: u16 = 0x7fff;

    /// A number that is greater for a later version.
    pub(crate) fn number(self) -> i64 {
        self.0.iter().fold(0, |all, number| all << 15 | i64::from(*number))
    }
}

impl FromStr for OsVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "must have 1 to 4 numbers below 32,768 with dots between, such as `14.2.1`".to_owned();
        let mut numbers = [0; 4];
        let mut places = numbers.iter_mut();
        for part in text.split('.') {
            let digits = !part.is_empty() && part.len() <= 5 && part.bytes().all(|byte| byte.is_ascii_digit());
            let number = part.parse().ok().filter(|number| digits && *number <= Self::NUMBER_MAX);
            *places.next().ok_or_else(wrong)? = number.ok_or_else(wrong)?;
        }
        Ok(Self(numbers))
    }
}

impl fmt::Display for OsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "{a}.{b}")?;
        match (c, d) {
            (0, 0) => Ok(()),
            (c, 0) => write!(f, ".{c}"),
            (c, d) => write!(f, ".{c}.{d}"),
        }
    }
}

impl TryFrom<String> for OsVersion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<OsVersion> for String {
    fn from(version: OsVersion) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let versions = ["0", "9", "10", "10.0.0.1", "10.1", "10.10", "11.2.3", "11.2.3.32767", "32767"];
        for pair in versions.windows(2) {
            let [one, other] = [pair[0], pair[1]].map(|text| text.parse::<OsVersion>().unwrap());
            assert!(one < other && one.number() < other.number(), "{pair:?}");
            assert_eq!(other.to_string().parse(), Ok(other));
        }
        for wrong in ["", ".", "1.", "1.2.3.4.5", "-1", "+1", "32768", "1.x", "000001"] {
            assert!(wrong.parse::<OsVersion>().is_err(), "{wrong}");
        }
    }
}
