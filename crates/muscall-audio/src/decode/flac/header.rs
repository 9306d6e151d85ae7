//! The header of a FLAC frame (RFC 9639, 9.1), and the checksum at its end.

/// Most bytes that a header has.
pub(super) const MOST_BYTES: usize = 16;

/// What all frames of a stream have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) struct Format {
    /// In Hz.
    pub(super) sample_rate: u32,
    pub(super) channels: u8,
    pub(super) bits: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) struct Header {
    /// Of the first sample if blocks vary in length, else of the frame.
    pub(super) number: u64,
    pub(super) is_variable: bool,
    /// Length of the block, in samples of a channel.
    pub(in crate::decode) samples: u32,
    /// None: as in STREAMINFO.
    sample_rate: Option<u32>,
    channels: u8,
    /// None: as in STREAMINFO.
    bits: Option<u8>,
    /// Of the header itself.
    pub(super) bytes: usize,
}

impl Header {
    /// Reads a header whose checksum is right.
    pub(in crate::decode) fn parse(bytes: &[u8]) -> Option<Self> {
        let &[0xff, sync, sizes, layout, ..] = bytes else { return None };
        if sync & 0xfe != 0xf8 || layout & 1 != 0 {
            return None;
        }
        let mut rest = Rest { bytes, at: 4 };
        let number = rest.number()?;
        let samples = match sizes >> 4 {
            0 => return None,
            1 => 192,
            code @ 2..=5 => 576 << (code - 2),
            6 => rest.uint(1)? + 1,
            7 => rest.uint(2)? + 1,
            code => 256 << (code - 8),
        };
        let sample_rate = match sizes & 15 {
            0 => None,
            12 => Some(rest.uint(1)? * 1000),
            13 => Some(rest.uint(2)?),
            14 => Some(rest.uint(2)? * 10),
            15 => return None,
            code => Some(
                [88_200, 176_400, 192_000, 8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000]
                    [usize::from(code) - 1],
            ),
        };
        let channels = match layout >> 4 {
            code @ 0..=7 => code + 1,
            8..=10 => 2,
            _ => return None,
        };
        let bits = match layout >> 1 & 7 {
            0 => None,
            3 => return None,
            code => Some([8, 12, 0, 16, 20, 24, 32][usize::from(code) - 1]),
        };
        let sum = rest.uint(1)?;
        // A block of 65,536 samples is forbidden.
        if u32::from(crc8(&bytes[..rest.at - 1])) != sum || samples > u32::from(u16::MAX) {
            return None;
        }
        Some(Self { number, is_variable: sync & 1 == 1, samples, sample_rate, channels, bits, bytes: rest.at })
    }

    /// A header of which only the numbers matter.
    #[cfg(test)]
    pub(super) fn numbered(number: u64, is_variable: bool, samples: u32) -> Self {
        Self { number, is_variable, samples, sample_rate: None, channels: 1, bits: None, bytes: 0 }
    }

    /// Whether it can be a frame of a stream.
    pub(super) fn fits(&self, format: Format) -> bool {
        self.channels == format.channels
            && self.sample_rate.is_none_or(|rate| rate == format.sample_rate)
            && self.bits.is_none_or(|bits| bits == format.bits)
    }

    /// The number of the frame that follows.
    pub(super) fn next_number(&self) -> u64 {
        self.number + if self.is_variable { u64::from(self.samples) } else { 1 }
    }

    /// More bytes than any encoder makes of the block: twice as many as it takes without compression.
    pub(super) fn most_bytes(&self, format: Format) -> usize {
        let bits = self.samples as usize * usize::from(self.channels) * (usize::from(format.bits) + 1);
        2 * (MOST_BYTES + bits / 8 + 64)
    }
}

struct Rest<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Rest<'_> {
    fn uint(&mut self, bytes: usize) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + bytes)?;
        self.at += bytes;
        Some(digits.iter().fold(0, |value, &byte| value << 8 | u32::from(byte)))
    }

    /// A number coded as UTF-8 codes characters, of up to 36 bits.
    fn number(&mut self) -> Option<u64> {
        let first = self.uint(1)?;
        let ones = (first as u8).leading_ones();
        let mut value = match ones {
            0 => return Some(u64::from(first)),
            2..=7 => u64::from(first) & (0x7f >> ones),
            _ => return None,
        };
        for _ in 1..ones {
            let byte = u64::from(self.uint(1)?);
            if byte >> 6 != 2 {
                return None;
            }
            value = value << 6 | byte & 0x3f;
        }
        Some(value)
    }
}

