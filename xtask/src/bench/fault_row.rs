//! The table of faults.

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaultRow {
    /// What was broken.
    pub fault: String,
    /// What must hold all the same.
    pub promise: String,
    /// What was seen.
    pub seen: String,
}
