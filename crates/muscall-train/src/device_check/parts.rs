//! The parts of a network one by one: what comes out of each, and the gradients of its own parameters.

use std::collections::BTreeMap;

use burn::tensor::{Tensor, TensorData};
use muscall_model::Precision;

use super::difference::difference;
use crate::gradient::GradientDict;
use crate::known::Input;
use crate::trainee::{DevicePart, Trainee};

/// Keeps gradients within the range of 16-bit floats.
const SCALE: f64 = 256.0;

pub(super) struct Parts {
    outputs: Vec<(String, Vec<f32>)>,
    gradients: GradientDict,
}

impl Parts {
    pub(super) fn of(trainee: &Trainee, batch: DevicePart, precision: Precision) -> Self {
        let (Input::Batch(audio), Input::Batch(text)) = (batch.audio, batch.text) else {
            panic!("a device is compared on clips and captions");
        };
        let activations = trainee.model.activations(audio, text);
        let host = |tensor: &Tensor<2>| {
            let data = tensor.clone().into_data().convert::<f32>();
            data.try_into_vec::<f32>().expect("converted to f32")
        };
        let outputs = activations.iter().map(|(name, tensor)| (name.to_owned(), host(tensor))).collect();
        let share = |(_, tensor): (&str, &Tensor<2>)| {
            let signs = Tensor::<2>::from_data(signs(tensor.dims()), &tensor.device());
            (tensor.clone() * signs).sum()
        };
        let scale = if precision == Precision::F16 { SCALE } else { 1.0 };
        let mut gradients = GradientDict::default();
        if let Some(sum) = activations.iter().map(share).reduce(|a, b| a + b) {
            let mut all = (sum * scale).backward();
            gradients.collect(&trainee.model, &mut all);
            gradients.scale((1.0 / scale) as f32);
        }
        Self { outputs, gradients }
    }

    pub(super) fn compare_outputs(&self, right: &Self) -> Vec<(String, f64)> {
        let pairs = self.outputs.iter().zip(&right.outputs);
        pairs.map(|((name, found), (_, right))| (name.clone(), difference(found, right))).collect()
    }

    pub(super) fn compare_gradients(&self, right: &Self) -> Vec<(String, f64)> {
        let (found, right) = (by_part(&self.gradients), by_part(&right.gradients));
        let nothing = Vec::new();
        let compare = |(part, right): (&&str, &Vec<f32>)| {
            let found = found.get(part).unwrap_or(&nothing);
            ((*part).to_owned(), difference(found, right))
        };
        right.iter().map(compare).collect()
    }
}

/// The gradients of all parameters of a block, a layer or a head: one alone may be nothing but rounding, such as
/// that of a bias which a norm takes away again.
fn by_part(gradients: &GradientDict) -> BTreeMap<&str, Vec<f32>> {
    let mut parts: BTreeMap<&str, Vec<f32>> = BTreeMap::new();
    for (name, values) in gradients.iter() {
        // `audio.resnet.layer1.0.bn1.weight` is of `audio.resnet.layer1.0`, `text_projection.weight` of itself.
        let layer = name.rsplit_once('.').map_or(name, |(layer, _)| layer);
        let part = layer.rsplit_once('.').map_or(layer, |(part, _)| part);
        parts.entry(part).or_default().extend_from_slice(&values.host());
    }
    parts
}

/// What an output is multiplied with and summed: signs without a pattern, of norm one.
fn signs(dims: [usize; 2]) -> TensorData {
    let count = dims[0] * dims[1];
    let size = (count as f32).sqrt().recip();
    let sign = |i: u32| if i.wrapping_mul(2_654_435_761) & (1 << 20) == 0 { size } else { -size };
    TensorData::new((0..count as u32).map(sign).collect::<Vec<_>>(), dims)
}