/// Polynomial x⁸ + x² + x + 1.
fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, &byte| (0..8).fold(crc ^ byte, |crc, _| crc << 1 ^ if crc >> 7 == 1 { 7 } else { 0 }))
}

/// `CRC16[n][x]`: the sum of a byte `x` that `n` zeros follow. Polynomial x¹⁶ + x¹⁵ + x² + 1.
static CRC16: [[u16; 256]; 8] = {
    let mut tables = [[0_u16; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = crc << 1 ^ if crc >> 15 == 1 { 0x8005 } else { 0 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[zeros - 1][byte];
            tables[zeros][byte] = crc << 8 ^ tables[0][(crc >> 8) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
};

/// Goes on with a sum, which is 0 before the first byte of a frame.
pub(super) fn crc16(crc: u16, bytes: &[u8]) -> u16 {
    let (eights, rest) = bytes.as_chunks::<8>();
    let crc = eights.iter().fold(crc, |crc, eight| {
        let [high, low] = crc.to_be_bytes();
        let [a, b, c, d, e, f, g, h] = *eight;
        let digits = [a ^ high, b ^ low, c, d, e, f, g, h];
        digits.iter().rev().zip(&CRC16).fold(0, |sum, (&digit, table)| sum ^ table[usize::from(digit)])
    });
    rest.iter().fold(crc, |crc, &byte| crc << 8 ^ CRC16[0][usize::from(crc.to_be_bytes()[0] ^ byte)])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A header as it is written, without its checksum.
    fn sealed(bytes: &[u8]) -> Vec<u8> {
        [bytes, &[crc8(bytes)]].concat()
    }

    #[test]
    fn every_field_is_read() {
        let header = Header::parse(&sealed(&[0xff, 0xf8, 0xc9, 0x18, 0x05])).unwrap();
        assert_eq!((header.number, header.samples, header.channels, header.bits), (5, 4096, 2, Some(16)));
        assert_eq!(
            (header.sample_rate, header.is_variable, header.bytes, header.next_number()),
            (Some(44_100), false, 6, 6)
        );
        // Sample 0x24_6802_468a, a block of 0x1235, 48 kHz in tens.
        let number = [0xfe, 0xa4, 0x9a, 0x80, 0xa4, 0x9a, 0x8a];
        let bytes = [&[0xff, 0xf9, 0x7e, 0xac][..], &number, &[0x12, 0x34, 0x12, 0xc0]].concat();
        let header = Header::parse(&sealed(&bytes)).unwrap();
        assert_eq!((header.number, header.samples, header.sample_rate), (0x0009_1a02_468a, 0x1235, Some(48_000)));
        assert_eq!((header.is_variable, header.bits, header.next_number()), (true, Some(24), 0x9_1a02_58bf));
        let format = Format { sample_rate: 48_000, channels: 2, bits: 24 };
        assert!(header.fits(format) && !header.fits(Format { bits: 16, ..format }));
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let sound = sealed(&[0xff, 0xf8, 0xc9, 0x18, 0x05]);
        assert!((0..sound.len()).all(|end| Header::parse(&sound[..end]).is_none()));
        for (at, byte) in [(0, 0xfe), (1, 0xfa), (2, 0x09), (2, 0xcf), (3, 0x19), (3, 0xb8), (3, 0x16), (4, 0xff)] {
            let mut bytes = sound[..5].to_vec();
            bytes[at] = byte;
            assert!(Header::parse(&sealed(&bytes)).is_none(), "{at} {byte}");
        }
        let mut damaged = sound;
        damaged[5] ^= 1;
        assert!(Header::parse(&damaged).is_none());
    }

    #[test]
    fn a_sum_over_eight_bytes_at_a_time_is_the_sum_over_single_ones() {
        let bytes: Vec<u8> = (0..1000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
        let single = bytes.iter().fold(0, |crc, byte| crc16(crc, &[*byte]));
        assert_eq!(crc16(0, &bytes), single);
        assert_eq!(crc16(crc16(0, &bytes[..333]), &bytes[333..]), single);
        // The check value of this polynomial.
        assert_eq!(crc16(0, b"123456789"), 0xfee8);
    }
}
