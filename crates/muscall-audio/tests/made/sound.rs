//! Samples that tell where they belong, and what they must be when they come back.

use std::fs;
use std::path::PathBuf;

use muscall_audio::{AudioError, DecodeOptions, Decoded, count_frames, decode};
use tempfile::TempDir;

/// Noise of 16 bits: no stretch is like another.
pub fn noise(samples: usize) -> Vec<i16> {
    (0..samples as u32).map(|i| ((i ^ i >> 15).wrapping_mul(0x9e37_79b1) >> 16) as i16 / 2).collect()
}

pub fn floats(samples: &[i16]) -> Vec<f32> {
    samples.iter().map(|&x| f32::from(x) / 32_768.0).collect()
}

/// A file with given bytes, as long as the value lives.
pub struct Made {
    _folder: TempDir,
    pub path: PathBuf,
}

pub fn made(name: &str, bytes: &[u8]) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    Made { _folder: folder, path }
}

impl Made {
    pub fn decode(&self) -> Result<Decoded, AudioError> {
        decode(&self.path, &DecodeOptions::default())
    }

    pub fn count(&self) -> usize {
        count_frames(&self.path, &DecodeOptions::default()).unwrap() as usize
    }

    /// Decodes the whole, spans of it and its length, and compares all with what it should be.
    pub fn holds(&self, expected: &[f32], what: &str) -> Decoded {
        let decoded = self.decode().unwrap();
        let found = decoded.waveform.samples();
        let first = found.iter().zip(expected).position(|(a, b)| a != b);
        assert_eq!((found.len(), first), (expected.len(), None), "{what}: {:?}", decoded.repairs);
        assert_eq!(self.count(), expected.len(), "{what}: counted");
        self.has_equal_spans(expected, what);
        decoded
    }

    pub fn has_equal_spans(&self, whole: &[f32], what: &str) {
        let n = whole.len();
        for (start, frames) in
            [(0, 10), (1, 5000), (n / 5, 700), (n / 2 + 1, 3000), (n * 4 / 5, 9000), (n - 1, 1), (n - 50, 90)]
        {
            let options = DecodeOptions::default().with_span(start as u64, frames as u64);
            let span = decode(&self.path, &options).unwrap().waveform.into_samples();
            assert!(span == whole[start..(start + frames).min(n)], "{what}: {start}+{frames}, found {}", span.len());
        }
    }
}
