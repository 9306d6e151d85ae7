//! What is found when a file is decoded, in the words that the README defines.

use std::cmp::Ordering;
use std::path::Path;

use muscall_audio::{AudioError, AudioFolder, DecodeOptions, Decoded, count_frames, decode, probe};

use crate::manifest::{Entry, Window};

/// Of full scale.
const TOLERANCE: f32 = 1e-3;
/// Farthest that a signal is looked for at another place, in frames.
const FARTHEST: usize = 6000;
/// Nothing can be said.
pub const NONE: &str = "–";

/// The words of one file, one for each column.
pub struct Found {
    pub reading: String,
    pub ffmpeg: String,
    pub other: String,
    pub length: String,
    /// Numbers for who looks for the fault.
    pub details: String,
}

impl Found {
    /// Whether it was refused, read with repairs, or read as at least one of the other programs reads it.
    pub fn is_sound(&self, lossless: bool) -> bool {
        let is_same = |word: &str| word.starts_with("exact") || !lossless && word.starts_with("within");
        !["read", "read, miscounted"].contains(&&*self.reading) || is_same(&self.ffmpeg) || is_same(&self.other)
    }
}

pub fn found(folder: &Path, entry: &Entry) -> Found {
    let path = folder.join(&entry.file);
    let decoded = match decode(&path, &DecodeOptions::default()) {
        Ok(decoded) => decoded,
        Err(error) => return refused(&path, &error, entry),
    };
    let samples = decoded.waveform.samples();
    let mut details = format!("{} frames", samples.len());
    let mut against = |by: fn(&str) -> bool| {
        let Some(reference) = entry.references.iter().find(|reference| by(&reference.by)) else {
            return NONE.to_owned();
        };
        let (mut word, off) = compared(samples, reference.frames, &reference.windows(folder));
        if !entry.lossless {
            // To be exact is chance, and another processor's.
            word = word.replacen("exact", "within 1e-3", 1);
        }
        details += &format!(", {} {} frames, {off:.1e} off", reference.by, reference.frames);
        word
    };
    let (ffmpeg, other) = (against(|by| by == "ffmpeg"), against(|by| by != "ffmpeg"));
    let original = entry.original_s.map(|seconds| (seconds * f64::from(decoded.info.sample_rate)).round() as usize);
    let length = match original.map(|original| samples.len().cmp(&original)) {
        None => NONE,
        Some(Ordering::Equal) => "the original's",
        Some(Ordering::Greater) => "longer",
        Some(Ordering::Less) => "shorter",
    };
    details += &format!(", original {original:?}, repairs {:?}", decoded.repairs);
    let reading = reading(&path, &decoded, &mut details);
    Found { reading, ffmpeg, other, length: length.to_owned(), details }
}

/// Whether the file was sound, and all doors agree on its length.
fn reading(path: &Path, decoded: &Decoded, details: &mut String) -> String {
    let (options, frames) = (DecodeOptions::default(), decoded.waveform.len() as u64);
    let counted = count_frames(path, &options).ok();
    let declared = probe(path, &options).map(|info| info.declared_frames.unwrap_or(frames)).ok();
    *details += &format!(", counted {counted:?}, declared {declared:?}");
    let is_counted = counted == Some(frames) && declared == Some(frames);
    match (decoded.repairs.is_empty(), is_counted) {
        (true, true) => "read",
        (true, false) => "read, miscounted",
        (false, true) => "read, repaired",
        (false, false) => "read, repaired, miscounted",
    }
    .to_owned()
}

fn refused(path: &Path, error: &AudioError, entry: &Entry) -> Found {
    let message = error.to_string();
    // Neither the file's name nor the remedy, which lists what can be read, says what the file is.
    let told = message.replace(&*path.to_string_lossy(), "");
    let told = told.split(';').next().unwrap_or_default();
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(path, folder.path().join(path.file_name().unwrap())).unwrap();
    let walked = AudioFolder::read(folder.path());
    let is_of_unread = matches!(error, AudioError::UnknownFormat { .. } | AudioError::UnsupportedCodec { .. });
    let word = if !is_of_unread {
        "refused as damaged"
    } else if entry.names.iter().any(|name| has_word(told, name)) {
        "refused by name"
    } else if !walked.foreign.is_empty() {
        "refused, its extension named"
    } else {
        "refused"
    };
    let none = || NONE.to_owned();
    Found { reading: word.to_owned(), ffmpeg: none(), other: none(), length: none(), details: message }
}

/// Whether a text has a name, in any letters, that is not a part of a longer word.
pub fn has_word(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_lowercase(), name.to_lowercase());
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(&name)
        .any(|(at, _)| !is_letter(text[..at].chars().next_back()) && !is_letter(text[at + name.len()..].chars().next()))
}

/// The word for our samples beside those of another program, and the largest difference.
pub fn compared(samples: &[f32], frames: usize, windows: &[Window]) -> (String, f32) {
    let pairs = |shift: usize, is_ours_late: bool| {
        windows.iter().flat_map(move |window| {
            let (ours, theirs) = if is_ours_late { (shift, 0) } else { (0, shift) };
            let ours = samples.get((window.start + ours).min(samples.len())..).unwrap_or_default();
            let theirs = window.samples.get(theirs..).unwrap_or_default();
            ours.iter().zip(theirs)
        })
    };
    let off = |shift, late| pairs(shift, late).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f32::max);
    let here = off(0, false);
    let same = if pairs(0, false).all(|(ours, theirs)| ours.to_bits() == theirs.to_bits() || ours == theirs) {
        "exact"
    } else if here <= TOLERANCE {
        "within 1e-3"
    } else {
        let is_whole = matches!(windows, [window] if window.samples.len() == frames);
        let is_shifted = is_whole
            && (1..FARTHEST).any(|shift| {
                [false, true].into_iter().any(|late| {
                    let compared = pairs(shift, late).count();
                    compared > frames / 2 && is_within(pairs(shift, late))
                })
            });
        return (if is_shifted { "shifted" } else { "other samples" }.to_owned(), here);
    };
    let end = match samples.len() {
        length if length == frames => "",
        length if length > frames => ", ends later",
        _ => ", ends earlier",
    };
    (format!("{same}{end}"), here)
}

/// Stops at the first that is not.
fn is_within<'a>(mut pairs: impl Iterator<Item = (&'a f32, &'a f32)>) -> bool {
    pairs.all(|(ours, theirs)| (ours - theirs).abs() <= TOLERANCE)
}
