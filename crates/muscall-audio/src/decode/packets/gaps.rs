//! Whether something is missing before a packet, and how much.

use muscall_files::FileError;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_FLAC, CODEC_ID_OPUS, CODEC_ID_VORBIS};

use super::super::flac::Header;
use super::super::ogg::holes;
use super::{Packets, Placed, VORBIS_JITTER};
use crate::AudioError;

/// Packets that have to confirm a gap: more than a page of Ogg holds, since all of its timestamps come from one.
const CONFIRMED_BY: usize = 256;
/// Frames of the shortest packet of Opus.
const OPUS_UNIT: i64 = 120;
/// Longest silence that is put in the place of lost audio, in seconds; a longer gap is a damaged
/// timestamp.
const MAX_GAP_S: f64 = 60.0;

impl Packets {
    /// Frames that were lost before a packet where `next` is expected. To be asked of each packet in turn.
    ///
    /// Timestamps jitter by less than a block, forward and back, in files that were made from Ogg Vorbis. So a gap is
    /// nearly a block long at least, and the packets behind it are later by as much.
    pub(in crate::decode) fn gap(&mut self, packet: &Placed, next: i64) -> Result<i64, AudioError> {
        let gap = packet.place.saturating_sub(next);
        if self.own.is_some() {
            return Ok(gap.max(0));
        }
        if let Some(lost) = self.lost_pages(packet, next)? {
            return Ok(lost);
        }
        if let Some(lost) = self.gap_in_numbers(packet, next)? {
            return Ok(lost);
        }
        let least = self.least_gap(packet);
        let (mut lost, mut end) = (gap, packet.place.saturating_add(packet.length));
        for index in 0..CONFIRMED_BY {
            if lost < least {
                return Ok(0);
            }
            let Some((place, length)) = self.peek(index)?.map(|behind| (behind.place, behind.length)) else {
                // The last packet is confirmed by the length of the stream.
                let end = end - packet.padding;
                let is_end = self.declared.is_some_and(|declared| declared.abs_diff(end.unsigned_abs()) < least as u64);
                if index == 0 && !is_end {
                    return Ok(0);
                }
                break;
            };
            lost = lost.min(gap.saturating_add(place.saturating_sub(end)));
            end = end.saturating_add(length);
        }
        // Packets are lost as a whole.
        let is_fixed = self.lengths.of_all(&packet.packet.data).is_some() || self.codec == CODEC_ID_AAC;
        let block = self.longest.max(packet.length);
        let unit = if is_fixed {
            block
        } else if self.codec == CODEC_ID_OPUS && self.is_matroska() {
            // Its times are rounded to milliseconds; the lengths of packets are multiples of 2.5 ms, and mostly the same.
            if self.longest == packet.length { block } else { OPUS_UNIT }
        } else {
            1
        };
        let lost = if unit > 0 { (lost + unit / 2) / unit * unit } else { lost };
        Ok(if lost <= self.max_gap() { lost } else { 0 })
    }

    /// Notes whether a packet comes late.
    pub(super) fn suspect(&mut self, packet: &Placed) {
        let late = self.read_to.map_or(0, |end| packet.place.saturating_sub(end));
        self.is_suspect |= late >= self.least_gap(packet);
        self.read_to = Some(packet.place.saturating_add(packet.length));
    }

    /// Frames that were lost before the first packet behind a hole in an Ogg stream, by the time at the end of its page;
    /// None of any other packet.
    fn lost_pages(&mut self, packet: &Placed, next: i64) -> Result<Option<i64>, AudioError> {
        let headers = match self.codec {
            CODEC_ID_VORBIS => 3,
            CODEC_ID_OPUS => 2,
            _ => return Ok(None),
        };
        let Some(mut pages) = self.pages.take() else { return Ok(None) };
        // All of a page, and the start of the next one, which tells.
        self.peek(CONFIRMED_BY)?;
        if self.is_suspect && self.holes.is_none() {
            let io = FileError::reading(self.demuxer.path());
            self.holes = Some(holes(&mut pages, self.track, headers).map_err(io)?);
        }
        self.pages = Some(pages);
        let number = self.given.saturating_sub(1);
        let known = self.holes.iter().flatten();
        let Some(hole) = known.into_iter().find(|hole| hole.packet == number) else { return Ok(None) };
        if hole.bytes != packet.packet.data.len() {
            return Ok(None);
        }
        let behind = self.ahead.iter().flatten().flatten().take(hole.packets - 1);
        let length = packet.length + behind.map(|packet| packet.length).sum::<i64>();
        let lost = self.timeline.frame(hole.end) - self.skip - length - next;
        Ok(Some(lost.max(0)).filter(|&lost| lost <= self.max_gap()))
    }

    /// Shorter ones are jitter, by up to two thirds of a block, or rounded timestamps.
    fn least_gap(&self, packet: &Placed) -> i64 {
        if self.codec == CODEC_ID_VORBIS {
            return VORBIS_JITTER;
        }
        let block = self.longest.max(packet.length);
        (block - block / 4).max(self.timeline.tolerance()).max(1)
    }

    /// FLAC frames are numbered, but the numbers of a stream that was joined leave some out as well: what is lost is late
    /// in time, too, at the latest from the next page on. None if the numbers tell of no loss.
    fn gap_in_numbers(&mut self, packet: &Placed, next: i64) -> Result<Option<i64>, AudioError> {
        let is_first = self.numbering.last.is_none();
        let Some(header) = Header::parse(&packet.packet.data).filter(|_| self.codec == CODEC_ID_FLAC) else {
            return Ok(None);
        };
        if is_first || self.numbering.is_next(&header, false) {
            self.numbering.lost_before(&header, false, std::iter::empty());
            return Ok(None);
        }
        self.peek(CONFIRMED_BY - 1)?;
        let behind: Vec<&Placed> = self.ahead.iter().flatten().flatten().collect();
        let headers: Vec<Header> = behind.iter().map_while(|packet| Header::parse(&packet.packet.data)).collect();
        let lost = i64::try_from(self.numbering.lost_before(&header, true, headers.iter())).unwrap_or(i64::MAX);
        let mut expected = next;
        let mut late = std::iter::once(packet).chain(behind).map(|packet| {
            let late = packet.place.saturating_sub(expected);
            expected = expected.saturating_add(packet.length);
            late
        });
        let least = lost.saturating_sub(self.least_gap(packet));
        Ok((lost > 0 && late.any(|late| late > least)).then_some(lost))
    }

    /// Longest gap that is filled.
    pub(in crate::decode) fn max_gap(&self) -> i64 {
        (MAX_GAP_S * f64::from(self.sample_rate)) as i64
    }
}
