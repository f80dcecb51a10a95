//! What a word is without running anything.

use brush_parser::{
    ParserOptions,
    word::{Parameter, ParameterExpr, WordPiece, WordPieceWithSource, parse, parse_heredoc},
};

use crate::{Argument, Opaque, Script, Unreadable, walk};

/// Characters by which a shell makes names of files, or several words, of one.
const EXPANDED: [char; 6] = ['*', '?', '[', ']', '{', '}'];

/// What no word has that is not quoted: where one has, it was read otherwise than a shell reads it.
const BETWEEN: [char; 10] = [' ', '\t', '\n', ';', '|', '&', '<', '>', '(', ')'];

/// As a shell reads that nobody types at: without patterns in parentheses.
pub(crate) fn options() -> ParserOptions {
    ParserOptions { enable_extended_globbing: false, ..ParserOptions::default() }
}

/// Reads a word, and what runs while the shell expands it.
pub(crate) fn word(text: &str, depth: usize, script: &mut Script) -> Result<Argument, Unreadable> {
    let pieces = parse(text, &options()).map_err(|_| Unreadable::Syntax)?;
    let mut reading = Reading { source: text, depth, script, known: Some(String::new()) };
    reading.pieces(&pieces, false)?;
    Ok(reading.known.map_or_else(|| Argument::Expanded(text.to_owned()), Argument::Text))
}

/// What runs while the shell expands the body of a here-document.
pub(crate) fn here_document(text: &str, depth: usize, script: &mut Script) -> Result<(), Unreadable> {
    let pieces = parse_heredoc(text, &options()).map_err(|_| Unreadable::Syntax)?;
    Reading { source: text, depth, script, known: None }.pieces(&pieces, true)
}

/// What runs while the shell evaluates an expression of its arithmetic.
pub(crate) fn arithmetic(text: &str, script: &mut Script) {
    // A variable's value is evaluated as well, and an index of it may run a command.
    script.opaque.push(Opaque::Expansion(text.to_owned()));
}

struct Reading<'a> {
    source: &'a str,
    depth: usize,
    script: &'a mut Script,
    /// The text so far; none once it depends on the host.
    known: Option<String>,
}

impl Reading<'_> {
    fn pieces(&mut self, pieces: &[WordPieceWithSource], quoted: bool) -> Result<(), Unreadable> {
        pieces.iter().try_for_each(|piece| self.piece(piece, quoted))
    }

    fn piece(&mut self, piece: &WordPieceWithSource, quoted: bool) -> Result<(), Unreadable> {
        match &piece.piece {
            WordPiece::Text(text) if !quoted && text.contains(BETWEEN) => return Err(Unreadable::Syntax),
            WordPiece::Text(text) if !quoted && text.contains(EXPANDED) => self.known = None,
            WordPiece::Text(text) | WordPiece::SingleQuotedText(text) => self.push(text),
            WordPiece::EscapeSequence(text) => self.push(escaped(text)),
            WordPiece::DoubleQuotedSequence(pieces) => self.pieces(pieces, true)?,
            // Its text depends on the language of the host.
            WordPiece::GettextDoubleQuotedSequence(pieces) => {
                self.known = None;
                self.pieces(pieces, true)?;
            }
            WordPiece::AnsiCQuotedText(_) | WordPiece::TildeExpansion(_) => self.known = None,
            WordPiece::CommandSubstitution(line) => {
                self.known = None;
                walk::line(line, self.depth + 1, self.script)?;
            }
            WordPiece::BackquotedCommandSubstitution(line) => {
                self.known = None;
                // What is escaped within is escaped once more than in the other form.
                match line.contains('\\') {
                    true => self.script.opaque.push(Opaque::Expansion(line.clone())),
                    false => walk::line(line, self.depth + 1, self.script)?,
                }
            }
            WordPiece::ParameterExpansion(expression) => {
                self.known = None;
                self.parameter(expression, piece);
            }
            WordPiece::ArithmeticExpression(expression) => {
                self.known = None;
                arithmetic(&expression.value, self.script);
            }
        }
        Ok(())
    }

    fn push(&mut self, text: &str) {
        if let Some(known) = &mut self.known {
            known.push_str(text);
        }
    }

    /// A plain parameter runs nothing. What stands within other forms may.
    fn parameter(&mut self, expression: &ParameterExpr, piece: &WordPieceWithSource) {
        let plain = matches!(
            expression,
            ParameterExpr::Parameter {
                parameter: Parameter::Positional(_) | Parameter::Special(_) | Parameter::Named(_),
                indirect: false,
            }
        );
        if !plain {
            let source = self.source.get(piece.start_index..piece.end_index).unwrap_or(self.source);
            self.script.opaque.push(Opaque::Expansion(source.to_owned()));
        }
    }
}

/// What an escape stands for; at the end of a line for nothing.
fn escaped(text: &str) -> &str {
    match text.strip_prefix('\\') {
        Some("\n") => "",
        Some(rest) => rest,
        None => text,
    }
}
