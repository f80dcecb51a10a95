//! The framing of JSON files without bound: the top-level objects of one array, or one object per line.
//!
//! A file is cut at any byte; what was read completely has a [`Place`], from which another [`Elements`] goes on with the
//! bytes that follow it.

use memchr::{memchr_iter, memchr2, memchr3};
use serde::{Deserialize, Serialize};

use super::Problem;

/// Most bytes of an object.
pub(crate) const ELEMENT_MAX: usize = 1 << 20;
const DEPTH_MAX: u32 = 64;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// How far a file has been read: to the end of an object, or of what stands between two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Bytes before it.
    pub(crate) offset: u64,
    /// Line feeds before it.
    lines: u64,
    expects: Expects,
}

impl Place {
    /// The line of it, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.lines + 1
    }
}

/// What may come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Expects {
    /// Whatever a file begins with.
    #[default]
    Begin,
    /// As `Begin`, after a byte order mark.
    Marked,
    /// An object, each in its line.
    Line,
    /// The first object of an array, or its end.
    First,
    /// An object, after a comma.
    Object,
    /// A comma, or the end of the array.
    Comma,
    /// Nothing.
    Nothing,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) bytes: Vec<u8>,
    /// The line in which it begins, from 1.
    pub(crate) line: u64,
    /// The byte with which it begins.
    pub(crate) offset: u64,
}

/// The objects of a file as it comes. Holds an incomplete object and what was given last.
#[derive(Debug, Default)]
pub(crate) struct Elements {
    place: Place,
    held: Vec<u8>,
    /// How many of the bytes held are before the place.
    done: usize,
    scan: Scan,
    finished: bool,
}

