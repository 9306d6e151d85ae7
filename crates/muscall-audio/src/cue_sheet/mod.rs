//! Cue sheets: where the tracks of an album lie in one file.

mod embedded;
mod encoding;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use self::encoding::text;
use crate::Part;

/// Longest sheet, or block of comments with one, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Frames per second of a compact disc, in which sheets count.
const FRAMES_PER_S: f64 = 75.0;

/// An album as the sheet beside it, or in it, has it.
///
/// # Source
/// The manual of CDRWIN, whose commands others follow; `REM DATE` and `REM GENRE` as Exact Audio Copy writes them.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct CueSheet {
    /// The files that it names.
    pub files: Vec<CueFile>,
}

/// A file of a sheet.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct CueFile {
    /// As the sheet has it: often that of a WAV file which was compressed since.
    pub name: String,
    /// In order. A gap before a track is the end of the one before it.
    pub tracks: Vec<CueTrack>,
}

/// A track of a file.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CueTrack {
    /// From its first index to that of the next one.
    pub part: Part,
    /// What the sheet says of it and of its album, as [`file_tags`](crate::file_tags) would: `title=…`, `artist=…`.
    pub tags: Vec<String>,
}

impl CueSheet {
    /// Of a file that ends in `.cue`, in UTF-8, UTF-16 or Windows-1252, for which any other encoding, such as Shift-JIS, is
    /// taken: its times are right then, and its letters outside ASCII are not.
    ///
    /// # Errors
    /// If it cannot be read, or is much longer than any sheet.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "longer than a cue sheet"));
        }
        Ok(Self::parse(&text(&bytes)))
    }

    /// Of a FLAC file that is long enough for an album and has a comment `CUESHEET`; nothing if there is none. Only the
    /// comments are read. The block of FLAC's own for a sheet has no titles, and is not looked at.
    pub fn embedded(path: &Path) -> Option<Self> {
        Some(Self::parse(&text(&embedded::sheet(path)?)))
    }

    /// Of its text. Lines that make no sense are passed over, and so are the tracks of a file whose times do not rise.
    pub fn parse(text: &str) -> Self {
        let (mut album, mut files) = (Words::default(), Vec::<Draft>::new());
        // Also of an old Mac, which ends lines with a carriage return alone.
        for line in text.split(['\n', '\r']) {
            let (command, rest) = split_word(line);
            let file = files.last_mut();
            let track = file.and_then(|file| file.tracks.last_mut());
            match command.to_ascii_uppercase().as_str() {
                "FILE" => files.push(Draft { name: file_name(rest), tracks: Vec::new() }),
                "TRACK" => {
                    if let Some(file) = files.last_mut() {
                        file.tracks.push(DraftTrack::new(rest));
                    }
                }
                "INDEX" => {
                    let (number, time) = split_word(rest);
                    if let (Some(track), Ok(1)) = (track, number.parse::<u8>()) {
                        track.start_s = seconds(time);
                    }
                }
                command => track.map_or(&mut album, |track| &mut track.words).take(command, rest),
            }
        }
        Self { files: files.into_iter().filter_map(|file| file.finish(&album)).collect() }
    }
}

/// What is said of an album or a track.
#[derive(Debug, Default)]
struct Words {
    title: Option<String>,
    artist: Option<String>,
    composer: Option<String>,
    genre: Option<String>,
    year: Option<String>,
}

impl Words {
    fn take(&mut self, command: &str, rest: &str) {
        let (place, value) = match command {
            "TITLE" => (&mut self.title, rest),
            "PERFORMER" => (&mut self.artist, rest),
            "SONGWRITER" => (&mut self.composer, rest),
            "REM" => match split_word(rest) {
                (name, value) if name.eq_ignore_ascii_case("GENRE") => (&mut self.genre, value),
                (name, value) if name.eq_ignore_ascii_case("DATE") => (&mut self.year, value),
                _ => return,
            },
            _ => return,
        };
        let value = value.trim().trim_matches('"').trim().replace(char::is_control, " ");
        if !value.is_empty() {
            *place = Some(value);
        }
    }

