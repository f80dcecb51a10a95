//! Lines that programs are told to run.

use crate::Argument;

/// The line after `-c`, if the shell is told it and the line is known. Other options than these read files or the input.
pub(crate) fn to_shell(arguments: &[Argument]) -> Option<&str> {
    let mut arguments = arguments.iter();
    while let Some(Argument::Text(text)) = arguments.next() {
        let letters = text.strip_prefix('-').filter(|letters| letters.chars().all(|c| "ceflnux".contains(c)));
        match letters {
            Some(letters) if letters.contains('c') => {
                let Argument::Text(line) = arguments.next()? else { return None };
                return Some(line);
            }
            Some(_) => {}
            None if matches!(text.as_str(), "--login" | "--norc" | "--noprofile") => {}
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
