//! The identities of elements, with the bit that tells how long each is.

pub(super) const HEADER: u64 = 0x1a45_dfa3;
pub(super) const SEGMENT: u64 = 0x1853_8067;
pub(super) const SEEK_HEAD: u64 = 0x114d_9b74;
pub(super) const INFO: u64 = 0x1549_a966;
pub(super) const TRACKS: u64 = 0x1654_ae6b;
pub(super) const CLUSTER: u64 = 0x1f43_b675;
pub(super) const TAGS: u64 = 0x1254_c367;
pub(super) const CUES: u64 = 0x1c53_bb6b;
pub(super) const ATTACHMENTS: u64 = 0x1941_a469;
pub(super) const CHAPTERS: u64 = 0x1043_a770;
pub(super) const VOID: u64 = 0xec;
pub(super) const CRC: u64 = 0xbf;
pub(super) const TIME: u64 = 0xe7;
pub(super) const SIMPLE_BLOCK: u64 = 0xa3;
pub(super) const GROUP: u64 = 0xa0;
pub(super) const BLOCK: u64 = 0xa1;
