//! A batch of embeddings, and which belong together.

use burn::tensor::{Bool, Int, Tensor, TensorData};

/// The embeddings of a batch. A track may have several captions: they are its joint positives,
/// never negatives of one another.
#[derive(Debug, Clone)]
pub struct PairBatch {
    /// `[tracks, dim]`, unit norm.
    pub audio: Tensor<2>,
    /// `[captions, dim]`, unit norm.
    pub text: Tensor<2>,
    /// The track of each caption; every track has at least one.
    pub owners: Vec<usize>,
    /// 1/τ, `[1]`.
    pub scale: Tensor<1>,
    /// What the loss itself has that is trained, `[1]` each.
    pub parameters: Vec<(String, Tensor<1>)>,
    /// Similarity of the captions' meaning, `[captions, captions]`, for weighting.
    pub similarity: Option<Vec<f32>>,
}

impl PairBatch {
    /// One caption a track, in the same order.
    pub fn paired(audio: Tensor<2>, text: Tensor<2>, scale: Tensor<1>) -> Self {
        let owners = (0..audio.dims()[0]).collect();
        Self { audio, text, owners, scale, parameters: Vec::new(), similarity: None }
    }

    /// A number of the loss itself that is trained, `[1]`.
    ///
    /// # Panics
    /// If the loss has [declared](super::PairLoss::parameters) no such parameter.
    pub fn parameter(&self, name: &str) -> Tensor<1> {
        let parameter = self.parameters.iter().find(|(own, _)| own == name);
        parameter.unwrap_or_else(|| panic!("a loss without a parameter `{name}`")).1.clone()
    }

    /// Tracks of the batch.
    pub fn tracks(&self) -> usize {
        self.audio.dims()[0]
    }

    /// Captions of the batch, at least one per track.
    pub fn captions(&self) -> usize {
        self.owners.len()
    }

    /// Cosines, `[tracks, captions]`.
    ///
    /// # Panics
    /// If audio and text have other dimensions, or a caption has no owner.
    pub fn cosines(&self) -> Tensor<2> {
        let [audio, text] = [self.audio.dims(), self.text.dims()];
        assert_eq!(audio[1], text[1], "embeddings of one space");
        assert_eq!(text[0], self.owners.len(), "an owner for each caption");
        self.audio.clone().matmul(self.text.clone().transpose())
    }

    /// The track of each caption, `[captions]`.
    pub fn owner_indices(&self) -> Tensor<1, Int> {
        let owners: Vec<i32> = self.owners.iter().map(|&track| track as i32).collect();
        Tensor::from_data(TensorData::new(owners, [self.owners.len()]), &self.audio.device())
    }

    /// True where a caption belongs to a track, `[tracks, captions]`.
    pub fn is_positive(&self) -> Tensor<2, Bool> {
        let tracks = self.tracks();
        let belongs = |track| self.owners.iter().map(move |&owner| owner == track);
        let values: Vec<bool> = (0..tracks).flat_map(belongs).collect();
        Tensor::from_data(TensorData::new(values, [tracks, self.owners.len()]), &self.audio.device())
    }

    /// Each caption's share of its track, `[captions]`: a track counts as one however many
    /// captions it has.
    pub fn shares(&self) -> Vec<f32> {
        let mut counts = vec![0_usize; self.tracks()];
        self.owners.iter().for_each(|&track| counts[track] += 1);
        self.owners.iter().map(|&track| 1.0 / counts[track] as f32).collect()
    }
}
