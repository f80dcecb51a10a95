//! Following what a line runs through the language.

use brush_parser::{
    Parser,
    ast::{
        self, AssignmentValue, BinaryPredicate, Command as Node, CommandPrefixOrSuffixItem as Item, CompoundCommand,
        CompoundList, ExtendedTestExpr, IoFileRedirectKind as Kind, IoFileRedirectTarget as Target, IoRedirect,
        SimpleCommand, UnaryPredicate,
    },
};

use crate::{
    Argument, COMMANDS_MAX, Command, DEPTH_MAX, LINE_MAX, Opaque, Script, Unreadable,
    programs::{self, Reads, Wrapper},
    told, words,
};

/// Most parentheses and brackets of a line that open.
const TRIES_MAX: usize = 16;
/// Characters that nobody sees, or that show others in another order.
fn is_hiding(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Adds what a line runs.
pub(crate) fn line(text: &str, depth: usize, script: &mut Script) -> Result<(), Unreadable> {
    if text.len() > LINE_MAX {
        return Err(Unreadable::TooLong);
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t' || is_hiding(c)) {
        return Err(Unreadable::Control);
    }
    // The parser recurses: what would be nested deeper than the bound is not given to it. Of parentheses and brackets it
    // tries each in several ways, so that each of them that is not closed doubles what it does. They count in quotes too,
    // since where those begin is what it may see otherwise.
    let trying = text.matches(['(', '[']).count();
    let opening = text.matches(['{', '`', '!']).count() + text.matches("&&").count() + text.matches("||").count();
    let words = ["if", "while", "until", "for", "case", "select", "coproc", "function", "time"];
    let keywords = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| words.contains(word)).count();
    if depth > DEPTH_MAX || trying > TRIES_MAX || opening + keywords > 8 * DEPTH_MAX {
        return Err(Unreadable::TooDeep);
    }
    // After `((` the parser looks for no here-documents, and takes what follows one for something else.
    if text.replace("<<<", "").contains("<<") && ["((", "$["].iter().any(|opening| text.contains(opening)) {
        return Err(Unreadable::Syntax);
    }
    let mut parser = Parser::new(text.as_bytes(), &words::options());
    let program = parser.parse_program().map_err(|_| Unreadable::Syntax)?;
    let mut walk = Walk { depth, script };
    program.complete_commands.iter().try_for_each(|list| walk.list(list))
}

struct Walk<'a> {
    depth: usize,
    script: &'a mut Script,
}

