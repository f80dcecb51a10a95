//! What a command line would run, as far as that can be told without running it: the commands in it, however they are
//! quoted, chained, nested or wrapped, and what about it cannot be told.
//!
//! A shell does more than any reader of its language can follow. So what is found comes with what is [`Opaque`]: whoever
//! forbids commands must decide what becomes of lines that may run others than those that are listed, and whoever allows
//! only some must refuse them. The language is that of bash; a shell that reads a line otherwise runs something else.

mod programs;
mod told;
mod walk;
mod words;

#[cfg(test)]
mod tests;

/// Most bytes of a line.
pub const LINE_MAX: usize = 16 * 1024;
/// How deep commands may be nested.
pub const DEPTH_MAX: usize = 32;
/// Most commands of a line.
pub const COMMANDS_MAX: usize = 256;

/// What a line would run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The commands, in the order in which they stand there; those that others are told to run after those.
    pub commands: Vec<Command>,
    /// Files that redirections write, as the line has them; not `/dev/null`.
    pub written: Vec<String>,
    /// What cannot be told.
    pub opaque: Vec<Opaque>,
}

/// A command whose program is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The program, as the line has it without quotes.
    pub program: String,
    /// The rest.
    pub arguments: Vec<Argument>,
}

/// An argument of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// It is this text.
    Text(String),
    /// What it is depends on the host; this is what the line has.
    Expanded(String),
}

/// Why something else may run than what was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Opaque {
    /// What the program is depends on the host.
    Program(String),
    /// The program is not one of the system's: what it does is whatever its file says.
    Elsewhere(String),
    /// The program runs what its arguments, its input or a file say.
    Runs(String),
    /// The state of the shell is changed: later names mean something else.
    State(String),
    /// An expansion runs or reads what cannot be followed.
    Expansion(String),
}

/// Why nothing can be told of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is longer than [`LINE_MAX`], or has more than [`COMMANDS_MAX`] commands.
    #[error("the command line is longer than {LINE_MAX} bytes or {COMMANDS_MAX} commands")]
    TooLong,
    /// It is nested deeper than [`DEPTH_MAX`], or has so many parentheses and brackets, quoted or not, that to read it
    /// could take any time.
    #[error("the command line is nested deeper than {DEPTH_MAX}, or has too many parentheses")]
    TooDeep,
    /// It has control characters that a terminal, and not a shell, gives a meaning, or such as show it in another order
    /// than it has.
    #[error("the command line has control characters")]
    Control,
    /// It is not in the language.
    #[error("the command line is no command of a shell")]
    Syntax,
}

/// Reads a line.
///
/// # Errors
/// [`Unreadable`]: whoever decides on it must take it for something that may run anything.
pub fn read(line: &str) -> Result<Script, Unreadable> {
    // The parser panics at numbers that fit nowhere.
    let reading = || {
        let mut script = Script::default();
        walk::line(line, 0, &mut script).map(|()| script)
    };
    std::panic::catch_unwind(reading).unwrap_or(Err(Unreadable::Syntax))
}

impl Script {
    /// Whether the commands and files that were found are all that the line runs and writes.
    pub fn is_clear(&self) -> bool {
        self.opaque.is_empty()
    }
}

impl Command {
    /// The name of the program, without the folder that it is in.
    pub fn name(&self) -> &str {
        self.program.rsplit('/').next().unwrap_or_default()
    }

    /// The command as a text to be compared: its name and its arguments, with a space between them.
    pub fn text(&self) -> String {
        let arguments = self.arguments.iter().map(Argument::text);
        std::iter::once(self.name()).chain(arguments).collect::<Vec<_>>().join(" ")
    }
}

impl Argument {
    /// The text, or what the line has in its place.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Expanded(text) => text,
        }
    }
}
