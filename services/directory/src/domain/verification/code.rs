//! The code itself.

use std::fmt;

use bailiwick_core::Entropy;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Codes there are.
const CODES: u32 = 1_000_000;
/// Digits of a code.
const DIGITS: usize = 6;
/// The largest multiple of [`CODES`] that fits: numbers from here on would make some codes more likely than others.
const FAIR: u32 = u32::MAX - u32::MAX % CODES;

/// Six decimal digits. They are shown to nobody but who delivers them; `Debug` does not show them. Serialized only to be
/// sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Code(Zeroizing<String>);

impl Code {
    /// A random code, each as likely as any other.
    pub fn random(entropy: &dyn Entropy) -> Self {
        loop {
            let mut bytes = Zeroizing::new([0; 4]);
            entropy.fill(bytes.as_mut());
            let number = u32::from_le_bytes(*bytes);
            if number < FAIR {
                return Self(Zeroizing::new(format!("{:0DIGITS$}", number % CODES)));
            }
        }
    }

    /// A code that was kept; none if the bytes are none.
    pub fn from_kept(bytes: &[u8]) -> Option<Self> {
        let digits = bytes.len() == DIGITS && bytes.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(bytes).ok().filter(|_| digits)?;
        Some(Self(Zeroizing::new(text.to_owned())))
    }

    /// The digits, for who delivers or keeps them.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// Whether a text is this code; how long that takes does not tell how much of it is right.
    pub fn matches(&self, presented: &str) -> bool {
        self.0.as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use bailiwick_core::SystemEntropy;
    use proptest::prelude::*;

    use super::*;

    /// Gives these numbers, one after the other.
    struct Numbers(Mutex<Vec<u32>>);

    impl Entropy for Numbers {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.copy_from_slice(&self.0.lock().unwrap().remove(0).to_le_bytes());
        }
    }

    fn from(numbers: &[u32]) -> String {
        Code::random(&Numbers(Mutex::new(numbers.to_vec()))).digits().to_owned()
    }

    #[test]
    fn numbers_that_would_favour_some_codes_are_drawn_again() {
        assert_eq!(FAIR % CODES, 0);
        assert_eq!(from(&[0]), "000000");
        assert_eq!(from(&[1_000_042]), "000042");
        assert_eq!(from(&[FAIR - 1]), "999999");
        assert_eq!(from(&[FAIR, u32::MAX, 7]), "000007");
    }

    #[test]
    fn a_code_is_not_printed() {
        let code = Code::random(&SystemEntropy);
        assert_eq!(format!("{code:?}"), "Code");
        assert_eq!(Code::from_kept(code.digits().as_bytes()), Some(code));
        for kept in ["", "12345", "1234567", "12345x", "１２"] {
            assert_eq!(Code::from_kept(kept.as_bytes()), None, "{kept}");
        }
    }

    proptest! {
        #[test]
        fn a_code_matches_itself_only(number in 0..CODES, other in ".{0,8}") {
            let digits = format!("{number:06}");
            let code = Code::from_kept(digits.as_bytes()).unwrap();
            prop_assert!(code.matches(&digits));
            prop_assert_eq!(code.matches(&other), other == code.digits());
        }
    }
}
