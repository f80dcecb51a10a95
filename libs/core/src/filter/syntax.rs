//! The grammar of filters, before it is known which fields there are.

use winnow::{
    LocatingSlice, ModalResult, Parser, Stateful,
    combinator::{alt, eof, opt, peek, preceded, separated},
    error::{ErrMode, ParserError},
    stream::{Location, Stream},
    token::{any, one_of, take_while},
};

/// Longest text of a filter, in bytes.
const BYTES_MAX: usize = 2_048;
/// Most levels of parentheses.
const DEPTH_MAX: usize = 16;
/// Most restrictions: comparisons and words.
const RESTRICTIONS_MAX: usize = 64;
const KEYWORDS: [&str; 3] = ["AND", "OR", "NOT"];

/// A filter as it is written.
#[derive(Clone, Debug)]
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    /// A word or a string that stands alone.
    Bare(Literal),
    Compared(Literal, Operator, Literal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Has,
}

/// A comparator, and at which byte it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operator {
    pub(super) comparator: Comparator,
    pub(super) at: usize,
}

/// A word or a string: escapes and wildcards taken out.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    /// At which byte it stands.
    pub(super) at: usize,
    pub(super) text: String,
    pub(super) quoted: bool,
    /// Whether a wildcard stands before the text.
    pub(super) open_start: bool,
    /// Whether a wildcard stands after the text.
    pub(super) open_end: bool,
    /// The string that stands after a word that ends with a dot, as in `labels."a key"`.
    pub(super) key: Option<String>,
}

/// At which byte what is wrong.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) problem: String,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    depth: usize,
    restrictions: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

type Input<'a> = Stateful<LocatingSlice<&'a str>, Bounds>;
/// What cannot be otherwise is a cut; only a keyword or a comparator that is not there lets another way be tried.
type Parsed<T> = ModalResult<T, Fault>;

/// Reads a filter; none is one without restrictions.
pub(super) fn parse(text: &str) -> Result<Option<Node>, Fault> {
    if text.len() > BYTES_MAX {
        return Err(Fault { at: 0, problem: format!("expected at most {BYTES_MAX} bytes") });
    }
    let mut input = Stateful { input: LocatingSlice::new(text), state: Bounds::default() };
    filter(&mut input).map_err(|error| match error {
        ErrMode::Backtrack(fault) | ErrMode::Cut(fault) => fault,
        ErrMode::Incomplete(_) => Fault { at: text.len(), problem: "expected more".to_owned() },
    })
}

fn filter(input: &mut Input<'_>) -> Parsed<Option<Node>> {
    blank(input)?;
    if input.is_empty() {
        return Ok(None);
    }
    let node = conjunction(input)?;
    if !input.is_empty() {
        return Err(fault(input.current_token_start(), "expected no `)` without a `(`"));
    }
    Ok(Some(node))
}

/// What stands side by side, with or without AND between, up to the end or a closing parenthesis.
fn conjunction(input: &mut Input<'_>) -> Parsed<Node> {
    let mut parts = vec![disjunction(input)?];
    loop {
        let before = input.current_token_start();
        blank(input)?;
        if matches!(input.peek_token(), None | Some(')')) {
            break;
        }
        if input.current_token_start() == before {
            return Err(fault(before, "expected a space, a comparison or the end"));
        }
        opt((keyword("AND"), blank)).parse_next(input)?;
        parts.push(disjunction(input)?);
    }
    Ok(joined(parts, Node::All))
}

/// OR binds tighter than AND.
fn disjunction(input: &mut Input<'_>) -> Parsed<Node> {
    let or = (blank_needed, keyword("OR"), blank);
    let parts: Vec<Node> = separated(1.., negation, or).parse_next(input)?;
    Ok(joined(parts, Node::Any))
}

fn negation(input: &mut Input<'_>) -> Parsed<Node> {
    let not = opt(alt(((keyword("NOT"), blank).void(), '-'.void()))).parse_next(input)?;
    let node = simple(input)?;
    Ok(if not.is_some() { Node::Not(Box::new(node)) } else { node })
}

fn simple(input: &mut Input<'_>) -> Parsed<Node> {
    let at = input.current_token_start();
    if opt::<_, _, ErrMode<Fault>, _>('(').parse_next(input)?.is_none() {
        return restriction(input);
    }
    input.state.depth += 1;
    if input.state.depth > DEPTH_MAX {
        return Err(fault(at, format!("expected at most {DEPTH_MAX} levels of parentheses")));
    }
    blank(input)?;
    let node = conjunction(input)?;
    if opt::<_, _, ErrMode<Fault>, _>(')').parse_next(input)?.is_none() {
        return Err(fault(input.current_token_start(), "expected `)`"));
    }
    input.state.depth -= 1;
    Ok(node)
}

fn restriction(input: &mut Input<'_>) -> Parsed<Node> {
    let left = literal(input, Side::Left)?;
    input.state.restrictions += 1;
    if input.state.restrictions > RESTRICTIONS_MAX {
        return Err(fault(left.at, format!("expected at most {RESTRICTIONS_MAX} restrictions")));
    }
    let Some(operator) = opt(preceded(blank, operator)).parse_next(input)? else {
        if left.key.is_some() {
            return Err(fault(input.current_token_start(), "expected a comparison"));
        }
        return Ok(Node::Bare(left));
    };
    blank(input)?;
    Ok(Node::Compared(left, operator, literal(input, Side::Right)?))
}

