//! What the doctor says.

use std::fmt::{self, Display};
use std::path::PathBuf;

use muscall_data::ClipFault;

/// One of the two encoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tower {
    /// Of music.
    Audio,
    /// Of captions.
    Text,
}

impl Display for Tower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Audio => "audio",
            Self::Text => "text",
        })
    }
}

/// Something that looks wrong. Displayed, it is one line that ends with the remedy.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Diagnosis {
    /// The model tells nothing apart.
    LossAtChance {
        /// Steps taken.
        step: u64,
        /// Mean of the last losses.
        loss: f64,
        /// What guessing gives.
        chance: f64,
    },
    /// All embeddings of a tower point one way.
    Collapsed {
        /// Which.
        tower: Tower,
        /// Steps taken.
        step: u64,
        /// Mean cosine of two different rows of a batch.
        cosine: f64,
    },
    /// The temperature is at the end of its range.
    ScaleAtClamp {
        /// Steps taken.
        step: u64,
        /// exp of the logit scale.
        scale: f64,
    },
    /// Nothing is learned.
    RateZero {
        /// Steps taken.
        step: u64,
    },
    /// Captions stand in two splits.
    SharedCaptions {
        /// Captions of the second split that are in the first.
        count: usize,
        /// Captions of the second split.
        captions: usize,
        /// One of them.
        example: String,
    },
    /// Audio stands in two splits.
    SharedAudio {
        /// Tracks of the second split whose audio is in the first.
        count: usize,
        /// Tracks of the second split.
        tracks: usize,
        /// One of them, in the first split…
        first: PathBuf,
        /// …and in the second.
        second: PathBuf,
    },
    /// Files are not as long as the manifest says.
    OtherLength {
        /// How many.
        count: usize,
        /// Of how many that the manifest gives a length for.
        files: usize,
        /// The first of them.
        example: PathBuf,
        /// Its length, in seconds.
        found_s: f64,
        /// What the manifest says.
        expected_s: f64,
    },
    /// Captions are in another language than those of most text encoders.
    OtherLanguage {
        /// Its name in English.
        language: &'static str,
        /// Texts of at least twenty words in it: captions, or several together.
        count: usize,
        /// Texts in all.
        texts: usize,
        /// A caption of the first of them.
        example: String,
    },
    /// All labels are one.
    OneClass {
        /// The label.
        label: String,
        /// Rows that have it.
        rows: usize,
    },
    /// Files begin with silence.
    SilentStart {
        /// How many.
        count: usize,
        /// Of how many.
        files: usize,
        /// The first of them.
        example: PathBuf,
        /// Its silence, in seconds, as far as was looked.
        silence_s: f64,
    },
    /// Some clips are much louder than others.
    Loudness {
        /// Between the 5th and the 95th of 100 clips.
        spread_db: f64,
        /// Clips that can be heard.
        clips: usize,
        /// One at the quiet end.
        quiet: PathBuf,
        /// One at the loud end.
        loud: PathBuf,
    },
    /// Clips have a fault.
    Clips {
        /// Which.
        fault: ClipFault,
        /// How many.
        count: usize,
        /// Of how many.
        clips: usize,
        /// The first of them.
        example: PathBuf,
    },
}

impl Diagnosis {
    /// Whether a training learns something wrong from it, or a score means something else: the others are hints.
    pub fn harms(&self) -> bool {
        match self {
            Self::SharedCaptions { .. } | Self::SharedAudio { .. } | Self::OtherLength { .. } => true,
            Self::Clips { fault, .. } => matches!(fault, ClipFault::Silent | ClipFault::NotFinite),
            _ => false,
        }
    }

    /// A word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::LossAtChance { .. } => "loss_at_chance",
            Self::Collapsed { .. } => "collapsed",
            Self::ScaleAtClamp { .. } => "scale_at_clamp",
            Self::RateZero { .. } => "rate_zero",
            Self::SharedCaptions { .. } => "shared_captions",
            Self::SharedAudio { .. } => "shared_audio",
            Self::OtherLength { .. } => "other_length",
            Self::OtherLanguage { .. } => "other_language",
            Self::OneClass { .. } => "one_class",
            Self::SilentStart { .. } => "silent_start",
            Self::Loudness { .. } => "loudness",
            Self::Clips { fault, .. } => match fault {
                ClipFault::Silent => "silent",
                ClipFault::Clipped => "clipped",
                ClipFault::TooShort => "too_short",
                ClipFault::NotFinite => "not_finite",
                _ => "clip",
            },
        }
    }
}

impl Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LossAtChance { step, loss, chance } => write!(
                f,
                "step {step}: the loss is {loss:.3}, and guessing would give {chance:.3}: nothing has been learned yet; \
                 raise learning_rate, and check that captions belong to their audio"
            ),
            Self::Collapsed { tower, step, cosine } => write!(
                f,
                "step {step}: the {tower} embeddings of a batch are all alike (mean cosine {cosine:.3}); \
                 lower learning_rate or lengthen the warm-up, and check that the {tower} inputs differ"
            ),
            Self::ScaleAtClamp { step, scale } => write!(
                f,
                "step {step}: the logit scale is pinned at its limit ({scale:.0}); lower learning_rate, add data or \
                 augmentation, or fix the temperature: model.temperature = {{ fixed = 0.07 }}"
            ),
            Self::RateZero { step } => write!(
                f,
                "step {step}: the learning rate is zero, so nothing changes; check learning_rate, optimizer and schedule"
            ),
            Self::SharedCaptions { count, captions, example } => write!(
                f,
                "{count} of {captions} validation captions are also training captions (such as {example:?}); \
                 scores will look too good: move them to one split"
            ),
            Self::SharedAudio { count, tracks, first, second } => write!(
                f,
                "{count} of {tracks} validation tracks are also training audio ({} is {}); scores will flatter: \
                 move them to one split",
                second.display(),
                first.display()
            ),
            Self::OtherLength { count, files, example, found_s, expected_s } => write!(
                f,
                "{count} of {files} files are not as long as `duration` says (such as {}: {found_s:.1} s, not \
                 {expected_s:.1} s); copy them again if they were cut off, otherwise correct the column",
                example.display()
            ),
            Self::OtherLanguage { language, count, texts, example } => write!(
                f,
                "{count} of {texts} texts seem to be in {language} (such as {example:?}): a text encoder that was pretrained on English \
                 does poorly on them; translate them, or train one from scratch"
            ),
            Self::OneClass { label, rows } => write!(
                f,
                "all {rows} labels are {label:?}: reports by class have nothing to compare; correct the column, or remove it"
            ),
            Self::SilentStart { count, files, example, silence_s } => write!(
                f,
                "{count} of {files} files begin with silence (such as {}: {silence_s:.1} s); cut it off, since random crops \
                 hold nothing but that now and then",
                example.display()
            ),
            Self::Loudness { spread_db, clips, quiet, loud } => write!(
                f,
                "the levels of {clips} clips span {spread_db:.0} dB (5th to 95th percentile; {} is quiet, {} is loud): without level \
                 normalisation a quiet copy counts as different music; unless your recipe has it, set model.log_mel.loudness = \"rms\"",
                quiet.display(),
                loud.display()
            ),
            Self::Clips { fault, count, clips, example } => {
                write!(f, "{count} of {clips} clips are {fault} (such as {}); {}", example.display(), fault.remedy())
            }
        }
    }
}
