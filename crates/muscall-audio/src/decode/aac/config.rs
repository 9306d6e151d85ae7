//! What a container's configuration says of a stream (ISO/IEC 14496-3, 1.6.2.1).

use super::{Bits, HE_AAC, RATES, foreign};

/// What a stream is.
#[derive(Debug, PartialEq)]
pub(in crate::decode) struct Config {
    /// Of the low complexity part, in Hz.
    pub(in crate::decode) rate: u32,
    channels: u32,
    /// The name of what is not decoded.
    pub(in crate::decode) foreign: Option<String>,
}

impl Config {
    /// None of what is too short.
    pub(in crate::decode) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut bits = Bits { bytes, at: 0 };
        if bytes.len() < 2 {
            return None;
        }
        let object = object(&mut bits);
        let rate = rate(&mut bits)?;
        let channels = bits.take(4);
        let mut named = foreign(object).map(str::to_owned);
        if object == 2 {
            let is_short = bits.take(1) == 1;
            let depends_on_core = bits.take(1) == 1;
            if depends_on_core {
                bits.take(14);
            }
            let is_extended = bits.take(1) == 1;
            // A later extension, that older decoders step over.
            let has_sbr = !is_extended && bits.left() >= 17 && bits.take(11) == 0x2b7 && self::object(&mut bits) == 5;
            if has_sbr && bits.take(1) == 1 {
                named = Some(HE_AAC.to_owned());
            } else if is_short {
                named = Some("AAC in blocks of 960 samples".to_owned());
            } else if channels > 2 {
                named = Some(format!("AAC of {} channels", if channels == 7 { 8 } else { channels }));
            }
        }
        Some(Self { rate, channels, foreign: named })
    }
}

fn object(bits: &mut Bits<'_>) -> u32 {
    match bits.take(5) {
        31 => 32 + bits.take(6),
        object => object,
    }
}

fn rate(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.take(4) {
        15 => Some(bits.take(24)),
        index => RATES.get(index as usize).copied(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_known_by_their_configuration() {
        let parse = |bytes: &[u8]| Config::parse(bytes).unwrap();
        let sound = |rate, channels| Config { rate, channels, foreign: None };
        assert_eq!(parse(&[0x12, 0x10]), sound(44_100, 2));
        assert_eq!(parse(&[0x10, 0x08]), sound(96_000, 1));
        // A rate in full: 15 in 4 bits, then 50,000 in 24.
        assert_eq!(parse(&[0x17, 0x80, 0x61, 0xa8, 0x10]), sound(50_000, 2));
        // What follows says that there is nothing more to the stream.
        assert_eq!(parse(&[0x12, 0x10, 0x56, 0xe5, 0x00]), sound(44_100, 2));
        let named = |bytes: &[u8]| parse(bytes).foreign.unwrap();
        // First or last of all, and with a stereo picture.
        for bytes in [&[0x2b, 0x8a, 0x08, 0x00][..], &[0x13, 0x10, 0x56, 0xe5, 0x98], &[0xeb, 0x8a, 0x08, 0x00]] {
            assert_eq!(named(bytes), HE_AAC, "{bytes:x?}");
        }
        assert_eq!(named(&[0x0a, 0x10]), "AAC Main");
        assert_eq!(named(&[0xf9, 0x46, 0x40]), "xHE-AAC");
        assert_eq!(named(&[0x12, 0x14]), "AAC in blocks of 960 samples");
        assert_eq!(named(&[0x12, 0x30]), "AAC of 6 channels");
        assert_eq!(Config::parse(&[0x12]), None);
    }
}
