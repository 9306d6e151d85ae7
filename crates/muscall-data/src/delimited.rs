//! CSV and TSV files of people.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use csv::ReaderBuilder;
use flate2::bufread::MultiGzDecoder;
use muscall_files::FileError;

use crate::DataError;

/// What may stand between two cells.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// Between two cells.
    delimiter: u8,
    /// Bytes before the header: a line such as `sep=;`, by which a spreadsheet knows the delimiter.
    skipped: usize,
}

impl Dialect {
    /// With this delimiter, whatever the file says.
    pub(crate) fn new(delimiter: u8) -> Self {
        Self { delimiter, skipped: 0 }
    }

    /// Lines before the header.
    pub(crate) fn lines_before(self) -> usize {
        usize::from(self.skipped > 0)
    }

    /// Of a table: as its first line says, or with the delimiter at which its header has one of these names, or as its
    /// extension has it. Names are in lower case.
    pub(crate) fn of(path: &Path, usual: u8, names: &[&str]) -> Result<Self, DataError> {
        let io = FileError::reading(path);
        let mut head = Vec::new();
        bytes(path).and_then(|file| file.take(MAX_LINE as u64).read_to_end(&mut head)).map_err(io)?;
        let mark = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let line = head[mark..].split(|&byte| byte == b'\n').next().unwrap_or_default();
        let said = line.strip_suffix(b"\r").unwrap_or(line).strip_prefix(b"sep=");
        if let Some(&[delimiter]) = said {
            return Ok(Self { delimiter, skipped: mark + line.len() + 1 });
        }
        let text = String::from_utf8_lossy(line).to_lowercase();
        let cells = |delimiter: u8| text.split(char::from(delimiter)).map(|cell| cell.trim().trim_matches('"'));
        let fits = |delimiter: u8| cells(delimiter).any(|cell| names.contains(&cell)) && cells(delimiter).count() > 1;
        let all = || [usual].into_iter().chain(DELIMITERS);
        let parts = |delimiter: u8| cells(delimiter).count() > 1;
        // Without such a name, who looks for one should read the names apart.
        let delimiter = all().find(|&delimiter| fits(delimiter)).or_else(|| all().find(|&delimiter| parts(delimiter)));
        let delimiter = delimiter.unwrap_or(usual);
        Ok(Self { delimiter, skipped: 0 })
    }
}

/// Opens a table whose quotes are sound; one whose name ends in `.gz` is uncompressed.
///
/// # Errors
/// [`DataError::Io`], or [`DataError::StrayQuote`].
pub(crate) fn open(path: &Path, dialect: Dialect) -> Result<csv::Reader<Box<dyn Read>>, DataError> {
    let io = FileError::reading(path);
    let Dialect { delimiter, skipped } = dialect;
    let from_header = || {
        let mut bytes = bytes(path)?;
        std::io::copy(&mut bytes.by_ref().take(skipped as u64), &mut std::io::sink())?;
        Ok(bytes)
    };
    let stray = stray_quote(from_header().map_err(io)?, delimiter).map_err(io)?;
    if let Some(StrayQuote { opened, until }) = stray {
        let before = dialect.lines_before();
        let until = until.map_or("the end of the file".to_owned(), |line| format!("line {}", line + before));
        return Err(DataError::StrayQuote { path: path.to_owned(), line: opened + before, until });
    }
    Ok(ReaderBuilder::new().delimiter(delimiter).from_reader(from_header().map_err(io)?))
}

fn bytes(path: &Path) -> std::io::Result<Box<dyn Read>> {
    let file = File::open(path)?;
    let compressed = path.extension().is_some_and(|extension| extension == "gz");
    Ok(if compressed { Box::new(MultiGzDecoder::new(BufReader::new(file))) } else { Box::new(file) })
}

/// Bytes of a line that are looked at; names of files are shorter.
const MAX_LINE: usize = 1 << 13;

/// A quote that makes one text of many rows.
#[derive(Debug, PartialEq, Eq)]
struct StrayQuote {
    /// The line where it stands, from 1.
    opened: usize,
    /// The line of the next quote, if there is one.
    until: Option<usize>,
}

/// Where a reader is in a cell.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Start,
    Plain,
    Quoted,
    /// Behind a quote within quotes, which ends the cell or is the first of two.
    Closing,
}

