//! SARIF 2.1.0 as Trivy, Semgrep, Checkov, Grype, Bandit, CodeQL and Gitleaks write it.
//!
//! A file is read whole: what a result means can stand after it. Only what is used of it is kept
//! (`docs/decisions/0021-structures-of-our-own-for-findings.md`).

mod bounds;
mod model;
mod rules;

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest, Sha256};

#[cfg(test)]
pub(super) use bounds::{RESULTS_MAX, RULES_MAX};
use model::{Location, Outcome, Properties, Rule, Run, Suppression, Tool};
use rules::RuleIndex;

use super::{
    Problem, category,
    text::{DETAIL, ID, TEXT, TITLE, cut, first, line, not_a_scanner, references},
};
use crate::posture::domain::{Finding, Severity};

const BOM: &[u8] = b"\xef\xbb\xbf";
const VERSION: &str = "2.1.0";
/// What Semgrep writes as the fingerprint of each result where nobody is logged in.
const NO_FINGERPRINT: &str = "requires login";

/// A file.
#[derive(Debug, Deserialize)]
pub(crate) struct Sarif {
    version: Option<String>,
    runs: Option<Vec<Run>>,
    /// Where the rules of each run are.
    #[serde(skip)]
    rules: Vec<RuleIndex>,
}

impl Sarif {
    /// Reads a file.
    ///
    /// # Errors
    /// If it is not of SARIF 2.1.0; names line and path.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
        bounds::check(bytes)?;
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let mut read: Self = serde_path_to_error::deserialize(&mut json).map_err(|error| Problem::of_json(error, 1))?;
        json.end().map_err(|error| {
            Problem::at(u64::try_from(error.line()).unwrap_or(1), "", "something stands after the end of the document")
        })?;
        match &read.version {
            Some(version) if version == VERSION => {}
            Some(other) => return Err(Problem::at(1, "version", format!("{other} is not read: {VERSION} is"))),
            None => return Err(Problem::at(1, "version", "must be set")),
        }
        if read.runs.is_none() {
            return Err(Problem::at(1, "runs", "must be set"));
        }
        if let Some((run, problem)) = read.sources().enumerate().find_map(|(i, name)| Some((i, not_a_scanner(&name)?)))
        {
            return Err(Problem::at(0, format!("runs[{run}].tool.driver.name"), problem));
        }
        read.rules = read.runs.iter().flatten().map(|run| RuleIndex::of(&run.tool)).collect();
        Ok(read)
    }

    /// The tools that wrote it, also those that found nothing.
    pub(crate) fn sources(&self) -> impl Iterator<Item = String> {
        self.runs.iter().flatten().map(|run| run.tool.source())
    }

    /// How many results it has.
    pub(crate) fn len(&self) -> usize {
        self.runs.iter().flatten().map(|run| run.results.iter().flatten().count()).sum()
    }

    /// At most `limit` results after the first `skip`, in their order.
    pub(crate) fn findings(&self, mut skip: usize, limit: usize) -> Vec<Finding> {
        let mut found = Vec::new();
        for (run, rules) in self.runs.iter().flatten().zip(&self.rules) {
            let results = run.results.as_deref().unwrap_or_default();
            let rest = results.get(skip..).unwrap_or_default();
            skip = skip.saturating_sub(results.len());
            let room = limit.saturating_sub(found.len());
            found.extend(rest.iter().take(room).map(|result| run.finding(rules, result)));
        }
        found
    }
}

impl Tool {
    fn source(&self) -> String {
        let name = line(&self.driver.name, ID);
        if name.is_empty() { "SARIF".to_owned() } else { name }
    }
}

impl Run {
    fn finding(&self, rules: &RuleIndex, result: &Outcome) -> Finding {
        let rule = rules.rule(&self.tool, result);
        let rule_id = result.rule_id(rule);
        let message = result.text(rule);
        let place = result.locations.as_ref().and_then(|list| list.iter().next());
        let uri = place.and_then(|place| self.uri(place));
        let named = place.and_then(|place| place.logical_locations.as_ref()?.iter().next());
        let resource = first([uri, named.and_then(|n| n.fully_qualified_name.as_deref().or(n.name.as_deref()))]);
        let start = place.and_then(|place| place.physical_location.as_ref()?.region.as_ref()?.start_line);
        let tags = rule.into_iter().flat_map(|rule| tags(rule.properties.as_ref()));
        let tags = tags.chain(tags_of(result));
        let short = rule.and_then(|rule| rule.short_description.as_ref()?.text.as_deref());
        let name = rule.and_then(|rule| rule.name.as_deref());
        let full = rule.and_then(|rule| rule.full_description.as_ref()?.text.as_deref());
        let help = rule.and_then(|rule| rule.help.as_ref());
        let help_text = help.and_then(|help| help.text.as_deref().or(help.markdown.as_deref()));
        Finding {
            uid: result.uid(rule_id, resource, start, message),
            source: self.tool.source(),
            rule: line(rule_id, ID),
            category: category::of_result(&self.tool.driver.name, rule_id, tags),
            severity: result.severity(rule),
            title: line(first([short, name, Some(message), Some(rule_id)]), TITLE),
            detail: cut(&located(message, start), DETAIL),
            description: cut(first([full, short]), TEXT),
            remediation: cut(help_text.unwrap_or_default(), TEXT),
            references: references(rule.and_then(|rule| rule.help_uri.as_deref())),
            resource: line(resource, ID),
            resource_type: if uri.is_some() { "file".to_owned() } else { String::new() },
            region: String::new(),
            passed: result.passed(),
        }
    }

