//! Encoders whose last feature map is a function of time, of which windows can share a part.

use burn::tensor::Tensor;

/// How the columns of an encoder's last feature map lie on its spectrogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeColumns {
    /// Frames from a column to the next.
    pub frames: usize,
    /// How many of these the last column may lack.
    pub lacking: usize,
    /// Frames before the first and behind the last one of a column that it depends on, at most.
    pub reach: usize,
}

impl TimeColumns {
    /// Columns of the map of so many frames.
    pub fn count(&self, frames: usize) -> usize {
        (frames + self.lacking) / self.frames
    }
}

/// An encoder as what [`Encoder::forward`](super::Encoder::forward) is made of: a feature map that is a convolution
/// over time, and what pools it.
pub trait TimeMap: Sync {
    /// # Shapes
    /// - mel: `[batch, n_mels, frames]`; returns `[batch, channels, height, columns]`.
    fn map(&self, mel: Tensor<3>) -> Tensor<4>;

    /// # Shapes
    /// - map: `[batch, channels, height, columns]`; returns `[batch, output_dim]`.
    fn pool(&self, map: Tensor<4>) -> Tensor<2>;
}