/// Finds the first quote at the start of a cell that is not closed where a cell ends: one of two stray quotes, or of
/// one. Readers take all rows up to the next quote for the text of that cell.
///
/// Where a quoted text of several lines has a line with as many delimiters as the header and the name of an audio file
/// among them, it is a row that was swallowed: texts have line breaks, but not the shape of their table.
fn stray_quote(file: impl Read, delimiter: u8) -> std::io::Result<Option<StrayQuote>> {
    let (mut place, mut line, mut opened) = (Place::Start, 1, 1);
    let (mut header, mut in_header) = (0, true);
    // The present line of a quoted text, and its delimiters; of its first line only a part is inside.
    let (mut text, mut delimiters) = (Vec::new(), 0);
    let mut swallowed = false;
    for byte in BufReader::with_capacity(1 << 16, file).bytes() {
        let byte = byte?;
        let ends = byte == delimiter || byte == b'\n' || byte == b'\r';
        match place {
            Place::Start | Place::Plain if ends => place = Place::Start,
            Place::Start if byte == b'"' => {
                (place, opened, delimiters, swallowed) = (Place::Quoted, line, 0, false);
            }
            Place::Start | Place::Plain => place = Place::Plain,
            Place::Quoted if byte == b'"' => place = Place::Closing,
            Place::Quoted => {}
            Place::Closing if byte == b'"' => place = Place::Quoted,
            Place::Closing if ends || byte == b' ' => {
                if swallowed {
                    return Ok(Some(StrayQuote { opened, until: Some(line) }));
                }
                place = if ends { Place::Start } else { Place::Closing };
            }
            // Within a line no row is lost, and readers agree on what it means.
            Place::Closing if opened == line => place = Place::Plain,
            Place::Closing => return Ok(Some(StrayQuote { opened, until: Some(line) })),
        }
        if byte == delimiter {
            delimiters += 1;
            header += usize::from(in_header && place != Place::Quoted);
        }
        if byte == b'\n' {
            let is_row = || header > 0 && delimiters == header && names_audio(&text, delimiter);
            swallowed |= place == Place::Quoted && line > opened && is_row();
            in_header &= place == Place::Quoted;
            (line, delimiters) = (line + 1, 0);
            text.clear();
        } else if place == Place::Quoted && text.len() < MAX_LINE {
            text.push(byte);
        }
    }
    Ok((place == Place::Quoted).then_some(StrayQuote { opened, until: None }))
}

/// Whether a cell of a line is the name of an audio file.
fn names_audio(line: &[u8], delimiter: u8) -> bool {
    let mut cells = line.split(|&byte| byte == delimiter).filter_map(|cell| str::from_utf8(cell).ok());
    cells.any(|cell| muscall_audio::has_audio_extension(Path::new(cell.trim())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn find(text: &str) -> Option<(usize, Option<usize>)> {
        stray_quote(text.as_bytes(), b',').unwrap().map(|stray| (stray.opened, stray.until))
    }

    #[test]
    fn sound_tables_pass() {
        for text in [
            "audio,caption\na.mp3,slow\n",
            "audio,caption\na.mp3,\"slow, calm\"\n",
            "audio,caption\r\na.mp3,\"she said \"\"slow\"\", twice\"\r\n",
            "audio,caption\na.mp3,\"two\nlines, or\n\nfour\"\nb.mp3,x\n",
            "audio,caption,x\na.mp3,\"two\nlines, with a comma\",y\nb.mp3,x,z\n",
            "audio,caption\na.mp3,a 12\" record\nb.mp3,6\" and 7\"\n",
            "audio,caption\na.mp3,\"quoted\" \n",
            "audio,caption\na.mp3,\"Slow\" he said\n",
            "\"audio\",\"caption\"\n\"a.mp3\",\"\"\n",
            "audio,caption\na.mp3,\"\"\"slow\"\"\"\n",
            "",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }

    #[test]
    fn a_quote_that_swallows_rows_is_found_where_it_opened() {
        let rows = |from: usize, to: usize| (from..to).map(|i| format!("{i}.mp3,text {i}\n")).collect::<String>();
        let header = "audio,caption\n";
        let stray = format!("x.mp3,\"a 12 inch record\n{}", rows(1, 20));
        // Up to the end.
        assert_eq!(find(&format!("{header}{}{stray}", rows(0, 3))), Some((5, None)));
        // Up to a row that has quotes of its own.
        let text = format!("{header}{}{stray}y.mp3,\"slow, calm\"\n", rows(0, 3));
        assert_eq!(find(&text), Some((5, Some(25))));
        // Up to another stray quote, behind which a cell ends.
        let text = format!("{header}{}{stray}y.mp3,loud\"\n{}", rows(0, 3), rows(20, 30));
        assert_eq!(find(&text), Some((5, Some(25))));
        // One row is enough.
        assert_eq!(find("audio,caption\na.mp3,\"x\nb.mp3,y\nc.mp3,z\"\n"), Some((2, Some(4))));
    }
}
