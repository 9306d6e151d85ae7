//! What can be wrong with a clip that decodes.

use std::fmt::{self, Display};

use muscall_audio::{Clip, Repair};
use serde::{Deserialize, Serialize};

/// Peaks below this are silence: −100 dB.
const SILENCE: f32 = 1e-5;
/// Samples from here on are clipped.
const FULL_SCALE: f32 = 0.999;
/// Clipped samples are a fault from this share on: loud masters that went through a lossy codec have a hundredth.
const CLIPPED_SHARE: f64 = 0.05;
/// A clip with less than this share of audio, the rest being padding, is too short.
const SHORT_SHARE: f64 = 0.25;

/// A fault of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ClipFault {
    /// Nothing can be heard.
    Silent,
    /// At least one sample in twenty is at full scale.
    Clipped,
    /// More than three quarters are padding.
    TooShort,
    /// The file has samples that are no numbers, which were taken as silence.
    NotFinite,
}

impl ClipFault {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Silent, Self::Clipped, Self::TooShort, Self::NotFinite];

    /// The faults of a clip.
    pub fn find(clip: &Clip) -> Vec<Self> {
        let audio = &clip.samples[..clip.valid.min(clip.samples.len())];
        let peak = audio.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
        let full = audio.iter().filter(|x| x.abs() >= FULL_SCALE).count();
        let is = |fault: &Self| match fault {
            Self::Silent => peak < SILENCE,
            Self::Clipped => full as f64 >= CLIPPED_SHARE * audio.len().max(1) as f64,
            Self::TooShort => (audio.len() as f64) < SHORT_SHARE * clip.samples.len() as f64,
            Self::NotFinite => clip.repairs.iter().any(|repair| matches!(repair, Repair::SamplesScrubbed { .. })),
        };
        Self::ALL.into_iter().filter(is).collect()
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Silent => "remove them or cut off the silence: nothing can be learned from them",
            Self::Clipped => "normalise them below full scale before they are encoded",
            Self::TooShort => "lower model.clip_s, or remove them: they are mostly padding",
            Self::NotFinite => "export them again: their samples are damaged",
        }
    }
}

impl Display for ClipFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silent => "silent",
            Self::Clipped => "clipped",
            Self::TooShort => "too short for the clip length",
            Self::NotFinite => "with samples that are not finite",
        })
    }
}