    fn uri<'a>(&'a self, place: &'a Location) -> Option<&'a str> {
        let location = place.physical_location.as_ref()?.artifact_location.as_ref()?;
        let listed = || at(self.artifacts.as_deref(), location.index?)?.location.as_ref()?.uri.as_deref();
        location.uri.as_deref().or_else(listed)
    }
}

impl Outcome {
    fn rule_id<'a>(&'a self, rule: Option<&'a Rule>) -> &'a str {
        let referred = self.rule.as_ref().and_then(|reference| reference.id.as_deref());
        first([self.rule_id.as_deref(), referred, rule.map(|rule| rule.id.as_str())])
    }

    fn text<'a>(&'a self, rule: Option<&'a Rule>) -> &'a str {
        let Some(message) = &self.message else { return "" };
        let of_rule = || rule?.message_strings.as_ref()?.get(message.id.as_ref()?)?.text.as_deref();
        message.text.as_deref().or(message.markdown.as_deref()).or_else(of_rule).unwrap_or_default()
    }

    /// What is the same in each scan: what the tool says it is, else where it is.
    fn uid(&self, rule: &str, resource: &str, start: Option<i64>, message: &str) -> String {
        let (whole, partial) = (known(self.fingerprints.as_ref()), known(self.partial_fingerprints.as_ref()));
        let mut hash = Sha256::new();
        let mut add = |part: &str| {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        };
        add(rule);
        match (whole.as_slice(), partial.as_slice()) {
            ([], []) => {
                let start = start.unwrap_or_default().to_string();
                [resource, &start, message].into_iter().for_each(&mut add);
            }
            ([], some) => [resource].into_iter().chain(some.iter().copied()).for_each(&mut add),
            (some, _) => some.iter().copied().for_each(&mut add),
        }
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Suppressed where it was found, gone since the baseline, or no failure at all.
    fn passed(&self) -> bool {
        let accepted = |suppression: &Suppression| suppression.status.as_deref().is_none_or(|s| s == "accepted");
        let suppressed = self.suppressions.iter().flat_map(|list| list.iter()).any(accepted);
        let none = matches!(self.kind.as_deref(), Some("pass" | "notApplicable"));
        suppressed || none || self.baseline_state.as_deref() == Some("absent")
    }

    fn severity(&self, rule: Option<&Rule>) -> Severity {
        let of = |properties: Option<&Properties>| properties?.security_severity.as_ref()?.value();
        let rated = of(self.properties.as_ref()).or_else(|| of(rule.and_then(|rule| rule.properties.as_ref())));
        if let Some(score) = rated {
            return match score {
                score if score >= 9.0 => Severity::Critical,
                score if score >= 7.0 => Severity::High,
                score if score >= 4.0 => Severity::Medium,
                score if score > 0.0 => Severity::Low,
                _ => Severity::Informational,
            };
        }
        let default = || rule?.default_configuration.as_ref()?.level.as_deref();
        match self.level.as_deref().or_else(default).unwrap_or("warning") {
            "error" => Severity::High,
            "note" => Severity::Low,
            "none" => Severity::Informational,
            _ => Severity::Medium,
        }
    }
}

fn at<T>(list: Option<&[T]>, index: i64) -> Option<&T> {
    list?.get(usize::try_from(index).ok()?)
}

/// Keys and values of fingerprints, without those that are none.
fn known(fingerprints: Option<&BTreeMap<String, String>>) -> Vec<&str> {
    let some = fingerprints.into_iter().flatten().filter(|(_, value)| !value.is_empty() && *value != NO_FINGERPRINT);
    some.flat_map(|(key, value)| [key.as_str(), value.as_str()]).collect()
}

fn tags(properties: Option<&Properties>) -> impl Iterator<Item = &str> {
    properties
        .into_iter()
        .flat_map(|properties| properties.tags.iter().flat_map(|list| list.iter()))
        .map(String::as_str)
}

fn tags_of(result: &Outcome) -> impl Iterator<Item = &str> {
    tags(result.properties.as_ref())
}

fn located(message: &str, start: Option<i64>) -> String {
    match start {
        Some(start) => format!("line {start}: {message}"),
        None => message.to_owned(),
    }
}
