//! XSPF, version 1: XML with paths as URIs.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

use super::entry::Playlist;

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<playlist version="1" xmlns="http://xspf.org/ns/0/" xmlns:vlc="http://www.videolan.org/vlc/playlist/ns/0/">
"#;
const VLC: &str = "http://www.videolan.org/vlc/playlist/0";

/// Moments are VLC's extension, since XSPF has none; durations are milliseconds of the whole file.
pub(super) fn text(playlist: &Playlist) -> String {
    let mut xml = String::from(HEAD);
    // A `String` takes all that is written.
    let mut line = |indent: usize, arguments: std::fmt::Arguments<'_>| {
        let _ = writeln!(xml, "{:indent$}{arguments}", "");
    };
    if !playlist.title.is_empty() {
        line(2, format_args!("<title>{}</title>", escaped(&playlist.title)));
    }
    line(2, format_args!("<trackList>"));
    for entry in &playlist.entries {
        line(4, format_args!("<track>"));
        line(6, format_args!("<location>{}</location>", uri(&entry.path)));
        if !entry.title.is_empty() {
            line(6, format_args!("<title>{}</title>", escaped(&entry.title)));
        }
        if let Some(artist) = &entry.artist {
            line(6, format_args!("<creator>{}</creator>", escaped(artist)));
        }
        line(6, format_args!("<annotation>score {:.4}</annotation>", entry.score));
        if let Some(album) = &entry.album {
            line(6, format_args!("<album>{}</album>", escaped(album)));
        }
        if let Some(seconds) = entry.duration_s {
            line(6, format_args!("<duration>{:.0}</duration>", seconds * 1e3));
        }
        let mut options = entry.options().peekable();
        if options.peek().is_some() {
            line(6, format_args!("<extension application=\"{VLC}\">"));
            for option in options {
                line(8, format_args!("<vlc:option>{option}</vlc:option>"));
            }
            line(6, format_args!("</extension>"));
        }
        line(4, format_args!("</track>"));
    }
    line(2, format_args!("</trackList>"));
    xml.push_str("</playlist>\n");
    xml
}

/// Text of an element. XML 1.0 has no way to write most control characters, nor U+FFFE and U+FFFF: they become
/// U+FFFD.
fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\'' => xml.push_str("&apos;"),
            // Parsers would make a line feed of it.
            '\r' => xml.push_str("&#13;"),
            '\t' | '\n' => xml.push(c),
            '\0'..=' ' if c != ' ' => xml.push(char::REPLACEMENT_CHARACTER),
            '\u{fffe}' | '\u{ffff}' => xml.push(char::REPLACEMENT_CHARACTER),
            _ => xml.push(c),
        }
    }
    xml
}

/// `file://` and the path if it is absolute, else a relative reference; every byte but letters, digits, `-._~`
/// and `/` as `%XX`.
fn uri(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let bytes: Cow<'_, [u8]> = match cfg!(windows) {
        true => bytes.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect::<Vec<_>>().into(),
        false => bytes.into(),
    };
    let mut uri = String::new();
    if path.is_absolute() {
        // A drive has no slash before it.
        uri.push_str(if bytes.starts_with(b"/") { "file://" } else { "file:///" });
    }
    for &byte in bytes.iter() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            b':' if cfg!(windows) && path.is_absolute() => uri.push(':'),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::entry;
    use super::super::{PlaylistEntry, PlaylistFormat};
    use super::*;

    #[test]
    fn a_track_and_a_moment() {
        let moment = PlaylistEntry {
            start_s: Some(12.5),
            end_s: Some(20.0),
            duration_s: Some(181.2344),
            artist: Some("Jo & Co".into()),
            album: Some("Weather".into()),
            ..entry("rain & sun.mp3", "<Rain> & \"Sun\"")
        };
        let playlist = Playlist { title: "a & b".into(), entries: vec![moment, entry("x.mp3", "")] };
        let mut bytes = Vec::new();
        playlist.write(&mut bytes, PlaylistFormat::Xspf).unwrap();
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<playlist version="1" xmlns="http://xspf.org/ns/0/" xmlns:vlc="http://www.videolan.org/vlc/playlist/ns/0/">
  <title>a &amp; b</title>
  <trackList>
    <track>
      <location>rain%20%26%20sun.mp3</location>
      <title>&lt;Rain&gt; &amp; &quot;Sun&quot;</title>
      <creator>Jo &amp; Co</creator>
      <annotation>score 0.2500</annotation>
      <album>Weather</album>
      <duration>181234</duration>
      <extension application="http://www.videolan.org/vlc/playlist/0">
        <vlc:option>start-time=12.500</vlc:option>
        <vlc:option>stop-time=20.000</vlc:option>
      </extension>
    </track>
    <track>
      <location>x.mp3</location>
      <annotation>score 0.2500</annotation>
    </track>
  </trackList>
</playlist>
"#;
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(escaped("a\0b\u{1b}c\u{1f}\td\ne\rf"), "a\u{fffd}b\u{fffd}c\u{fffd}\td\ne&#13;f");
        assert_eq!(
            escaped("\u{fffe}\u{ffff}\u{fffd}\u{7f}\u{10ffff} 'ü'"),
            "\u{fffd}\u{fffd}\u{fffd}\u{7f}\u{10ffff} &apos;ü&apos;"
        );
    }

    #[cfg(unix)]
    #[test]
    fn paths_are_uris() {
        assert_eq!(uri(Path::new("/ü/a b#1?.mp3")), "file:///%C3%BC/a%20b%231%3F.mp3");
        assert_eq!(uri(Path::new("a:b/100%\n.mp3")), "a%3Ab/100%25%0A.mp3");
        assert_eq!(uri(Path::new("../a\\b.mp3")), "../a%5Cb.mp3");
    }

    #[cfg(windows)]
    #[test]
    fn paths_are_uris() {
        assert_eq!(uri(Path::new(r"C:\a b\c.mp3")), "file:///C:/a%20b/c.mp3");
        assert_eq!(uri(Path::new(r"a\b.mp3")), "a/b.mp3");
    }

    proptest! {
        #[test]
        fn every_title_is_legal_and_can_be_read_back(title in any::<String>()) {
            let xml = escaped(&title);
            let legal = |c: char| matches!(c, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
            prop_assert!(xml.chars().all(legal) && !xml.contains(['<', '>', '"', '\'']));
            let read = xml.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
            let read = read.replace("&#13;", "\r").replace("&amp;", "&");
            let held: String = title.chars().map(|c| if legal(c) || c == '\r' { c } else { '\u{fffd}' }).collect();
            prop_assert_eq!(read, held);
        }

        #[cfg(unix)]
        #[test]
        fn every_path_can_be_read_back(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            use std::os::unix::ffi::OsStrExt;
            let path = Path::new(std::ffi::OsStr::from_bytes(&bytes));
            let text = uri(path);
            let encoded = text.strip_prefix("file://").unwrap_or(&text);
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte)));
            let mut rest = encoded.bytes();
            let mut read = Vec::new();
            while let Some(byte) = rest.next() {
                let mut digit = || char::from(rest.next().unwrap()).to_digit(16).unwrap() as u8;
                read.push(if byte == b'%' { digit() * 16 + digit() } else { byte });
            }
            prop_assert_eq!(read, bytes);
        }
    }
}
