//! A split on the command line.

use clap::ValueEnum;
use muscall::Split;

/// A split on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SplitName {
    /// What is trained on.
    Train,
    /// What decides which model is kept.
    Val,
    /// What is measured once.
    Test,
}

impl From<SplitName> for Split {
    fn from(name: SplitName) -> Self {
        match name {
            SplitName::Train => Self::Train,
            SplitName::Val => Self::Val,
            SplitName::Test => Self::Test,
        }
    }
}