impl Walk<'_> {
    fn list(&mut self, list: &CompoundList) -> Result<(), Unreadable> {
        for ast::CompoundListItem(and_or, _) in &list.0 {
            let more = and_or.additional.iter().map(|next| match next {
                ast::AndOr::And(pipeline) | ast::AndOr::Or(pipeline) => pipeline,
            });
            for pipeline in std::iter::once(&and_or.first).chain(more) {
                pipeline.seq.iter().try_for_each(|node| self.node(node))?;
            }
        }
        Ok(())
    }

    fn node(&mut self, node: &Node) -> Result<(), Unreadable> {
        match node {
            Node::Simple(command) => self.simple(command),
            Node::Compound(compound, redirects) => {
                self.compound(compound)?;
                self.redirects(redirects.as_ref())
            }
            Node::Function(function) => {
                self.opaque(Opaque::State(function.fname.value.clone()));
                self.compound(&function.body.0)?;
                self.redirects(function.body.1.as_ref())
            }
            Node::ExtendedTest(test, redirects) => {
                self.test(&test.expr)?;
                self.redirects(redirects.as_ref())
            }
        }
    }

    fn compound(&mut self, compound: &CompoundCommand) -> Result<(), Unreadable> {
        match compound {
            CompoundCommand::Arithmetic(command) => words::arithmetic(&command.expr.value, self.script),
            CompoundCommand::ArithmeticForClause(clause) => {
                for expression in [&clause.initializer, &clause.condition, &clause.updater].into_iter().flatten() {
                    words::arithmetic(&expression.value, self.script);
                }
                self.list(&clause.body.list)?;
            }
            CompoundCommand::BraceGroup(group) => self.list(&group.list)?,
            CompoundCommand::Subshell(subshell) => self.list(&subshell.list)?,
            CompoundCommand::ForClause(clause) => {
                // Names in small letters are the line's own, but for those that shells look programs up by.
                let own =
                    clause.variable_name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
                if !own || clause.variable_name.ends_with("path") {
                    self.opaque(Opaque::State(clause.variable_name.clone()));
                }
                for value in clause.values.iter().flatten() {
                    self.word(value)?;
                }
                self.list(&clause.body.list)?;
            }
            CompoundCommand::CaseClause(clause) => {
                self.word(&clause.value)?;
                for case in &clause.cases {
                    for pattern in &case.patterns {
                        self.word(pattern)?;
                    }
                    case.cmd.iter().try_for_each(|list| self.list(list))?;
                }
            }
            CompoundCommand::IfClause(clause) => {
                self.list(&clause.condition)?;
                self.list(&clause.then)?;
                for other in clause.elses.iter().flatten() {
                    other.condition.iter().try_for_each(|list| self.list(list))?;
                    self.list(&other.body)?;
                }
            }
            CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => {
                self.list(&clause.0)?;
                self.list(&clause.1.list)?;
            }
            // It sets variables, and what stands where a name can be is read in several ways.
            CompoundCommand::Coprocess(coprocess) => {
                self.opaque(Opaque::State("coproc".to_owned()));
                self.node(&coprocess.body)?;
            }
        }
        Ok(())
    }

    fn simple(&mut self, command: &SimpleCommand) -> Result<(), Unreadable> {
        for item in command.prefix.iter().flat_map(|prefix| &prefix.0) {
            self.item(item)?;
        }
        let name = command.word_or_name.as_ref().map(|word| self.word(word)).transpose()?;
        let mut arguments = Vec::new();
        for item in command.suffix.iter().flat_map(|suffix| &suffix.0) {
            match item {
                // After a name, what looks like an assignment is an argument.
                Item::AssignmentWord(assignment, word) if matches!(assignment.value, AssignmentValue::Scalar(_)) => {
                    let home = word.value.contains("=~") || word.value.contains(":~");
                    let argument = self.word(word)?;
                    arguments.push(if home { Argument::Expanded(word.value.clone()) } else { argument });
                }
                item => arguments.extend(self.item(item)?),
            }
        }
        match name {
            Some(name) => self.command(name, arguments, self.depth),
            None => Ok(()),
        }
    }

    /// What stands before a name or after it; an argument, if it is one.
    fn item(&mut self, item: &Item) -> Result<Option<Argument>, Unreadable> {
        match item {
            Item::IoRedirect(redirect) => self.redirect(redirect).map(|()| None),
            Item::Word(word) => self.word(word).map(Some),
            Item::AssignmentWord(assignment, word) => {
                self.opaque(Opaque::State(word.value.clone()));
                match &assignment.value {
                    AssignmentValue::Scalar(value) => drop(self.word(value)?),
                    AssignmentValue::Array(values) => {
                        for (index, value) in values {
                            index.iter().try_for_each(|index| self.word(index).map(drop))?;
                            self.word(value)?;
                        }
                    }
                }
                Ok(Some(Argument::Expanded(word.value.clone())))
            }
            Item::ProcessSubstitution(_, subshell) => {
                self.list(&subshell.list)?;
                Ok(Some(Argument::Expanded(String::new())))
            }
        }
    }

    fn word(&mut self, word: &ast::Word) -> Result<Argument, Unreadable> {
        words::word(&word.value, self.depth, self.script)
    }

    fn redirects(&mut self, redirects: Option<&ast::RedirectList>) -> Result<(), Unreadable> {
        redirects.iter().flat_map(|list| &list.0).try_for_each(|redirect| self.redirect(redirect))
    }

    fn redirect(&mut self, redirect: &IoRedirect) -> Result<(), Unreadable> {
        match redirect {
            IoRedirect::File(_, kind, target) => match target {
                Target::Filename(word) | Target::Duplicate(word) => {
                    let file = self.word(word)?;
                    let writes = match kind {
                        Kind::Write | Kind::Append | Kind::ReadAndWrite | Kind::Clobber => true,
                        // `>&file` writes; `>&2` does not.
                        Kind::DuplicateOutput => !is_descriptor(&file),
                        Kind::Read | Kind::DuplicateInput => false,
                    };
                    self.written(writes, &file);
                }
                Target::Fd(_) => {}
                Target::ProcessSubstitution(_, subshell) => self.list(&subshell.list)?,
            },
            IoRedirect::HereDocument(_, document) => {
                // Where a document ends is read otherwise by bash if its mark is an odd one, or if a line of it goes on.
                let mark = document.here_end.value.as_str();
                let quoted = |q: char| mark.strip_prefix(q).and_then(|mark| mark.strip_suffix(q));
                let mark = quoted('\'').or_else(|| quoted('"')).unwrap_or(mark);
                let plain = !mark.is_empty() && mark.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                if !plain || document.requires_expansion && document.doc.value.contains("\\\n") {
                    return Err(Unreadable::Syntax);
                }
                if document.requires_expansion {
                    words::here_document(&document.doc.value, self.depth, self.script)?;
                }
            }
            IoRedirect::HereString(_, word) => drop(self.word(word)?),
            IoRedirect::OutputAndError(word, _) => {
                let file = self.word(word)?;
                self.written(true, &file);
            }
        }
        Ok(())
    }

    fn written(&mut self, writes: bool, file: &Argument) {
        if writes && *file != Argument::Text("/dev/null".into()) {
            self.script.written.push(file.text().to_owned());
        }
    }

    fn test(&mut self, test: &ExtendedTestExpr) -> Result<(), Unreadable> {
        match test {
            ExtendedTestExpr::And(one, other) | ExtendedTestExpr::Or(one, other) => {
                self.test(one)?;
                self.test(other)
            }
            ExtendedTestExpr::Not(one) | ExtendedTestExpr::Parenthesized(one) => self.test(one),
            ExtendedTestExpr::UnaryTest(predicate, word) => {
                if matches!(predicate, UnaryPredicate::ShellVariableIsSetAndAssigned) {
                    words::arithmetic(&word.value, self.script);
                }
                self.word(word).map(drop)
            }
            ExtendedTestExpr::BinaryTest(predicate, one, other) => {
                if is_arithmetic(predicate) {
                    words::arithmetic(&one.value, self.script);
                }
                self.word(one)?;
                self.word(other).map(drop)
            }
        }
    }

    /// A command of a name and arguments, and what it is told to run.
    fn command(&mut self, name: Argument, arguments: Vec<Argument>, depth: usize) -> Result<(), Unreadable> {
        if depth > DEPTH_MAX {
            return Err(Unreadable::TooDeep);
        }
        let program = match name {
            Argument::Text(program) => program,
            Argument::Expanded(text) => {
                self.opaque(Opaque::Program(text));
                return Ok(());
            }
        };
        // No program is called so: the line was read otherwise than a shell does.
        if program.is_empty() || program.starts_with('-') {
            self.opaque(Opaque::Program(program));
            return Ok(());
        }
        if self.script.commands.len() >= COMMANDS_MAX {
            return Err(Unreadable::TooLong);
        }
        if !programs::is_of_system(&program) {
            self.opaque(Opaque::Elsewhere(program.clone()));
        }
        let command = Command { program, arguments };
        let name = command.name().to_owned();
        let arguments = command.arguments.clone();
        self.script.commands.push(command);
        match programs::kind(&name, &arguments) {
            programs::Kind::Plain => Ok(()),
            programs::Kind::State => {
                self.opaque(Opaque::State(name));
                Ok(())
            }
            programs::Kind::Runs => {
                self.opaque(Opaque::Runs(name));
                Ok(())
            }
            programs::Kind::Shell => match told::to_shell(&arguments) {
                Some(text) => line(text, depth + 1, self.script),
                None => {
                    self.opaque(Opaque::Runs(name));
                    Ok(())
                }
            },
            programs::Kind::Line => match told::as_words(&arguments) {
                Some(text) => line(&text, depth + 1, self.script),
                None => {
                    self.opaque(Opaque::Runs(name));
                    Ok(())
                }
            },
            programs::Kind::Wrapper(wrapper) => self.wrapped(&name, wrapper, arguments, depth),
        }
    }

    fn wrapped(
        &mut self,
        name: &str,
        wrapper: Wrapper,
        arguments: Vec<Argument>,
        depth: usize,
    ) -> Result<(), Unreadable> {
        let (mut before, mut options, mut arguments) = (wrapper.before, true, arguments.into_iter());
        while let Some(argument) = arguments.next() {
            let Argument::Text(text) = &argument else {
                // An expansion may be options as well as the command.
                self.opaque(Opaque::Runs(name.to_owned()));
                return Ok(());
            };
            if options && text.starts_with('-') {
                match wrapper.option(text) {
                    Some(Reads::Itself) => {}
                    Some(Reads::Next) => drop(arguments.next()),
                    Some(Reads::End) => options = false,
                    None => {
                        self.opaque(Opaque::Runs(name.to_owned()));
                        return Ok(());
                    }
                }
                continue;
            }
            if wrapper.assigns && text.contains('=') {
                self.opaque(Opaque::State(text.clone()));
                continue;
            }
            if before > 0 {
                before -= 1;
                continue;
            }
            let appended = wrapper.appends.then(|| Argument::Expanded(String::new()));
            return self.command(argument, arguments.chain(appended).collect(), depth + 1);
        }
        Ok(())
    }

    fn opaque(&mut self, what: Opaque) {
        self.script.opaque.push(what);
    }
}

fn is_descriptor(file: &Argument) -> bool {
    matches!(file, Argument::Text(text) if text == "-" || (!text.is_empty() && text.chars().all(|c| c.is_ascii_digit())))
}

fn is_arithmetic(predicate: &BinaryPredicate) -> bool {
    use BinaryPredicate as Of;
    matches!(
        predicate,
        Of::ArithmeticEqualTo
            | Of::ArithmeticNotEqualTo
            | Of::ArithmeticLessThan
            | Of::ArithmeticLessThanOrEqualTo
            | Of::ArithmeticGreaterThan
            | Of::ArithmeticGreaterThanOrEqualTo
    )
}
