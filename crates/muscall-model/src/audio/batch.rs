//! Clips on the device.

use burn::tensor::Tensor;

/// Clips on the device.
#[derive(Debug, Clone)]
pub struct AudioBatch {
    /// `[batch, n_mels, frames]`.
    pub mel: Tensor<3>,
    /// How many frames of each clip come from the file, the rest being padding; all of them if
    /// this is absent. Only the recurrent encoder looks at it.
    pub valid_frames: Option<Vec<usize>>,
}

impl From<Tensor<3>> for AudioBatch {
    fn from(mel: Tensor<3>) -> Self {
        Self { mel, valid_frames: None }
    }
}
