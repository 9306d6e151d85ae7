//! Where decoded frames go: the wanted span of them, with silence for those that were lost.

use super::options::Span;

/// The whole file did not fit the memory allowed.
pub(super) struct TooLong;

/// Frames that stay when others are passed on: more than the end of a stream may take back.
const HELD: usize = 1 << 15;
/// Frames that are passed on together, at least.
const BLOCK: usize = 1 << 16;

/// Who gets frames as they come.
pub(super) type Take<'a> = &'a mut dyn FnMut(&mut [f32]);

/// Collects a span of a stream, or passes it on.
pub(super) struct Sink<'a> {
    span: Span,
    limit: u64,
    /// Of the span, without those that were passed on.
    samples: Vec<f32>,
    passed_on: u64,
    take: Option<Take<'a>>,
    /// Where the next frame is expected.
    pub(super) next: i64,
    /// Where the first gap within the span starts, and the length of all of them.
    pub(super) gap: Option<(u64, u64)>,
}

impl<'a> Sink<'a> {
    /// For a stream that is read from frame `next` on; at most `limit` frames are collected.
    pub(super) fn new(span: Span, limit: u64, next: i64, take: Option<Take<'a>>) -> Self {
        Self { span, limit, samples: Vec::new(), passed_on: 0, take, next, gap: None }
    }

    pub(super) fn span(&self) -> Span {
        self.span
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.span.frames
    }

    /// Frames of the span so far.
    fn len(&self) -> u64 {
        self.passed_on + self.samples.len() as u64
    }

    /// Ends the stream, all frames of which may lie before `total`. Gives what was not passed on, if nobody takes it,
    /// and the frames of the span.
    pub(super) fn finish(mut self, total: Option<u64>) -> (Vec<f32>, u64) {
        if let Some(total) = total {
            let kept = total.saturating_sub(self.span.start).saturating_sub(self.passed_on);
            self.samples.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        }
        let frames = self.len();
        if let Some(take) = self.take.as_mut().filter(|_| !self.samples.is_empty()) {
            take(&mut self.samples);
            self.samples.clear();
        }
        (self.samples, frames)
    }

    /// Adds frames that start at `next`.
    pub(super) fn push(&mut self, frames: impl ExactSizeIterator<Item = f32>) -> Result<(), TooLong> {
        let length = frames.len() as u64;
        let start = i64::try_from(self.span.start).unwrap_or(i64::MAX);
        let skip = usize::try_from(start.saturating_sub(self.next)).unwrap_or(0);
        let have = self.len();
        let wanted = (self.span.frames - have).min(length.saturating_sub(skip as u64));
        if self.take.is_none() && have.saturating_add(wanted) > self.limit {
            return Err(TooLong);
        }
        self.samples.extend(frames.skip(skip).take(usize::try_from(wanted).unwrap_or(usize::MAX)));
        if let Some(take) = self.take.as_mut().filter(|_| self.samples.len() >= HELD + BLOCK) {
            let count = self.samples.len() - HELD;
            take(&mut self.samples[..count]);
            self.samples.drain(..count);
            self.passed_on += count as u64;
        }
        self.next = self.next.saturating_add_unsigned(length);
        Ok(())
    }

    /// Silence for frames that were lost.
    pub(super) fn fill(&mut self, frames: i64) -> Result<(), TooLong> {
        let (before, at) = (self.len(), self.next);
        self.push(std::iter::repeat_n(0.0, usize::try_from(frames).unwrap_or(0)))?;
        let added = self.len() - before;
        if added > 0 {
            let (first, frames) = self.gap.unwrap_or((u64::try_from(at).unwrap_or(0), 0));
            self.gap = Some((first, frames + added));
        }
        Ok(())
    }
}
