//! The packets of a track: where each belongs, how long it is, and whether something is missing before it.

use std::collections::VecDeque;
use std::io;

use muscall_files::FileError;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AAC, CODEC_ID_FLAC, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_VORBIS,
};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};
use symphonia::core::errors::Error;
use symphonia::core::formats::Track;
use symphonia::core::formats::well_known::{FORMAT_ID_ISOMP4, FORMAT_ID_MKV, FORMAT_ID_OGG};
use symphonia::core::packet::Packet;
use symphonia::core::units::Duration;

use super::flac::{Frames, Header, Numbering};
use super::foreign::{Demuxer, of_the_file};
use super::length::Lengths;
use super::opus::Head;
use super::timeline::Timeline;
use crate::AudioError;

/// Timestamps within a Vorbis page are off by up to a block; a lost page is longer.
const VORBIS_JITTER: i64 = 2048;
/// Packets that have to confirm a gap: more than a page of Ogg holds, since all of its timestamps come from one.
const CONFIRMED_BY: usize = 256;
/// Most bytes that are read ahead for that.
const MAX_AHEAD: usize = 1 << 24;
/// Longest silence that is put in the place of lost audio, in seconds; a longer gap is a damaged
/// timestamp.
const MAX_GAP_S: f64 = 60.0;

/// A packet. Places and lengths are in frames of the file.
pub(super) struct Placed {
    pub(super) packet: Packet,
    /// Where its frames start, by its timestamp.
    pub(super) place: i64,
    /// How many it decodes to.
    pub(super) length: i64,
    /// How many of them are the encoder's padding, if it is the last packet.
    pub(super) padding: i64,
}

/// Reads packets ahead where need be.
pub(super) struct Packets {
    pub(super) demuxer: Demuxer,
    /// In the place of the demuxer, for FLAC files.
    pub(super) flac: Option<Frames>,
    pub(super) codec: AudioCodecId,
    sample_rate: u32,
    track: u32,
    timeline: Timeline,
    lengths: Lengths,
    /// Read already; an error or the end is the last of them.
    ahead: VecDeque<Result<Option<Placed>, Error>>,
    /// Longest packet so far.
    pub(super) longest: i64,
    /// What every packet of AAC decodes to.
    block: Option<i64>,
    /// Of FLAC frames in Ogg or MP4.
    numbering: Numbering,
    /// Frames at the start of an Opus stream that its decoder leaves out; timestamps count them.
    pub(super) skip: i64,
    /// Length of the stream as its header says.
    pub(super) declared: Option<u64>,
}

fn skip_of(parameters: &AudioCodecParameters) -> i64 {
    let head = parameters.extra_data.as_deref().filter(|_| parameters.codec == CODEC_ID_OPUS).and_then(Head::parse);
    head.map_or(0, |head| i64::from(head.pre_skip))
}

impl Packets {
    pub(super) fn new(
        demuxer: Demuxer,
        flac: Option<Frames>,
        track: &Track,
        parameters: &AudioCodecParameters,
        sample_rate: u32,
    ) -> Self {
        Self {
            demuxer,
            flac,
            codec: parameters.codec,
            sample_rate,
            track: track.id,
            timeline: Timeline::new(track, sample_rate),
            lengths: Lengths::new(parameters),
            ahead: VecDeque::new(),
            longest: 0,
            block: None,
            numbering: Numbering::new(sample_rate),
            skip: skip_of(parameters),
            declared: None,
        }
    }

    /// Takes the first packet for frame 0 if its timestamp is later: the stream was cut out of another one. A reader that
    /// fails here fails again, and then says why.
    pub(super) fn anchor(&mut self) -> Result<(), AudioError> {
        let is_vorbis = self.codec == CODEC_ID_VORBIS;
        let first = self.peek(0)?.as_ref().map_or(0, |packet| packet.place);
        let late = if is_vorbis || first > 0 && self.flac.is_none() { first } else { 0 };
        self.timeline.origin += late;
        for packet in self.ahead.iter_mut().flatten().flatten() {
            packet.place -= late;
        }
        Ok(())
    }