    /// Of a track of an album.
    fn tags(&self, album: &Self) -> Vec<String> {
        let year = self.year.as_ref().or(album.year.as_ref());
        let is_year = |year: &&String| year.len() >= 4 && year.bytes().take(4).all(|byte| byte.is_ascii_digit());
        let tags = [
            ("title", self.title.as_deref()),
            ("artist", self.artist.as_deref().or(album.artist.as_deref())),
            ("album", album.title.as_deref()),
            ("composer", self.composer.as_deref().or(album.composer.as_deref())),
            ("genre", self.genre.as_deref().or(album.genre.as_deref())),
            ("year", year.filter(is_year).map(|year| &year[..4])),
        ];
        tags.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value?))).collect()
    }
}

/// A file whose tracks have no ends yet.
struct Draft {
    name: String,
    tracks: Vec<DraftTrack>,
}

/// A track whose end is not known yet, or data, which ends the track before it.
struct DraftTrack {
    number: u32,
    is_audio: bool,
    words: Words,
    /// In seconds.
    start_s: Option<f64>,
}

impl DraftTrack {
    /// Of `01 AUDIO`.
    fn new(rest: &str) -> Self {
        let (number, kind) = split_word(rest);
        let is_audio = kind.eq_ignore_ascii_case("AUDIO");
        Self { number: number.parse().unwrap_or(0), is_audio, words: Words::default(), start_s: None }
    }

    /// What is said of it; at least its number.
    fn tags(&self, album: &Words) -> Vec<String> {
        let mut tags = self.words.tags(album);
        if self.words.title.is_none() {
            tags.insert(0, format!("title=Track {}", self.number));
        }
        tags.push(format!("track={}", self.number));
        tags
    }
}

impl Draft {
    fn finish(self, album: &Words) -> Option<CueFile> {
        let starts: Vec<f64> = self.tracks.iter().map(|track| track.start_s).collect::<Option<_>>()?;
        let ends = starts.iter().skip(1).copied().map(Some).chain([None]);
        let parts = starts.iter().zip(ends).map(|(&start_s, end_s)| Part::new(start_s, end_s).ok());
        let parts: Vec<Part> = parts.collect::<Option<_>>()?;
        let audio = self.tracks.iter().zip(parts).filter(|(track, _)| track.is_audio);
        let tracks = audio.map(|(track, part)| CueTrack { part, tags: track.tags(album) }).collect();
        Some(CueFile { name: self.name, tracks })
    }
}

/// The first word of a line, and what follows it.
fn split_word(line: &str) -> (&str, &str) {
    let line = line.trim();
    line.split_once(char::is_whitespace).map_or((line, ""), |(word, rest)| (word, rest.trim()))
}

/// Of `"album.wav" WAVE`, the name.
fn file_name(rest: &str) -> String {
    let quoted = rest.strip_prefix('"').and_then(|rest| rest.split_once('"')).map(|(name, _)| name);
    let plain = rest.rsplit_once(char::is_whitespace).map_or(rest, |(name, _)| name);
    // Made on Windows, it may name a folder.
    quoted.unwrap_or(plain).rsplit(['/', '\\']).next().unwrap_or_default().to_owned()
}

