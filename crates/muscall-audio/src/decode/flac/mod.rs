//! FLAC files, frame by frame.
//!
//! Symphonia reads their metadata and decodes the frames, but its reader finds them by numbers that must rise from
//! frame to frame: of files that were cut or joined without encoding them again it loses frames, and it takes a late
//! start for silence.

mod finder;
mod header;
mod layout;
mod numbering;
mod whole;

use crate::stretch::Stretch;
use std::collections::VecDeque;
use std::io;

use symphonia::core::errors::Error;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

pub(super) use self::header::Header;
pub(super) use self::layout::Layout;
pub(super) use self::numbering::Numbering;

use self::finder::{Finder, Frame};
use self::whole::Whole;
use super::bytes::Bytes;

/// Frames that are looked at to confirm a gap.
const CONFIRMED_BY: usize = 64;

/// The frames of a file as packets, whose timestamps count samples: a timestamp that is later than the end of the
/// packet before means that something was lost.
pub(super) struct Frames {
    finder: Finder,
    numbering: Numbering,
    /// Read already, to confirm the number of the one before.
    behind: VecDeque<Frame>,
    /// Timestamp of the next packet, if nothing is missing before it.
    position: u64,
    /// If the numbers say where a frame belongs.
    whole: Option<Whole>,
    layout: Layout,
}

impl Frames {
    /// `end` is where the file ends for its reader.
    pub(super) fn open(file: Stretch, end: u64, layout: Layout) -> io::Result<Self> {
        let mut finder = Finder::new(Bytes::new(file, end), &layout);
        let whole = Whole::check(&mut finder, &layout)?;
        let mut frames = Self {
            finder,
            numbering: Numbering {
                is_whole: whole.is_some(),
                total: layout.total,
                ..Numbering::new(layout.format.sample_rate)
            },
            behind: VecDeque::new(),
            position: 0,
            whole,
            layout,
        };
        frames.rewind();
        Ok(frames)
    }

    /// Whether the declared length is that of the file.
    pub(super) fn is_whole(&self) -> bool {
        self.whole.is_some()
    }

    /// The next packet, of track 0.
    pub(super) fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        let frame = match self.behind.pop_front() {
            Some(frame) => Some(frame),
            None => self.finder.next()?,
        };
        let Some(Frame { header, data, after_damage, .. }) = frame else {
            let other_kind = Error::Unsupported("a stream of a different kind follows");
            return if self.finder.at_other_kind { Err(other_kind) } else { Ok(None) };
        };
        if !self.numbering.is_next(&header, after_damage) {
            while self.behind.len() < CONFIRMED_BY
                && let Some(frame) = self.finder.next()?
            {
                self.behind.push_back(frame);
            }
        }
        let behind = self.behind.iter().map(|frame| &frame.header);
        let at = self.position + self.numbering.lost_before(&header, after_damage, behind);
        self.position = at + u64::from(header.samples);
        let timestamp = Timestamp::new(i64::try_from(at).unwrap_or(i64::MAX));
        Ok(Some(Packet::new(0, timestamp, Duration::from(header.samples), data)))
    }

    /// Goes to the frame that holds a sample, or one of those before it, and gives where that starts. Where numbers do
    /// not tell it stays at the start.
    pub(super) fn seek(&mut self, sample: u64) -> io::Result<u64> {
        self.rewind();
        let found = match &self.whole {
            Some(whole) => whole.find(&mut self.finder, &self.layout, sample)?,
            None => None,
        };
        self.rewind();
        if let Some(frame) = found {
            self.finder.at = frame.at;
            self.numbering.last = Some((frame.header, frame.header.number));
            self.position = frame.position;
        }
        Ok(self.position)
    }

    fn rewind(&mut self) {
        self.finder.at = self.layout.frames;
        self.finder.at_other_kind = false;
        self.behind.clear();
        (self.numbering.last, self.position) = (None, 0);
    }
}
