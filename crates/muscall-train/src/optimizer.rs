//! AdamW with PyTorch's arithmetic, over parameters by name.

use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::tensor::{Device, Shape, Tensor, TensorData};
use muscall_model::weights::{ParameterMapper, StateDict, map_parameters};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::gradient::{GradientDict, Norm};
use crate::values::Values;

/// Configuration of [`AdamW`].
///
/// # Source
/// Section 4.2 of the paper and the released implementation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamWConfig {
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Whether norms, biases and the temperature decay too, as in the released implementation.
    pub decay_everything: bool,
    /// Largest norm of all gradients together; larger ones are scaled down to it.
    pub clip_norm: Option<f64>,
    /// Factor on the learning rate of a pretrained text encoder that is fine-tuned.
    pub pretrained_rate: f64,
    /// Factor on the learning rate of both towers where that does not apply; heads and temperature have all of it. Smaller
    /// where the towers come with a bundle and the heads have more to learn.
    #[serde(skip_serializing_if = "is_one")]
    pub tower_rate: f64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_one(rate: &f64) -> bool {
    *rate == 1.0
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            beta_1: 0.9,
            beta_2: 0.98,
            epsilon: 1e-6,
            weight_decay: 0.2,
            decay_everything: false,
            clip_norm: None,
            pretrained_rate: 0.1,
            tower_rate: 1.0,
        }
    }
}

impl AdamWConfig {
    /// # Errors
    /// [`TrainError::Recipe`] with the first field out of range.
    pub fn validate(&self) -> Result<(), TrainError> {
        let unit = |x: f64| (0.0..1.0).contains(&x);
        TrainError::check(unit(self.beta_1), "optimizer.beta_1", self.beta_1, "at least 0 and below 1")?;
        TrainError::check(unit(self.beta_2), "optimizer.beta_2", self.beta_2, "at least 0 and below 1")?;
        let epsilon = self.epsilon > 0.0 && self.epsilon.is_finite();
        TrainError::check(epsilon, "optimizer.epsilon", self.epsilon, "positive")?;
        let decay = self.weight_decay >= 0.0 && self.weight_decay.is_finite();
        TrainError::check(decay, "optimizer.weight_decay", self.weight_decay, "at least 0")?;
        let pretrained = self.pretrained_rate >= 0.0 && self.pretrained_rate.is_finite();
        TrainError::check(pretrained, "optimizer.pretrained_rate", self.pretrained_rate, "at least 0")?;
        let tower = self.tower_rate >= 0.0 && self.tower_rate.is_finite();
        TrainError::check(tower, "optimizer.tower_rate", self.tower_rate, "at least 0")?;
        let clip = self.clip_norm.unwrap_or(1.0);
        TrainError::check(clip > 0.0 && clip.is_finite(), "optimizer.clip_norm", clip, "positive")
    }

    /// A new optimizer, with no history.
    pub fn init(&self) -> AdamW {
        AdamW { config: self.clone(), step: 0, moments: BTreeMap::new() }
    }
}

/// AdamW. Parameters of rank 0 and 1 (norms, biases, temperature) do not decay unless configured.
///
/// The state is kept by parameter name, so that a checkpoint can be read without the program that
/// wrote it. It is where the gradients are: on the host, or on a GPU.
#[derive(Debug, Clone)]
pub struct AdamW {
    config: AdamWConfig,
    step: u64,
    moments: BTreeMap<String, Moments>,
}

#[derive(Debug, Clone)]
struct Moments {
    shape: Shape,
    first: Values,
    second: Values,
}

impl AdamW {
    /// Steps taken.
    pub fn step_count(&self) -> u64 {
        self.step
    }