fn operator(input: &mut Input<'_>) -> Parsed<Operator> {
    let at = input.current_token_start();
    let comparator = alt((
        "<=".value(Comparator::LessOrEqual),
        '<'.value(Comparator::Less),
        ">=".value(Comparator::GreaterOrEqual),
        '>'.value(Comparator::Greater),
        "!=".value(Comparator::NotEqual),
        '='.value(Comparator::Equal),
        ':'.value(Comparator::Has),
    ))
    .parse_next(input)?;
    Ok(Operator { comparator, at })
}

fn literal(input: &mut Input<'_>, side: Side) -> Parsed<Literal> {
    let at = input.current_token_start();
    let quote: Option<char> = opt::<_, _, ErrMode<Fault>, _>(one_of(['"', '\''])).parse_next(input)?;
    let pieces = match quote {
        Some(quote) => string(input, at, quote)?,
        None => word(input, at, side)?,
    };
    let literal = trimmed(at, pieces, quote.is_some())?;
    let holds_key = side == Side::Left && quote.is_none() && !literal.open_end && literal.text.ends_with('.');
    if holds_key && matches!(input.peek_token(), Some('"' | '\'')) {
        return Ok(Literal { key: Some(key(input)?), ..literal });
    }
    Ok(literal)
}

/// A string without wildcards.
fn key(input: &mut Input<'_>) -> Parsed<String> {
    let at = input.current_token_start();
    let quote = any::<_, ErrMode<Fault>>.parse_next(input)?;
    let mut text = String::new();
    for (at, piece) in string(input, at, quote)? {
        text.push(piece.ok_or_else(|| fault(at, "expected no `*` in a key: the character is `\\*`"))?);
    }
    Ok(text)
}

/// A character, or none for a wildcard; and where.
type Piece = (usize, Option<char>);

fn word(input: &mut Input<'_>, at: usize, side: Side) -> Parsed<Vec<Piece>> {
    let in_word = |c: char| {
        let ends =
            matches!(c, '(' | ')' | '"' | '\'' | ',' | '=' | '<' | '>' | '!' | '\\') || c == ':' && side == Side::Left;
        !(ends || c.is_whitespace() || c.is_control())
    };
    let text: &str = take_while(0.., in_word).parse_next(input)?;
    let negated_twice = side == Side::Left && text.starts_with('-');
    if text.is_empty() || negated_twice || KEYWORDS.contains(&text) {
        let problem = if side == Side::Left { "expected a field or a text" } else { "expected a value" };
        return Err(fault(at, problem));
    }
    Ok(text.char_indices().map(|(offset, c)| (at + offset, (c != '*').then_some(c))).collect())
}

fn string(input: &mut Input<'_>, start: usize, quote: char) -> Parsed<Vec<Piece>> {
    let mut pieces = Vec::new();
    loop {
        let at = input.current_token_start();
        let next = |input: &mut Input<'_>| any::<_, ErrMode<Fault>>.parse_next(input).ok();
        match next(input) {
            None => return Err(fault(start, format!("expected a string that ends with `{quote}`"))),
            Some(c) if c == quote => return Ok(pieces),
            Some('*') => pieces.push((at, None)),
            Some('\\') => match next(input) {
                Some(escaped @ ('"' | '\'' | '\\' | '*')) => pieces.push((at, Some(escaped))),
                _ => return Err(fault(at, r#"expected one of the escapes `\"`, `\'`, `\\`, `\*`"#)),
            },
            Some(c) if c.is_control() => return Err(fault(at, "expected no control character")),
            Some(c) => pieces.push((at, Some(c))),
        }
    }
}

/// Takes the wildcards off the ends, where alone they may be.
fn trimmed(at: usize, pieces: Vec<Piece>, quoted: bool) -> Parsed<Literal> {
    let mut rest = pieces.as_slice();
    let (mut open_start, mut open_end) = (false, false);
    if let [(_, None), others @ ..] = rest {
        (open_start, rest) = (true, others);
    }
    if let [others @ .., (_, None)] = rest {
        (open_end, rest) = (true, others);
    }
    let mut text = String::with_capacity(rest.len());
    for (at, piece) in rest {
        let Some(c) = piece else {
            return Err(fault(*at, "expected `*` at the beginning or the end of a value only: the character is `\\*`"));
        };
        text.push(*c);
    }
    Ok(Literal { at, text, quoted, open_start, open_end, key: None })
}

fn keyword<'a>(word: &'static str) -> impl Parser<Input<'a>, (), ErrMode<Fault>> {
    let boundary = alt((eof.void(), one_of(|c: char| c == '(' || c.is_whitespace()).void()));
    (word, peek(boundary)).void()
}

fn blank(input: &mut Input<'_>) -> Parsed<()> {
    take_while(0.., char::is_whitespace).void().parse_next(input)
}

fn blank_needed(input: &mut Input<'_>) -> Parsed<()> {
    take_while(1.., char::is_whitespace).void().parse_next(input)
}

fn joined(mut parts: Vec<Node>, join: fn(Vec<Node>) -> Node) -> Node {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            join(parts)
        }
    }
}

fn fault(at: usize, problem: impl Into<String>) -> ErrMode<Fault> {
    ErrMode::Cut(Fault { at, problem: problem.into() })
}

impl<'a> ParserError<Input<'a>> for Fault {
    type Inner = Self;

    fn from_input(input: &Input<'a>) -> Self {
        Self { at: input.current_token_start(), problem: "expected something else".to_owned() }
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}
