//! Playlists on the disk.

use std::path::Path;

use muscall::files::replace_bytes;
use muscall::retrieval::{Playlist, PlaylistFormat};

/// Writes a playlist; one that was there stays as it is until the new one is whole.
///
/// # Errors
/// With the file, if it cannot be written.
pub fn write_playlist(path: &Path, playlist: &Playlist, format: PlaylistFormat) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut text = Vec::new();
    playlist.write(&mut text, format).map_err(|error| told(&error))?;
    replace_bytes(path, text).map_err(|error| error.to_string())
}
