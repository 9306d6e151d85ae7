//! What is trained: the model, and what only training needs.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use muscall_model::weights::{StateDict, state_of, with_state};
use muscall_model::{AudioBatch, DualEncoder, ModelError, TextBatch};

use crate::heads::Heads;
use crate::recipe::Recipe;

/// The model with its heads.
#[derive(Debug, Clone)]
pub struct Trainee {
    /// What becomes a bundle.
    pub model: DualEncoder,
    /// What does not.
    pub heads: Heads,
}

/// A part of a batch on the device.
#[derive(Debug, Clone)]
pub struct DevicePart {
    /// Clips.
    pub audio: AudioBatch,
    /// Their captions.
    pub text: TextBatch,
    /// Both views of each clip, the first ones before the second ones: `[2 · clips, n_mels, frames]`.
    pub views: Option<Tensor<3>>,
}

/// What a part gives.
#[derive(Debug, Clone)]
pub struct Outputs {
    /// `[clips, dim]`, unit norm.
    pub audio: Tensor<2>,
    /// `[captions, dim]`, unit norm.
    pub text: Tensor<2>,
    /// The projected views, `[clips, dim]` each.
    pub views: Option<[Tensor<2>; 2]>,
}

impl Trainee {
    /// With random weights, as the recipe says.
    ///
    /// # Errors
    /// [`ModelError::Config`] if the recipe's model is not valid.
    pub fn new(recipe: &Recipe, device: &Device) -> Result<Self, ModelError> {
        let mut model = recipe.model.init(device)?;
        model.audio = model.audio.with_recompute(recipe.recompute);
        model = model.with_precision(recipe.precision);
        let heads = Heads::new(recipe, device);
        let trainee = Self { model, heads };
        // burn draws a weight when it is first looked at: all at once here, so that the order of
        // the draws, and with it the seed's meaning, does not depend on what comes next.
        let _ = trainee.state();
        // Each device draws other numbers: those of the CPU are the same everywhere.
        match muscall_model::cpu().filter(|_| !muscall_model::is_cpu(device)) {
            None => Ok(trainee),
            Some(cpu) => {
                cpu.seed(recipe.seed);
                let drawn = Self::new(recipe, &cpu.autodiff())?;
                trainee.with_state(drawn.state(), "random weights")
            }
        }
    }

    /// All tensors by name.
    pub fn state(&self) -> StateDict {
        let mut state = state_of(&self.model);
        state.extend(state_of(&self.heads));
        state
    }

    /// With the tensors of a checkpoint; `origin` is what a message calls it.
    ///
    /// # Errors
    /// [`ModelError::Mismatch`] with every tensor that is missing, surplus or misshapen.
    pub fn with_state(self, mut state: StateDict, origin: &str) -> Result<Self, ModelError> {
        let own = state_of(&self.heads);
        let heads = own.keys().filter_map(|name| state.remove_entry(name)).collect();
        Ok(Self { model: with_state(self.model, state, origin)?, heads: with_state(self.heads, heads, origin)? })
    }

    /// Through both encoders.
    pub fn forward(&self, part: DevicePart) -> Outputs {
        let audio = self.model.embed_audio(part.audio);
        let text = self.model.embed_text(part.text);
        let views = part.views.and_then(|views| self.embed_views(views));
        Outputs { audio, text, views }
    }

    /// Both views of each clip, projected, if the recipe asks for views: as in [`DevicePart`] and [`Outputs`].
    pub fn embed_views(&self, views: Tensor<3>) -> Option<[Tensor<2>; 2]> {
        let projector = self.heads.ssl_projector()?;
        let projected = projector.forward(self.model.audio.forward(views));
        let clips = projected.dims()[0] / 2;
        Some([projected.clone().narrow(0, 0, clips), projected.narrow(0, clips, clips)])
    }

    /// The same network, through which no gradient is followed.
    #[must_use]
    pub fn no_grad(self) -> Self {
        Self { model: self.model.no_grad(), heads: self.heads.no_grad() }
    }
}
