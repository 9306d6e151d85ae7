//! Where decoded frames go: the wanted span of them, with silence for those that were lost.

use std::ops::{ControlFlow, Range};

use super::options::Span;

/// The whole file did not fit the memory allowed.
pub(super) struct TooLong;

/// Frames that stay when others are passed on: more than the end of a stream may take back.
const HELD: usize = 1 << 15;
/// Frames that are passed on together, at least.
const BLOCK: usize = 1 << 16;

/// Who gets frames as they come, and may have enough of them.
pub(super) type Take<'a> = &'a mut dyn FnMut(&mut [f32]) -> ControlFlow<()>;

/// Collects a span of a stream, or passes it on.
pub(super) struct Sink<'a> {
    span: Span,
    limit: u64,
    /// Of the span, without those that were passed on.
    samples: Vec<f32>,
    passed_on: u64,
    take: Option<Take<'a>>,
    /// Who takes them has enough.
    pub(super) is_stopped: bool,
    /// Where the next frame is expected.
    pub(super) next: i64,
    /// Where the first gap within the span starts, and the length of all of them.
    pub(super) gap: Option<(u64, u64)>,
}

impl<'a> Sink<'a> {
    /// For a stream that is read from frame `next` on, which may have at most `limit` frames.
    pub(super) fn new(span: Span, limit: u64, next: i64, take: Option<Take<'a>>) -> Self {
        Self { span, limit, samples: Vec::new(), passed_on: 0, take, is_stopped: false, next, gap: None }
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
        if let Some(take) = self.take.as_mut().filter(|_| !self.samples.is_empty() && !self.is_stopped) {
            let _ = take(&mut self.samples);
            self.samples.clear();
        }
        (self.samples, frames)
    }

    /// Adds frames that start at `next`.
    pub(super) fn push(&mut self, frames: &[f32]) -> Result<(), TooLong> {
        let wanted = self.wanted(frames.len() as u64)?;
        self.samples.extend_from_slice(&frames[wanted]);
        self.pass_on();
        Ok(())
    }

    /// Which of so many frames that start at `next` are kept; they are behind it then.
    fn wanted(&mut self, length: u64) -> Result<Range<usize>, TooLong> {
        let start = i64::try_from(self.span.start).unwrap_or(i64::MAX);
        let skip = u64::try_from(start.saturating_sub(self.next)).unwrap_or(0).min(length);
        let have = self.len();
        let wanted = (self.span.frames - have).min(length - skip);
        if have.saturating_add(wanted) > self.limit {
            return Err(TooLong);
        }
        self.next = self.next.saturating_add_unsigned(length);
        let end = usize::try_from(skip + wanted).map_err(|_| TooLong)?;
        Ok(end - wanted as usize..end)
    }

    /// Gives frames to who takes them, but for the last ones.
    fn pass_on(&mut self) {
        if let Some(take) = self.take.as_mut().filter(|_| self.samples.len() >= HELD + BLOCK) {
            let count = self.samples.len() - HELD;
            self.is_stopped |= take(&mut self.samples[..count]).is_break();
            self.samples.drain(..count);
            self.passed_on += count as u64;
        }
    }

    /// Forgets the last frames: they were padding.
    pub(super) fn take_back(&mut self, frames: i64) {
        if frames > 0 {
            self.next -= frames;
            let before = u64::try_from(self.next).unwrap_or(0).saturating_sub(self.span.start);
            let kept = before.saturating_sub(self.passed_on);
            self.samples.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        }
    }

    /// Silence for frames that were lost.
    pub(super) fn fill(&mut self, frames: i64) -> Result<(), TooLong> {
        let (before, at) = (self.len(), self.next);
        let mut left = self.wanted(u64::try_from(frames).unwrap_or(0))?.len();
        while left > 0 && !self.is_stopped {
            // What is passed on need not be there all at once.
            let some = if self.take.is_some() { left.min(BLOCK) } else { left };
            self.samples.resize(self.samples.len() + some, 0.0);
            self.pass_on();
            left -= some;
        }
        let added = self.len() - before;
        if added > 0 {
            let (first, frames) = self.gap.unwrap_or((u64::try_from(at).unwrap_or(0), 0));
            self.gap = Some((first, frames + added));
        }
        Ok(())
    }
}
