//! A trained model in one directory.

use std::fs;
use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use muscall_audio::LogMelExtractor;
use muscall_files::{FileError, replace, replace_bytes};
use muscall_retrieval::Fingerprint;
use serde::{Deserialize, Serialize};

use crate::inference::PackedEncoders;
use crate::space::name_of;
use crate::text::TextFrontend;
use crate::weights::{StateDict, read_safetensors, state_of, with_state, write_safetensors};
use crate::{DualEncoder, ModelError, MuscallConfig, OtherLengths, Precision, WindowPooling};

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "weights.safetensors";

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
    model: DualEncoder,
    text_frontend: TextFrontend,
    frontend: std::sync::Arc<LogMelExtractor>,
    device: Device,
    /// Packed when it is first needed, and shared by clones.
    packed: std::sync::Arc<std::sync::OnceLock<PackedEncoders>>,
    /// Whether the kernels may be used.
    kernels: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BundleConfig {
    /// Version of the layout of the directory.
    format: u32,
    /// Of the frontend that the weights were trained with.
    frontend_fingerprint: String,
    /// Of what captions become before anything trained sees them; older bundles do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text_frontend_fingerprint: Option<String>,
    model: MuscallConfig,
}

const FORMAT: u32 = 2;

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
        config.validate()?;
        let frontend = config.log_mel.init()?.into();
        let device = device.clone().without_autodiff();
        // Trained in whatever numbers, it embeds in 32 bits unless it is asked to do otherwise.
        let model = model.valid().to_device(&device).with_precision(Precision::F32);
        let (packed, kernels) = (std::sync::Arc::default(), true);
        Ok(Self { config, model, text_frontend: text_frontend.into(), frontend, device, packed, kernels })
    }

    /// Reads a bundle.
    ///
    /// # Errors
    /// [`ModelError::Bundle`] and others with the name of the file that is missing, damaged or does
    /// not fit the rest; [`ModelError::Frontend`] if this version's frontend differs; [`ModelError::Words`] if
    /// tokenizer, sentence encoder or word vectors are not those that it was saved with.
    pub fn load(dir: impl AsRef<Path>, device: &Device) -> Result<Self, ModelError> {
        Self::read(dir.as_ref(), device).map_err(ModelError::in_bundle)
    }

    fn read(dir: &Path, device: &Device) -> Result<Self, ModelError> {
        let BundleConfig { model: config, text_frontend_fingerprint: words, .. } = read_config(&dir.join(CONFIG))?;
        let weights = dir.join(WEIGHTS);
        let device = device.clone().without_autodiff();
        let model = config.init(&device)?;
        let model = with_state(model, read_safetensors(&weights)?, &weights.display().to_string())?;
        let text_frontend = TextFrontend::load(dir, &config.text, words.as_deref(), &device)?;
        Self::new(config, &model, text_frontend, &device)
    }

    /// Writes a bundle over one that stands there. If this ends half-way, the directory holds the old one, the new
    /// one, or none that can be loaded: never the weights of one with the configuration of another.
    ///
    /// # Errors
    /// [`ModelError::Io`] with the file that cannot be written.
    pub fn save(&self, dir: impl AsRef<Path>) -> Result<(), ModelError> {
        save_bundle(dir.as_ref(), &self.config, &state_of(&self.model), &self.text_frontend)
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
        self.model = self.model.with_precision(precision);
        self.kernels &= precision == Precision::F32;
        self
    }

    /// The encoders that there are kernels for here.
    pub(crate) fn packed(&self) -> Option<&PackedEncoders> {
        self.kernels.then(|| self.packed.get_or_init(|| PackedEncoders::new(&self.config, &self.model, &self.device)))
    }

    /// The configuration.
    pub fn config(&self) -> &MuscallConfig {
        &self.config
    }

    /// The network.
    pub fn model(&self) -> &DualEncoder {
        &self.model
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
    pub fn fingerprint(&self) -> Fingerprint {
        name_of(&self.config, &state_of(&self.model), &self.text_frontend.fingerprint())
    }
}

fn read_config(path: &Path) -> Result<BundleConfig, ModelError> {
    let bytes = fs::read(path).map_err(FileError::reading(path))?;
    let parse = |source| ModelError::ConfigFile { path: path.to_owned(), source };
    let bundle: BundleConfig = serde_json::from_slice(&bytes).map_err(parse)?;
    let is_known = ModelError::check(
        bundle.format == FORMAT,
        "format",
        bundle.format,
        "2; update muscall to read newer bundles, train again to replace older ones",
    );
    let of_file = |source| ModelError::InvalidFile { path: path.to_owned(), source: Box::new(source) };
    is_known.and_then(|()| bundle.model.validate()).map_err(of_file)?;
    let expected = bundle.model.log_mel.fingerprint();
    if bundle.frontend_fingerprint != expected {
        let (path, found) = (path.to_owned(), bundle.frontend_fingerprint);
        return Err(ModelError::Frontend { path, found, expected });
    }
    Ok(bundle)
}

/// Replaces the files of a bundle one by one, each as a whole or not at all. During a training run
/// only the weights change from one save to the next, so that a bundle is always consistent. One of another
/// configuration is no bundle from the first to the last file, since its `config.json` goes first and
/// comes last. Other files of the directory stay.
fn save_bundle(
    dir: &Path,
    config: &MuscallConfig,
    state: &StateDict,
    text_frontend: &TextFrontend,
) -> Result<(), ModelError> {
    fs::create_dir_all(dir).map_err(FileError::writing(dir))?;
    let bundle = BundleConfig {
        format: FORMAT,
        frontend_fingerprint: config.log_mel.fingerprint(),
        text_frontend_fingerprint: Some(text_frontend.fingerprint().into()),
        model: config.clone(),
    };
    let path = dir.join(CONFIG);
    let parse = |source| ModelError::ConfigFile { path: path.clone(), source };
    let text = serde_json::to_string_pretty(&bundle).map_err(parse)? + "\n";
    if fs::read(&path).is_ok_and(|there| there != text.as_bytes()) {
        fs::remove_file(&path).map_err(FileError::writing(&path))?;
    }
    replace(&dir.join(WEIGHTS), |path| write_safetensors(path, state))?;
    text_frontend.save(dir)?;
    Ok(replace_bytes(&path, text)?)
}
