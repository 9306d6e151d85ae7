//! A trained model: from files, clips and words to embeddings.

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use burn::module::Module;
use burn::tensor::Device;
use muscall_audio::{Clip, ClipConfig, CropPosition, LogMelExtractor, load_clip, load_whole};
use muscall_vectors::Fingerprint;
use rayon::prelude::*;

use crate::bundle;
use crate::dual_encoder::{DualEncoder, MuscallConfig};
use crate::finite::{append, append_tensor};
use crate::inference::{PackedEncoders, Source};
use crate::network::Network;
use crate::recordings::{OtherLengths, WindowPooling};
use crate::space::name_of;
use crate::text::TextFrontend;
use crate::weights::{StateDict, WeightFormat, check_shapes, draw_all, shapes_of};
use crate::{AudioEmbedding, ModelError, Precision, ScoreScale};

/// Clips that go through the audio encoder together.
pub(crate) const AUDIO_BATCH: usize = 8;

/// A trained model with all that it needs to embed files and words.
///
/// On disk it is a *bundle*: a directory with `config.json` (the configuration and the
/// fingerprint of the frontend), `weights.safetensors` and `tokenizer.json`; one with a frozen text
/// encoder has that in `sentence/` or `word_vectors.bin`.
///
/// # Example
/// ```no_run
/// use muscall_model::Muscall;
///
/// # fn main() -> Result<(), muscall_model::ModelError> {
/// let model = Muscall::load("runs/quickstart", &Default::default())?;
/// let music = model.embed_audio(["rain.mp3", "march.flac"])?;
/// let words = model.embed_text(["calm solo piano"])?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Muscall {
    config: MuscallConfig,
    network: Arc<Network>,
    text_frontend: TextFrontend,
    frontend: Arc<LogMelExtractor>,
    device: Device,
    /// Packed when it is first needed, and shared by clones.
    pub(crate) packed: Arc<PackedEncoders>,
    /// Computed when it is first asked for, if the bundle does not have it.
    pub(crate) text_centre: Arc<OnceLock<Vec<f32>>>,
    /// What its scores mean, if it was calibrated.
    pub(crate) scale: Option<Arc<ScoreScale>>,
    /// Whether the kernels may be used.
    kernels: bool,
}

impl Muscall {
    /// A model in memory, for inference on the device that it lives on.
    ///
    /// # Errors
    /// [`ModelError::Config`] or [`ModelError::Audio`] if the configuration is not valid.
    pub fn new(
        config: MuscallConfig,
        model: &DualEncoder,
        text_frontend: impl Into<TextFrontend>,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let device = device.clone().without_autodiff();
        // Trained in whatever numbers, it embeds in 32 bits unless it is asked to do otherwise.
        draw_all(model);
        let model = model.valid().to_device(&device).with_precision(Precision::F32);
        Self::with_network(config, model.into(), text_frontend.into(), device)
    }

    /// The same of weights by name, which are not copied. The network in burn's operators is made when it is needed.
    ///
    /// # Errors
    /// The same, and [`ModelError::Mismatch`] with every missing, surplus and misshapen tensor; `origin` is the file that
    /// the message names.
    pub fn from_state(
        config: MuscallConfig,
        state: StateDict,
        origin: &str,
        text_frontend: impl Into<TextFrontend>,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let device = device.clone().without_autodiff();
        let found = state.iter().map(|(name, data)| (name, data.shape().as_slice()));
        check_shapes(&shapes_of(&config.init(&device)?), found, origin)?;
        Self::with_network(config, state.into(), text_frontend.into(), device)
    }

    fn with_network(
        config: MuscallConfig,
        network: Network,
        text_frontend: TextFrontend,
        device: Device,
    ) -> Result<Self, ModelError> {
        config.validate()?;
        let frontend = config.log_mel.init()?.into();
        let text_centre = network.bundle().and_then(|bundle| bundle.text_centre.clone());
        let text_centre = Arc::new(text_centre.map_or_else(OnceLock::new, OnceLock::from));
        let scale = network.bundle().and_then(|bundle| bundle.scale.clone());
        let (network, packed, kernels) = (Arc::new(network), Arc::default(), true);
        Ok(Self { config, network, text_frontend, frontend, device, packed, text_centre, scale, kernels })
    }