    /// Whether the first timestamp is late or early, so that the declared length is that of another stream.
    pub(super) fn is_cut(&self) -> bool {
        self.timeline.origin != 0
    }

    /// Declares a length. In Ogg it is where the last page ends, and the stream may start late.
    pub(super) fn declare(&mut self, frames: Option<u64>) {
        let late = match self.demuxer.container {
            FORMAT_ID_OGG => self.timeline.origin + self.skip,
            _ => self.skip,
        };
        self.declared = frames.and_then(|frames| frames.checked_add_signed(-late)).filter(|&frames| frames > 0);
    }

    /// Goes on with the next stream of a chained file, whose frame 0 belongs to frame `at`.
    pub(super) fn chain(
        &mut self,
        track: &Track,
        parameters: &AudioCodecParameters,
        at: i64,
    ) -> Result<(), AudioError> {
        self.track = track.id;
        self.timeline = Timeline::new(track, self.sample_rate);
        self.lengths = Lengths::new(parameters);
        self.skip = skip_of(parameters);
        self.declared = None;
        self.ahead.clear();
        self.numbering = Numbering::new(self.sample_rate);
        self.anchor()?;
        self.timeline.origin -= at;
        self.ahead.iter_mut().flatten().flatten().for_each(|packet| packet.place += at);
        Ok(())
    }

    /// The next packet of the track, None at its end.
    pub(super) fn next(&mut self) -> Result<Result<Option<Placed>, Error>, AudioError> {
        let next = match self.ahead.pop_front() {
            Some(next) => next,
            None => self.read()?,
        };
        if let Ok(Some(packet)) = &next {
            self.longest = self.longest.max(packet.length);
        }
        Ok(next)
    }

    /// One of the packets to come, if it can be read.
    fn peek(&mut self, index: usize) -> Result<Option<&Placed>, AudioError> {
        let size = |read: &Result<Option<Placed>, Error>| match read {
            Ok(Some(packet)) => packet.packet.data.len(),
            _ => MAX_AHEAD,
        };
        let mut bytes: usize = self.ahead.iter().map(size).sum();
        while self.ahead.len() <= index && bytes < MAX_AHEAD {
            let read = self.read()?;
            bytes += size(&read);
            self.ahead.push_back(read);
        }
        Ok(self.ahead.get(index).and_then(|packet| packet.as_ref().ok()?.as_ref()))
    }

