//! Texts that people choose and others read.

/// Whether a character changes what a reader sees without being seen itself: controls, directions of writing, line breaks
/// of Unicode, and blanks of no width except those that scripts need (ZWJ, ZWNJ). Names must have none, or two names look
/// alike.
pub fn is_unseen(c: char) -> bool {
    let alone = ['\u{061C}', '\u{200B}', '\u{200E}', '\u{200F}', '\u{2060}', '\u{FEFF}'];
    c.is_control() || alone.contains(&c) || matches!(c, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_readers_cannot_see_is_told_from_what_scripts_need() {
        for unseen in ['\0', '\n', '\u{7f}', '\u{85}', '\u{200B}', '\u{2028}', '\u{202E}', '\u{2066}', '\u{FEFF}'] {
            assert!(is_unseen(unseen), "{unseen:?}");
        }
        for seen in ['a', ' ', '信', 'é', '\u{200C}', '\u{200D}', '\u{301}'] {
            assert!(!is_unseen(seen), "{seen:?}");
        }
    }
}
