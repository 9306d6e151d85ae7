//! Decoded audio on disk, for files that are read again and again.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::clip::{ClipSource, cut_from};
use crate::{AudioError, Clip, ClipConfig, CropPosition, Repair, Resampler, load_clip};

/// Part of every key; to be raised when decoding or resampling starts to give other samples.
const VERSION: u32 = 1;
/// Before the samples: a version 1.0 header of NumPy, padded to this.
const HEADER: usize = 128;

/// A directory of whole files, decoded, resampled and saved as `.npy`, of which clips are read.
///
/// It pays where a file is read many times, as in training: the first time takes longer, since all of
/// the file is decoded; later ones take as long as reading the clip from disk. An hour takes 230 MB
/// at 16 kHz. A file that has changed (another size or time) is decoded again; what belonged to it
/// before is not removed. Several threads and processes may use one directory.
#[derive(Debug, Clone)]
pub struct AudioCache {
    dir: PathBuf,
    /// Of all clones.
    write_failure: Arc<OnceLock<AudioError>>,
}

/// What stands beside the samples.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    source: PathBuf,
    sample_rate: u32,
    /// As many as the file's header promises.
    declared: usize,
    samples: usize,
    repairs: Vec<Repair>,
}

impl AudioCache {
    /// Makes the directory if need be.
    ///
    /// # Errors
    /// [`AudioError::Io`] with its path.
    pub fn new(dir: impl Into<PathBuf>) -> Result<Self, AudioError> {
        let dir = dir.into();
        fs::create_dir_all(&dir).map_err(io(&dir))?;
        Ok(Self { dir, write_failure: Arc::default() })
    }

    /// As [`load_clip`], with the same samples. `repairs` are those of the whole file.
    ///
    /// # Errors
    /// As [`load_clip`]. That the cache cannot be written is none: see [`write_failure`](Self::write_failure).
    pub fn load_clip(&self, path: &Path, position: CropPosition, config: &ClipConfig) -> Result<Clip, AudioError> {
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy")) {
            return load_clip(path, position, config);
        }
        let place = self.dir.join(key(path, config)?);
        let (entry, mut file) = match open(&place) {
            Some(found) => found,
            None => {
                let source = ClipSource::read(path, config)?;
                if let Err(error) = self.add(path, &source, &place) {
                    // Whoever is first tells; the others say the same.
                    let _ = self.write_failure.set(error);
                    return source.clip(position, config);
                }
                open(&place).ok_or_else(|| io(&place)(std::io::Error::other("it was removed while it was read")))?
            }
        };
        let resampler = Resampler::new(entry.sample_rate, config.sample_rate)?;
        let (start, samples) = cut_from(position, config, &resampler, entry.declared, entry.samples);
        let mut bytes = vec![0; samples.len() * size_of::<f32>()];
        let at = HEADER + samples.start * size_of::<f32>();
        let read = file.seek(SeekFrom::Start(at as u64)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(io(&place.with_extension("npy")))?;
        let samples = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Ok(Clip::padded(samples, start, entry.repairs, config))
    }

    /// Why a file could not be written, the first time; files are decoded each time then.
    pub fn write_failure(&self) -> Option<&AudioError> {
        self.write_failure.get()
    }

    /// Adds a decoded file. Others see both of its parts or none: the second comes last, each whole.
    fn add(&self, path: &Path, source: &ClipSource, place: &Path) -> Result<(), AudioError> {
        let ClipSource { samples, sample_rate, declared, repairs } = source;
        let (sample_rate, declared, repairs) = (*sample_rate, *declared, repairs.clone());
        let entry = Entry { source: path.to_owned(), sample_rate, declared, samples: samples.len(), repairs };
        let mut bytes = header(samples.len());
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        self.write(&place.with_extension("npy"), &bytes)?;
        let text = serde_json::to_vec_pretty(&entry).map_err(|error| io(place)(error.into()))?;
        self.write(&place.with_extension("json"), &text)
    }

    /// Writes a file under another name first.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), AudioError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let own = COUNT.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.dir.join(format!("unfinished-{}-{own}", std::process::id()));
        let write = || {
            let mut file = File::create(&unfinished)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, path)
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&unfinished);
            io(path)(error)
        })
    }
}

/// What the samples depend on: the file as it is now, the rate and how it is decoded.
fn key(path: &Path, config: &ClipConfig) -> Result<String, AudioError> {
    let path = fs::canonicalize(path).map_err(io(path))?;
    let metadata = fs::metadata(&path).map_err(io(&path))?;
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let mut hash = Xxh3::new();
    hash.update(path.as_os_str().as_encoded_bytes());
    hash.update(&metadata.len().to_le_bytes());
    hash.update(&modified.as_nanos().to_le_bytes());
    hash.update(&config.sample_rate.to_le_bytes());
    hash.update(&[u8::from(config.strict)]);
    hash.update(&VERSION.to_le_bytes());
    Ok(format!("{:032x}", hash.digest128()))
}

/// An entry that is there and whole.
fn open(place: &Path) -> Option<(Entry, File)> {
    let entry: Entry = serde_json::from_slice(&fs::read(place.with_extension("json")).ok()?).ok()?;
    let mut file = File::open(place.with_extension("npy")).ok()?;
    let len = HEADER + entry.samples * size_of::<f32>();
    let mut found = vec![0; HEADER];
    file.read_exact(&mut found).ok()?;
    let is_whole = file.metadata().ok()?.len() == len as u64 && found == header(entry.samples);
    is_whole.then_some((entry, file))
}

/// Of a vector of little-endian f32.
fn header(samples: usize) -> Vec<u8> {
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend(((HEADER - 10) as u16).to_le_bytes());
    header.extend(format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({samples},), }}").bytes());
    header.resize(HEADER - 1, b' ');
    header.push(b'\n');
    header
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> AudioError + use<> {
    let path = path.to_owned();
    move |source| AudioError::Io { path, source }
}
