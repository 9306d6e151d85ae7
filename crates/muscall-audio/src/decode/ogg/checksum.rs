//! The checksum of a page.

/// Bytes of a page in front of its lengths.
pub(super) const HEAD: usize = 27;

/// Whether all bytes are there, and their checksum is right.
pub(super) fn is_sound(page: &[u8], length: usize) -> bool {
    page.len() == length && sums(page).is_some_and(|(stored, sum)| stored == sum)
}

/// The checksum that is stored in a page, and the one that it should have.
pub(super) fn sums(page: &[u8]) -> Option<(u32, u32)> {
    let (head, rest) = page.split_at_checked(22).filter(|_| page.len() >= HEAD)?;
    let (stored, rest) = rest.split_first_chunk()?;
    Some((u32::from_le_bytes(*stored), [head, &[0; 4], rest].iter().fold(0, |sum, bytes| checksum(sum, bytes))))
}

/// Writes the checksum that a page should have.
pub(super) fn seal(page: &mut [u8]) {
    if let Some((_, sum)) = sums(page) {
        page[22..26].copy_from_slice(&sum.to_le_bytes());
    }
}

/// Puts a byte right if one alone is wrong: then a single place and a single byte explain the checksum.
pub(super) fn correct(page: &mut [u8]) -> Option<usize> {
    let (stored, sum) = sums(page)?;
    let mut rest = stored ^ sum;
    let back = |rest: u32| {
        (0..8).fold(rest, |rest, _| if rest & 1 == 1 { (rest ^ POLYNOMIAL) >> 1 | 1 << 31 } else { rest >> 1 })
    };
    for _ in 0..4 {
        rest = back(rest);
    }
    let mut found = None;
    for at in (0..page.len()).rev() {
        // The head has been believed already.
        if (1..256).contains(&rest) && at >= HEAD {
            if found.is_some() {
                return None;
            }
            found = Some((at, rest as u8));
        }
        rest = back(rest);
    }
    let (at, bits) = found?;
    page[at] ^= bits;
    Some(at)
}

const POLYNOMIAL: u32 = 0x04c1_1db7;

/// The highest bit first.
fn checksum(sum: u32, bytes: &[u8]) -> u32 {
    static TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut sum = (byte as u32) << 24;
            let mut bit = 0;
            while bit < 8 {
                sum = sum << 1 ^ if sum >> 31 == 1 { POLYNOMIAL } else { 0 };
                bit += 1;
            }
            table[byte] = sum;
            byte += 1;
        }
        table
    };
    bytes.iter().fold(sum, |sum, &byte| sum << 8 ^ TABLE[usize::from((sum >> 24) as u8 ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_byte_is_put_right() {
        let mut page: Vec<u8> = (0..4000_u32).map(|i| ((i * i) >> 3) as u8).collect();
        seal(&mut page);
        for at in [HEAD, 28, 100, 2222, 3999] {
            for bits in [1, 4, 0x80, 0xff] {
                let mut damaged = page.clone();
                damaged[at] ^= bits;
                assert!(!is_sound(&damaged, 4000));
                assert_eq!(correct(&mut damaged), Some(at));
                assert_eq!(damaged, page);
            }
        }
        let mut two = page.clone();
        two[100] ^= 1;
        two[2000] ^= 1;
        assert_eq!(correct(&mut two), None);
    }
}
