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
    pub(super) fn new(recipe: &Recipe) -> Self {
        Self {
            dim: recipe.model.projection_dim,
            audio: Vec::new(),
            text: Vec::new(),
            view_dim: recipe.ssl.as_ref().map_or(0, |ssl| ssl.projection_dim),
            views: recipe.ssl.as_ref().map(|_| Default::default()),
        }
    }

    pub(super) fn append(&mut self, outputs: &Outputs) {
        self.audio.extend(values(&outputs.audio));
        self.text.extend(values(&outputs.text));
        if let Some((views, [first, second])) = self.views.as_mut().zip(outputs.views.as_ref()) {
            views[0].extend(values(first));
            views[1].extend(values(second));
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
pub(super) fn values(tensor: &Tensor<2>) -> Vec<f32> {
    let data = tensor.clone().into_data().convert::<f32>();
    data.as_slice::<f32>().expect("converted to f32").to_vec()
}
