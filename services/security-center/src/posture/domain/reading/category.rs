//! Which scanner's finding is of which category.

use super::super::Category;

/// Parts of the ids of checks that find secrets where they can be read. Prowler has them for code, variables, user data,
/// templates, logs and outputs; checks that secrets are scanned for, rotated or encrypted are others.
const SECRET_CHECKS: &[&str] =
    &["find_secrets", "no_secrets", "no_environment_secrets", "secrets_user_data", "_document_secrets", "ckv_secret_"];

/// Beginnings of the types that AWS gives findings, which OCSF carries in `finding_info.types`.
const TYPES: &[(&str, Category)] = &[
    ("software and configuration checks/vulnerabilities", Category::Vulnerability),
    ("software and configuration checks", Category::Baseline),
    ("sensitive data identifications/passwords", Category::ExposedCredential),
    ("ttps", Category::Attack),
    ("effects", Category::Attack),
    ("unusual behaviors", Category::Attack),
];

/// What tags of rules and results say, the first that fits.
const TAGS: &[(&str, Category)] = &[
    ("cwe-798", Category::ExposedCredential),
    ("cwe-259", Category::ExposedCredential),
    ("cwe-321", Category::ExposedCredential),
    ("secret", Category::ExposedCredential),
    ("secrets", Category::ExposedCredential),
    ("misconfiguration", Category::Baseline),
    ("vulnerability", Category::Vulnerability),
];

/// Parts of the names of tools that write SARIF. What is not known finds vulnerabilities, as most that write it do.
const TOOLS: &[(&str, Category)] = &[
    ("checkov", Category::Baseline),
    ("tfsec", Category::Baseline),
    ("kics", Category::Baseline),
    ("terrascan", Category::Baseline),
    ("kube-linter", Category::Baseline),
    ("hadolint", Category::Baseline),
    ("gitleaks", Category::ExposedCredential),
    ("trufflehog", Category::ExposedCredential),
    ("detect-secrets", Category::ExposedCredential),
];

/// Whether a check looks for secrets where they can be read.
pub(super) fn finds_secrets(rule: &str) -> bool {
    let rule = rule.to_ascii_lowercase();
    SECRET_CHECKS.iter().any(|part| rule.contains(part))
}

/// What a type of a finding says.
pub(super) fn of_type(kind: &str) -> Option<Category> {
    let kind = kind.to_ascii_lowercase();
    TYPES.iter().find(|(begin, _)| kind.starts_with(begin)).map(|(_, category)| *category)
}

/// The category of a result of a tool.
pub(super) fn of_result<'a>(tool: &str, rule: &str, tags: impl Iterator<Item = &'a str>) -> Category {
    if finds_secrets(rule) {
        return Category::ExposedCredential;
    }
    let tags: Vec<_> = tags.map(str::to_ascii_lowercase).collect();
    let said = TAGS.iter().find(|(word, _)| tags.iter().any(|tag| has_word(tag, word)));
    let tool = tool.to_ascii_lowercase();
    let known = || TOOLS.iter().find(|(part, _)| tool.contains(part));
    said.or_else(known).map_or(Category::Vulnerability, |(_, category)| *category)
}

/// Whether a text has a word: `external/cwe/cwe-798` has `cwe-798`, and `cwe-7981` has not.
fn has_word(text: &str, word: &str) -> bool {
    let bounds = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (text.get(..at), text.get(at + word.len()..));
        bounds(before.and_then(|t| t.chars().next_back())) && bounds(after.and_then(|t| t.chars().next()))
    })
}
