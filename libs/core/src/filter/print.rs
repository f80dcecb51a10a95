//! Filters as text, in one form for each filter. It has no parentheses that reading does not need, so that what was
//! read within the bounds is printed within them.

use std::fmt::{self, Display, Formatter, Write as _};

use super::{Filter, Match, Relation};
use crate::rfc3339;

/// How tight the surroundings of a filter bind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    All,
    Any,
    Not,
}

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        print(self, f, None)
    }
}

fn print(filter: &Filter, f: &mut Formatter<'_>, around: Option<Level>) -> fmt::Result {
    let own = match filter {
        Filter::All(_) => Some(Level::All),
        Filter::Any(_) => Some(Level::Any),
        Filter::Not(_) => Some(Level::Not),
        _ => None,
    };
    if own.is_some_and(|own| around.is_some_and(|around| own <= around)) {
        f.write_char('(')?;
        print(filter, f, None)?;
        return f.write_char(')');
    }
    match filter {
        Filter::All(parts) => joined(parts, f, " AND ", Level::All),
        Filter::Any(parts) => joined(parts, f, " OR ", Level::Any),
        Filter::Not(part) => {
            f.write_str("NOT ")?;
            print(part, f, Some(Level::Not))
        }
        Filter::Search(wanted) => pattern(wanted, f),
        Filter::Text(name, wanted) => compared(name, wanted, f),
        Filter::Name(name, wanted) => {
            write!(f, "{name} = ")?;
            quoted("", wanted, "", f)
        }
        Filter::Entry(name, key, wanted) => {
            write!(f, "{name}.")?;
            quoted("", key, "", f)?;
            compared("", wanted, f)
        }
        Filter::Key(name, key) => {
            write!(f, "{name}:")?;
            quoted("", key, "", f)
        }
        Filter::Enum(name, value) => write!(f, "{name} = {value}"),
        Filter::Bool(name, value) => write!(f, "{name} = {value}"),
        Filter::Time(name, relation, moment) => {
            let sign = match relation {
                Relation::Equal => "=",
                Relation::Before => "<",
                Relation::UpTo => "<=",
                Relation::After => ">",
                Relation::From => ">=",
            };
            write!(f, "{name} {sign} \"{}\"", rfc3339::Printed(*moment))
        }
    }
}

fn joined(parts: &[Filter], f: &mut Formatter<'_>, between: &str, level: Level) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        print(part, f, Some(level))?;
    }
    Ok(())
}

fn compared(left: &str, wanted: &Match, f: &mut Formatter<'_>) -> fmt::Result {
    let exact = matches!(wanted, Match::Equals(_));
    write!(f, "{left}{}", if exact { " = " } else { ":" })?;
    pattern(wanted, f)
}

fn pattern(wanted: &Match, f: &mut Formatter<'_>) -> fmt::Result {
    let (start, text, end) = match wanted {
        Match::Equals(text) | Match::Contains(text) => ("", text.as_str(), ""),
        Match::Begins(text) => ("", text.as_str(), "*"),
        Match::Ends(text) => ("*", text.as_str(), ""),
        Match::Present => ("*", "", ""),
    };
    quoted(start, text, end, f)
}

fn quoted(start: &str, text: &str, end: &str, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "\"{start}")?;
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '*') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    write!(f, "{end}\"")
}
