//! Which parts of a model a run trains.

use muscall_model::{LOGIT_SCALE, MuscallConfig};
use serde::{Deserialize, Serialize};

/// What learns; the rest of the model stays as it was when the run began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Learns {
    /// Everything that the configuration of the model does not freeze.
    #[default]
    All,
    /// The heads, the temperature, and the top of each tower: its last stage or layers. Batches need the memory of these
    /// alone.
    Top,
    /// The heads and the temperature. What the towers make of tracks and captions is computed once, and kept beside the
    /// manifest: epochs take seconds.
    Heads,
    /// The audio tower and its head, towards a text side that stays.
    Audio,
    /// The text tower and its head, towards an audio side that stays.
    Text,
}

impl Learns {
    pub(crate) fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// Whether anything of the audio tower learns.
    pub(crate) fn trains_audio(self) -> bool {
        matches!(self, Self::All | Self::Top | Self::Audio)
    }

    /// Whether anything of the text tower learns.
    pub(crate) fn trains_text(self) -> bool {
        matches!(self, Self::All | Self::Top | Self::Text)
    }

    /// Whether a parameter learns, by its name in the whole model or among the heads of training.
    pub(crate) fn trains(self, model: &MuscallConfig, name: &str) -> bool {
        let (first, rest) = name.split_once('.').unwrap_or((name, ""));
        match (first, self) {
            (_, Self::All) => true,
            ("audio", Self::Top) => model.audio.is_top(rest).unwrap_or(false),
            ("text", Self::Top) => model.text.is_top(rest).unwrap_or(false),
            ("audio", learns) => learns == Self::Audio,
            ("text", learns) => learns == Self::Text,
            ("audio_projection", learns) => learns != Self::Text,
            ("text_projection", learns) => learns != Self::Audio,
            (LOGIT_SCALE, learns) => matches!(learns, Self::Top | Self::Heads),
            _ => true,
        }
    }
}
