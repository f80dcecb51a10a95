//! What a scanner says, whatever the format it wrote.

use serde::{Deserialize, Serialize};

use super::{Category, Severity};

/// A finding of a scanner about one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// The id that the scanner gives it: the same in each scan.
    pub(crate) uid: String,
    /// The scanner, such as `Prowler`.
    pub(crate) source: String,
    /// The scanner's rule or check.
    pub(crate) rule: String,
    pub(crate) category: Category,
    pub(crate) severity: Severity,
    /// One line.
    pub(crate) title: String,
    /// What the scanner says of just this resource.
    pub(crate) detail: String,
    /// What the rule is about; the same for all findings of a rule.
    pub(crate) description: String,
    /// What to do about it; the same for all findings of a rule.
    pub(crate) remediation: String,
    /// Where to read on.
    pub(crate) references: Vec<String>,
    /// An id, an ARN, a file.
    pub(crate) resource: String,
    pub(crate) resource_type: String,
    pub(crate) region: String,
    /// The scanner looked, and all is well.
    pub(crate) passed: bool,
}
