//! Albums that are one file, as the tracks that their cue sheets name.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use muscall_audio::{CueFile, CueSheet, CueTrack, DecodeOptions, probe};

use crate::{Item, Origin, Unreadable};

/// Puts the tracks of an album in the place of the file that holds them all, by the sheet beside it or in it. A file of one
/// track stays what it is. Where a sheet can't be read now, nothing of its folder is taken up or given up.
pub(crate) fn split_albums(items: Vec<Item>, sheets: &[PathBuf], unreadable: &mut Vec<Unreadable>) -> Vec<Item> {
    let mut folders: HashMap<&Path, Vec<&Path>> = HashMap::new();
    for file in items.iter().filter_map(file_of) {
        folders.entry(file.parent().unwrap_or(Path::new(""))).or_default().push(file);
    }
    let mut albums: HashMap<PathBuf, Vec<CueTrack>> = HashMap::new();
    let mut away: HashSet<PathBuf> = HashSet::new();
    for sheet in sheets {
        let Some((folder, files)) = sheet.parent().and_then(|folder| folders.get_key_value(folder)) else { continue };
        let read = match CueSheet::read(sheet) {
            // Not a sheet: the file is a track, as if there were none.
            Err(error) if error.kind() == ErrorKind::InvalidData => CueSheet::default(),
            // So it is where nobody may read it, which will not pass by itself.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let reason =
                    format!("{error}; the album is one track until the sheet can be read: check its permissions");
                unreadable.push(Unreadable::new(sheet.display().to_string(), reason));
                CueSheet::default()
            }
            Err(error) => {
                let reason = format!("{}: {error}; what the index has of this folder is kept", sheet.display());
                unreadable.push(Unreadable::new(folder.display().to_string(), reason));
                away.insert(folder.to_path_buf());
                continue;
            }
            Ok(sheet) => sheet,
        };
        for album in read.files.into_iter().filter(is_album) {
            if let Some(file) = find(sheet, &album.name, files) {
                albums.entry(file.to_owned()).or_insert(album.tracks);
            }
        }
    }
    let mut split = Vec::with_capacity(items.len());
    for item in items {
        if file_of(&item).and_then(Path::parent).is_some_and(|folder| away.contains(folder)) {
            continue;
        }
        let tracks = file_of(&item)
            .and_then(|file| albums.remove(file).or_else(|| embedded(file)).filter(|tracks| fit(file, tracks)));
        match tracks {
            Some(tracks) => split.extend(tracks.into_iter().map(|CueTrack { part, tags, .. }| {
                let track = item.clone().with_part(part);
                Item { tags, ..track }
            })),
            None => split.push(item),
        }
    }
    split
}

fn file_of(item: &Item) -> Option<&Path> {
    match &item.origin {
        Origin::File(file) => Some(file),
        #[cfg(feature = "s3")]
        Origin::Object(_) => None,
    }
}

fn is_album(file: &CueFile) -> bool {
    file.tracks.len() > 1
}

fn embedded(file: &Path) -> Option<Vec<CueTrack>> {
    let mut albums = CueSheet::embedded(file)?.files.into_iter().filter(is_album);
    albums.next().map(|album| album.tracks)
}

/// Whether all tracks begin within a file: a sheet of another edition of the album tells nothing.
fn fit(file: &Path, tracks: &[CueTrack]) -> bool {
    let info = probe(file, &DecodeOptions::default()).ok();
    let length_s = info.and_then(|info| Some(info.declared_frames? as f64 / f64::from(info.sample_rate)));
    length_s.is_none_or(|length_s| tracks.iter().all(|track| track.part.start_s() < length_s))
}

/// The file that a sheet means, among those of its folder: by the name that it has; by that without the extension, since
/// files are compressed later than sheets are written; by the sheet's own.
fn find<'a>(sheet: &Path, name: &str, files: &[&'a Path]) -> Option<&'a Path> {
    let lower = |name: Option<&OsStr>| name.map(|name| name.to_string_lossy().to_lowercase());
    let (name, own) = (Path::new(name), sheet.file_stem());
    let same = |file: &&&Path| lower(file.file_name()) == lower(name.file_name());
    let compressed = |file: &&&Path| lower(file.file_stem()) == lower(name.file_stem());
    let beside = |file: &&&Path| lower(file.file_stem()) == lower(own) || lower(file.file_name()) == lower(own);
    let found = files.iter().find(same).or_else(|| files.iter().find(compressed)).or_else(|| files.iter().find(beside));
    found.copied()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_finds_its_file_by_name_stem_and_its_own_name() {
        let files = ["/m/The Album.flac", "/m/bonus.mp3", "/m/other.ape.flac"].map(Path::new);
        let found = |sheet: &str, name: &str| find(Path::new(sheet), name, &files).and_then(Path::to_str);
        assert_eq!(found("/m/x.cue", "the album.FLAC"), Some("/m/The Album.flac"));
        assert_eq!(found("/m/x.cue", "The Album.wav"), Some("/m/The Album.flac"));
        assert_eq!(found("/m/bonus.cue", "Range.wav"), Some("/m/bonus.mp3"));
        assert_eq!(found("/m/bonus.mp3.cue", "Range.wav"), Some("/m/bonus.mp3"));
        assert_eq!(found("/m/x.cue", "Range.wav"), None);
    }
}
