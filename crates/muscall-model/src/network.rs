//! The network of a model: in memory, or in the file of its bundle until it is needed.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use burn::module::Module;
use burn::tensor::Device;
use muscall_kernels::Rows;
use muscall_vectors::Fingerprint;

use crate::dual_encoder::{DualEncoder, MuscallConfig};
use crate::space::{Tower, tower_hash};
use crate::weights::{StateDict, WeightsFile, state_of, state_where, with_state};
use crate::{ModelError, Precision, ScoreScale};

/// A value that is made when it is first asked for, by one thread, while others wait. If that fails, the next one
/// tries again.
#[derive(Debug)]
pub(crate) struct Lazy<T> {
    value: OnceLock<T>,
    making: Mutex<()>,
}

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Self { value: OnceLock::new(), making: Mutex::new(()) }
    }
}

impl<T> From<T> for Lazy<T> {
    fn from(value: T) -> Self {
        Self { value: OnceLock::from(value), making: Mutex::new(()) }
    }
}

impl<T> Lazy<T> {
    fn get(&self) -> Option<&T> {
        self.value.get()
    }

    pub(crate) fn get_or_try<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let value = make()?;
        Ok(self.value.get_or_init(|| value))
    }
}

/// The weights of a bundle, of which nothing has been read but names and shapes.
#[derive(Debug)]
pub(crate) struct BundleWeights {
    pub(crate) file: WeightsFile,
    /// The space that they make with the bundle's configuration.
    pub(crate) space: Fingerprint,
    /// What identifies the text frontend.
    pub(crate) words: String,
    /// That configuration.
    pub(crate) config: MuscallConfig,
    /// Where text lies in that space, if it was known.
    pub(crate) text_centre: Option<Vec<f32>>,
    /// What its scores mean, if it was calibrated.
    pub(crate) scale: Option<Arc<ScoreScale>>,
    /// Which towers are what was saved.
    pub(crate) checked: [Lazy<()>; 2],
}

impl BundleWeights {
    /// Whether a tower's weights are those that were saved: a damaged file is found out when its weights are first needed.
    fn check(&self, tower: Tower) -> Result<(), ModelError> {
        let check = || {
            let (audio, text) = self.space.towers().unwrap_or_default();
            let (index, expected) = match tower {
                Tower::Audio => ("audio", audio),
                Tower::Text => ("text", text),
            };
            let found = tower_hash(&self.config, &self.file, &self.words, tower)?;
            match found == expected {
                true => Ok(()),
                false => Err(ModelError::Damaged { path: self.file.path().to_owned(), tower: index, found, expected }),
            }
        };
        self.checked[tower as usize].get_or_try(check).copied()
    }
}

/// The weights of a model, and its network in burn's operators once somebody has asked for that.
#[derive(Debug)]
pub(crate) struct Network {
    weights: Weights,
    model: Lazy<DualEncoder>,
    precision: Precision,
}

/// Where weights are.
#[derive(Debug, Clone)]
enum Weights {
    /// In the network itself.
    Network,
    /// By name, with the shapes of the network.
    State(Arc<StateDict>),
    Bundle(Arc<BundleWeights>),
}

impl From<DualEncoder> for Network {
    fn from(model: DualEncoder) -> Self {
        Self { weights: Weights::Network, model: model.into(), precision: Precision::F32 }
    }
}

impl From<BundleWeights> for Network {
    fn from(bundle: BundleWeights) -> Self {
        Self { weights: Weights::Bundle(Arc::new(bundle)), model: Lazy::default(), precision: Precision::F32 }
    }
}

/// Of tensors that have been compared with the shapes of the network.
impl From<StateDict> for Network {
    fn from(state: StateDict) -> Self {
        Self { weights: Weights::State(Arc::new(state)), model: Lazy::default(), precision: Precision::F32 }
    }
}

impl Network {
    /// The bundle that it is read from, if it is.
    pub(crate) fn bundle(&self) -> Option<&BundleWeights> {
        match &self.weights {
            Weights::Bundle(bundle) => Some(bundle),
            _ => None,
        }
    }

    /// The network in burn's operators.
    pub(crate) fn model(&self, config: &MuscallConfig, device: &Device) -> Result<&DualEncoder, ModelError> {
        self.model.get_or_try(|| {
            let origin = self.bundle().map(|bundle| bundle.file.path().display().to_string()).unwrap_or_default();
            let model = with_state(config.init(device)?, self.state()?.into_owned(), &origin)?;
            Ok(model.valid().with_precision(self.precision))
        })
    }

    /// The same network, computing in other numbers.
    pub(crate) fn with_precision(&self, precision: Precision) -> Self {
        let model = self.model.get().map(|model| model.clone().with_precision(precision));
        Self { weights: self.weights.clone(), model: model.map_or_else(Lazy::default, Lazy::from), precision }
    }

    /// All tensors.
    pub(crate) fn state(&self) -> Result<Cow<'_, StateDict>, ModelError> {
        Ok(match &self.weights {
            Weights::Bundle(bundle) => {
                bundle.check(Tower::Audio)?;
                bundle.check(Tower::Text)?;
                Cow::Owned(bundle.file.read(|_, _| true)?)
            }
            Weights::State(state) => Cow::Borrowed(state),
            Weights::Network => Cow::Owned(self.model.get().map(state_of).unwrap_or_default()),
        })
    }

    /// The tensors of a tower, but for matrices that are read [by row](Self::rows) if they lie in a file.
    pub(crate) fn tower(
        &self,
        tower: Tower,
        is_by_row: impl Fn(&str) -> bool,
    ) -> Result<Cow<'_, StateDict>, ModelError> {
        Ok(match &self.weights {
            Weights::Bundle(bundle) => {
                bundle.check(tower)?;
                let wanted = |name: &str, shape: &[usize]| tower.has(name) && !(shape.len() == 2 && is_by_row(name));
                Cow::Owned(bundle.file.read(wanted)?)
            }
            Weights::State(state) => Cow::Borrowed(state),
            Weights::Network => {
                let model = self.model.get();
                Cow::Owned(model.map(|model| state_where(model, |name| tower.has(name))).unwrap_or_default())
            }
        })
    }

    /// A matrix where it lies in the bundle, if there is one.
    pub(crate) fn rows(&self, name: &str) -> Result<Option<Rows>, ModelError> {
        self.bundle().map(|bundle| bundle.file.rows(name)).transpose()
    }
}
