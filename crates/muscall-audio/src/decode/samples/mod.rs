//! Files of plain samples behind a header, in the many headers that there are.
//!
//! Where the samples lie and what they are is found here; the reader is shown a plain header in the place of the file's
//! own one. So sizes that lie, chunks that are not padded and odd lengths of a header harm nothing.

mod aiff;
mod chunks;
mod codecs;
mod core_audio;
mod foreign;
mod head;
mod plain;
mod riff;
mod sun;

use crate::stretch::Stretch;
use std::io;

pub(super) use self::foreign::foreign;
use self::plain::Kind;
pub(super) use self::plain::Samples;

/// Looks at a file; None if it is of another kind, or if its own reader should say what is wrong with it.
pub(super) fn find(file: &mut Stretch, bytes: u64) -> io::Result<Option<Samples>> {
    let found = match chunks::read::<4>(file, 0)? {
        Some([b'R', b'I', b'F', b'F'] | [b'R', b'F', b'6', b'4'] | [b'B', b'W', b'6', b'4']) => {
            riff::wave(file, bytes)?
        }
        Some([b'r', b'i', b'f', b'f']) => riff::wave64(file, bytes)?,
        Some([b'F', b'O', b'R', b'M']) => aiff::aiff(file, bytes)?,
        Some([b'.', b's', b'n', b'd']) => sun::sun(file, bytes)?,
        Some([b'c', b'a', b'f', b'f']) => core_audio::core_audio(file, bytes)?,
        _ => None,
    };
    Ok(found.filter(|found| found.frame() > 0 && found.length > 0))
}

/// A header for samples, WAV's or, since that has no big-endian samples and no signed bytes, AIFF's.
pub(super) fn header(samples: &Samples) -> Vec<u8> {
    let is_wave = match samples.kind {
        Kind::Signed => !samples.is_big_endian && samples.bytes > 1,
        Kind::Float => !samples.is_big_endian,
        Kind::Unsigned | Kind::MuLaw | Kind::ALaw => true,
    };
    if is_wave { head::wave(samples) } else { head::aiff(samples) }
}
