//! How much a file of SARIF may have of what is many.
//!
//! An element takes three bytes of a file and hundreds in memory, so that a file is counted before it is read. Of lists of
//! which only the first elements mean something, the others are not kept.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, SeqAccess, Visitor},
};

use super::Problem;

/// Most runs of a file.
const RUNS_MAX: usize = 100;
/// Most extensions of a tool.
const EXTENSIONS_MAX: usize = 100;
/// Most results of a file.
pub(crate) const RESULTS_MAX: usize = 500_000;
/// Most rules of a file.
pub(crate) const RULES_MAX: usize = 50_000;
/// Most artifacts of a file.
const ARTIFACTS_MAX: usize = 500_000;

#[derive(Deserialize)]
struct Shape {
    runs: Option<AtMost<Run, RUNS_MAX>>,
}

#[derive(Deserialize)]
struct Run {
    tool: Option<Tool>,
    results: Option<Count>,
    artifacts: Option<Count>,
}

#[derive(Deserialize)]
struct Tool {
    driver: Option<Component>,
    extensions: Option<AtMost<Component, EXTENSIONS_MAX>>,
}

#[derive(Deserialize)]
struct Component {
    rules: Option<Count>,
}

/// How many elements a list has.
struct Count(usize);

/// A list that has no more elements.
struct AtMost<T, const MAX: usize>(Vec<T>);

/// The first elements of a list.
#[derive(Debug)]
pub(super) struct Firsts<T, const N: usize>(Vec<T>);

/// Counts what is many, and keeps nothing of it.
///
/// # Errors
/// What there is too much of, or what is wrong with the file up to there.
pub(super) fn check(bytes: &[u8]) -> Result<(), Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let shape: Shape = serde_path_to_error::deserialize(&mut json).map_err(|error| Problem::of_json(error, 1))?;
    let (mut results, mut rules, mut artifacts) = (0, 0, 0);
    let of = |count: &Option<Count>| count.as_ref().map_or(0, |count| count.0);
    for (at, run) in shape.runs.iter().flat_map(|runs| &runs.0).enumerate() {
        results += of(&run.results);
        artifacts += of(&run.artifacts);
        let tool = run.tool.iter();
        let components =
            tool.flat_map(|tool| tool.driver.iter().chain(tool.extensions.iter().flat_map(|list| &list.0)));
        rules += components.map(|component| of(&component.rules)).sum::<usize>();
        for (count, most, field, what) in [
            (results, RESULTS_MAX, "results", "results"),
            (rules, RULES_MAX, "tool", "rules"),
            (artifacts, ARTIFACTS_MAX, "artifacts", "artifacts"),
        ] {
            if count > most {
                let text = format!("the file has {count} {what} or more; at most {most} are read");
                return Err(Problem::at(0, format!("runs[{at}].{field}"), text));
            }
        }
    }
    Ok(())
}

impl<T, const N: usize> Firsts<T, N> {
    pub(super) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Counted;
        impl<'de> Visitor<'de> for Counted {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Count, A::Error> {
                let mut count = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }
        }
        from.deserialize_seq(Counted)
    }
}

/// A list of which at most so many elements are kept; of more, it is an error, or they are passed over.
struct Kept<T, const N: usize> {
    refuse: bool,
    of: std::marker::PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Kept<T, N> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < N {
            let Some(element) = list.next_element()? else { return Ok(kept) };
            kept.push(element);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            if self.refuse {
                return Err(A::Error::custom(format!("has over {N} elements")));
            }
        }
        Ok(kept)
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for AtMost<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(Kept::<T, MAX> { refuse: true, of: std::marker::PhantomData }).map(Self)
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for Firsts<T, N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(Kept::<T, N> { refuse: false, of: std::marker::PhantomData }).map(Self)
    }
}