/// Of `mm:ss:ff`.
fn seconds(time: &str) -> Option<f64> {
    let mut numbers = time.split(':').map(|number| number.trim().parse::<u32>().ok());
    let (minutes, seconds, frames) = (numbers.next()??, numbers.next()??, numbers.next()??);
    (numbers.next().is_none())
        .then(|| f64::from(minutes) * 60.0 + f64::from(seconds) + f64::from(frames) / FRAMES_PER_S)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SHEET: &str = r#"REM GENRE "Progressive Rock"
REM DATE 1973
PERFORMER "The Band"
TITLE "An Album"
FILE "C:\rips\An Album.wav" WAVE
  TRACK 01 AUDIO
    TITLE "First"
    INDEX 00 00:00:00
    INDEX 01 00:00:33
  TRACK 02 AUDIO
    TITLE "Second"
    PERFORMER "A Guest"
    ISRC GBAYE0000351
    INDEX 00 03:58:00
    INDEX 01 04:00:15
  TRACK 03 MODE1/2352
    INDEX 01 10:00:00
"#;

    #[test]
    fn tracks_reach_from_index_to_index() {
        let sheet = CueSheet::parse(SHEET);
        let [file] = &sheet.files[..] else { panic!("{sheet:?}") };
        assert_eq!(file.name, "An Album.wav");
        let parts: Vec<String> = file.tracks.iter().map(|track| track.part.to_string()).collect();
        // What is data ends the track before it.
        assert_eq!(parts, ["#t=0.44,240.2", "#t=240.2,600"]);
        let tags =
            ["title=First", "artist=The Band", "album=An Album", "genre=Progressive Rock", "year=1973", "track=1"];
        assert_eq!(file.tracks[0].tags, tags);
        assert_eq!(file.tracks[1].tags[..2], ["title=Second", "artist=A Guest"]);
    }

    #[test]
    fn what_makes_no_sense_is_no_sheet() {
        for text in ["", "TRACK 01 AUDIO\nINDEX 01 00:00:00", "FILE", "no cue sheet at all\n\0\0"] {
            assert!(CueSheet::parse(text).files.iter().all(|file| file.tracks.is_empty()), "{text:?}");
        }
        // Times that fall, or are none.
        for time in ["00:00:00", "-1:00:00", "00:00", "99999999999:00:00"] {
            let text = SHEET.replace("04:00:15", time);
            assert!(CueSheet::parse(&text).files.is_empty(), "{time}");
        }
    }

    #[test]
    fn sheets_are_read_in_the_encodings_that_programs_write() {
        let text = "TITLE \"Für Élise\"\r\nFILE x.flac WAVE\r\nTRACK 01 AUDIO\r\nINDEX 01 00:00:00\r\n";
        let mut utf16 = vec![0xff, 0xfe];
        utf16.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        let latin: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
        let unmarked: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big_endian: Vec<u8> =
            "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
        let old_mac = text.replace("\r\n", "\r").into_bytes();
        let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        let dir = tempfile::tempdir().unwrap();
        for bytes in [text.as_bytes().to_vec(), marked, utf16, latin, unmarked, big_endian, old_mac] {
            let path = dir.path().join("a.cue");
            std::fs::write(&path, &bytes).unwrap();
            let sheet = CueSheet::read(&path).unwrap();
            assert_eq!(sheet.files[0].name, "x.flac");
            assert_eq!(sheet.files[0].tracks[0].tags, ["title=Track 1", "album=Für Élise", "track=1"]);
        }
        // Windows has letters where Latin-1 has none, and what is in Shift-JIS keeps its times.
        std::fs::write(
            dir.path().join("w.cue"),
            b"TITLE \"\x93So\x94 \x85\"\nFILE x.wav WAVE\nTRACK 01 AUDIO\nINDEX 01 00:02:00\n",
        )
        .unwrap();
        let windows = CueSheet::read(&dir.path().join("w.cue")).unwrap();
        assert_eq!(windows.files[0].tracks[0].tags[1], "album=“So” …");
        std::fs::write(
            dir.path().join("j.cue"),
            b"TITLE \"\x83A\x83\x8b\x83o\x83\x80\"\rFILE x.wav WAVE\rTRACK 01 AUDIO\rINDEX 01 00:02:00\r",
        )
        .unwrap();
        let japanese = CueSheet::read(&dir.path().join("j.cue")).unwrap();
        assert_eq!(japanese.files[0].tracks[0].part.to_string(), "#t=2");
        std::fs::write(dir.path().join("b.cue"), vec![b' '; (MAX_BYTES + 1) as usize]).unwrap();
        assert!(CueSheet::read(&dir.path().join("b.cue")).is_err());
    }
}
