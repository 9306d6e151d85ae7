//! MidiCaps: captions of MIDI files, which must be rendered first.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Benchmark, BenchmarkData, Task, check_folder, present};
use crate::DataError;
use crate::manifest::{Manifest, Row, Split};
use crate::read_text::read_text;

/// Where audio rendered from `<location>.mid` lies, with the same location.
const RENDERED: &str = "rendered";
const EXTENSIONS: [&str; 4] = ["wav", "flac", "mp3", "ogg"];
/// The captions, as the first edition called them and as the data set is published.
const CAPTIONS: [&str; 2] = ["captions.json", "train.json"];

/// `train.json` with one JSON object per line, and `rendered/<location>.wav` for each MIDI file (the
/// example `render_midi` makes them). Rows with `test_set` are the test split, the others the
/// training split; without that key every split is all of it. The first genre is the label.
///
/// # Source
/// Melechovsky et al., *MidiCaps*, ISMIR 2024.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MidiCaps;

/// What is looked at of a row.
#[derive(Deserialize)]
struct CaptionedMidi {
    location: String,
    caption: String,
    #[serde(default)]
    genre: Option<Vec<String>>,
    #[serde(default)]
    test_set: Option<bool>,
}

impl Benchmark for MidiCaps {
    fn name(&self) -> &'static str {
        "midicaps"
    }

    fn is_at(&self, root: &Path) -> bool {
        root.join(CAPTIONS[0]).is_file() || root.join(CAPTIONS[1]).is_file() && root.join(RENDERED).is_dir()
    }

    fn read(&self, root: &Path, split: Split) -> Result<BenchmarkData, DataError> {
        check_folder(root)?;
        let path = CAPTIONS.map(|name| root.join(name)).into_iter().find(|path| path.is_file());
        let path = path.unwrap_or_else(|| root.join(CAPTIONS[0]));
        let mut clips = Vec::new();
        for (i, line) in read_text(&path)?.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let row: CaptionedMidi = serde_json::from_str(line).map_err(|error| DataError::WrongType {
                path: path.clone(),
                row: i + 1,
                key: "row".to_owned(),
                found: error.to_string(),
                expected: "a JSON object with `location` and `caption`",
            })?;
            let is_wanted = row.test_set.is_none_or(|test| test == (split == Split::Test));
            let caption = row.caption.trim().to_owned();
            if is_wanted && !caption.is_empty() {
                let label = row.genre.and_then(|genres| genres.into_iter().next());
                clips.push((rendered(root, &row.location), (row.location, caption, label)));
            }
        }
        if clips.is_empty() {
            return Err(DataError::EmptyManifest { path });
        }
        let (found, missing) = present(root, clips)?;
        let row = |(audio, (id, caption, label))| Row { label, ..Row::new(id, audio, vec![caption]) };
        let rows = found.into_iter().map(row).collect();
        Ok(BenchmarkData { task: Task::Retrieval(Manifest { rows, source: path }), missing })
    }
}

fn rendered(root: &Path, location: &str) -> PathBuf {
    let path = root.join(RENDERED).join(location);
    let found = EXTENSIONS.iter().map(|extension| path.with_extension(extension)).find(|path| path.exists());
    found.unwrap_or_else(|| path.with_extension(EXTENSIONS[0]))
}
