//! The sides of a data set.

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// To learn from.
    Train,
    /// To choose the best model by.
    Val,
    /// To report on.
    Test,
}

impl Split {
    pub(super) const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|split| split.names().contains(&name.to_ascii_lowercase().as_str()))
    }

    /// What data sets call it.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Train => &["train", "training"],
            Self::Val => &["val", "valid", "validation", "dev"],
            Self::Test => &["test"],
        }
    }

    /// As manifests name it: `train`, `val` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}
