//! Small random models in which every norm does something.

use std::sync::{Mutex, PoisonError};

use burn::tensor::{Device, TensorData};
use muscall_model::weights::{state_of, with_state};
use muscall_model::{DualEncoder, MuscallConfig};

static ONE_DRAW: Mutex<()> = Mutex::new(());

/// Always the same for a configuration.
pub(crate) fn moved(config: &MuscallConfig, device: &Device) -> DualEncoder {
    let _one_draw = ONE_DRAW.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(3);
    let model = config.init(device).unwrap();
    let state = state_of(&model)
        .into_iter()
        .map(|(name, data)| {
            let values = data.as_slice::<f32>().unwrap();
            let spread = |low: f32| {
                let values = (0..values.len()).map(|i| low + ((i * 37) % 101) as f32 / 101.0).collect::<Vec<_>>();
                TensorData::new(values, data.shape().clone())
            };
            let is_norm = name.contains("bn") || name.contains("norm");
            let data = match name.rsplit('.').next() {
                Some("running_var" | "gamma") => spread(0.5),
                Some("weight") if is_norm => spread(0.5),
                Some("running_mean" | "beta") => spread(-0.5),
                Some("bias") if is_norm => spread(-0.5),
                _ => data,
            };
            (name, data)
        })
        .collect();
    with_state(model, state, "memory").unwrap()
}
