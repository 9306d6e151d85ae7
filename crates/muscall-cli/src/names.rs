//! What people call a track.

use std::path::Path;

use muscall::audio::Part;
use muscall::retrieval::TrackRecord;
use serde::Serialize;

/// By its tags, or by its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Names {
    pub(crate) title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) artist: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) album: Option<String>,
}

impl Names {
    pub(crate) fn of(record: &TrackRecord) -> Self {
        let tag = |key: &str| {
            let found = record.tags.iter().find_map(|tag| tag.strip_prefix(key)?.strip_prefix('='));
            found.map(str::to_owned)
        };
        // A part of a file is not what the file's own title is about; that of a track of an album comes with its number.
        let (path, part) = Part::split_name(&record.path);
        let title = tag("title").filter(|_| part.is_none() || tag("track").is_some());
        Self { title: title.unwrap_or_else(|| stem(path)), artist: tag("artist"), album: tag("album") }
    }

    /// Title — artist · album.
    pub(crate) fn line(&self) -> String {
        let by = [self.artist.as_deref(), self.album.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" · ");
        if by.is_empty() { self.title.clone() } else { format!("{} — {by}", self.title) }
    }
}

/// How long a track is that ends at a time of its file: of a part, the time before it does not count.
pub(crate) fn length_s(path: &str, end_s: f64) -> f64 {
    let (_, part) = Part::split_name(path);
    (end_s - part.map_or(0.0, |part| part.start_s())).max(0.0)
}

/// The name of a file, as people would write it.
fn stem(path: &str) -> String {
    let stem = Path::new(path).file_stem().unwrap_or_default().to_string_lossy();
    let words: Vec<&str> = stem.split(['_', ' ']).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { path.to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(path: &str, tags: &[&str]) -> String {
        let mut record = TrackRecord::new(path);
        record.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        Names::of(&record).line()
    }

    #[test]
    fn a_track_has_its_name_or_that_of_its_file() {
        let tags = ["artist=Miles Davis", "title=So What", "album=Kind of Blue", "year=1959"];
        assert_eq!(line("/m/x.ogg", &tags), "So What — Miles Davis · Kind of Blue");
        assert_eq!(line("/m/City__Blues.ogg", &[]), "City Blues");
        assert_eq!(line("/m/a.ogg", &["album=Songs"]), "a — Songs");
        assert_eq!(line("/m/a.flac#t=10,20", &["title=Two", "track=2"]), "Two");
        assert_eq!(line("/m/a.flac#t=10,20", &["title=Whole"]), "a");
        assert_eq!([length_s("/m/a.flac#t=10,20", 20.0), length_s("/m/a.flac", 20.0)], [10.0, 20.0]);
        assert_eq!(line("/m/___.ogg", &[]), "/m/___.ogg");
    }
}
