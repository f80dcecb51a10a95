//! Lines that programs are told to run.

use crate::Argument;

/// The line after `-c`, if the shell is told it and the line is known. Other options than these read files or the input.
pub(crate) fn to_shell(arguments: &[Argument]) -> Option<&str> {
    let (mut arguments, mut told) = (arguments.iter(), false);
    while let Some(Argument::Text(text)) = arguments.next() {
        let letters = text.strip_prefix('-').filter(|letters| letters.chars().all(|c| "ceflnux".contains(c)));
        match letters {
            // Options go on after the one that says so.
            Some(letters) => told |= letters.contains('c'),
            None if matches!(text.as_str(), "--login" | "--norc" | "--noprofile") => {}
            None if told && !text.starts_with(['-', '+']) => return Some(text),
            None => return None,
        }
    }
    None
}

/// The line of arguments that are all known. With options it is not known where it begins.
pub(crate) fn as_words(arguments: &[Argument]) -> Option<String> {
    let known = arguments.iter().map(|argument| match argument {
        Argument::Text(text) => Some(text.as_str()),
        Argument::Expanded(_) => None,
    });
    let texts = known.collect::<Option<Vec<_>>>()?;
    if texts.first().is_some_and(|first| first.starts_with('-')) { None } else { Some(texts.join(" ")) }
}
