//! Patterns of commands.

use std::{fmt, str::FromStr};

use bailiwick_shell::{Argument, Command};
use serde::{Deserialize, Serialize};

/// Most characters of a pattern.
const PATTERN_MAX: usize = 256;
/// Most words of one.
const WORDS_MAX: usize = 16;
/// What a shell gives a meaning, and a pattern does not.
const SHELL: &[char] = &['\'', '"', '\\', '$', '`', ';', '|', '&', '<', '(', ')', '{', '}', '[', ']', '#', '!', '~'];
/// The program that stands for a redirection which writes a file: its argument is that file.
pub(super) const WRITES: &str = ">";

/// What a command must be like: a program and arguments, in words. In a word `*` stands for any characters, also none and
/// `/`, and `?` for one. A pattern of one word is about the program with whatever arguments; in others, the last word `*`
/// stands for whatever arguments follow, also none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct CommandPattern(Vec<String>);

/// Whether a command is like a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Likeness {
    No,
    /// That depends on the host.
    Perhaps,
    Yes,
}

impl CommandPattern {
    /// Whether a command is like it.
    pub(crate) fn likeness(&self, command: &Command) -> Likeness {
        let Some((program, words)) = self.0.split_first() else { return Likeness::No };
        let found = of_program(program, command);
        if found == Likeness::No {
            return Likeness::No;
        }
        found.min(of_arguments(words, &command.arguments))
    }
}

/// A program is found by its name alone, wherever it is; a pattern with a path is about that file.
fn of_program(word: &str, command: &Command) -> Likeness {
    let sure = |found| if found { Likeness::Yes } else { Likeness::No };
    match (word.contains('/'), command.program.contains('/')) {
        (false, _) => sure(is_like(command.name(), word)),
        (true, true) if is_like(&command.program, word) => Likeness::Yes,
        (true, true) => match [word, &command.program].map(|path| in_system(path)) {
            [Some(name), Some(program)] if is_like(program, name) => Likeness::Perhaps,
            _ => Likeness::No,
        },
        // Where a name is looked for is the host's to say; so is whether two folders of the system are one.
        (true, false) => match word.rsplit('/').next().is_some_and(|name| is_like(&command.program, name)) {
            true => Likeness::Perhaps,
            false => Likeness::No,
        },
    }
}

fn of_arguments(words: &[String], arguments: &[Argument]) -> Likeness {
    let (words, further) = match words.split_last() {
        None => return Likeness::Yes,
        Some((last, words)) if last == "*" => (words, true),
        Some(_) => (words, false),
    };
    for (n, word) in words.iter().enumerate() {
        match arguments.get(n) {
            None => return Likeness::No,
            // It may become several words, or none.
            Some(Argument::Expanded(_)) => return Likeness::Perhaps,
            // What it leads to is not where it seems to be.
            Some(Argument::Text(text)) if is_roundabout(text) && word.contains(['/', '*', '?']) => {
                return Likeness::Perhaps;
            }
            Some(Argument::Text(text)) if is_like(text, word) => {}
            Some(Argument::Text(_)) => return Likeness::No,
        }
    }
    match arguments.get(words.len()) {
        None => Likeness::Yes,
        Some(_) if further => Likeness::Yes,
        Some(Argument::Expanded(_)) => Likeness::Perhaps,
        Some(Argument::Text(_)) => Likeness::No,
    }
}

/// The name of a program in a folder of the system.
fn in_system(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/')?;
    ["/bin", "/sbin", "/usr/bin", "/usr/sbin"].contains(&folder).then_some(name)
}

/// Whether a path goes by folders that it need not go by.
pub(super) fn is_roundabout(path: &str) -> bool {
    let inner = path.strip_prefix('/').unwrap_or(path);
    path.contains('/') && inner.trim_end_matches('/').split('/').any(|part| matches!(part, "" | "." | ".."))
}

/// Whether a text is like a word. Takes time proportional to the product of the lengths at worst.
fn is_like(text: &str, word: &str) -> bool {
    let (mut word, mut text) = (word.chars(), text.chars());
    // After the last `*`, and where in the text it ends at present.
    let mut last_star = None;
    loop {
        match (word.next(), text.clone().next()) {
            (Some('*'), _) => last_star = Some((word.clone(), text.clone())),
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                text.next();
            }
            (None, None) => return true,
            _ => {
                let Some((after, from)) = &mut last_star else { return false };
                if from.next().is_none() {
                    return false;
                }
                (word, text) = (after.clone(), from.clone());
            }
        }
    }
}

