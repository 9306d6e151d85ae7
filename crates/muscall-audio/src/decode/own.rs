//! Readers of our own, in the place of symphonia's.

use std::io;

use symphonia::core::errors::Error;
use symphonia::core::packet::Packet;

use super::{aac, flac};

/// Timestamps of their packets count samples and are exact: what comes late follows something that was lost.
pub(super) enum Own {
    Flac(flac::Frames),
    Aac(aac::Frames),
}

impl Own {
    pub(super) fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        match self {
            Self::Flac(frames) => frames.next_packet(),
            Self::Aac(frames) => frames.next_packet(),
        }
    }

    /// Goes to a sample, or before it, and gives where that is.
    pub(super) fn seek(&mut self, sample: u64) -> io::Result<u64> {
        match self {
            Self::Flac(frames) => frames.seek(sample),
            Self::Aac(frames) => {
                frames.rewind();
                Ok(0)
            }
        }
    }

    /// The name of a codec that is not decoded.
    pub(super) fn foreign(&self) -> Option<&'static str> {
        match self {
            Self::Flac(_) => None,
            Self::Aac(frames) => frames.foreign(),
        }
    }

    /// Whether the declared length is that of the file.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::Flac(frames) => frames.is_whole(),
            Self::Aac(_) => false,
        }
    }
}
