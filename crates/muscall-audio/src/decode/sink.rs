//! Where decoded frames go: the wanted span of them, with silence for those that were lost.

use super::options::Span;

/// The whole file did not fit the memory allowed.
pub(super) struct TooLong;

/// Collects a span of a stream.
pub(super) struct Sink {
    pub(super) span: Span,
    pub(super) limit: u64,
    pub(super) samples: Vec<f32>,
    /// Where the next frame is expected.
    pub(super) next: i64,
    /// Where the first gap within the span starts, and the length of all of them.
    pub(super) gap: Option<(u64, u64)>,
}

impl Sink {
    pub(super) fn is_full(&self) -> bool {
        self.samples.len() as u64 >= self.span.frames
    }

    /// Adds frames that start at `next`.
    pub(super) fn push(&mut self, frames: impl ExactSizeIterator<Item = f32>) -> Result<(), TooLong> {
        let length = frames.len() as u64;
        let start = i64::try_from(self.span.start).unwrap_or(i64::MAX);
        let skip = usize::try_from(start.saturating_sub(self.next)).unwrap_or(0);
        let have = self.samples.len() as u64;
        let wanted = (self.span.frames - have).min(length.saturating_sub(skip as u64));
        if have.saturating_add(wanted) > self.limit {
            return Err(TooLong);
        }
        self.samples.extend(frames.skip(skip).take(usize::try_from(wanted).unwrap_or(usize::MAX)));
        self.next = self.next.saturating_add_unsigned(length);
        Ok(())
    }

    /// Silence for frames that were lost.
    pub(super) fn fill(&mut self, frames: i64) -> Result<(), TooLong> {
        let (before, at) = (self.samples.len(), self.next);
        self.push(std::iter::repeat_n(0.0, usize::try_from(frames).unwrap_or(0)))?;
        let added = (self.samples.len() - before) as u64;
        if added > 0 {
            let (first, frames) = self.gap.unwrap_or((u64::try_from(at).unwrap_or(0), 0));
            self.gap = Some((first, frames + added));
        }
        Ok(())
    }
}
