//! Plain headers of WAV and AIFF.

use super::plain::{Kind, Samples};

/// A length that a WAV does not tell.
const UNKNOWN: u32 = u32::MAX;
/// A whole number as the first bits of a mantissa: the exponent of 2³¹.
const EXPONENT: u16 = 16_383 + 31;

/// Without a length where it needs more than 32 bits: the reader goes on to the end then.
pub(super) fn wave(samples: &Samples) -> Vec<u8> {
    let tag: u16 = match samples.kind {
        Kind::Signed | Kind::Unsigned => 1,
        Kind::Float => 3,
        Kind::ALaw => 6,
        Kind::MuLaw => 7,
    };
    // Only the plain one has no length of what follows.
    let more: &[u8] = if tag > 3 { &[0, 0] } else { &[] };
    let frame = samples.frame() as u16;
    let length = u32::try_from(samples.length).unwrap_or(UNKNOWN);
    [
        b"RIFF",
        &UNKNOWN.to_le_bytes()[..],
        b"WAVEfmt ",
        &(16 + more.len() as u32).to_le_bytes(),
        &tag.to_le_bytes(),
        &samples.channels.to_le_bytes(),
        &samples.rate.to_le_bytes(),
        &samples.rate.wrapping_mul(u32::from(frame)).to_le_bytes(),
        &frame.to_le_bytes(),
        &(8 * samples.bytes as u16).to_le_bytes(),
        more,
        b"data",
        &length.to_le_bytes(),
    ]
    .concat()
}

/// At most 4 GiB.
pub(super) fn aiff(samples: &Samples) -> Vec<u8> {
    let kind = match (samples.kind, samples.bytes) {
        (Kind::Float, 4) => b"fl32",
        (Kind::Float, _) => b"fl64",
        _ => b"NONE",
    };
    let length = u32::try_from(samples.length).unwrap_or(u32::MAX).min(u32::MAX - 64);
    // The top bit of the mantissa is 1.
    let zeros = samples.rate.leading_zeros() as u16;
    let mantissa = u64::from(samples.rate) << (u32::from(zeros) + 32).min(63);
    [
        b"FORM",
        &(length + 4 + 32 + 16).to_be_bytes()[..],
        b"AIFCCOMM",
        &24_u32.to_be_bytes(),
        &samples.channels.to_be_bytes(),
        &((u64::from(length) / samples.frame().max(1)) as u32).to_be_bytes(),
        &(8 * samples.bytes as u16).to_be_bytes(),
        &(EXPONENT - zeros).to_be_bytes(),
        &mantissa.to_be_bytes(),
        kind,
        &[0, 0],
        b"SSND",
        &(length + 8).to_be_bytes(),
        &[0; 8],
    ]
    .concat()
}