    /// Opens a bundle. Weights are read, and compared with what was saved, when something is first embedded; those of
    /// encoders that never embed anything are not.
    ///
    /// The file of weights must not be written into while it is open. [`save`](Self::save) and training put a new file in
    /// the place of an old one, which this model keeps.
    ///
    /// # Errors
    /// [`ModelError::Bundle`] and others with the name of the file that is missing, damaged or does
    /// not fit the rest; [`ModelError::Frontend`] if this version's frontend differs; [`ModelError::Words`] if
    /// tokenizer, sentence encoder or word vectors are not those that it was saved with.
    pub fn load(dir: impl AsRef<Path>, device: &Device) -> Result<Self, ModelError> {
        let device = device.clone().without_autodiff();
        let (config, weights, text_frontend) = bundle::read(dir.as_ref(), &device).map_err(ModelError::in_bundle)?;
        Self::with_network(config, weights.into(), text_frontend, device).map_err(ModelError::in_bundle)
    }

    /// The model in the box: trained by this project on freely licensed and rendered music (`models/box/README.md`), and
    /// compiled in, so that nothing needs to be downloaded or trained.
    ///
    /// # Errors
    /// As [`load`](Self::load), if the program was built with files that do not fit each other.
    #[cfg(feature = "box")]
    pub fn boxed(device: &Device) -> Result<Self, ModelError> {
        let device = device.clone().without_autodiff();
        let (config, weights, text_frontend) = bundle::read_boxed(&device)?;
        Self::with_network(config, weights.into(), text_frontend, device)
    }

    /// Writes a bundle over one that stands there. If this ends half-way, the directory holds the old one, the new
    /// one, or none that can be loaded: never the weights of one with the configuration of another.
    ///
    /// What was loaded from a bundle with weights of 16 or 8 bits is saved as such.
    ///
    /// # Errors
    /// [`ModelError::Io`] with the file that cannot be written.
    pub fn save(&self, dir: impl AsRef<Path>) -> Result<(), ModelError> {
        let centre = self.text_centre.get().map(Vec::as_slice);
        let format = self.weight_format();
        bundle::write(dir.as_ref(), &self.config, (&*self.state()?, format), &self.text_frontend, centre, self.scale())
    }

    /// The same in numbers of another size. Vectors with rounded weights are of another space than this model's.
    ///
    /// # Errors
    /// [`ModelError::Unstorable`] if there are weights that this format cannot hold; otherwise as [`save`](Self::save).
    pub fn save_as(&self, dir: impl AsRef<Path>, format: WeightFormat) -> Result<(), ModelError> {
        if format == self.weight_format() {
            return self.save(dir);
        }
        // Its words lie elsewhere, and its scores mean something else.
        bundle::write(dir.as_ref(), &self.config, (&*self.state()?, format), &self.text_frontend, None, None)
    }

    /// What the weights are stored in, if they are; 32 bits for a model in memory.
    pub fn weight_format(&self) -> WeightFormat {
        self.network.bundle().map(|bundle| bundle.file.format()).unwrap_or_default()
    }

