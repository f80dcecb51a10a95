//! Findings as the Open Cybersecurity Schema Framework has them, 1.0 to 1.5: what Prowler 4 and 5 write.
//!
//! What is not used here is not looked at, so that a finding with extensions or of a newer schema is read as well.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    Problem, category,
    elements::Element,
    text::{DETAIL, ID, TEXT, TITLE, cut, first, line, not_a_scanner, references},
};
use crate::posture::domain::{Category, Finding, Severity};

const SECURITY_FINDING: i64 = 2001;
const VULNERABILITY_FINDING: i64 = 2002;
const COMPLIANCE_FINDING: i64 = 2003;
const DETECTION_FINDING: i64 = 2004;

/// Most resources of a finding: each makes a risk of its own.
pub(crate) const RESOURCES_MAX: usize = 100;

#[derive(Debug, Deserialize)]
struct Event {
    class_uid: Option<i64>,
    finding_info: Option<Information>,
    /// Of class 2001, instead of `finding_info`.
    finding: Option<Information>,
    metadata: Option<Metadata>,
    severity_id: Option<i64>,
    status_id: Option<i64>,
    status_code: Option<String>,
    status_detail: Option<String>,
    message: Option<String>,
    risk_details: Option<String>,
    #[serde(default)]
    resources: Option<Vec<Resource>>,
    /// As schema 1.1 has it in class 2003.
    resource: Option<Resource>,
    cloud: Option<Cloud>,
    remediation: Option<Remediation>,
    compliance: Option<Compliance>,
    vulnerabilities: Option<Vec<Vulnerability>>,
}

#[derive(Debug, Deserialize)]
struct Information {
    uid: Option<String>,
    title: Option<String>,
    desc: Option<String>,
    types: Option<Vec<String>>,
    remediation: Option<Remediation>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    event_code: Option<String>,
    product: Option<Product>,
}

