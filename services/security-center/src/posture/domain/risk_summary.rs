//! Numbers of risks by what they have in common.

/// What risks are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dimension {
    Account,
    Folder,
    Category,
    Severity,
    Resource,
    Rule,
}

/// Numbers of risks by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RiskCounts {
    pub(crate) critical: i64,
    pub(crate) high: i64,
    pub(crate) medium: i64,
    pub(crate) low: i64,
    pub(crate) informational: i64,
}

/// Risks that have one value of a dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RiskGroup {
    /// `accounts/{account}`, a folder, the number of a category or severity, a resource, a rule.
    pub(crate) value: String,
    pub(crate) counts: RiskCounts,
}

/// Groups, the worst first, and what all of them come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RiskSummary {
    pub(crate) groups: Vec<RiskGroup>,
    pub(crate) total: RiskCounts,
    pub(crate) group_count: i64,
}

impl Dimension {
    /// Whether the numbers of risks are kept by it.
    pub(crate) fn is_counted(self) -> bool {
        !matches!(self, Self::Resource | Self::Rule)
    }
}
