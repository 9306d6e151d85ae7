//! Sizes of a LAION-CLAP model, and the model of ours that has them.

use muscall_audio::{LogMelConfig, Padding};

use crate::audio::HtsatConfig;
use crate::text::SentenceTowerConfig;
use crate::text::bert::{BertConfig, BertPooling};
use crate::{Activation, HeadConfig, MuscallConfig, OtherLengths, WindowPooling};

/// Most tokens of a caption, both ends included: laion's; the hub's code does not cut by itself.
const CONTEXT: usize = 77;
/// Seconds of a window, and from one to the next.
const WINDOW_S: f64 = 10.0;
const HOP_S: f64 = 5.0;
/// Rows of RoBERTa's position embedding before that of the first token.
const POSITION_OFFSET: usize = 2;

/// Sizes of a whole model.
#[derive(Debug, Clone)]
pub(super) struct ClapConfig {
    pub(super) audio: HtsatConfig,
    pub(super) text: TextSizes,
    /// Between the layers of each head.
    pub(super) hidden: usize,
    /// Of the joint space.
    pub(super) dim: usize,
}

/// Sizes of the text tower.
#[derive(Debug, Clone)]
pub(super) struct TextSizes {
    pub(super) width: usize,
    pub(super) depth: usize,
    pub(super) heads: usize,
    pub(super) mlp: usize,
    pub(super) vocabulary: usize,
    pub(super) positions: usize,
    pub(super) token_types: usize,
    pub(super) norm_epsilon: f64,
}

impl ClapConfig {
    /// The model of ours.
    pub(super) fn model(&self, log_mel: LogMelConfig) -> MuscallConfig {
        let TextSizes { width, depth, heads, mlp, vocabulary, positions, token_types, norm_epsilon } = self.text;
        let encoder = BertConfig {
            width,
            depth,
            heads,
            mlp,
            vocabulary,
            positions,
            context: CONTEXT.min(positions.saturating_sub(POSITION_OFFSET)),
            position_offset: POSITION_OFFSET,
            token_types,
            norm_epsilon,
            pooling: BertPooling::Pooler,
            unit_norm: false,
            trim: false,
            ..BertConfig::default()
        };
        let text = SentenceTowerConfig { model: String::new(), fine_tune: true, hidden: None, encoder };
        let windows = OtherLengths::Windows { hop_s: HOP_S, pooling: WindowPooling::Mean };
        let mut config = MuscallConfig::new(self.audio.clone(), text)
            .with_clip_s(WINDOW_S)
            .with_log_mel(log_mel)
            .with_projection_dim(self.dim)
            .with_other_lengths(windows)
            .with_head(HeadConfig::Mlp { hidden: self.hidden, activation: Activation::Relu });
        config.padding = Padding::Repeat;
        config
    }
}
