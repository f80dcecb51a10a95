//! Texts that people choose.

use bailiwick_core::is_unseen;

/// What a text may be.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// Fewest characters.
    pub min: usize,
    /// Most characters.
    pub max: usize,
    /// Whether it may have line breaks.
    pub lines: bool,
}

/// Why a text is refused, in words for who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Its length.
    #[error("must be {min} to {max} characters long")]
    Length {
        /// Fewest.
        min: usize,
        /// Most.
        max: usize,
    },
    /// A character that is not shown, or one that makes two texts look alike.
    #[error(
        "must have no control characters or others that cannot be seen, and neither begin nor end with white space"
    )]
    Characters,
}

impl Text {
    /// Display names of accounts and members (E-DIR-11).
    pub const DISPLAY_NAME: Self = Self::line(2, 50);
    /// Display names of users.
    pub const USER_DISPLAY_NAME: Self = Self::line(0, 100);
    /// Ids that providers give.
    pub const EXTERNAL_ID: Self = Self::line(0, 128);
    /// The legal name of an enterprise.
    pub const LEGAL_NAME: Self = Self::line(1, 200);
    /// The number in the register of companies.
    pub const REGISTRATION_NUMBER: Self = Self::line(1, 64);
    /// Who verified an enterprise.
    pub const VERIFIER: Self = Self::line(1, 100);
    /// Display names of folders (E-DIR-11).
    pub const FOLDER_NAME: Self = Self::line(1, 24);
    /// What a control policy is for.
    pub const POLICY_DESCRIPTION: Self = Self { min: 0, max: 1_024, lines: true };
    /// The note of an invitation (E-DIR-10).
    pub const NOTE: Self = Self { min: 0, max: 1_024, lines: true };

    const fn line(min: usize, max: usize) -> Self {
        Self { min, max, lines: false }
    }

    /// Looks at a text.
    pub fn check(self, text: &str) -> Result<(), InvalidText> {
        let Self { min, max, lines } = self;
        // Four bytes is the longest character: a longer text need not be counted.
        if text.len() > max * 4 || !(min..=max).contains(&text.chars().count()) {
            return Err(InvalidText::Length { min, max });
        }
        let allowed = |c: char| !is_unseen(c) || (lines && matches!(c, '\n' | '\r' | '\t'));
        if text.chars().all(allowed) && (lines || text.trim() == text) { Ok(()) } else { Err(InvalidText::Characters) }
    }
}

/// Whether a text is the id of a cloud provider: up to 32 lower-case letters, digits and `-`, the first a letter.
pub fn is_provider(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers: E-DIR-10, E-DIR-11
    #[test]
    fn lengths_count_characters() {
        for (text, ok) in [("a", false), ("ab", true), ("信息", true), ("", false)] {
            assert_eq!(Text::DISPLAY_NAME.check(text).is_ok(), ok, "{text}");
        }
        assert!(Text::DISPLAY_NAME.check(&"信".repeat(50)).is_ok());
        assert!(Text::DISPLAY_NAME.check(&"a".repeat(51)).is_err());
        assert!(Text::FOLDER_NAME.check("a").is_ok());
        assert!(Text::FOLDER_NAME.check(&"信".repeat(24)).is_ok());
        assert!(Text::FOLDER_NAME.check(&"a".repeat(25)).is_err());
        assert!(Text::NOTE.check(&"a".repeat(1_024)).is_ok());
        assert!(Text::NOTE.check(&"a".repeat(1_025)).is_err());
    }

    #[test]
    fn what_looks_like_another_text_is_refused() {
        for text in [" ab", "ab ", "a\nb", "a\u{0}b", "a\u{202E}b", "a\u{200B}b"] {
            assert_eq!(Text::DISPLAY_NAME.check(text), Err(InvalidText::Characters), "{text:?}");
        }
        assert!(Text::NOTE.check("two\nlines ").is_ok());
        assert!(Text::NOTE.check("a\u{7}").is_err());
    }
}