#[derive(Debug, Deserialize)]
struct Product {
    name: Option<String>,
    vendor_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resource {
    uid: Option<String>,
    name: Option<String>,
    r#type: Option<String>,
    region: Option<String>,
    namespace: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Cloud {
    region: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Remediation {
    desc: Option<String>,
    references: Option<Vec<String>>,
    kb_articles: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Compliance {
    control: Option<String>,
    status: Option<String>,
    status_id: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Vulnerability {
    title: Option<String>,
    desc: Option<String>,
    cve: Option<Cve>,
    references: Option<Vec<String>>,
    remediation: Option<Remediation>,
}

#[derive(Debug, Deserialize)]
struct Cve {
    uid: Option<String>,
}

/// What a scanner says of a check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Failed,
    Passed,
    /// Somebody has to look; the scanner cannot.
    Manual,
}

/// The findings of an object: one for each resource, none where somebody has to look.
///
/// # Errors
/// If it is no such object, or lacks what makes a finding; names line and field.
pub(crate) fn findings(element: &Element) -> Result<Vec<Finding>, Problem> {
    let event = match serde_json::from_slice::<Event>(&element.bytes) {
        Ok(event) => event,
        Err(_) => explained(element)?,
    };
    event.findings().map_err(|(field, text)| Problem::at(element.line, field, text))
}

/// Reads an object again that is not as it must be, for the path of what is wrong: to know it costs as much as reading.
fn explained(element: &Element) -> Result<Event, Problem> {
    let mut json = serde_json::Deserializer::from_slice(&element.bytes);
    let event = serde_path_to_error::deserialize(&mut json).map_err(|error| Problem::of_json(error, element.line))?;
    json.end().map_err(|_| Problem::at(element.line, "", "something stands after the object in its line"))?;
    Ok(event)
}

type Wrong = (&'static str, String);

impl Event {
    fn findings(self) -> Result<Vec<Finding>, Wrong> {
        let class = self.class_uid.ok_or_else(|| missing("class_uid"))?;
        if !(SECURITY_FINDING..=DETECTION_FINDING).contains(&class) {
            let text = format!("{class} is no class of findings that is read: 2001, 2002, 2003 and 2004 are");
            return Err(("class_uid", text));
        }
        let information = self.information().ok_or_else(|| missing("finding_info"))?;
        let uid = id("finding_info.uid", information.uid.as_deref())?;
        let source = id("metadata.product.name", self.source())?;
        if let Some(problem) = not_a_scanner(&source) {
            return Err(("metadata.product.name", problem));
        }
        let severity = severity(self.severity_id.ok_or_else(|| missing("severity_id"))?)?;
        let verdict = self.verdict();
        let resources = self.resources()?;
        if verdict == Verdict::Manual {
            return Ok(Vec::new());
        }
        let rule = line(self.rule(), ID);
        let weakness = self.vulnerabilities.iter().flatten().next();
        let title = [information.title.as_deref(), weakness.and_then(|w| w.title.as_deref()), Some(&rule)];
        let title = line(first(title.into_iter().chain([self.message.as_deref()])), TITLE);
        let parts = [information.desc.as_deref(), self.risk_details.as_deref()].into_iter().flatten();
        let description = parts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n");
        let description = first([Some(description.as_str()), weakness.and_then(|w| w.desc.as_deref())]);
        let remedies = self.remedies();
        let finding = Finding {
            uid,
            source,
            category: self.category(class, &rule),
            rule,
            severity,
            title,
            detail: cut(first([self.status_detail.as_deref(), self.message.as_deref()]), DETAIL),
            description: cut(description, TEXT),
            remediation: cut(first(remedies.iter().map(|remedy| remedy.desc.as_deref())), TEXT),
            references: references(self.references(&remedies)),
            resource: String::new(),
            resource_type: String::new(),
            region: line(self.cloud.as_ref().and_then(|cloud| cloud.region.as_deref()).unwrap_or_default(), ID),
            passed: verdict == Verdict::Passed,
        };
        if resources.is_empty() {
            return Ok(vec![finding]);
        }
        // Where the id names several of the resources, it tells none from the others.
        let named = resources.iter().filter(|resource| resource.is_named_by(&finding.uid)).count();
        let own = |resource: &&Resource| {
            let tells = named == 1 && resource.is_named_by(&finding.uid);
            resource.on(finding.clone(), tells)
        };
        Ok(resources.iter().map(own).collect())
    }

    fn information(&self) -> Option<&Information> {
        self.finding_info.as_ref().or(self.finding.as_ref())
    }

    fn source(&self) -> Option<&str> {
        let product = self.metadata.as_ref()?.product.as_ref()?;
        Some(first([product.name.as_deref(), product.vendor_name.as_deref()]))
    }

    fn resources(&self) -> Result<Vec<&Resource>, Wrong> {
        let listed: Vec<_> = self.resources.iter().flatten().collect();
        if listed.len() > RESOURCES_MAX {
            return Err(("resources", format!("has {}; at most {RESOURCES_MAX} are read", listed.len())));
        }
        Ok(if listed.is_empty() { self.resource.iter().collect() } else { listed })
    }

    fn rule(&self) -> &str {
        let weakness = self.vulnerabilities.iter().flatten().next();
        first([
            self.metadata.as_ref().and_then(|metadata| metadata.event_code.as_deref()),
            self.compliance.as_ref().and_then(|compliance| compliance.control.as_deref()),
            weakness.and_then(|weakness| weakness.cve.as_ref()?.uid.as_deref()),
        ])
    }

    fn remedies(&self) -> Vec<&Remediation> {
        let inside = self.information().and_then(|information| information.remediation.as_ref());
        let weaknesses = self.vulnerabilities.iter().flatten().filter_map(|weakness| weakness.remediation.as_ref());
        self.remediation.iter().chain(inside).chain(weaknesses).collect()
    }

    fn references<'a>(&'a self, remedies: &'a [&'a Remediation]) -> impl Iterator<Item = &'a str> {
        let lists = remedies.iter().flat_map(|remedy| [&remedy.references, &remedy.kb_articles]);
        let weaknesses = self.vulnerabilities.iter().flatten().map(|weakness| &weakness.references);
        lists.chain(weaknesses).flatten().flatten().map(String::as_str)
    }

    /// Prowler says it in `status_code`, others in `compliance`; what was suppressed or resolved where it was found
    /// counts as passed.
    fn verdict(&self) -> Verdict {
        const SUPPRESSED: i64 = 3;
        const RESOLVED: i64 = 4;
        let compliance = self.compliance.as_ref();
        let said = first([self.status_code.as_deref(), compliance.and_then(|said| said.status.as_deref())]);
        let said = said.to_ascii_uppercase();
        match self.status_id {
            Some(SUPPRESSED | RESOLVED) => Verdict::Passed,
            _ if said.starts_with("PASS") => Verdict::Passed,
            _ if said.starts_with("MANUAL") => Verdict::Manual,
            _ if said.is_empty() && compliance.and_then(|said| said.status_id) == Some(1) => Verdict::Passed,
            _ => Verdict::Failed,
        }
    }

    fn category(&self, class: i64, rule: &str) -> Category {
        if category::finds_secrets(rule) {
            return Category::ExposedCredential;
        }
        let types = self.information().into_iter().flat_map(|information| information.types.iter().flatten());
        let typed = || types.map(String::as_str).find_map(category::of_type);
        let weak = self.vulnerabilities.as_ref().is_some_and(|list| !list.is_empty());
        // A verdict is of a check: what detects attacks has none.
        let checked = matches!(self.status_code.as_deref(), Some("FAIL" | "PASS" | "MANUAL"));
        match class {
            VULNERABILITY_FINDING => Category::Vulnerability,
            COMPLIANCE_FINDING => Category::Baseline,
            _ if weak => Category::Vulnerability,
            DETECTION_FINDING if checked => Category::Baseline,
            DETECTION_FINDING => typed().unwrap_or(Category::Attack),
            _ => typed().unwrap_or(Category::Baseline),
        }
    }
}

impl Resource {
    /// What was found on it. Unless the id of the finding `tells` which resource it is about, that is a part of the id,
    /// whether there are others or not: what is found on it does not become another when they are repaired.
    fn on(&self, finding: Finding, tells: bool) -> Finding {
        let region = first([self.region.as_deref(), Some(&finding.region), self.namespace.as_deref()]);
        let whole = self.id();
        Finding {
            uid: if tells || whole.is_empty() { finding.uid } else { format!("{}/{}", finding.uid, digest(whole)) },
            resource: line(whole, ID),
            resource_type: line(self.r#type.as_deref().unwrap_or_default(), ID),
            region: line(region, ID),
            ..finding
        }
    }

    fn id(&self) -> &str {
        first([self.uid.as_deref(), self.name.as_deref()])
    }

    /// Whether an id of a finding ends with this resource: with its id, its name, or the last part of its id, as Prowler
    /// makes them.
    fn is_named_by(&self, uid: &str) -> bool {
        let whole = self.id();
        let last = whole.rsplit(['/', ':']).next();
        [Some(whole), self.name.as_deref(), last].into_iter().flatten().filter(|part| !part.is_empty()).any(|part| {
            let before = uid.strip_suffix(part).map(|before| before.chars().next_back());
            before.is_some_and(|before| before.is_none_or(|c| !c.is_alphanumeric()))
        })
    }
}

/// 128 bits of a hash, in hexadecimal digits.
fn digest(text: &str) -> String {
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn severity(id: i64) -> Result<Severity, Wrong> {
    Ok(match id {
        1 => Severity::Informational,
        2 => Severity::Low,
        // Unknown, and what only the scanner knows.
        0 | 3 | 99 => Severity::Medium,
        4 => Severity::High,
        5 | 6 => Severity::Critical,
        _ => return Err(("severity_id", format!("{id} is none of 0 to 6 and 99"))),
    })
}

/// A text that must be there, and be whole: what is told apart by it must not be cut.
fn id(field: &'static str, text: Option<&str>) -> Result<String, Wrong> {
    let text = text.unwrap_or_default();
    let cleaned = line(text, ID);
    if cleaned.is_empty() {
        return Err(missing(field));
    }
    if text.chars().count() > ID {
        return Err((field, format!("has over {ID} characters")));
    }
    Ok(cleaned)
}

fn missing(field: &'static str) -> Wrong {
    (field, "must be set".to_owned())
}
