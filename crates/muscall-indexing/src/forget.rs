//! Tracks of a place that is gone for good.

use std::path::Path;

use muscall_retrieval::IndexWriter;

use crate::IndexingError;
use crate::place::{is_within, real_path};

/// Removes all tracks at or below a place, a path or the address of a prefix in a bucket, and commits; gives how many
/// there were. What is still there is added again when it is next indexed.
///
/// The place may be spelled as it is in the index or in any other way that leads there.
///
/// # Errors
/// [`IndexingError::Retrieval`].
pub fn forget(writer: &mut IndexWriter, place: &str) -> Result<usize, IndexingError> {
    let mut places = vec![place.to_owned()];
    if !place.contains("://") {
        let spellings = [std::path::absolute(place), real_path(Path::new(place))];
        places.extend(spellings.into_iter().flatten().filter_map(|path| path.to_str().map(str::to_owned)));
    }
    let mut forgotten = 0;
    let tracks: Vec<usize> = writer.base().tracks().collect();
    for track in tracks {
        let name = writer.base().track(track)?.path;
        if places.iter().any(|place| is_within(&name, place)) {
            forgotten += usize::from(writer.remove(&name)?);
        }
    }
    writer.commit()?;
    Ok(forgotten)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use muscall_retrieval::{IndexConfig, TrackRecord};

    use super::*;

    #[test]
    fn what_is_at_or_below_a_place_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("music.index");
        let mut writer = IndexWriter::create(&path, &IndexConfig::new(1, "f")).unwrap();
        let names = [
            "/no/disk/a.mp3",
            "/no/disk/b/c.mp3",
            "/no/disk 2/a.mp3",
            "/no/d.mp3",
            "s3://m/a/b.mp3",
            "/no/x/../y/e.mp3",
        ];
        for name in names {
            writer.add(&TrackRecord::new(name), &[0.0], &[1.0]).unwrap();
        }
        writer.commit().unwrap();
        drop(writer);
        for (place, count) in [
            ("/no/disk/", 2),
            ("/no/disk", 0),
            ("/no/disk 2/../d.mp3", 1),
            ("s3://m/a", 1),
            ("/no/x/../y", 1),
            ("/", 1),
        ] {
            let mut writer = IndexWriter::open(&path, "f").unwrap();
            assert_eq!(forget(&mut writer, place).unwrap(), count, "{place}");
        }
        assert!(IndexWriter::open(&path, "f").unwrap().is_empty());
    }
}
