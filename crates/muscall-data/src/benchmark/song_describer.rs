//! Song Describer: several captions per track.

use std::path::Path;

use super::music_caps::{read_table, retrieval};
use super::{Benchmark, BenchmarkData, check_folder};
use crate::DataError;
use crate::manifest::{Split, song_describer_file};

/// 1,106 captions of 706 tracks of two minutes; all of it is a test set.
///
/// # Source
/// Manco et al. 2023.
#[derive(Debug, Clone, Copy)]
pub struct SongDescriber;

impl Benchmark for SongDescriber {
    fn name(&self) -> &'static str {
        "song_describer"
    }

    fn is_at(&self, root: &Path) -> bool {
        root.join("song_describer.csv").is_file()
    }

    fn read(&self, root: &Path, _: Split) -> Result<BenchmarkData, DataError> {
        check_folder(root)?;
        let path = root.join("song_describer.csv");
        let rows = read_table(&path, ["track_id", "path", "caption"])?;
        let row = |[id, file, caption]: [String; 3]| (song_describer_file(root, &file), (id, caption));
        retrieval(root, &path, rows.into_iter().map(row).collect())
    }
}
