//! What can go wrong between a configuration and an embedding.

use std::fmt::Display;
use std::path::PathBuf;

use muscall_files::FileError;

use crate::weights::WeightFormat;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A field of a configuration is out of range.
    #[error("configuration: `{field}` is {found}; it must be {expected}")]
    Config {
        /// Path of the field, such as `audio.width`.
        field: &'static str,
        /// The value that was given.
        found: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// A checkpoint is not one that can be imported.
    #[error("{path}: found {found}; expected {expected}")]
    Checkpoint {
        /// The checkpoint.
        path: PathBuf,
        /// What it has, or lacks.
        found: String,
        /// What it should have.
        expected: &'static str,
    },
    /// A configuration file says what cannot be.
    #[error("{path}: {source}")]
    InvalidFile {
        /// The configuration file.
        path: PathBuf,
        /// Which field.
        source: Box<ModelError>,
    },
    /// A file or a folder cannot be read or written.
    #[error(transparent)]
    Io(#[from] FileError),
    /// A file of a bundle cannot be read.
    #[error("{path}: {source}; a bundle is a folder with config.json, weights.safetensors and tokenizer.json")]
    Bundle {
        /// The file of the bundle.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A configuration file does not parse.
    #[error("{path}: {source}; was it written by another version, or edited by hand?")]
    ConfigFile {
        /// The configuration file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A weights file is not safetensors.
    #[error("{path}: {source}; expected a complete safetensors file")]
    Weights {
        /// The safetensors file.
        path: PathBuf,
        /// What is wrong with it.
        source: safetensors::SafeTensorError,
    },
    /// The weights of a bundle are not those that it was saved with.
    #[error(
        "{path}: the tensors of the {tower} tower have the hash {found:016x}, but were saved with {expected:016x}: the file is damaged; copy the bundle again, or import or train the model again"
    )]
    Damaged {
        /// The weights file.
        path: PathBuf,
        /// `audio` or `text`.
        tower: &'static str,
        /// Hash of what is there.
        found: u64,
        /// Hash of what was saved.
        expected: u64,
    },
    /// A weight that a format with fewer bits cannot hold.
    #[error(
        "{tensor} has the value {value:e}, which {format:?} cannot hold (f16 ends at 65504); keep this model in 32 bits"
    )]
    Unstorable {
        /// Its name.
        tensor: String,
        /// The value.
        value: f32,
        /// What it was to be stored in.
        format: WeightFormat,
    },
    /// The weights are not those of the configured model. All differences are listed.
    #[error(
        "{origin}: the weights do not fit the configuration: {differences}; load them with the configuration that they were trained with"
    )]
    Mismatch {
        /// The file, or what the weights came from.
        origin: String,
        /// Every missing, surplus and misshapen tensor.
        differences: Differences,
    },
    /// The frontend of a bundle is not the one that this program would build.
    #[error(
        "{path}: its frontend has the fingerprint {found}, this version of muscall builds {expected}; embeddings would not be comparable: train again, or use the version that wrote it"
    )]
    Frontend {
        /// The bundle's configuration.
        path: PathBuf,
        /// Fingerprint in the file.
        found: String,
        /// Fingerprint of the frontend that the configuration gives here.
        expected: String,
    },
    /// What a bundle reads words with is not what it was saved with.
    #[error(
        "{path}: its content has the fingerprint {found}, but the bundle was saved with {expected}: it was replaced, or damaged; copy the whole bundle again, or save the model to another folder"
    )]
    Words {
        /// The tokenizer, the word vectors, or the folder of the sentence encoder.
        path: PathBuf,
        /// Fingerprint of what is there.
        found: String,
        /// Fingerprint of what was saved.
        expected: String,
    },
    /// A pretrained sentence encoder is nowhere to be found.
    #[error(
        "the sentence encoder `{model}` was not found in {}; {reason}; give the folder with its model.safetensors and tokenizer.json, or run scripts/fetch_sentence_model.sh",
        tried.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    SentenceModel {
        /// What was asked for.
        model: String,
        /// Folders that were looked at.
        tried: Vec<PathBuf>,
        /// Why it was not downloaded.
        reason: String,
    },
    /// A file of word vectors is damaged, or another kind of file.
    #[error("{path}: word {row}: {found}; expected {expected}")]
    WordVectors {
        /// The file of word vectors.
        path: PathBuf,
        /// From 1; 0 is the header.
        row: u64,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// A published model does not come from the hub.
    #[cfg(feature = "sentence")]
    #[error(transparent)]
    Hub(#[from] crate::hub::HubError),
    /// A checkpoint of PyTorch cannot be read.
    #[error(transparent)]
    Pytorch(#[from] crate::weights::pytorch::PytorchError),
    /// A configuration of the released implementation does not parse.
    #[error("{path}: {reason}; expected the YAML or JSON configuration of a released model")]
    ReleasedConfig {
        /// The YAML or JSON file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// A checkpoint was trained with another frontend than the configuration's.
    #[error(
        "{path}: its `{buffer}` differs from the configured frontend by {difference:.1e}; give the configuration that it was trained with"
    )]
    FrontendBuffer {
        /// The checkpoint.
        path: PathBuf,
        /// Name of the buffer.
        buffer: &'static str,
        /// Largest difference; infinite for another shape.
        difference: f32,
    },
    /// A model is neither on the disk nor can it be downloaded.
    #[error(
        "{path}: there is no such file or folder, nor such a model in the hub's cache; give the path of a checkpoint, or compile with the feature `hub` to download a model by its name"
    )]
    NoSource {
        /// What was given.
        path: PathBuf,
    },
    /// The tokenizer cannot be built, read or written.
    #[error(transparent)]
    Tokenizer(#[from] crate::text::TokenizerError),
    /// An audio file, or the frontend's configuration.
    #[error(transparent)]
    Audio(#[from] muscall_audio::AudioError),
    /// Ranking embeddings.
    #[error(transparent)]
    Vectors(#[from] muscall_vectors::VectorError),
    /// A model gives something that is not a number.
    #[error("{what} {index} has an embedding that is not finite; the model has diverged or the input is corrupt")]
    NotFinite {
        /// `audio` or `text`.
        what: &'static str,
        /// Its position in the call.
        index: usize,
    },
}

impl ModelError {
    /// The same of a file that belongs to a bundle: [`Bundle`](Self::Bundle) for [`Io`](Self::Io).
    #[must_use]
    pub fn in_bundle(self) -> Self {
        match self {
            Self::Io(FileError { path, source, .. }) => Self::Bundle { path, source },
            other => other,
        }
    }

    /// The same with the position of what is [not finite](Self::NotFinite) in a longer list.
    #[must_use]
    pub fn with_index(self, position: impl FnOnce(usize) -> usize) -> Self {
        match self {
            Self::NotFinite { what, index } => Self::NotFinite { what, index: position(index) },
            other => other,
        }
    }

    /// The error of a field that is not valid, for a tower's [`validate`](crate::tower::TowerConfig::validate).
    ///
    /// # Errors
    /// [`Config`](Self::Config) unless `valid`.
    pub fn check(valid: bool, field: &'static str, found: impl Display, expected: &'static str) -> Result<(), Self> {
        if valid {
            return Ok(());
        }
        let found = found.to_string();
        Err(Self::Config { field, found, expected })
    }
}

/// How a set of weights differs from what a model expects.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Differences {
    /// Tensors that the model has and the file lacks.
    pub missing: Vec<String>,
    /// Tensors that the file has and the model lacks.
    pub surplus: Vec<String>,
    /// Tensors of another shape or element type: name, expected, found.
    pub misshapen: Vec<(String, String, String)>,
}

impl Differences {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.surplus.is_empty() && self.misshapen.is_empty()
    }
}

impl Display for Differences {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts = Vec::new();
        if !self.missing.is_empty() {
            parts.push(format!("missing {}", self.missing.join(", ")));
        }
        if !self.surplus.is_empty() {
            parts.push(format!("surplus {}", self.surplus.join(", ")));
        }
        for (name, expected, found) in &self.misshapen {
            parts.push(format!("{name} is {found}, expected {expected}"));
        }
        f.write_str(&parts.join("; "))
    }
}
