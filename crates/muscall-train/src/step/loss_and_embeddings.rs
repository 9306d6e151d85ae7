//! What a step tells besides its gradients.

use burn::tensor::Tensor;

use super::losses::LossValues;
use super::outputs::values;

/// What a batch gives besides its gradients.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one per step")]
pub(crate) enum LossAndEmbeddings {
    /// On the host.
    Read { loss: LossValues, audio: Vec<f32>, text: Vec<f32> },
    /// On a device, which may still be computing them: `[2 or 3]`, `[tracks, dim]`, `[captions, dim]`.
    Unread { losses: Tensor<1>, audio: Tensor<2>, text: Tensor<2> },
}

impl LossAndEmbeddings {
    /// Waits for them, and keeps them on the host; the loss.
    pub(crate) fn wait(&mut self) -> LossValues {
        match self {
            Self::Read { loss, .. } => *loss,
            Self::Unread { losses, audio, text } => {
                let loss = LossValues::read(losses.clone());
                *self = Self::Read { loss, audio: values(audio.clone()), text: values(text.clone()) };
                loss
            }
        }
    }

    /// Waits for them.
    pub(crate) fn read(self) -> (LossValues, [Vec<f32>; 2]) {
        match self {
            Self::Read { loss, audio, text } => (loss, [audio, text]),
            Self::Unread { losses, audio, text } => (LossValues::read(losses), [values(audio), values(text)]),
        }
    }
}
