//! Plain samples, as they lie in a file.

/// What one sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Signed,
    Unsigned,
    Float,
    MuLaw,
    ALaw,
}

/// Samples of a file, as they lie there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) struct Samples {
    pub(super) kind: Kind,
    /// Of one sample.
    pub(super) bytes: u64,
    pub(super) is_big_endian: bool,
    pub(super) channels: u16,
    /// In Hz.
    pub(super) rate: u32,
    /// The first byte.
    pub(in crate::decode) at: u64,
    /// How many bytes there are.
    pub(in crate::decode) length: u64,
    /// How many bytes the header declares, which may be more.
    pub(super) declared: u64,
}

impl Samples {
    /// Samples in a chunk that starts at `at` and claims to be so long; None: nobody knows.
    pub(super) fn within(self, at: u64, claimed: Option<u64>, end: u64) -> Self {
        let left = end.saturating_sub(at);
        let declared = claimed.unwrap_or(left);
        Self { at, length: declared.min(left), declared, ..self }
    }

    /// Bytes of one sample of each channel.
    pub(super) fn frame(&self) -> u64 {
        self.bytes * u64::from(self.channels)
    }

    /// Whether all that the header declares is there.
    pub(in crate::decode) fn is_whole(&self) -> bool {
        self.length == self.declared
    }

    /// Length by the header.
    pub(in crate::decode) fn declared_frames(&self) -> u64 {
        self.declared / self.frame().max(1)
    }
}
