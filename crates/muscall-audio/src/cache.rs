//! Decoded audio on disk, for files that are read again and again.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use muscall_files::{FileError, replace_bytes};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::clip::{ClipSource, cut_from};
use crate::{
    AudioError, AudioSource, Clip, ClipConfig, CropPosition, FileComparison, FileState, RemoteFile, Repair, Resampling,
    load_clip,
};

/// Part of every key; to be raised when decoding or resampling starts to give other samples.
const VERSION: u32 = 4;
/// Before the samples: a version 1.0 header of NumPy, padded to this.
const HEADER: usize = 128;

/// A directory of whole files and [parts](AudioSource) of files, decoded, resampled and saved as `.npy`, of which
/// clips are read.
///
/// It pays where a file is read many times, as in training: the first time takes longer, since all of
/// the file is decoded; later ones take as long as reading the clip from disk. An hour takes 230 MB
/// at 16 kHz. A file that was changed or replaced, as far as its [`FileState`] tells, is decoded again, and takes the
/// place of what was there before. Several threads and processes may use one directory.
///
/// A cache that cannot be written, on a full disk say, costs time and nothing else: clips come from the files then.
/// [`write_failure`](Self::write_failure) tells.
#[derive(Debug, Clone)]
pub struct AudioCache {
    dir: PathBuf,
    /// Of this cache and its clones; nothing more is written after it.
    failure: Arc<OnceLock<AudioError>>,
}

/// What stands beside the samples.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    source: PathBuf,
    /// As the file was before it was decoded.
    file: FileState,
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
        fs::create_dir_all(&dir).map_err(FileError::writing(&dir))?;
        Ok(Self { dir, failure: Arc::default() })
    }

    /// Why the cache could not be written, if that happened since it was opened. Nothing was written from then on.
    pub fn write_failure(&self) -> Option<&AudioError> {
        self.failure.get()
    }

    /// As [`load_clip`](crate::load_clip()), with the same samples. `repairs` are those of the whole source.
    ///
    /// # Errors
    /// As [`load_clip`](crate::load_clip()): what happens to the cache is not an error.
    pub fn load_clip<'a>(
        &self,
        source: impl Into<AudioSource<'a>>,
        position: CropPosition,
        config: &ClipConfig,
    ) -> Result<Clip, AudioError> {
        let source = source.into();
        let is_npy = source.path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"));
        if is_npy {
            return load_clip(source, position, config);
        }
        let io = FileError::reading(source.file());
        let place = self.dir.join(key(source, config).map_err(io)?);
        let now = match source.remote() {
            Some(file) => file.state(),
            None => FileState::stamps(source.file()).map_err(io)?,
        };
        let probed = || probed(source).ok();
        if let Some(clip) = find(&place, &now, probed).and_then(|found| read(found, position, config).ok()) {
            return Ok(clip);
        }
        // Of what has no probe, such as a directory or a file that changes just now, nothing is kept; decoding says what
        // is wrong with it.
        let file = probed();
        let whole = ClipSource::read(source, config)?;
        if let (Some(file), None) = (file, self.failure.get())
            && let Err(error) = Self::add(source.path, file, &whole, &place)
        {
            let _ = self.failure.set(error.into());
        }
        whole.clip(position, config)
    }

    /// Keeps a source. Others see both of its files or none: the second comes last, each whole.
    fn add(path: &Path, file: FileState, whole: &ClipSource, place: &Path) -> Result<(), FileError> {
        let ClipSource { samples, sample_rate, declared, repairs } = whole;
        let (source, repairs) = (path.to_owned(), repairs.clone());
        let (sample_rate, declared) = (*sample_rate, *declared);
        let entry = Entry { source, file, sample_rate, declared, samples: samples.len(), repairs };
        let mut bytes = header(samples.len());
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        replace_bytes(&place.with_extension("npy"), &bytes)?;
        let text = serde_json::to_vec_pretty(&entry).map_err(|error| FileError::writing(place)(error.into()))?;
        replace_bytes(&place.with_extension("json"), &text)
    }
}

/// What the samples depend on besides the content of the file: its place, the part of it, the rate, and how it is
/// decoded and resampled.
fn key(source: AudioSource<'_>, config: &ClipConfig) -> io::Result<String> {
    let mut hash = Xxh3::new();
    match source.remote() {
        Some(file) => hash.update(file.address().as_os_str().as_encoded_bytes()),
        None => hash.update(fs::canonicalize(source.file())?.as_os_str().as_encoded_bytes()),
    }
    if let Some(member) = source.member {
        hash.update(format!("#bytes={}+{}", member.at, member.bytes).as_bytes());
    }
    if let Some(part) = source.part {
        hash.update(part.to_string().as_bytes());
    }
    // No path has a zero in it.
    hash.update(&[0]);
    hash.update(&config.sample_rate.to_le_bytes());
    hash.update(&[u8::from(config.strict)]);
    hash.update(&VERSION.to_le_bytes());
    // What was kept before there was a choice stays of use.
    match config.resampling {
        Resampling::Torchaudio => {}
        Resampling::HighQuality => hash.update(b"high_quality"),
    }
    Ok(format!("{:032x}", hash.digest128()))
}

/// The state of the file with its probe, or what a file elsewhere has in the place of one.
fn probed(source: AudioSource<'_>) -> io::Result<FileState> {
    match source.remote().map(RemoteFile::state) {
        Some(state) if state.probe == 0 => Err(ErrorKind::Unsupported.into()),
        Some(state) => Ok(state),
        None => FileState::with_probe(source.file()),
    }
}

/// An entry that is there, whole, and of the file as it is `now`, of which `probed` tells more.
fn find(place: &Path, now: &FileState, probed: impl Fn() -> Option<FileState>) -> Option<(Entry, File)> {
    let entry: Entry = serde_json::from_slice(&fs::read(place.with_extension("json")).ok()?).ok()?;
    let is_current = match entry.file.compare(now) {
        FileComparison::Same => true,
        FileComparison::ProbeNeeded => entry.file.compare(&probed()?) == FileComparison::Same,
        FileComparison::Different => false,
    };
    let mut file = File::open(place.with_extension("npy")).ok()?;
    let len = HEADER + entry.samples * size_of::<f32>();
    let mut found = vec![0; HEADER];
    file.read_exact(&mut found).ok()?;
    let is_whole = file.metadata().ok()?.len() == len as u64 && found == header(entry.samples);
    (is_current && is_whole).then_some((entry, file))
}

/// A clip of an entry.
fn read((entry, mut file): (Entry, File), position: CropPosition, config: &ClipConfig) -> Result<Clip, AudioError> {
    let resampler = config.resampler(entry.sample_rate)?;
    let (start, samples) = cut_from(position, config, &resampler, entry.declared, entry.samples);
    let mut bytes = vec![0; samples.len() * size_of::<f32>()];
    let at = HEADER + samples.start * size_of::<f32>();
    let read = file.seek(SeekFrom::Start(at as u64)).and_then(|_| file.read_exact(&mut bytes));
    read.map_err(FileError::reading(&entry.source))?;
    let samples = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Ok(Clip::padded(samples, start, entry.repairs, config))
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
