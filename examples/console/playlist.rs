//! Playlists on the disk.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use muscall::retrieval::{Playlist, PlaylistFormat};

/// Writes a playlist; one that was there stays as it is until the new one is whole.
pub fn write_playlist(path: &Path, playlist: &Playlist, format: PlaylistFormat) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut text = Vec::new();
    playlist.write(&mut text, format).map_err(|error| told(&error))?;
    let mut new = OsString::from(path);
    new.push(".new");
    fs::write(&new, text).and_then(|()| fs::rename(&new, path)).map_err(|error| {
        let _ = fs::remove_file(&new);
        told(&error)
    })
}