/// How far the object that begins at the place has been looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    bytes: usize,
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Elements {
    /// Goes on after a place.
    pub(crate) fn after(place: Place) -> Self {
        Self { place, ..Self::default() }
    }

    /// How far everything is read.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// The byte of the file that is to come next.
    pub(crate) fn received(&self) -> u64 {
        self.place.offset + len(self.rest())
    }

    /// Bytes of the file, from [`Elements::received`] on.
    pub(crate) fn push(&mut self, data: &[u8]) {
        self.held.drain(..self.done);
        self.done = 0;
        self.held.extend_from_slice(data);
    }

    /// There is no more.
    pub(crate) fn finish(&mut self) {
        self.finished = true;
    }

    /// What was read completely since the last [`Elements::push`], or carried over it.
    pub(crate) fn consumed(&self) -> &[u8] {
        self.held.get(..self.done).unwrap_or_default()
    }

    /// The next object; none if more of the file is needed for it, or there is none.
    ///
    /// # Errors
    /// What is wrong with the file at this place.
    pub(crate) fn next(&mut self) -> Result<Option<Element>, Problem> {
        loop {
            if self.place.expects == Expects::Line {
                match self.line()? {
                    Some(element) if element.bytes.iter().all(u8::is_ascii_whitespace) => continue,
                    other => return Ok(other),
                }
            }
            self.consume(self.rest().iter().take_while(|byte| is_space(**byte)).count());
            let Some(byte) = self.rest().first().copied() else { return self.end().map(|()| None) };
            let expects = self.place.expects;
            let (skip, next) = match (expects, byte) {
                (Expects::Begin, b'\xef') if self.rest().len() < BOM.len() && !self.finished => return Ok(None),
                (Expects::Begin, b'\xef') if self.rest().starts_with(BOM) => (BOM.len(), Expects::Marked),
                (Expects::Begin | Expects::Marked, b'[') => (1, Expects::First),
                (Expects::Begin | Expects::Marked, b'{') => (0, Expects::Line),
                (Expects::First | Expects::Object, b'{') => match self.object()? {
                    Some(element) => {
                        self.place.expects = Expects::Comma;
                        return Ok(Some(element));
                    }
                    None if self.finished => {
                        return Err(self.problem("the file ends within the object that begins here"));
                    }
                    None => return Ok(None),
                },
                (Expects::First | Expects::Comma, b']') => (1, Expects::Nothing),
                (Expects::Comma, b',') => (1, Expects::Object),
                _ => return Err(self.problem(expects.unmet())),
            };
            self.consume(skip);
            self.place.expects = next;
        }
    }

    /// Back to a place that was passed since the last [`Elements::push`]: what stands there is not to be kept.
    pub(crate) fn back_to(&mut self, place: Place) {
        let by = self.place.offset.saturating_sub(place.offset);
        self.done -= usize::try_from(by).unwrap_or_default().min(self.done);
        self.place = place;
        self.scan = Scan::default();
    }

    fn rest(&self) -> &[u8] {
        self.held.get(self.done..).unwrap_or_default()
    }

    /// The rest of the line, without its end.
    fn line(&mut self) -> Result<Option<Element>, Problem> {
        if let Some(length) = self.look()? {
            let element = self.take(length);
            self.consume(1);
            return Ok(Some(element));
        }
        let last = self.finished && self.scan.bytes > 0;
        Ok(last.then(|| self.take(self.scan.bytes)))
    }

    /// The object that begins here, if all of it is there.
    fn object(&mut self) -> Result<Option<Element>, Problem> {
        Ok(self.look()?.map(|length| self.take(length)))
    }

    /// Looks on for the end of what begins here, and returns its length.
    fn look(&mut self) -> Result<Option<usize>, Problem> {
        let (lines, mut scan) = (self.place.expects == Expects::Line, self.scan);
        let rest = self.rest();
        let mut end = None;
        while let Some(byte) = rest.get(scan.bytes).copied() {
            if lines && byte == b'\n' {
                end = Some(scan.bytes);
                break;
            }
            scan.see(byte);
            if scan.in_string && !scan.escaped {
                scan.bytes += plain(rest.get(scan.bytes..).unwrap_or_default(), lines);
            }
            if scan.bytes > ELEMENT_MAX {
                return Err(self.problem(format!("the object that begins here is over {ELEMENT_MAX} bytes")));
            }
            if scan.depth > DEPTH_MAX {
                let mut problem = self.problem(format!("objects and lists are nested deeper than {DEPTH_MAX} levels"));
                problem.line += line_feeds(self.rest().get(..scan.bytes).unwrap_or_default());
                return Err(problem);
            }
            if !lines && scan.depth == 0 {
                end = Some(scan.bytes);
                break;
            }
        }
        self.scan = scan;
        Ok(end)
    }

    fn take(&mut self, count: usize) -> Element {
        let bytes = self.rest().get(..count).unwrap_or_default().to_vec();
        let element = Element { bytes, line: self.place.lines + 1, offset: self.place.offset };
        self.scan = Scan::default();
        self.consume(count);
        element
    }

    fn consume(&mut self, count: usize) {
        let bytes = self.rest().get(..count).unwrap_or_default();
        let (read, lines) = (len(bytes), line_feeds(bytes));
        self.place.offset += read;
        self.place.lines += lines;
        self.done += count;
    }

    /// Nothing is left of what was given.
    fn end(&self) -> Result<(), Problem> {
        match self.place.expects {
            _ if !self.finished => Ok(()),
            Expects::Line | Expects::Nothing => Ok(()),
            Expects::Begin | Expects::Marked => Err(self.problem("the file is empty")),
            Expects::First | Expects::Object | Expects::Comma => {
                Err(self.problem("the file ends before its array does"))
            }
        }
    }

    fn problem(&self, text: impl AsRef<str>) -> Problem {
        Problem::at(self.place.lines + 1, "", text)
    }
}

/// How many bytes of a string come before one that means something. Most of a file is in strings.
fn plain(string: &[u8], lines: bool) -> usize {
    let next = if lines { memchr3(b'"', b'\\', b'\n', string) } else { memchr2(b'"', b'\\', string) };
    next.unwrap_or(string.len())
}

impl Scan {
    fn see(&mut self, byte: u8) {
        self.bytes += 1;
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

impl Expects {
    fn unmet(self) -> &'static str {
        match self {
            Self::Begin | Self::Marked => "a file begins with `[` or `{`",
            Self::First => "an object, or the end of the array, is expected",
            Self::Line | Self::Object => "an object is expected",
            Self::Comma => "a comma, or the end of the array, is expected",
            Self::Nothing => "something stands after the end of the array",
        }
    }
}

/// The white space of JSON.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn line_feeds(bytes: &[u8]) -> u64 {
    u64::try_from(memchr_iter(b'\n', bytes).count()).unwrap_or_default()
}

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or_default()
}
