//! Embeddings on the host.

use burn::tensor::{Device, Tensor, TensorData};

use crate::recipe::Recipe;
use crate::trainee::Outputs;

/// Outputs of parts, gathered on the host.
pub(crate) struct HostOutputs {
    pub(crate) dim: usize,
    pub(crate) audio: Vec<f32>,
    pub(crate) text: Vec<f32>,
    pub(crate) view_dim: usize,
    pub(crate) views: Option<[Vec<f32>; 2]>,
}

impl HostOutputs {
    /// Waits for those of some parts.
    pub(super) fn read(recipe: &Recipe, parts: &[Outputs]) -> Self {
        let all = |output: &dyn Fn(&Outputs) -> Option<Tensor<2>>| {
            let outputs: Vec<_> = parts.iter().filter_map(output).map(Tensor::inner).collect();
            if outputs.is_empty() { Vec::new() } else { values(Tensor::cat(outputs, 0)) }
        };
        let view = |which: usize| all(&|part| part.views.as_ref().map(|views| views[which].clone()));
        Self {
            dim: recipe.model.projection_dim,
            audio: all(&|part| Some(part.audio.clone())),
            text: all(&|part| Some(part.text.clone())),
            view_dim: recipe.ssl.as_ref().map_or(0, |ssl| ssl.projection_dim),
            views: recipe.ssl.as_ref().map(|_| [view(0), view(1)]),
        }
    }

    pub(super) fn leaves(&self, device: &Device) -> Outputs {
        let leaf = |values: &[f32], dim: usize| {
            let data = TensorData::new(values.to_vec(), [values.len() / dim, dim]);
            Tensor::<2>::from_data(data, device).require_grad()
        };
        Outputs {
            audio: leaf(&self.audio, self.dim),
            text: leaf(&self.text, self.dim),
            views: self.views.as_ref().map(|views| [0, 1].map(|i| leaf(&views[i], self.view_dim))),
        }
    }
}

/// On the host.
pub(crate) fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().expect("converted to f32")
}
