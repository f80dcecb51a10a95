//! The patterns of `Action` and `Resource`.

use crate::{AccountId, DirectoryId};

use crate::authz::policy::pattern::Pattern;

/// Reads a pattern, or says what the text is not.
pub(super) type Check = fn(&str) -> Result<Pattern, String>;

/// Longest pattern of an action, in bytes.
const MAX_ACTION: usize = 128;
/// Longest pattern of a resource, in bytes: as long as the longest name.
const MAX_RESOURCE: usize = 512;

/// `*`, or `service:Name` with wildcards in either. Whether there is such an action is not looked at.
pub(super) fn action(text: &str) -> Result<Pattern, String> {
    let of_service = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'*';
    let of_name = |b: u8| b.is_ascii_alphanumeric() || b == b'*';
    let both = |(service, name): (&str, &str)| {
        !service.is_empty() && service.bytes().all(of_service) && !name.is_empty() && name.bytes().all(of_name)
    };
    if text == "*" || text.len() <= MAX_ACTION && text.split_once(':').is_some_and(both) {
        Ok(Pattern::new(text))
    } else {
        Err("is neither `*` nor of the form `service:Name`, with `*` as wildcard".to_owned())
    }
}

/// `*`, or the name of a resource with wildcards. An owner without a wildcard is a whole id: a pattern that can match
/// nothing protects nothing.
pub(super) fn resource(text: &str) -> Result<Pattern, String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~/*".contains(&b);
    if !(1..=MAX_RESOURCE).contains(&text.len()) || !text.bytes().all(allowed) || text.split('/').any(str::is_empty) {
        return Err("is no pattern of resource names: segments of letters, digits, `-._~` and `*`, with `/` between \
                    them"
            .to_owned());
    }
    let (collection, id) = owner(text);
    let plain = |id: &str| !id.contains('*');
    match collection {
        "accounts" => match id.filter(|id| plain(id)).map(str::parse::<AccountId>) {
            Some(Err(error)) => Err(format!("has no account: {error}")),
            _ => Ok(Pattern::new(text)),
        },
        "directories" => match id.filter(|id| plain(id)).map(str::parse::<DirectoryId>) {
            Some(Err(error)) => Err(format!("has no directory: {error}")),
            _ => Ok(Pattern::new(text)),
        },
        wild if wild.contains('*') => Ok(Pattern::new(text)),
        _ => Err("does not begin with `accounts/`, `directories/` or a wildcard".to_owned()),
    }
}

/// The first two segments.
fn owner(text: &str) -> (&str, Option<&str>) {
    let mut segments = text.split('/');
    (segments.next().unwrap_or_default(), segments.next())
}
