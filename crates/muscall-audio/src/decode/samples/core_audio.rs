//! Apple's Core Audio Format, as far as it holds plain samples.

use crate::stretch::Stretch;
use std::io;

use super::chunks::{self, read};
use super::plain::{Kind, Samples};

pub(super) fn core_audio(file: &mut Stretch, bytes: u64) -> io::Result<Option<Samples>> {
    let (mut at, mut format) = (8, None);
    for _ in 0..chunks::MOST {
        let Some([a, b, c, d, size @ ..]) = read::<12>(file, at)? else { break };
        let size = i64::from_be_bytes(size);
        at += 12;
        match &[a, b, c, d] {
            b"desc" => format = read::<32>(file, at)?.as_ref().and_then(parse),
            b"data" => {
                // A count of edits comes first.
                let claimed = u64::try_from(size).ok().and_then(|size| size.checked_sub(4)).filter(|&size| size > 0);
                return Ok(format.map(|format: Samples| format.within(at + 4, claimed, bytes)));
            }
            _ => {}
        }
        let Some(next) = u64::try_from(size).ok().and_then(|size| at.checked_add(size)) else { break };
        at = next;
    }
    Ok(None)
}

fn parse(description: &[u8; 32]) -> Option<Samples> {
    let (rate, rest) = description.split_first_chunk::<8>()?;
    let (fields, _) = rest.as_chunks::<4>();
    let &[name, flags, packet, frames, channels, bits] = fields else { return None };
    let [flags, packet, frames, channels, bits] = [flags, packet, frames, channels, bits].map(u32::from_be_bytes);
    let rate = f64::from_be_bytes(*rate).round();
    let kind = match &name {
        b"lpcm" if flags & 1 == 1 => Kind::Float,
        b"lpcm" => Kind::Signed,
        b"ulaw" => Kind::MuLaw,
        b"alaw" => Kind::ALaw,
        _ => return None,
    };
    let bytes = match (kind, bits) {
        (Kind::MuLaw | Kind::ALaw, _) => 1,
        (Kind::Float, 32 | 64) | (Kind::Signed, 8 | 16 | 24 | 32) => u64::from(bits / 8),
        _ => return None,
    };
    // Samples with room around them are not plain.
    if frames != 1 || u64::from(packet) != bytes * u64::from(channels) {
        return None;
    }
    // Signed bytes have no order, and WAV has none of them.
    let is_big_endian = flags & 2 == 0 || bytes == 1;
    let channels = u16::try_from(channels).ok()?;
    Some(Samples { kind, bytes, is_big_endian, channels, rate: rate as u32, at: 0, length: 0, declared: 0 })
}