    /// Begins a step: the update is then applied to each module that has a part in it.
    ///
    /// `rate` is the learning rate of a parameter by its name; one of zero leaves it as it is.
    pub fn step<'a>(&'a mut self, gradients: &'a GradientDict, rate: &'a dyn Fn(&str) -> f64) -> Update<'a> {
        let norm = self.config.clip_norm.map_or(Norm::Host(0.0), |_| gradients.norm_in_place());
        self.step_of_norm(gradients, &norm, rate)
    }

    /// The same with gradients whose norm is known.
    pub(crate) fn step_of_norm<'a>(
        &'a mut self,
        gradients: &'a GradientDict,
        norm: &Norm,
        rate: &'a dyn Fn(&str) -> f64,
    ) -> Update<'a> {
        let clip = match (self.config.clip_norm, norm) {
            (None, _) => Clip::Host(1.0),
            (Some(limit), Norm::Host(norm)) => Clip::Host((limit / norm).min(1.0) as f32),
            (Some(limit), Norm::Device(square)) => Clip::Device((square.clone().sqrt().recip() * limit).clamp_max(1.0)),
        };
        self.step += 1;
        Update { optimizer: self, gradients, rate, clip }
    }

    /// Takes the moments out, `first.<parameter>` and `second.<parameter>`; [`restore`](Self::restore)
    /// puts them back.
    pub fn take_state(&mut self) -> StateDict {
        let mut state = StateDict::new();
        for (name, Moments { shape, first, second }) in std::mem::take(&mut self.moments) {
            state.insert(format!("first.{name}"), TensorData::new(first.into_host(), shape.clone()));
            state.insert(format!("second.{name}"), TensorData::new(second.into_host(), shape));
        }
        state
    }

    /// Restores what [`take_state`](Self::take_state) gave after `step` steps.
    pub fn restore(&mut self, mut state: StateDict, step: u64) {
        self.step = step;
        self.moments.clear();
        let firsts: Vec<_> = state.keys().filter_map(|key| key.strip_prefix("first.")).map(str::to_owned).collect();
        let values = |data: TensorData| Values::Host(data.try_into_vec().expect("moments are f32"));
        for name in firsts {
            let first = state.remove(&format!("first.{name}"));
            let second = state.remove(&format!("second.{name}"));
            if let (Some(first), Some(second)) = (first, second) {
                let shape = first.shape().clone();
                self.moments.insert(name, Moments { shape, first: values(first), second: values(second) });
            }
        }
    }
}

/// What gradients are multiplied with, so that their norm stays below a limit.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "there is one per step")]
enum Clip {
    Host(f32),
    /// `[1]`.
    Device(Tensor<1>),
}

impl Clip {
    fn on_host(&self) -> f32 {
        match self {
            Self::Host(factor) => *factor,
            Self::Device(factor) => factor.clone().into_scalar(),
        }
    }

    fn on_device(&self, gradient: Tensor<1>) -> Tensor<1> {
        match self {
            Self::Host(1.0) => gradient,
            Self::Host(factor) => gradient * *factor,
            Self::Device(factor) => gradient * factor.clone(),
        }
    }
}

/// One step of [`AdamW`].
pub struct Update<'a> {
    optimizer: &'a mut AdamW,
    gradients: &'a GradientDict,
    rate: &'a dyn Fn(&str) -> f64,
    clip: Clip,
}

impl Update<'_> {
    /// The module after the step. Parameters without a gradient stay as they are.
    #[must_use]
    pub fn apply<M: Module>(&mut self, module: M) -> M {
        map_parameters(module, self)
    }
}

impl ParameterMapper for Update<'_> {
    fn map<const D: usize>(&mut self, name: String, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.get(&name) else {
            return param;
        };
        let rate = (self.rate)(&name);
        if rate == 0.0 {
            return param;
        }
        let AdamW { config, step, moments } = &mut *self.optimizer;
        let decays = config.decay_everything || D >= 2;
        let weight_decay = if decays { config.weight_decay } else { 0.0 };
        let kernel = AdamWKernel::new(config, *step, rate, weight_decay);
        let zeros = || Values::Host(vec![0.0; gradient.len()]);
        let moments =
            moments.entry(name).or_insert_with(|| Moments { shape: param.shape(), first: zeros(), second: zeros() });
        let clip = &self.clip;
        param.map(|tensor| match gradient {
            Values::Host(gradient) => {
                let device = tensor.device();
                let mut values = tensor.into_data().convert::<f32>();
                let numbers = values.as_mut_slice::<f32>().expect("converted to f32");
                let (first, second) = moments.on_host();
                kernel.run(numbers, gradient, clip.on_host(), first, second);
                Tensor::from_data(values, &device).require_grad()
            }
            Values::Device(gradient) => {
                let shape = tensor.dims();
                let values =
                    kernel.run_on_device(tensor.inner().reshape([-1]), clip.on_device(gradient.clone()), moments);
                Tensor::from_inner(values.reshape(shape)).require_grad()
            }
        })
    }
}

impl Moments {
    /// Both on the host, whence they came or to which they are brought.
    fn on_host(&mut self) -> (&mut [f32], &mut [f32]) {
        fn host(values: &mut Values) -> &mut [f32] {
            if let Values::Device(_) = values {
                *values = Values::Host(values.host().into_owned());
            }
            match values {
                Values::Host(values) => values,
                Values::Device(_) => unreachable!("it was brought to the host"),
            }
        }
        (host(&mut self.first), host(&mut self.second))
    }

