//! Timestamps of a stream as frames, and back.

use symphonia::core::formats::Track;
use symphonia::core::units::TimeBase;

/// How the ticks of a stream count its frames.
#[derive(Clone, Copy)]
pub(super) struct Timeline {
    /// None where a tick is a frame, as in most streams.
    base: Option<TimeBase>,
    sample_rate: u32,
    /// Timestamp, in frames, that counts as frame 0.
    pub(super) origin: i64,
}

impl Timeline {
    /// Frame 0 is where the track says that it starts, but not before 0.
    pub(super) fn new(track: &Track, sample_rate: u32) -> Self {
        let is_frame = |base: &TimeBase| base.denom.get() == sample_rate && base.numer.get() == 1;
        let base = track.time_base.filter(|base| !is_frame(base));
        let mut timeline = Self { base, sample_rate, origin: 0 };
        timeline.origin = timeline.frame(track.start_ts.get()).max(0);
        timeline
    }

    /// The frame of a timestamp.
    pub(super) fn frame(&self, ticks: i64) -> i64 {
        self.frames(ticks).saturating_sub(self.origin)
    }

    /// How many frames so many ticks are.
    pub(super) fn frames(&self, ticks: i64) -> i64 {
        let frames = self.base.map_or(i128::from(ticks), |base| {
            let rate = i128::from(base.numer.get()) * i128::from(self.sample_rate);
            i128::from(ticks) * rate / i128::from(base.denom.get())
        });
        i64::try_from(frames).unwrap_or(i64::MAX)
    }

    pub(super) fn ticks(&self, frame: u64) -> i64 {
        let frame = i128::from(frame) + i128::from(self.origin);
        let ticks = self.base.map_or(frame, |base| {
            let rate = i128::from(base.numer.get()) * i128::from(self.sample_rate);
            frame * i128::from(base.denom.get()) / rate
        });
        i64::try_from(ticks).unwrap_or(i64::MAX)
    }

    /// How far a timestamp may be off by rounding alone: a tick may be longer than a frame.
    pub(super) fn tolerance(&self) -> i64 {
        self.base.map_or(0, |base| {
            let frames = i64::from(self.sample_rate) * i64::from(base.numer.get()) / i64::from(base.denom.get());
            if frames > 1 { 2 * frames } else { 0 }
        })
    }
}
