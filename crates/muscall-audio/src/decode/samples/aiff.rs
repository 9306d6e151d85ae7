//! AIFF and AIFF-C.

use crate::stretch::Stretch;
use std::io;

use super::chunks::{self, behind, content, read};
use super::plain::{Kind, Samples};

/// The description of the samples may stand behind them.
pub(super) fn aiff(file: &mut Stretch, bytes: u64) -> io::Result<Option<Samples>> {
    let is_plain = match read::<4>(file, 8)?.as_ref() {
        Some(b"AIFF") => true,
        Some(b"AIFC") => false,
        _ => return Ok(None),
    };
    let (mut at, mut format, mut sound) = (12, None, None);
    for _ in 0..chunks::MOST {
        let Some([a, b, c, d, size @ ..]) = read::<8>(file, at)? else { break };
        let size = u64::from(u32::from_be_bytes(size));
        at += 8;
        match &[a, b, c, d] {
            b"COMM" => format = parse(&content(file, at, size, 22)?, is_plain),
            b"SSND" if sound.is_none() => {
                let offset = read::<4>(file, at)?.map_or(0, |offset| u64::from(u32::from_be_bytes(offset)));
                // 0, or more than there can be: whoever wrote it did not know.
                let is_known = size > 8 && size < u64::from(u32::MAX);
                sound = Some((at + 8 + offset, is_known.then(|| (size - 8).saturating_sub(offset))));
            }
            _ => {}
        }
        if let Some(((format, frames), (from, claimed))) = format.zip(sound) {
            let format: Samples = format;
            // The description knows it as well.
            let claimed = claimed.or(Some(u64::from(frames) * format.frame()).filter(|&length| length > 0));
            return Ok(Some(format.within(from, claimed, bytes)));
        }
        at = behind(file, at, size)?;
    }
    Ok(None)
}

/// What a description says, if it is one of plain samples, and how many frames there are.
fn parse(common: &[u8], is_plain: bool) -> Option<(Samples, u32)> {
    let two = |at: usize| common.get(at..at + 2).map(|two| u16::from_be_bytes([two[0], two[1]]));
    let (channels, bits) = (two(0)?, two(6)?);
    let frames = common.get(2..6)?.first_chunk().map(|frames| u32::from_be_bytes(*frames))?;
    let rate = whole(common.get(8..18)?.first_chunk()?)?;
    let mut name = if is_plain { *b"NONE" } else { *common.get(18..22)?.first_chunk()? };
    name.make_ascii_lowercase();
    let (kind, bytes, is_big_endian) = match &name {
        b"none" | b"twos" => (Kind::Signed, bits.div_ceil(8), true),
        b"sowt" => (Kind::Signed, bits.div_ceil(8), false),
        b"in24" => (Kind::Signed, 3, true),
        b"in32" => (Kind::Signed, 4, true),
        b"42ni" => (Kind::Signed, 3, false),
        b"23ni" => (Kind::Signed, 4, false),
        b"raw " => (Kind::Unsigned, 1, true),
        b"fl32" => (Kind::Float, 4, true),
        b"fl64" => (Kind::Float, 8, true),
        b"ulaw" => (Kind::MuLaw, 1, true),
        b"alaw" => (Kind::ALaw, 1, true),
        _ => return None,
    };
    let bytes = Some(u64::from(bytes)).filter(|bytes| (1..=8).contains(bytes))?;
    if kind == Kind::Signed && bytes > 4 {
        return None;
    }
    Some((Samples { kind, bytes, is_big_endian, channels, rate, at: 0, length: 0, declared: 0 }, frames))
}

/// A number of 80 bits, rounded.
fn whole(bytes: &[u8; 10]) -> Option<u32> {
    let [a, b, mantissa @ ..] = *bytes;
    let exponent = i32::from(u16::from_be_bytes([a, b])) - 16_383;
    if !(0..=31).contains(&exponent) {
        return None;
    }
    let value = u64::from_be_bytes(mantissa) as f64 / 2_f64.powi(63 - exponent);
    Some(value.round() as u32)
}