    fn read(&mut self) -> Result<Result<Option<Placed>, Error>, AudioError> {
        loop {
            let read = match &mut self.flac {
                Some(frames) => of_the_file(self.demuxer.path(), frames.next_packet())?,
                None => self.demuxer.next_packet()?,
            };
            match read {
                Ok(Some(packet)) if packet.track_id == self.track => return Ok(Ok(Some(self.placed(packet)))),
                Ok(Some(_)) => {}
                Ok(None) => return Ok(Ok(None)),
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    fn placed(&self, mut packet: Packet) -> Placed {
        let mut padding = 0;
        if [CODEC_ID_VORBIS, CODEC_ID_MP3, CODEC_ID_FLAC, CODEC_ID_OPUS].contains(&self.codec) {
            // The end is found by ourselves: a wrong tag would cut the audio, in a Vorbis stream only the last packet
            // has an end to trim, and FLAC has none.
            padding = i64::try_from(packet.trim_end.get()).unwrap_or(0);
            packet.dur = packet.dur.saturating_add(packet.trim_end);
            packet.trim_end = Duration::ZERO;
        }
        let ticks = |duration: Duration| i64::try_from(duration.get()).unwrap_or(i64::MAX);
        let place = self.timeline.frame(packet.pts.get().saturating_add(ticks(packet.trim_start)));
        // The timestamps of these say too little.
        let own = if self.is_mp4() || self.is_matroska() {
            self.lengths.of(&packet.data).map(i64::from).or(self.block)
        } else {
            None
        };
        let length = own.unwrap_or_else(|| self.timeline.frames(ticks(packet.dur)));
        // What is left out has no place. The reader of Matroska has moved its timestamps already.
        let skip = if self.is_matroska() { 0 } else { self.skip };
        let (start, end) = (place - skip, place.saturating_add(length) - skip);
        let is_in_it = self.skip > 0 && start < 0;
        let (place, length) = if is_in_it { (0, end.max(0)) } else { (start, length) };
        Placed { packet, place, length, padding }
    }

    pub(super) fn is_matroska(&self) -> bool {
        self.demuxer.container == FORMAT_ID_MKV
    }

    fn is_mp4(&self) -> bool {
        self.demuxer.container == FORMAT_ID_ISOMP4
    }

    /// Notes what a packet decoded to.
    pub(super) fn decoded(&mut self, frames: i64) {
        if self.codec == CODEC_ID_AAC {
            self.block = Some(frames);
        }
    }

    /// Frames that were lost before a packet where `next` is expected. To be asked of each packet in turn.
    ///
    /// Timestamps jitter by less than a block, forward and back, in files that were made from Ogg Vorbis. So a gap is
    /// nearly a block long at least, and the packets behind it are later by as much.
    pub(super) fn gap(&mut self, packet: &Placed, next: i64) -> Result<i64, AudioError> {
        let gap = packet.place.saturating_sub(next);
        if self.flac.is_some() {
            return Ok(gap.max(0));
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
        let lost = if is_fixed && block > 0 { (lost + block / 2) / block * block } else { lost };
        Ok(if lost <= self.max_gap() { lost } else { 0 })
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
    pub(super) fn max_gap(&self) -> i64 {
        (MAX_GAP_S * f64::from(self.sample_rate)) as i64
    }

    /// Goes to a frame, or somewhat before it, and gives where that is; None if the stream cannot, or does not know
    /// where it has arrived.
    pub(super) fn seek(&mut self, frame: u64) -> Result<Option<i64>, AudioError> {
        self.ahead.clear();
        if let Some(frames) = &mut self.flac {
            let found = of_the_file(self.demuxer.path(), frames.seek(frame).map_err(Error::from))?;
            return Ok(found.ok().map(|position| i64::try_from(position).unwrap_or(i64::MAX)));
        }
        let Ok(ticks) = self.demuxer.seek(self.track, self.timeline.ticks(frame))? else {
            return Ok(None);
        };
        let position = self.timeline.frame(ticks);
        let lengths = self.lengths;
        let is_mp4 = self.is_mp4();
        let block = self.peek(0)?.and_then(|packet| lengths.of_all(&packet.packet.data));
        // Where timestamps jitter, one within a block tells nothing.
        let is_exact = !is_mp4 || block.is_none_or(|block| position % i64::from(block) == 0);
        Ok(is_exact.then_some(position))
    }

    /// Whether the last packet of an ALAC stream is where blocks of one length put it and ends where the stream does, so
    /// that the declared length is that of its audio. To be asked before anything is read.
    pub(super) fn ends_on_time(&mut self, declared: u64) -> Result<bool, AudioError> {
        let last = self.seek(declared.saturating_sub(1))?;
        let lengths = self.lengths;
        let length = self.peek(0)?.and_then(|packet| lengths.of(&packet.packet.data));
        let end = last.zip(length).and_then(|(last, length)| u64::try_from(last + i64::from(length)).ok());
        if self.seek(0)?.is_none() {
            let source = io::Error::other("its start cannot be found again");
            return Err(FileError::reading(self.demuxer.path())(source).into());
        }
        Ok(end == Some(declared))
    }
}
