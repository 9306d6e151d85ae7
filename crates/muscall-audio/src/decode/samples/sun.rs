//! Sun's audio format, `.au` or `.snd`.

use crate::stretch::Stretch;
use std::io;

use super::chunks::read;
use super::plain::{Kind, Samples};

/// A size that the writer did not know.
const UNKNOWN: u32 = u32::MAX;

pub(super) fn sun(file: &mut Stretch, bytes: u64) -> io::Result<Option<Samples>> {
    let Some(head) = read::<24>(file, 0)? else { return Ok(None) };
    let (fields, _) = head.as_chunks::<4>();
    let [_, at, size, encoding, rate, channels] =
        [0, 1, 2, 3, 4, 5].map(|field: usize| u32::from_be_bytes(fields[field]));
    let (kind, width) = match encoding {
        1 => (Kind::MuLaw, 1),
        2..=5 => (Kind::Signed, u64::from(encoding) - 1),
        6 => (Kind::Float, 4),
        7 => (Kind::Float, 8),
        27 => (Kind::ALaw, 1),
        _ => return Ok(None),
    };
    let Ok(channels) = u16::try_from(channels) else { return Ok(None) };
    let samples = Samples { kind, bytes: width, is_big_endian: true, channels, rate, at: 0, length: 0, declared: 0 };
    let claimed = Some(u64::from(size)).filter(|_| size != UNKNOWN && size > 0);
    Ok((at >= 24).then(|| samples.within(u64::from(at), claimed, bytes)))
}