    /// All weights by name.
    ///
    /// # Errors
    /// [`ModelError`] with the file of the bundle that cannot be read.
    pub fn state(&self) -> Result<Cow<'_, StateDict>, ModelError> {
        self.network.state()
    }

    /// The same model, taking audio that is not `clip_s` long in windows, one every
    /// [`segment_hop_s`](MuscallConfig::segment_hop_s).
    #[must_use]
    pub fn in_windows(&self) -> Self {
        let hop_s = self.config.segment_hop_s();
        let config =
            self.config.clone().with_other_lengths(OtherLengths::Windows { hop_s, pooling: WindowPooling::Mean });
        Self { config, ..self.clone() }
    }

    /// The same model, embedding with our own kernels on a CPU (the default) or with burn's
    /// operators as on any other device. They agree to a few units of the last place.
    #[must_use]
    pub fn with_kernels(mut self, kernels: bool) -> Self {
        self.kernels = kernels;
        self
    }

    /// The same model, computing in other numbers. Those of 16 bits are for GPUs; our own kernels are for 32.
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.network = Arc::new(self.network.with_precision(precision));
        self.text_centre = Arc::default();
        self.scale = None;
        self.kernels &= precision == Precision::F32;
        self
    }

    /// What the encoders on slices are packed from, unless burn's operators are wanted.
    pub(crate) fn source(&self) -> Option<Source<'_>> {
        self.kernels.then_some(Source { config: &self.config, network: &self.network, device: &self.device })
    }

    /// The configuration.
    pub fn config(&self) -> &MuscallConfig {
        &self.config
    }

    /// The network in burn's operators, read from the bundle if nobody has asked for it before.
    ///
    /// # Errors
    /// [`ModelError`] with the file of the bundle that cannot be read.
    pub fn model(&self) -> Result<&DualEncoder, ModelError> {
        self.network.model(&self.config, &self.device)
    }

    /// Captions to what the text encoder reads.
    pub fn text_frontend(&self) -> &TextFrontend {
        &self.text_frontend
    }

    /// Waveform to log-mel.
    pub fn frontend(&self) -> &LogMelExtractor {
        &self.frontend
    }

    /// Where the network computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Identifies this model's embedding space: embeddings with different fingerprints must not be compared.
    ///
    /// In it is what changes a vector: weights, frontend, the sizes of both encoders, windows, and the content of
    /// tokenizer, frozen encoder or word vectors. Dropout, temperature, what is frozen and other matters of training
    /// are not. What was kept under a name that an earlier version gave the same model is accepted.
    ///
    /// # Errors
    /// [`ModelError`] with the file of the bundle that cannot be read.
    pub fn fingerprint(&self) -> Result<Fingerprint, ModelError> {
        let words = self.text_frontend.fingerprint();
        match self.network.bundle() {
            Some(bundle) if bundle.config == self.config => Ok(bundle.space.clone()),
            Some(bundle) => name_of(&self.config, &bundle.file, words.name()),
            None => {
                let Ok(name) = name_of(&self.config, &*self.state()?, words.name());
                Ok(name)
            }
        }
    }

    /// Embeds the middle `clip_s` seconds of each file.
    ///
    /// The embedding of a file does not depend on the other files, their order or the number of
    /// threads.
    ///
    /// # Shapes
    /// - returns `[files, projection_dim]`, unit norm, in the order given.
    /// # Errors
    /// [`ModelError::Audio`] for the first file that cannot be decoded, with its name. To go on
    /// without such files, load clips one by one and use [`embed_loaded`](Self::embed_loaded).
    pub fn embed_audio<P: AsRef<Path> + Sync>(&self, paths: impl AsRef<[P]>) -> Result<AudioEmbedding, ModelError> {
        let config = self.clip_config();
        self.embed_sources(paths.as_ref(), |path| load_clip(path.as_ref(), CropPosition::Central, &config))
    }

    /// Embeds the whole of each file, as the configuration's
    /// [`other_lengths`](crate::MuscallConfig::other_lengths) says. A file of `clip_s` seconds has
    /// the embedding that [`embed_audio`](Self::embed_audio) gives.
    ///
    /// # Shapes
    /// - returns `[files, projection_dim]`, unit norm, in the order given.
    /// # Errors
    /// As [`embed_audio`](Self::embed_audio).
    pub fn embed_whole<P: AsRef<Path> + Sync>(&self, paths: impl AsRef<[P]>) -> Result<AudioEmbedding, ModelError> {
        let config = self.clip_config();
        self.embed_sources(paths.as_ref(), |path| load_whole(path.as_ref(), &config))
    }

    /// Embeds what `load` makes of each source, all of which must be good.
    pub(crate) fn embed_sources<S: Sync>(
        &self,
        sources: &[S],
        load: impl Fn(&S) -> Result<Clip, muscall_audio::AudioError> + Sync,
    ) -> Result<AudioEmbedding, ModelError> {
        let mut values = Vec::new();
        for sources in sources.chunks(AUDIO_BATCH) {
            let clips: Result<Vec<_>, _> = sources.par_iter().map(&load).collect();
            let before = values.len() / self.config().projection_dim;
            let embedded = self.embed_loaded(&clips?).map_err(|error| error.with_index(|index| before + index))?;
            values.extend_from_slice(embedded.values());
        }
        Ok(AudioEmbedding::new(values, self.config().projection_dim))
    }

    /// Embeds waveforms at the model's sample rate, each `clip_s` long or not.
    ///
    /// # Shapes
    /// - returns `[clips, projection_dim]`, unit norm.
    /// # Errors
    /// [`ModelError::Audio`] for an empty clip, [`ModelError::Config`] for one that is too short.
    pub fn embed_clips<C: AsRef<[f32]> + Sync>(&self, clips: &[C]) -> Result<AudioEmbedding, ModelError> {
        self.embed_pieces(clips, |clip| (clip.as_ref(), clip.as_ref().len()))
    }

    /// Embeds clips as [`load_clip`] gives them.
    ///
    /// # Shapes
    /// - returns `[clips, projection_dim]`, unit norm.
    /// # Errors
    /// As [`embed_clips`](Self::embed_clips).
    pub fn embed_loaded(&self, clips: &[Clip]) -> Result<AudioEmbedding, ModelError> {
        self.embed_pieces(clips, |clip| (&clip.samples, clip.valid))
    }

    /// Embeds spectrograms of one length, as [`frontend`](Self::frontend) gives them.
    ///
    /// # Shapes
    /// - each: `[n_mels, frames]`; returns `[clips, projection_dim]`, unit norm.
    /// # Errors
    /// [`ModelError::Config`] if they have other bands, different lengths or too few frames.
    pub fn embed_log_mels(&self, mels: &[&[f32]]) -> Result<AudioEmbedding, ModelError> {
        let (bands, dim) = (self.config().log_mel.n_mels, self.config().projection_dim);
        let values = mels.first().map_or(0, |mel| mel.len());
        let whole = values.is_multiple_of(bands) && mels.iter().all(|mel| mel.len() == values);
        ModelError::check(whole, "log_mel.n_mels", bands, "the bands of spectrograms of one length")?;
        let mut rows = Vec::with_capacity(mels.len() * dim);
        for batch in mels.chunks(AUDIO_BATCH) {
            self.embed_batch(batch, None, &mut rows)?;
        }
        Ok(AudioEmbedding::new(rows, dim))
    }

    /// Adds the embeddings of spectrograms of one length, of which so many frames are no padding.
    pub(crate) fn embed_batch(
        &self,
        mels: &[&[f32]],
        valid_frames: Option<Vec<usize>>,
        rows: &mut Vec<f32>,
    ) -> Result<(), ModelError> {
        self.check_frames(mels)?;
        let n_mels = self.config().log_mel.n_mels;
        let packed = self.source().map(|source| self.packed.audio(source)).transpose()?.flatten();
        if let Some(audio) = packed {
            return append(rows, &audio.embed(mels, n_mels), self.config().projection_dim, "audio");
        }
        append_tensor(rows, self.model()?.embed_audio(self.audio_batch(mels, valid_frames)), "audio")
    }

    /// How well labels describe files, as cosines: the whole of each file, in windows that overlap
    /// by half, against the prompt "A {label} track".
    ///
    /// # Shapes
    /// - returns `[files, labels]`, row by row.
    /// # Errors
    /// As [`embed_audio`](Self::embed_audio) and [`embed_text`](Self::embed_text).
    /// # Source
    /// Section 5.3 of the paper.
    pub fn classify<P: AsRef<Path> + Sync, S: AsRef<str>>(
        &self,
        paths: impl AsRef<[P]>,
        labels: impl AsRef<[S]>,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let prompts: Vec<String> = labels.as_ref().iter().map(|label| format!("A {} track", label.as_ref())).collect();
        let (audio, text) = (self.in_windows().embed_whole(paths)?, self.embed_text(&prompts)?);
        let values = muscall_vectors::class_scores(audio.view(), text.view())?;
        Ok(values.chunks(prompts.len().max(1)).map(<[f32]>::to_vec).collect())
    }

    /// How files become clips for this model: rate, length, resampling, padding, repairs allowed.
    pub fn clip_config(&self) -> ClipConfig {
        let MuscallConfig { log_mel, padding, .. } = self.config();
        let samples = self.config().clip_samples();
        let resampling = log_mel.resampling;
        ClipConfig { padding: *padding, resampling, ..ClipConfig::new(log_mel.sample_rate, samples) }
    }
}
