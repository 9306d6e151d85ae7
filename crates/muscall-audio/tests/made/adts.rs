//! ADTS: packets of AAC behind headers of their own, stereo at 44.1 kHz.

/// A packet behind its header.
pub fn framed(packet: &[u8]) -> Vec<u8> {
    let length = packet.len() + 7;
    let [.., high, low] = length.to_be_bytes();
    // MPEG-4 without checksum, low complexity, rate 4, two channels, length in 13 bits, and a full buffer.
    let head = [0xff, 0xf1, 0x50, 0x80 | high >> 3, high << 5 | low >> 3, low << 5 | 0x1f, 0xfc];
    [&head[..], packet].concat()
}

/// Puts bits, given as text, in front of what marks a packet's end.
pub fn with_element(packet: &[u8], bits: &str) -> Vec<u8> {
    let mut all: String = packet.iter().map(|byte| format!("{byte:08b}")).collect();
    let end = all.trim_end_matches('0').len();
    assert!(all[..end].ends_with("111"));
    all.truncate(end - 3);
    all.extend(bits.chars().filter(|bit| *bit != ' '));
    all.push_str("111");
    all.as_bytes().chunks(8).map(|byte| (0..8).fold(0, |x, i| x << 1 | u8::from(byte.get(i) == Some(&b'1')))).collect()
}
