//! What to decode of a file.

/// A part of a file, in frames of the file's own rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First frame.
    pub start: u64,
    /// Number of frames.
    pub frames: u64,
}

/// What to decode and how careful to be.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodeOptions {
    /// A part, or the whole file.
    pub span: Option<Span>,
    /// Whether a file that has to be repaired is an error.
    pub strict: bool,
    /// The rate of `.npy` files, which do not name theirs.
    pub npy_sample_rate: u32,
    /// Longest audio that is held in memory, in seconds.
    pub max_s: f64,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self { span: None, strict: false, npy_sample_rate: 16_000, max_s: 3.0 * 3600.0 }
    }
}

impl DecodeOptions {
    /// Decodes only a part.
    #[must_use]
    pub fn with_span(mut self, start: u64, frames: u64) -> Self {
        self.span = Some(Span { start, frames });
        self
    }

    /// Refuses files that have to be repaired.
    #[must_use]
    pub fn with_strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Replaces the rate of `.npy` files.
    #[must_use]
    pub fn with_npy_sample_rate(mut self, sample_rate: u32) -> Self {
        self.npy_sample_rate = sample_rate;
        self
    }

    /// Most frames to hold at a rate.
    pub(super) fn max_frames(&self, sample_rate: u32) -> u64 {
        // Half a billion frames are 2 GiB, whatever the rate.
        ((self.max_s * f64::from(sample_rate)) as u64).min(1 << 29)
    }
}
