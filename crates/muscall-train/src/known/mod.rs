//! What a run does not compute at every step, since it stays the same: what frozen towers make of clips and captions, and
//! what a teacher makes of them.

mod evaluate;
mod prepare;
mod texts;
mod vector_file;
mod windows;

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use muscall_model::DualEncoder;

use crate::batcher::LoadedItem;

pub(crate) use prepare::{Preparation, hear, prepare};
pub(crate) use texts::Texts;
pub(crate) use windows::{Cut, Windows};

/// How far the known vectors are on their way into the joint space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// What an encoder gives: the head is still to come.
    Features,
    /// All the way.
    Embeddings,
}

/// What one side of a batch is made of, if not of clips or captions.
#[derive(Debug, Clone)]
pub(crate) struct KnownSide {
    stage: Stage,
    vectors: Vectors,
}

/// Where the vectors of a side are looked up.
#[derive(Debug, Clone)]
enum Vectors {
    /// By row and window.
    Windows(Windows),
    /// By caption.
    Texts(Texts),
}

/// What is known of the rows of a manifest.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    audio: Option<KnownSide>,
    text: Option<KnownSide>,
}

/// What goes into one side of the network.
#[derive(Debug, Clone)]
pub enum Input<Batch> {
    /// Clips or captions, for the encoder.
    Batch(Batch),
    /// What the encoder has made of them, `[batch, output_dim]`, for the head.
    Features(Tensor<2>),
    /// What is in the joint space already, `[batch, projection_dim]`, unit norm.
    Embeddings(Tensor<2>),
}

impl<Batch> Input<Batch> {
    /// Into the joint space.
    pub(crate) fn embed(
        self,
        model: &DualEncoder,
        encode: impl FnOnce(&DualEncoder, Batch) -> Tensor<2>,
        project: impl FnOnce(&DualEncoder, Tensor<2>) -> Tensor<2>,
    ) -> Tensor<2> {
        match self {
            Self::Batch(batch) => encode(model, batch),
            Self::Features(features) => project(model, features),
            Self::Embeddings(embeddings) => embeddings,
        }
    }
}

impl Known {
    /// Whether nothing is read of any file.
    pub(crate) fn has_audio(&self) -> bool {
        self.audio.is_some()
    }

    /// The rows that could not be heard, and why.
    pub(crate) fn unheard(&self) -> Arc<BTreeMap<usize, String>> {
        let windows = [&self.audio, &self.text].into_iter().flatten().find_map(KnownSide::windows);
        windows.map_or_else(Arc::default, Windows::unheard)
    }

    /// What is known of the clips of a batch.
    pub(crate) fn audio<B>(&self, items: &[LoadedItem], device: &Device) -> Option<Input<B>> {
        Some(self.audio.as_ref()?.input(items, device))
    }

    /// What is known of the captions of a batch.
    pub(crate) fn text<B>(&self, items: &[LoadedItem], device: &Device) -> Option<Input<B>> {
        Some(self.text.as_ref()?.input(items, device))
    }
}

impl KnownSide {
    fn windows(&self) -> Option<&Windows> {
        match &self.vectors {
            Vectors::Windows(windows) => Some(windows),
            Vectors::Texts(_) => None,
        }
    }

    fn input<B>(&self, items: &[LoadedItem], device: &Device) -> Input<B> {
        let values: Vec<f32> = match &self.vectors {
            Vectors::Windows(windows) => {
                let known = |item: &LoadedItem| {
                    windows.get(item.index, item.window).expect("items that are not known are left out")
                };
                items.iter().flat_map(known).copied().collect()
            }
            Vectors::Texts(texts) => {
                items.iter().flat_map(|item| &item.captions).flat_map(|text| texts.get(text)).copied().collect()
            }
        };
        let vectors = self.tensor(values, device);
        match self.stage {
            Stage::Features => Input::Features(vectors),
            Stage::Embeddings => Input::Embeddings(vectors),
        }
    }

    /// `[rows, dim]`
    fn tensor(&self, values: Vec<f32>, device: &Device) -> Tensor<2> {
        let dim = match &self.vectors {
            Vectors::Windows(windows) => windows.dim(),
            Vectors::Texts(texts) => texts.dim(),
        };
        let rows = values.len() / dim;
        Tensor::from_data(TensorData::new(values, [rows, dim]), device)
    }
}