    /// Both on a device; they are put back by who takes them.
    fn take_on_device(&mut self, device: &Device) -> (Tensor<1>, Tensor<1>) {
        let take = |values: &mut Values| std::mem::replace(values, Values::Host(Vec::new())).into_device(device);
        (take(&mut self.first), take(&mut self.second))
    }
}

/// The arithmetic of one step, with what is common to all elements worked out once.
struct AdamWKernel {
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
    keep: f32,
    rate: f32,
    root: f32,
}

impl AdamWKernel {
    fn new(config: &AdamWConfig, step: u64, learning_rate: f64, weight_decay: f64) -> Self {
        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        Self {
            beta_1: config.beta_1 as f32,
            beta_2: config.beta_2 as f32,
            epsilon: config.epsilon as f32,
            keep: (1.0 - learning_rate * weight_decay) as f32,
            rate: (learning_rate / correction(config.beta_1)) as f32,
            root: correction(config.beta_2).sqrt() as f32,
        }
    }

    fn run(&self, values: &mut [f32], gradient: &[f32], clip: f32, first: &mut [f32], second: &mut [f32]) {
        for (((p, &g), m), v) in values.iter_mut().zip(gradient).zip(first).zip(second) {
            let g = g * clip;
            *m += (g - *m) * (1.0 - self.beta_1);
            *v = *v * self.beta_2 + g * g * (1.0 - self.beta_2);
            let denominator = v.sqrt() / self.root + self.epsilon;
            *p = *p * self.keep - self.rate * *m / denominator;
        }
    }

    /// The same with operators, which a GPU runs one after the other, or as one kernel.
    fn run_on_device(&self, values: Tensor<1>, gradient: Tensor<1>, moments: &mut Moments) -> Tensor<1> {
        let (first, second) = moments.take_on_device(&values.device());
        let first = first.clone() + (gradient.clone() - first) * (1.0 - self.beta_1);
        let second = second * self.beta_2 + gradient.clone() * gradient * (1.0 - self.beta_2);
        let denominator = second.clone().sqrt() / self.root + self.epsilon;
        moments.first = Values::Device(first.clone());
        moments.second = Values::Device(second);
        values * self.keep - first * self.rate / denominator
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn::nn::{Linear, LinearConfig};
    use muscall_model::weights::state_of;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Some steps, whose gradients lie where `place` puts them.
    fn steps(config: &AdamWConfig, place: impl Fn(u64, Vec<f32>) -> Values) -> (StateDict, StateDict) {
        let device = Device::flex().autodiff();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut linear: Linear = LinearConfig::new(5, 7).init(&device);
        let drawn = state_of(&linear).into_iter().map(|(name, data)| {
            let values: Vec<f32> = (0..data.num_elements()).map(|_| rng.random_range(-1.0..1.0)).collect();
            (name, TensorData::new(values, data.shape().clone()))
        });
        linear = muscall_model::weights::with_state(linear, drawn.collect(), "drawn").unwrap();
        let mut optimizer = config.init();
        for step in 0..20 {
            let mut gradients = GradientDict::default();
            for (name, data) in state_of(&linear) {
                let values = (0..data.num_elements()).map(|_| rng.random_range(-1.0_f32..1.0) * 1e-3);
                gradients.add(name, place(step, values.collect()));
            }
            linear = optimizer.step(&gradients, &|_| 1e-2).apply(linear);
        }
        (state_of(&linear), optimizer.take_state())
    }

    #[test]
    fn a_device_takes_the_steps_that_the_host_takes() {
        let on_device =
            |values: Vec<f32>| Values::Device(Tensor::from_data(TensorData::from(values.as_slice()), &Device::flex()));
        for clip_norm in [None, Some(1e-3)] {
            let config = AdamWConfig { clip_norm, ..AdamWConfig::default() };
            let host = steps(&config, |_, values| Values::Host(values));
            let device = steps(&config, |_, values| on_device(values));
            // As after a checkpoint, whose moments come from the disk, and on the way back.
            let mixed = steps(&config, |step, values| match step % 3 {
                0 => Values::Host(values),
                _ => on_device(values),
            });
            for (weights, moments) in [device, mixed] {
                let pairs = host.0.iter().chain(&host.1).zip(weights.iter().chain(&moments));
                for ((name, right), (same_name, found)) in pairs {
                    assert_eq!((name, right.shape()), (same_name, found.shape()));
                    let right = right.as_slice::<f32>().unwrap();
                    for (found, right) in found.as_slice::<f32>().unwrap().iter().zip(right) {
                        assert!((found - right).abs() <= 2e-6 * right.abs().max(1e-3), "{name}: {found} for {right}");
                    }
                }
            }
        }
    }
}
