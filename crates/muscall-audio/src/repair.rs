//! What was mended while decoding.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that was wrong with a file and could be put right. Counts are in frames of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Repair {
    /// Packets were lost or damaged; silence of their length stands in their place.
    GapFilled {
        /// Where the first gap starts.
        at: u64,
        /// Length of all gaps together.
        frames: u64,
    },
    /// Samples that were not numbers, or impossibly large, are now zero.
    SamplesScrubbed {
        /// How many samples.
        count: u64,
    },
    /// The file ends before the length that it declares.
    ShorterThanDeclared {
        /// In the header.
        declared: u64,
        /// Decoded.
        found: u64,
    },
    /// There is more audio than the header declares; all of it was kept.
    LongerThanDeclared {
        /// In the header.
        declared: u64,
        /// Decoded.
        found: u64,
    },
    /// From here on the stream changes its format or cannot be decoded; the rest was left out.
    StreamEndedEarly {
        /// Where.
        at: u64,
        /// What the decoder said.
        reason: String,
    },
    /// The tags are damaged; the music behind them was read without them.
    TagsLeftOut,
    /// A wrong byte in front of the music, found by its checksum, was put right.
    HeaderRestored,
    /// The rate or the number of channels changes; what follows was converted to those of the start.
    Converted {
        /// Where that starts.
        at: u64,
        /// What it was.
        from: String,
    },
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GapFilled { at, frames } => write!(f, "{frames} lost frames from frame {at} on filled with silence"),
            Self::SamplesScrubbed { count } => write!(f, "{count} impossible samples set to zero"),
            Self::ShorterThanDeclared { declared, found } => {
                write!(f, "ends after {found} of {declared} declared frames")
            }
            Self::LongerThanDeclared { declared, found } => write!(f, "has {found} frames, but declares {declared}"),
            Self::TagsLeftOut => f.write_str("its tags are damaged and were left out"),
            Self::HeaderRestored => f.write_str("a damaged byte of its header was put right"),
            Self::Converted { at, from } => write!(f, "what follows frame {at} was converted from {from}"),
            Self::StreamEndedEarly { at, reason } => write!(f, "left out what follows frame {at}: {reason}"),
        }
    }
}
