//! Arrays saved by NumPy. Only the wanted span is read, by position.

use crate::stretch::Stretch;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use muscall_files::FileError;

use super::decoded::{AudioInfo, Decoded, check_format};
use super::options::{DecodeOptions, Span};
use crate::{AudioError, Waveform};

pub(super) const MAGIC: &[u8] = b"\x93NUMPY";
/// Longest header that is read; NumPy's own take about a hundred bytes.
const MAX_HEADER: usize = 1 << 16;

#[derive(Clone, Copy)]
enum Kind {
    F32,
    F64,
    I16,
}

impl Kind {
    fn bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::F64 => 8,
            Self::I16 => 2,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::F32 => "npy_f32",
            Self::F64 => "npy_f64",
            Self::I16 => "npy_s16",
        }
    }
}

struct Header {
    kind: Kind,
    big_endian: bool,
    fortran: bool,
    channels: u64,
    frames: u64,
    data: u64,
}

pub(super) fn probe(path: &Path, mut file: Stretch, options: &DecodeOptions) -> Result<AudioInfo, AudioError> {
    let header = read_header(path, &mut file)?;
    let channels = header.channels as u16;
    check_format(path, options.npy_sample_rate, usize::from(channels))?;
    Ok(AudioInfo {
        codec: header.kind.name().to_owned(),
        sample_rate: options.npy_sample_rate,
        channels,
        declared_frames: Some(header.frames),
    })
}

pub(super) fn decode(path: &Path, mut file: Stretch, options: &DecodeOptions) -> Result<Decoded, AudioError> {
    let info = probe(path, file.clone(), options)?;
    let header = read_header(path, &mut file)?;
    let whole = Span { start: 0, frames: header.frames };
    let span = options.span.unwrap_or(whole);
    let start = span.start.min(header.frames);
    let frames = span.frames.min(header.frames - start);
    if frames > options.max_frames(info.sample_rate) {
        return Err(AudioError::TooLong { path: path.to_owned(), max_s: options.max_s });
    }
    let scale = 1.0 / header.channels as f64;
    let mut mono = vec![0.0_f64; frames as usize];
    // In Fortran order the channels of a frame stand side by side, in C order each has its row.
    let (runs, stride) = if header.fortran { (1, header.channels) } else { (header.channels, 1) };
    for run in 0..runs {
        let first = header.data + (run * header.frames + start * stride) * header.kind.bytes();
        file.seek(SeekFrom::Start(first)).map_err(FileError::reading(path))?;
        let mut bytes = vec![0; (frames * stride * header.kind.bytes()) as usize];
        file.read_exact(&mut bytes).map_err(FileError::reading(path))?;
        let values = bytes.chunks_exact(header.kind.bytes() as usize);
        for (i, value) in values.enumerate() {
            mono[i / stride as usize] += number(value, &header) * scale;
        }
    }
    let samples = mono.into_iter().map(|x| x as f32).collect();
    Ok(Decoded { waveform: Waveform::new(samples, info.sample_rate), info, repairs: Vec::new() })
}

fn number(value: &[u8], header: &Header) -> f64 {
    let mut bytes = [0; 8];
    bytes[..value.len()].copy_from_slice(value);
    if header.big_endian {
        bytes[..value.len()].reverse();
    }
    let [a, b, c, d, ..] = bytes;
    match header.kind {
        Kind::F32 => f64::from(f32::from_le_bytes([a, b, c, d])),
        Kind::F64 => f64::from_le_bytes(bytes),
        Kind::I16 => f64::from(i16::from_le_bytes([a, b])) / 32_768.0,
    }
}

fn read_header(path: &Path, file: &mut Stretch) -> Result<Header, AudioError> {
    let wrong = |what: &str| AudioError::Npy { path: path.to_owned(), what: what.to_owned() };
    let file_bytes = file.len();
    let mut start = [0; 8];
    file.read_exact(&mut start).map_err(|_| wrong("the header is cut off"))?;
    let wide = match start[6] {
        1 => false,
        2 | 3 => true,
        version => return Err(wrong(&format!("version {version} of the format"))),
    };
    let mut length = [0; 4];
    let length = if wide {
        file.read_exact(&mut length).map_err(|_| wrong("the header is cut off"))?;
        u32::from_le_bytes(length) as usize
    } else {
        file.read_exact(&mut length[..2]).map_err(|_| wrong("the header is cut off"))?;
        u32::from_le_bytes(length) as usize
    };
    if length > MAX_HEADER {
        return Err(wrong(&format!("a header of {length} bytes")));
    }
    let mut text = vec![0; length];
    file.read_exact(&mut text).map_err(|_| wrong("the header is cut off"))?;
    let text = String::from_utf8_lossy(&text);
    let descr = value_of(&text, "descr").ok_or_else(|| wrong("no `descr` in the header"))?;
    let descr = descr.trim_matches(['\'', '"']);
    let (kind, big_endian) = match descr {
        "<f4" | "|f4" => (Kind::F32, false),
        ">f4" => (Kind::F32, true),
        "<f8" | "|f8" => (Kind::F64, false),
        ">f8" => (Kind::F64, true),
        "<i2" | "|i2" => (Kind::I16, false),
        ">i2" => (Kind::I16, true),
        other if other.contains('O') => return Err(wrong("pickled Python objects, which are never loaded")),
        other => return Err(wrong(&format!("elements of type {other}"))),
    };
    let fortran = match value_of(&text, "fortran_order").as_deref() {
        Some("True") => true,
        Some("False") => false,
        _ => return Err(wrong("no `fortran_order` in the header")),
    };
    let shape = value_of(&text, "shape").ok_or_else(|| wrong("no `shape` in the header"))?;
    let sizes: Option<Vec<u64>> = shape
        .trim_matches(['(', ')'])
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty())
        .map(|size| size.parse().ok())
        .collect();
    let (channels, frames) = match sizes.as_deref() {
        Some([frames]) => (1, *frames),
        Some([channels @ 1..=2, frames]) => (*channels, *frames),
        _ => return Err(wrong(&format!("shape {shape}"))),
    };
    if frames == 0 {
        return Err(AudioError::NoAudio { path: path.to_owned(), codec: kind.name().to_owned() });
    }
    let data = file.stream_position().map_err(FileError::reading(path))?;
    let needed = frames.checked_mul(channels * kind.bytes()).and_then(|bytes| bytes.checked_add(data));
    if needed.is_none_or(|needed| needed > file_bytes) {
        return Err(wrong(&format!("shape {shape} needs more bytes than the {file_bytes} of the file")));
    }
    Ok(Header { kind, big_endian, fortran: fortran && channels > 1, channels, frames, data })
}

/// The text of a value in the header, which is a Python dictionary literal.
fn value_of(header: &str, key: &str) -> Option<String> {
    let at = [format!("'{key}'"), format!("\"{key}\"")]
        .iter()
        .find_map(|key| Some(header.find(key.as_str())? + key.len()))?;
    let value = header[at..].trim_start().strip_prefix(':')?.trim_start();
    let end = match value.chars().next()? {
        '(' => value.find(')')? + 1,
        quote @ ('\'' | '"') => value[1..].find(quote)? + 2,
        // A structured type, refused by its text.
        '[' => value.find(']')? + 1,
        _ => value.find([',', '}'])?,
    };
    Some(value[..end].trim().to_owned())
}
