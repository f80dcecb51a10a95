use proptest::prelude::*;

use crate::authz::policy::{
    action_matches,
    pattern::{Pattern, is_like},
};

#[test]
fn patterns_match_whole_actions() {
    let cases = [
        ("*", "directory:CreateMember", true),
        ("directory:*", "directory:CreateMember", true),
        ("directory:*", "directoryx:CreateMember", false),
        ("directory:Get*", "directory:GetMember", true),
        ("directory:Get*", "directory:CreateMember", false),
        ("directory:get*", "directory:GetMember", false),
        ("*:Get*", "sase:GetMember", true),
        ("*Get*er", "sase:GetMember", true),
        ("*Get*er", "sase:GetMembers", false),
        ("a*a", "a", false),
        ("a**a", "aa", true),
        ("**", "", true),
        ("*", "", true),
        ("a*", "", false),
        ("directory:GetMember", "directory:GetMember", true),
        ("directory:GetMember", "directory:GetMembers", false),
        ("accounts/1/*", "accounts/1", false),
        ("accounts/*/users/*", "accounts/1/groups/2/users/3", true),
        ("", "", true),
        ("", "x", false),
    ];
    for (pattern, action, expected) in cases {
        assert_eq!(action_matches(pattern, action), expected, "{pattern} {action}");
        assert_eq!(Pattern::new(pattern).matches(action), expected, "{pattern} {action}");
    }
}

#[test]
fn a_question_mark_is_one_character() {
    let cases = [
        ("?", "", false),
        ("?", "a", true),
        ("?", "信", true),
        ("?", "ab", false),
        ("a?c*", "abcd", true),
        ("a?c*", "acd", false),
        ("*?", "", false),
        ("*b?d", "abcbcd", true),
        ("*b?d", "abcbcdd", false),
        ("a", "A", false),
    ];
    for (pattern, text, expected) in cases {
        assert_eq!(is_like(text, pattern), expected, "{pattern} {text}");
    }
}

/// What the words of the language say, one character at a time.
fn naive(pattern: &[char], text: &[char], question_mark: bool) -> bool {
    match (pattern, text) {
        ([], []) => true,
        (['*', rest @ ..], _) => (0..=text.len()).any(|from| naive(rest, &text[from..], question_mark)),
        (['?', rest @ ..], [_, text @ ..]) if question_mark => naive(rest, text, true),
        ([first, rest @ ..], [found, text @ ..]) => first == found && naive(rest, text, question_mark),
        _ => false,
    }
}

proptest! {
    #[test]
    fn matching_is_what_the_words_say(pattern in "[ab*?é]{0,8}", text in "[abé?]{0,8}") {
        let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
        prop_assert_eq!(action_matches(&pattern, &text), naive(&p, &t, false));
        prop_assert_eq!(Pattern::new(&pattern).matches(&text), naive(&p, &t, false));
        prop_assert_eq!(is_like(&text, &pattern), naive(&p, &t, true));
    }
}
