//! Whether a packet holds data of spectral band replication that its container did not announce.

use super::Bits;

/// Elements of a packet, by their numbers.
const FILL: u32 = 6;
const END: u32 = 7;
/// Kinds of what a fill element holds: spectral band replication, with and without a checksum.
const REPLICATION: [u32; 2] = [13, 14];
/// Fill elements behind one another that are looked at.
const MOST_FILLS: usize = 4;

/// Looks from the packet's end on, where fill elements stand: what is before them only a decoder can tell apart. By chance
/// one packet in some fifty looks like it.
pub(in crate::decode) fn has_sbr(packet: &[u8]) -> bool {
    // The end is marked by three ones, and zeros up to a whole byte.
    (3..=10).any(|back| {
        let Some(at) = (8 * packet.len()).checked_sub(back) else { return false };
        let mut bits = Bits { bytes: packet, at };
        bits.take(3) == END && bits.take(back - 3) == 0 && ends_with_sbr(packet, at, MOST_FILLS)
    })
}

/// Whether fill elements end at a bit, and one of them is of that kind.
fn ends_with_sbr(packet: &[u8], end: usize, left: usize) -> bool {
    if left == 0 {
        return false;
    }
    (1..=14 + 255).any(|bytes| {
        let is_long = bytes > 14;
        let head = if is_long { 3 + 4 + 8 } else { 3 + 4 };
        let Some(at) = end.checked_sub(head + 8 * bytes) else { return false };
        let mut bits = Bits { bytes: packet, at };
        if bits.take(3) != FILL {
            return false;
        }
        let count = match bits.take(4) as usize {
            15 if is_long => 14 + bits.take(8) as usize,
            count if !is_long => count,
            _ => return false,
        };
        count == bytes && (REPLICATION.contains(&bits.take(4)) || ends_with_sbr(packet, at, left - 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits given as text.
    fn packed(bits: &str) -> Vec<u8> {
        let bits: Vec<u8> = bits.bytes().filter(|bit| *bit != b' ').map(|bit| bit - b'0').collect();
        bits.chunks(8).map(|byte| (0..8).fold(0, |x, i| x << 1 | byte.get(i).copied().unwrap_or(0))).collect()
    }

    #[test]
    fn fill_elements_at_the_end_tell() {
        let (music, zeros) = ("001 0000 1011011101", "0".repeat(8 * 20));
        let long = format!("110 1111 00000111 1110 1010 {zeros}");
        for (fills, expected) in [
            ("110 0011 1101 0101 11110000 10101010", true),
            // Others follow it.
            ("110 0011 1101 0101 11110000 10101010 110 0001 0000 0000 110 0001 0000 0000", true),
            (&*long, true),
            // Nothing but stuffing, or nothing at all.
            ("110 0011 0000 0101 11110000 10101010", false),
            ("", false),
        ] {
            assert_eq!(has_sbr(&packed(&format!("{music} {fills} 111"))), expected, "{fills}");
        }
        assert!(!has_sbr(&[]) && !has_sbr(&[0xe0]));
    }
}
