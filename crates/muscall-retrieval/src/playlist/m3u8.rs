//! Extended M3U in UTF-8: a line a path, with comments before it.

use std::fmt::Write;

use super::entry::Playlist;
use crate::RetrievalError;

/// Durations are whole seconds, and −1 where they are not known. Line breaks and other control characters of
/// titles become spaces. A path with a line break would be two paths: it is an error. One that begins
/// with `#` would be a comment, and spaces at its beginning would be lost: `./` is put before it.
pub(super) fn text(playlist: &Playlist) -> Result<String, RetrievalError> {
    let mut lines = String::from("#EXTM3U\n");
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        // A `String` takes all that is written.
        let _ = lines.write_fmt(arguments);
        lines.push('\n');
    };
    if !playlist.title.is_empty() {
        line(format_args!("#PLAYLIST:{}", one_line(&playlist.title)));
    }
    for entry in &playlist.entries {
        let path = entry.utf8_path("M3U8")?;
        if path.contains(['\n', '\r']) {
            let (path, why, instead) = (entry.path.clone(), "a name with a line break", "XSPF or JSON");
            return Err(RetrievalError::PlaylistPath { path, why, format: "M3U8", instead });
        }
        let duration = entry.duration_s.map_or(-1.0, f64::round);
        let artist = entry.artist.as_deref().map(|artist| format!("{artist} - ")).unwrap_or_default();
        line(format_args!("#EXTINF:{duration},{}", one_line(&format!("{artist}{}", entry.title))));
        if let Some(album) = &entry.album {
            line(format_args!("#EXTALB:{}", one_line(album)));
        }
        for option in entry.options() {
            line(format_args!("#EXTVLCOPT:{option}"));
        }
        let here = if path.starts_with(|first: char| first == '#' || first.is_whitespace()) { "./" } else { "" };
        line(format_args!("{here}{path}"));
    }
    Ok(lines)
}

fn one_line(title: &str) -> String {
    // U+2028 and U+2029 break lines too, for some readers.
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    title.replace("\r\n", " ").replace(breaks, " ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{entry, written};
    use super::super::{PlaylistEntry, PlaylistFormat};
    use super::*;

    #[test]
    fn a_track_and_moments() {
        let track = PlaylistEntry { duration_s: Some(61.6), ..entry("/music/ü, b.flac", "Ü - B\r\n#C") };
        let start = PlaylistEntry { start_s: Some(0.0), end_s: Some(1e-3), ..entry("#1/x.mp3", "") };
        let end = PlaylistEntry { start_s: Some(1.0 / 3.0), ..entry(" x.mp3", "x") };
        let text = written(vec![track, start, end], PlaylistFormat::M3u8).unwrap();
        let expected = "#EXTM3U\n#EXTINF:62,Ü - B #C\n/music/ü, b.flac\n\
            #EXTINF:-1,\n#EXTVLCOPT:stop-time=0.001\n./#1/x.mp3\n\
            #EXTINF:-1,x\n#EXTVLCOPT:start-time=0.333\n./ x.mp3\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_line_break_in_a_path_is_named() {
        for path in ["a\nb.mp3", "a\r.mp3"] {
            let error = written(vec![entry(path, "")], PlaylistFormat::M3u8).unwrap_err();
            assert!(matches!(&error, RetrievalError::PlaylistPath { .. }));
            let message = error.to_string();
            assert!(!message.contains(['\n', '\r']) && message.contains("XSPF or JSON"), "{message}");
        }
    }

    proptest! {
        #[test]
        fn each_entry_is_one_path(entries in prop::collection::vec(("[^\n\r]{1,9}", any::<String>()), 0..5)) {
            let given = entries.iter().map(|(path, title)| entry(path, title)).collect();
            let text = written(given, PlaylistFormat::M3u8).unwrap();
            let read: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
            prop_assert_eq!(read.len(), entries.len());
            prop_assert_eq!(text.lines().count(), 1 + 2 * entries.len());
            for (read, (path, _)) in read.into_iter().zip(&entries) {
                prop_assert_eq!(read.strip_prefix("./").unwrap_or(read), path.strip_prefix("./").unwrap_or(path));
            }
        }
    }
}
