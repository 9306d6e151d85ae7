//! A folder of files that `scripts/make_formats.py` made, and what it says of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Deserialize)]
pub struct Manifest {
    /// Whether all files are there, not only the few that are committed.
    pub is_whole: bool,
    /// Programs and their versions.
    made_by: BTreeMap<String, String>,
    pub files: Vec<Entry>,
}

#[derive(Deserialize)]
pub struct Entry {
    pub file: String,
    pub codec: String,
    pub container: String,
    /// What is special within the row of codec and container.
    pub variant: String,
    /// Whether its codec keeps the samples, so that all decoders agree to the bit.
    pub lossless: bool,
    /// Words of which a refusal has one.
    pub names: Vec<String>,
    /// Length of what was encoded, unless only a part of it is in the file.
    pub original_s: Option<f64>,
    pub references: Vec<Reference>,
    pub tags: Option<Tags>,
}

/// What another program decodes, as the mean of the channels.
#[derive(Deserialize)]
pub struct Reference {
    pub by: String,
    file: String,
    /// Where it starts in the file, in samples.
    offset: usize,
    pub frames: usize,
    /// Start and length of the parts that are kept.
    windows: Vec<(usize, usize)>,
}

#[derive(Deserialize)]
pub struct Tags {
    pub system: String,
    /// The variant within the row of the tag system.
    pub label: String,
    pub by: String,
    pub values: BTreeMap<String, Vec<String>>,
}

/// Some frames of a reference, and where they start.
pub struct Window {
    pub start: usize,
    pub samples: Vec<f32>,
}

impl Manifest {
    pub fn read(folder: &Path) -> Self {
        let path = folder.join("manifest.json");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!("{}: {error}; make the folder with scripts/make_formats.py", path.display());
        });
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The programs, in one line.
    pub fn made_by(&self) -> String {
        let programs: Vec<_> = self.made_by.iter().map(|(name, version)| format!("{name} {version}")).collect();
        programs.join(", ")
    }
}

impl Reference {
    pub fn windows(&self, folder: &Path) -> Vec<Window> {
        let bytes = std::fs::read(folder.join(&self.file)).unwrap();
        let (chunks, _) = bytes.as_chunks::<4>();
        let mut samples = chunks.iter().skip(self.offset).map(|&sample| f32::from_le_bytes(sample));
        self.windows
            .iter()
            .map(|&(start, length)| {
                let samples: Vec<f32> = samples.by_ref().take(length).collect();
                assert_eq!(samples.len(), length, "{}", self.file);
                Window { start, samples }
            })
            .collect()
    }
}

/// The folder that `MUSCALL_FORMATS` names, or the committed one.
pub fn folder() -> PathBuf {
    match std::env::var_os("MUSCALL_FORMATS") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats"),
    }
}
