//! AdamW with PyTorch's arithmetic, over parameters by name.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};
use muscall_model::weights::{ParameterPath, StateDict};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::gradient::GradientDict;

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
/// wrote it.
#[derive(Debug, Clone)]
pub struct AdamW {
    config: AdamWConfig,
    step: u64,
    moments: BTreeMap<String, (TensorData, TensorData)>,
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
        let clip = self.config.clip_norm.map_or(1.0, |limit| (limit / gradients.norm()).min(1.0));
        self.step += 1;
        Update { optimizer: self, gradients, rate, clip, path: ParameterPath::default() }
    }

    /// Takes the moments out, `first.<parameter>` and `second.<parameter>`; [`restore`](Self::restore)
    /// puts them back.
    pub fn take_state(&mut self) -> StateDict {
        let mut state = StateDict::new();
        for (name, (first, second)) in std::mem::take(&mut self.moments) {
            state.insert(format!("first.{name}"), first);
            state.insert(format!("second.{name}"), second);
        }
        state
    }

    /// Restores what [`take_state`](Self::take_state) gave after `step` steps.
    pub fn restore(&mut self, mut state: StateDict, step: u64) {
        self.step = step;
        self.moments.clear();
        let firsts: Vec<_> = state.keys().filter_map(|key| key.strip_prefix("first.")).map(str::to_owned).collect();
        for name in firsts {
            let first = state.remove(&format!("first.{name}"));
            let second = state.remove(&format!("second.{name}"));
            if let (Some(first), Some(second)) = (first, second) {
                self.moments.insert(name, (first, second));
            }
        }
    }
}

/// One step of [`AdamW`].
pub struct Update<'a> {
    optimizer: &'a mut AdamW,
    gradients: &'a GradientDict,
    rate: &'a dyn Fn(&str) -> f64,
    clip: f64,
    path: ParameterPath,
}

impl Update<'_> {
    /// The module after the step. Parameters without a gradient stay as they are.
    #[must_use]
    pub fn apply<M: Module>(&mut self, module: M) -> M {
        module.map(self)
    }
}

impl ModuleMapper for Update<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
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
        let shape = param.dims();
        let (first, second) = moments.entry(name).or_insert_with(|| {
            let zeros = || TensorData::new(vec![0.0_f32; gradient.len()], shape);
            (zeros(), zeros())
        });
        let kernel = AdamWKernel::new(config, *step, rate, weight_decay, self.clip);
        param.map(|tensor| {
            let device = tensor.device();
            let mut values = tensor.into_data().convert::<f32>();
            kernel.run(
                values.as_mut_slice::<f32>().expect("converted to f32"),
                gradient,
                first.as_mut_slice::<f32>().expect("moments are f32"),
                second.as_mut_slice::<f32>().expect("moments are f32"),
            );
            Tensor::from_data(values, &device).require_grad()
        })
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
    clip: f32,
}

impl AdamWKernel {
    fn new(config: &AdamWConfig, step: u64, learning_rate: f64, weight_decay: f64, clip: f64) -> Self {
        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        Self {
            beta_1: config.beta_1 as f32,
            beta_2: config.beta_2 as f32,
            epsilon: config.epsilon as f32,
            keep: (1.0 - learning_rate * weight_decay) as f32,
            rate: (learning_rate / correction(config.beta_1)) as f32,
            root: correction(config.beta_2).sqrt() as f32,
            clip: clip as f32,
        }
    }

    fn run(&self, values: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        for (((p, &g), m), v) in values.iter_mut().zip(gradient).zip(first).zip(second) {
            let g = g * self.clip;
            *m += (g - *m) * (1.0 - self.beta_1);
            *v = *v * self.beta_2 + g * g * (1.0 - self.beta_2);
            let denominator = v.sqrt() / self.root + self.epsilon;
            *p = *p * self.keep - self.rate * *m / denominator;
        }
    }
}
