//! Playlists on the disk.

use std::path::Path;

use muscall::files::replace_bytes;
use muscall::retrieval::{Playlist, PlaylistFormat};

/// Writes a playlist, with paths as they are or relative to its folder; one that was there stays as it is until the new one is
/// whole.
///
/// # Errors
/// With the file, if it cannot be written.
pub fn write_playlist(
    path: &Path,
    playlist: Playlist,
    format: PlaylistFormat,
    is_relative: bool,
) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let folder = std::path::absolute(path).map_err(|error| told(&error))?;
    let playlist = match folder.parent() {
        Some(folder) if is_relative => {
            playlist.relative_to(&std::fs::canonicalize(folder).map_err(|error| told(&error))?)
        }
        _ => playlist,
    };
    let mut text = Vec::new();
    playlist.write(&mut text, format).map_err(|error| told(&error))?;
    replace_bytes(path, text).map_err(|error| error.to_string())
}