impl FromStr for CommandPattern {
    type Err = String;

    /// Reads words between spaces.
    fn from_str(text: &str) -> Result<Self, String> {
        if !(1..=PATTERN_MAX).contains(&text.chars().count()) || text.chars().any(char::is_control) {
            return Err(format!("must have 1 to {PATTERN_MAX} characters, and no control characters"));
        }
        let words: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
        let Some((program, arguments)) = words.split_first() else { return Err("must name a program".to_owned()) };
        if words.len() > WORDS_MAX {
            return Err(format!("must have at most {WORDS_MAX} words"));
        }
        if let Some(meant) = text.chars().find(|c| SHELL.contains(c)) {
            return Err(format!("has `{meant}`, which a shell gives a meaning: a pattern is a command in plain words"));
        }
        let writes = program == WRITES;
        if arguments.iter().chain((!writes).then_some(program)).any(|word| word.contains('>')) {
            return Err(format!("has `>` elsewhere than as its first word: `{WRITES} FILE` is what writes a file"));
        }
        if writes && arguments.len() != 1 {
            return Err(format!("must be `{WRITES} FILE`, with one file"));
        }
        Ok(Self(words))
    }
}

impl fmt::Display for CommandPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl TryFrom<String> for CommandPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<CommandPattern> for String {
    fn from(pattern: CommandPattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_like_a_pattern_word_by_word() {
        use Likeness::{No, Perhaps, Yes};
        for (pattern, line, likeness) in [
            ("rm", "rm", Yes),
            ("rm", "rm -rf /", Yes),
            ("rm", "/bin/rm x", Yes),
            ("rm", "r''m x", Yes),
            ("rm", "rmdir x", No),
            ("rm*", "rmdir x", Yes),
            ("/bin/rm", "/bin/rm x", Yes),
            ("/bin/rm", "/usr/bin/rm x", Perhaps),
            ("/bin/rm", "/opt/bin/rm x", No),
            ("/bin/rm", "/usr/bin/ls x", No),
            ("/bin/rm", "rm x", Perhaps),
            ("/bin/rm", "ls x", No),
            ("systemctl restart nginx", "systemctl restart nginx", Yes),
            ("systemctl restart nginx", "systemctl restart nginx -q", No),
            ("systemctl restart nginx", "systemctl restart", No),
            ("systemctl restart nginx", "systemctl restart $x", Perhaps),
            ("systemctl restart nginx", "systemctl stop $x", No),
            ("systemctl restart *", "systemctl restart", Yes),
            ("systemctl restart *", "systemctl restart a b", Yes),
            ("systemctl restart *", "systemctl $x", Perhaps),
            ("systemctl re?tart", "systemctl restart", Yes),
            ("cat /var/log/*", "cat /var/log/syslog", Yes),
            ("cat /var/log/*", "cat /etc/passwd", No),
            ("cat /var/log/*", "cat /var/log/../../etc/shadow", Perhaps),
            ("cat /etc/*", "cat //etc/shadow", Perhaps),
            ("cat /etc/*", "cat /var/../etc/shadow", Perhaps),
            ("cat /etc/*", "cat /etc/", Yes),
            ("dd of=/dev/*", "dd of=/dev/sda", Yes),
            ("cat /var/log/*", "cat /var/log/a /etc/passwd", No),
            ("ls", "ls $HOME", Yes),
        ] {
            let script = bailiwick_shell::read(line).unwrap();
            let found = pattern.parse::<CommandPattern>().unwrap().likeness(&script.commands[0]);
            assert_eq!(found, likeness, "`{line}` and `{pattern}`");
        }
    }

    #[test]
    fn what_is_no_pattern_is_told_why() {
        for (text, told) in [
            ("", "1 to 256"),
            ("   ", "a program"),
            ("a\nb", "control"),
            ("rm; ls", "`;`"),
            ("echo 'a'", "`'`"),
            ("rm $x", "`$`"),
            ("(rm)", "`(`"),
            ("echo a>b", "`>`"),
            ("> a b", "one file"),
            (">", "one file"),
        ] {
            let refused = text.parse::<CommandPattern>().unwrap_err();
            assert!(refused.contains(told), "{text}: {refused}");
        }
        let long = ["a"; WORDS_MAX + 1].join(" ");
        assert!(long.parse::<CommandPattern>().is_err());
        assert_eq!("  rm   -rf  * ".parse::<CommandPattern>().unwrap().to_string(), "rm -rf *");
        assert!("> /tmp/*".parse::<CommandPattern>().is_ok());
    }
}
