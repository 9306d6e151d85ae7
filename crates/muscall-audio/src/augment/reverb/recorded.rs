//! Impulse responses that somebody recorded.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};

use crate::{AudioError, AudioFolder, DecodeOptions, Resampler, Resampling, Waveform, decode};

/// Longest response that is kept, seconds.
const LONGEST_S: f64 = 5.0;
/// A response begins where it first reaches this share of its peak.
const BEGINNING: f32 = 0.1;

/// The impulse responses of a folder, at any depth. In a recipe it is the path of the folder, relative to where the
/// program runs. Files are decoded when they are first needed, once for all clones.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "PathBuf", into = "PathBuf")]
pub struct ImpulseResponses {
    folder: PathBuf,
    loaded: Arc<OnceLock<Vec<Recording>>>,
}

struct Recording {
    file: PathBuf,
    waveform: Waveform,
    /// By sample rate.
    resampled: Mutex<HashMap<u32, Arc<[f32]>>>,
}

impl fmt::Debug for ImpulseResponses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ImpulseResponses").field(&self.folder).finish()
    }
}

impl PartialEq for ImpulseResponses {
    fn eq(&self, other: &Self) -> bool {
        self.folder == other.folder
    }
}

impl From<PathBuf> for ImpulseResponses {
    fn from(folder: PathBuf) -> Self {
        Self { folder, loaded: Arc::default() }
    }
}

impl From<ImpulseResponses> for PathBuf {
    fn from(responses: ImpulseResponses) -> Self {
        responses.folder
    }
}

impl ImpulseResponses {
    /// The names of the files, relative to the folder, in the order of their paths.
    ///
    /// # Errors
    /// [`AudioError::NoImpulseResponses`] without an audio file, [`AudioError::SilentResponse`] for one that is silent,
    /// and whatever decoding says.
    pub fn files(&self) -> Result<Vec<&Path>, AudioError> {
        Ok(self.load()?.iter().map(|recording| &*recording.file).collect())
    }

    /// A response at a sample rate; `None` if there is no such file.
    ///
    /// # Errors
    /// As [`files`](Self::files).
    pub(super) fn response(&self, file: &Path, sample_rate: u32) -> Result<Option<Arc<[f32]>>, AudioError> {
        let Some(recording) = self.load()?.iter().find(|recording| recording.file == file) else {
            return Ok(None);
        };
        let mut resampled = recording.resampled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(response) = resampled.get(&sample_rate) {
            return Ok(Some(response.clone()));
        }
        let from = recording.waveform.sample_rate();
        let resampler = Resampler::with_kernel(from, sample_rate, Resampling::HighQuality)?;
        let response: Arc<[f32]> = resampler.resample(recording.waveform.samples()).into();
        resampled.insert(sample_rate, response.clone());
        Ok(Some(response))
    }

    fn load(&self) -> Result<&[Recording], AudioError> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let found = AudioFolder::read(&self.folder).files;
        if found.is_empty() {
            return Err(AudioError::NoImpulseResponses { path: self.folder.clone() });
        }
        let recordings = found.iter().map(|path| self.read(path)).collect::<Result<_, _>>()?;
        Ok(self.loaded.get_or_init(|| recordings))
    }

    fn read(&self, path: &Path) -> Result<Recording, AudioError> {
        let waveform = decode(path, &DecodeOptions::default())?.waveform;
        let rate = waveform.sample_rate();
        let threshold = BEGINNING * waveform.peak();
        let mut samples = waveform.into_samples();
        let Some(start) = samples.iter().position(|sample| *sample != 0.0 && sample.abs() >= threshold) else {
            return Err(AudioError::SilentResponse { path: path.to_owned() });
        };
        samples.drain(..start);
        samples.truncate((LONGEST_S * f64::from(rate)) as usize);
        Ok(Recording {
            file: path.strip_prefix(&self.folder).unwrap_or(path).to_owned(),
            waveform: Waveform::new(samples, rate),
            resampled: Mutex::default(),
        })
    }
}
