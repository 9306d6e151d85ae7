//! What is trained: the model, and what only training needs.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use muscall_model::weights::{ParameterMapper, StateDict, map_parameters, state_of, state_where, with_state};
use muscall_model::{AudioBatch, DualEncoder, ModelError, TextBatch};

use crate::heads::Heads;
use crate::known::Input;
use crate::recipe::Recipe;

/// The model with its heads.
#[derive(Debug, Clone)]
pub struct Trainee {
    /// What becomes a bundle.
    pub model: DualEncoder,
    /// What does not.
    pub heads: Heads,
    /// Whether the audio tower and the text tower stay as they are: they then work as in inference.
    stays: [bool; 2],
}

/// A part of a batch on the device.
#[derive(Debug, Clone)]
pub struct DevicePart {
    /// Clips; without autodiff if the audio tower stays as it is.
    pub audio: Input<AudioBatch>,
    /// Their captions; the same.
    pub text: Input<TextBatch>,
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
        let stays = [!recipe.learns.trains_audio(), !recipe.learns.trains_text()];
        let trainee = Self { model, heads, stays };
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

    /// Those whose names are wanted: nothing else is copied.
    pub(crate) fn state_where(&self, is_wanted: impl Fn(&str) -> bool) -> StateDict {
        let mut state = state_where(&self.model, &is_wanted);
        state.extend(state_where(&self.heads, is_wanted));
        state
    }

    /// With the tensors of a checkpoint; `origin` is what a message calls it.
    ///
    /// # Errors
    /// [`ModelError::Mismatch`] with every tensor that is missing, surplus or misshapen.
    pub fn with_state(self, mut state: StateDict, origin: &str) -> Result<Self, ModelError> {
        let own = state_of(&self.heads);
        let heads = own.keys().filter_map(|name| state.remove_entry(name)).collect();
        let (model, heads) = (with_state(self.model, state, origin)?, with_state(self.heads, heads, origin)?);
        Ok(Self { model, heads, stays: self.stays })
    }

    /// Through both encoders.
    pub fn forward(&self, part: DevicePart) -> Outputs {
        let audio = self.embed_audio(part.audio);
        let text = self.embed_text(part.text);
        let views = part.views.and_then(|views| self.embed_views(views));
        Outputs { audio, text, views }
    }

    /// Clips, or what is known of them, into the joint space.
    pub(crate) fn embed_audio(&self, audio: Input<AudioBatch>) -> Tensor<2> {
        let [stays, _] = self.stays;
        let encode = |model: &DualEncoder, clips: AudioBatch| match stays {
            true => model.project_audio(Tensor::from_inner(model.audio.valid().forward(clips))),
            false => model.embed_audio(clips),
        };
        audio.embed(&self.model, encode, DualEncoder::project_audio)
    }

    /// Captions, or what is known of them, into the joint space.
    pub(crate) fn embed_text(&self, text: Input<TextBatch>) -> Tensor<2> {
        let [_, stays] = self.stays;
        let encode = |model: &DualEncoder, captions: TextBatch| match stays {
            true => model.project_text(Tensor::from_inner(model.text.valid().forward(captions))),
            false => model.embed_text(captions),
        };
        text.embed(&self.model, encode, DualEncoder::project_text)
    }

    /// The same, where nothing follows a gradient to parameters that do not learn: what comes before all that does is
    /// computed as in inference, at the memory of that.
    #[must_use]
    pub fn with_frozen(self, is_frozen: impl Fn(&str) -> bool) -> Self {
        Self { model: map_parameters(self.model, &mut Freeze(is_frozen)), ..self }
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
        Self { model: self.model.no_grad(), heads: self.heads.no_grad(), ..self }
    }
}

struct Freeze<F>(F);

impl<F: Fn(&str) -> bool> ParameterMapper for Freeze<F> {
    fn map<const D: usize>(&mut self, name: String, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if (self.0)(&name) { param.map(|tensor| tensor.set_require_grad(false)).set_require_grad(false) } else { param }
    }
}
