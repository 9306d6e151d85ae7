//! FLAC without compression (RFC 9639), frame by frame: mono, 16 bits, 22.05 kHz.

/// Frames of one block length after the other, again and again. `first` is the number of the first frame or, where
/// blocks vary, of its first sample.
pub fn frames(samples: &[i16], blocks: &[usize], first: u64, is_variable: bool) -> Vec<Vec<u8>> {
    let (mut rest, mut number) = (samples, first);
    let mut frames = Vec::new();
    for &block in blocks.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (samples, others) = rest.split_at(block.min(rest.len()));
        frames.push(frame(samples, number, is_variable));
        number += if is_variable { samples.len() as u64 } else { 1 };
        rest = others;
    }
    frames
}

fn frame(samples: &[i16], number: u64, is_variable: bool) -> Vec<u8> {
    // The block's length in 16 bits behind the number, the rate's code 6, one channel, 16 bits.
    let mut bytes = vec![0xff, 0xf8 | u8::from(is_variable), 0x76, 0x08];
    bytes.extend(coded(number));
    bytes.extend((samples.len() as u16 - 1).to_be_bytes());
    bytes.push(crc(&bytes, 8, 0x07) as u8);
    // One subframe, as it is.
    bytes.push(0x02);
    bytes.extend(samples.iter().flat_map(|sample| sample.to_be_bytes()));
    let sum = crc(&bytes, 16, 0x8005);
    bytes.extend(sum.to_be_bytes());
    bytes
}

/// As UTF-8 codes characters, but up to 36 bits.
fn coded(number: u64) -> Vec<u8> {
    if number < 0x80 {
        return vec![number as u8];
    }
    let more = (1..7).find(|more| number >> (6 * more + 6 - more) == 0).unwrap();
    let mut bytes = vec![(0xff << (7 - more) | number >> (6 * more)) as u8];
    bytes.extend((0..more).rev().map(|i| (0x80 | number >> (6 * i) & 0x3f) as u8));
    bytes
}

fn crc(bytes: &[u8], bits: u32, polynomial: u16) -> u16 {
    let (top, mask) = (1 << (bits - 1), u16::MAX >> (16 - bits));
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte) << (bits - 8), |crc, _| {
            (crc << 1 ^ if crc & top != 0 { polynomial } else { 0 }) & mask
        })
    })
}

/// What follows the marker: STREAMINFO with the shortest and the longest block, and a length in samples.
pub fn stream_info(blocks: [u16; 2], total: u64) -> Vec<u8> {
    let mut bytes = vec![0x80, 0, 0, 34];
    bytes.extend(blocks.iter().flat_map(|block| block.to_be_bytes()));
    bytes.extend([0; 6]);
    bytes.extend((22_050_u64 << 44 | 15 << 36 | total).to_be_bytes());
    bytes.extend([0; 16]);
    bytes
}
