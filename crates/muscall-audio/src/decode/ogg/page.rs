//! How pages of Ogg begin.

/// How a page begins: its mark, and the version.
pub(super) const PAGE: &[u8] = b"OggS\0";
