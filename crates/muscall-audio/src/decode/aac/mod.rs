//! AAC: what a stream is, and its packets where no container keeps them.
//!
//! Symphonia 0.6.1 decodes the low complexity profile of one or two channels. It takes some of what it does not decode
//! for that, and its reader of ADTS counts only the packets that it finds.

mod adts;
mod config;
mod sbr;

pub(super) use self::adts::Frames;
pub(super) use self::config::Config;
pub(super) use self::sbr::has_sbr;

/// Frames that a packet decodes to.
pub(super) const BLOCK: u32 = 1024;
/// Rates by their numbers.
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350];
/// What a stream with its upper half made from its lower one is called.
pub(super) const HE_AAC: &str = "HE-AAC, which is AAC with spectral band replication,";

/// The name of a kind of AAC that is not decoded; None for the low complexity profile.
fn foreign(object: u32) -> Option<&'static str> {
    Some(match object {
        2 => return None,
        1 => "AAC Main",
        3 => "AAC SSR",
        4 => "AAC LTP",
        5 | 29 => HE_AAC,
        17 | 19 | 20 => "error resilient AAC",
        23 => "AAC-LD",
        36 => "MPEG-4 ALS",
        39 => "AAC-ELD",
        42 => "xHE-AAC",
        _ => "this kind of MPEG-4 audio",
    })
}

/// Reads bits, the highest first; 0 behind the end.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> u32 {
        let bit = |at: usize| self.bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
        let value = (self.at..self.at + count).fold(0, |value, at| value << 1 | u32::from(bit(at)));
        self.at += count;
        value
    }

    fn left(&self) -> usize {
        (8 * self.bytes.len()).saturating_sub(self.at)
    }
}
