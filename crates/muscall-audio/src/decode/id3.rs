//! Tags that stand before, between and behind what is heard.

/// Bytes of a head of ID3v2 that tell how long it is.
pub(super) const HEAD: usize = 10;
/// Bytes of a head of APEv2, which is as long as its foot.
pub(super) const APE_HEAD: usize = 32;

/// How long a tag of ID3v2 is, with its head and its foot, if one begins so.
pub(super) fn id3_bytes(head: &[u8]) -> Option<u64> {
    let &[b'I', b'D', b'3', _, _, flags, a, b, c, d, ..] = head else { return None };
    let size = [a, b, c, d].iter().fold(0, |size, &byte| size << 7 | u64::from(byte & 0x7f));
    Some(HEAD as u64 + size + if flags & 0x10 != 0 { HEAD as u64 } else { 0 })
}

/// How long a tag of APEv2 is that begins with a head.
pub(super) fn ape_bytes(head: &[u8]) -> Option<u64> {
    let size = head.strip_prefix(b"APETAGEX")?.get(4..8)?;
    Some(APE_HEAD as u64 + u64::from(u32::from_le_bytes(size.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_tell_how_long_they_are() {
        assert_eq!(id3_bytes(b"ID3\x04\0\0\0\0\x01\x02"), Some(10 + 130));
        assert_eq!(id3_bytes(b"ID3\x04\0\x10\0\0\0\x05"), Some(25));
        assert_eq!(id3_bytes(b"ID3\x04\0"), None);
        let head = [b"APETAGEX", &2000_u32.to_le_bytes()[..], &100_u32.to_le_bytes(), &[0; 16]].concat();
        assert_eq!(ape_bytes(&head), Some(132));
        assert_eq!(ape_bytes(b"TAG"), None);
    }
}
