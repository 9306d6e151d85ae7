//! How recordings that are no clip become vectors: shorter or longer ones, and windows of those that are longer.

use serde::{Deserialize, Serialize};

/// How audio of another length than that of training is embedded. At the length of training both
/// give the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum OtherLengths {
    /// As a whole; the positions of the attention pooling are interpolated.
    #[default]
    Interpolate,
    /// In windows of `clip_s`, the last one ending where the audio ends.
    Windows {
        /// From the start of a window to that of the next one.
        hop_s: f64,
        /// How their embeddings become one.
        #[serde(default)]
        pooling: WindowPooling,
    },
}

/// How the embeddings of several windows become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowPooling {
    /// Their mean, normalised again.
    #[default]
    Mean,
}

/// How windows of a recording that is longer than one are embedded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Segments {
    /// Each goes through the encoder by itself, as a clip does. What was written before there was a choice is read as
    /// this.
    #[default]
    Separate,
    /// The encoder's last feature map is computed once for the whole recording, and each window pools its part of it, so
    /// that windows cost little however much they overlap. They start at columns of the map, for a residual network
    /// every 32 frames of log-mel. A network's padding stands at the ends of the recording alone.
    Shared,
}

impl Segments {
    pub(crate) fn is_separate(&self) -> bool {
        *self == Self::Separate
    }
}
