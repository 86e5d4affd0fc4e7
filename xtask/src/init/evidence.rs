//! A value with what speaks for it: where that stands, how sure it makes us, and what is doubtful about it.

/// How sure a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Nothing in the tree says anything, and it does not matter.
    Default,
    /// It is written in the tree.
    Written,
    /// All evidence agrees.
    Agreed,
    /// Evidence disagrees, or is missing where it matters.
    Doubt,
}

impl Mark {
    /// Its sign in the stack file.
    #[must_use]
    pub fn sign(self) -> Option<char> {
        match self {
            Self::Default => None,
            Self::Written => Some('='),
            Self::Agreed => Some('~'),
            Self::Doubt => Some('?'),
        }
    }

    /// What it is called in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Written => "written",
            Self::Agreed => "agreed",
            Self::Doubt => "doubt",
        }
    }
}

/// A line of the tree that speaks for a value, or against it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Evidence {
    /// Path relative to the tree.
    pub path: String,
    /// Line, from 1; 0 where the whole file is meant.
    pub line: usize,
    /// What it says, in a few words.
    pub says: String,
}

impl Evidence {
    /// A line that says something.
    #[must_use]
    pub fn new(path: impl Into<String>, line: usize, says: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            line,
            says: says.into(),
        }
    }

    /// `FILE:LINE`, or `FILE`.
    #[must_use]
    pub fn place(&self) -> String {
        match self.line {
            0 => self.path.clone(),
            line => format!("{}:{line}", self.path),
        }
    }
}

/// A value that was inferred.
#[derive(Debug, Clone)]
pub struct Known<T> {
    /// The value.
    pub value: T,
    /// How sure it is.
    pub mark: Mark,
    /// What speaks for it, strongest first.
    pub evidence: Vec<Evidence>,
    /// What is doubtful about it, one sentence each.
    pub doubts: Vec<String>,
}

impl<T> Known<T> {
    fn new(value: T, mark: Mark, evidence: Vec<Evidence>) -> Self {
        Self {
            value,
            mark,
            evidence,
            doubts: Vec::new(),
        }
    }

    /// A value that the tree writes.
    #[must_use]
    pub fn written(value: T, evidence: Evidence) -> Self {
        Self::new(value, Mark::Written, vec![evidence])
    }

    /// A value that follows from all that was seen.
    #[must_use]
    pub fn agreed(value: T, evidence: Vec<Evidence>) -> Self {
        Self::new(value, Mark::Agreed, evidence)
    }

    /// A value that nothing depends on.
    #[must_use]
    pub fn default(value: T) -> Self {
        Self::new(value, Mark::Default, Vec::new())
    }

    /// A value that somebody should look at.
    #[must_use]
    pub fn doubtful(value: T, evidence: Vec<Evidence>, why: impl Into<String>) -> Self {
        Self::new(value, Mark::Agreed, evidence).but(why)
    }

    /// The same, with a reason to doubt it.
    #[must_use]
    pub fn but(mut self, why: impl Into<String>) -> Self {
        self.mark = Mark::Doubt;
        self.doubts.push(why.into());
        self
    }

    /// The same about another value.
    #[must_use]
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Known<U> {
        Known {
            value: change(self.value),
            mark: self.mark,
            evidence: self.evidence,
            doubts: self.doubts,
        }
    }
}
