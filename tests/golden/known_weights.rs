// Weights that depend on nothing but their names and shapes: no random state, and no rounding of a library.

use burn::tensor::TensorData;
use muscall_model::weights::StateDict;
use xxhash_rust::xxh3::xxh3_64;

/// The same tensors with other numbers, through which a signal comes: as He draws them where there are inputs, about 1
/// where values are scaled or divided, and small where something is added.
pub fn known_weights(state: StateDict) -> StateDict {
    let known = |(name, data): (String, TensorData)| {
        let mut seed = xxh3_64(name.as_bytes());
        let shape = data.shape().clone();
        let inputs: usize = shape.as_slice().iter().skip(1).product();
        let (least, span) = match name.rsplit('.').next() {
            _ if shape.as_slice().len() > 1 => (-(6.0 / inputs as f32).sqrt(), 2.0 * (6.0 / inputs as f32).sqrt()),
            Some("weight" | "gamma" | "running_var") => (0.75, 0.5),
            _ => (-0.125, 0.25),
        };
        let values: Vec<f32> = (0..shape.num_elements())
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // 24 bits, from 0 to 1.
                least + span * ((seed >> 40) as f32 / (1 << 24) as f32)
            })
            .collect();
        (name, TensorData::new(values, shape))
    };
    state.into_iter().map(known).collect()
}
