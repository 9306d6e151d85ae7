//! The packets of a track: where each belongs, how long it is, and whether something is missing before it.

mod gaps;

use std::collections::{BTreeSet, VecDeque};
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

use super::aac::{BLOCK, has_sbr};
use super::bytes::Bytes;
use super::flac::Numbering;
use super::foreign::{Decoder, Demuxer, of_the_file};
use super::length::Lengths;
use super::mended::mp4::Late;
use super::ogg::Hole;
use super::opus::Head;
use super::own::Own;
use super::timeline::Timeline;
use crate::AudioError;

/// Most bytes that are read ahead.
const MAX_AHEAD: usize = 1 << 24;
/// First packets that tell what a stream of AAC is.
const LOOKED_AT: usize = 12;
/// Timestamps within a Vorbis page are off by up to a block; a lost page is longer.
const VORBIS_JITTER: i64 = 2048;

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
    /// In the place of the demuxer, for files of FLAC and ADTS.
    pub(super) own: Option<Own>,
    pub(super) codec: AudioCodecId,
    parameters: AudioCodecParameters,
    sample_rate: u32,
    track: u32,
    timeline: Timeline,
    /// Fragments of an MP4 that come later than their timestamps say.
    late: Vec<Late>,
    lengths: Lengths,
    /// Of Ogg files.
    pages: Option<Bytes>,
    /// Where pages are lost; looked for when something seems to be.
    holes: Option<Vec<Hole>>,
    /// Where the last packet that was read ends.
    read_to: Option<i64>,
    /// Its timestamp.
    last_ticks: Option<i64>,
    is_suspect: bool,
    /// Packets that were given away.
    given: u64,
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
        own: Option<Own>,
        pages: Option<Bytes>,
        track: &Track,
        parameters: &AudioCodecParameters,
        sample_rate: u32,
    ) -> Self {
        Self {
            demuxer,
            own,
            codec: parameters.codec,
            parameters: parameters.clone(),
            sample_rate,
            track: track.id,
            timeline: Timeline::new(track, sample_rate),
            late: Vec::new(),
            lengths: Lengths::new(parameters),
            pages,
            holes: None,
            read_to: None,
            last_ticks: None,
            is_suspect: false,
            given: 0,
            ahead: VecDeque::new(),
            longest: 0,
            block: (parameters.codec == CODEC_ID_AAC).then_some(i64::from(BLOCK)),
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
        let late = if is_vorbis || first > 0 && self.own.is_none() { first } else { 0 };
        self.timeline.origin += late;
        for packet in self.ahead.iter_mut().flatten().flatten() {
            packet.place -= late;
        }
        Ok(())
    }

    /// Moves packets behind lost fragments of an MP4.
    pub(super) fn delay(&mut self, late: &[Late]) {
        self.late = late.iter().filter(|late| late.track == self.track).copied().collect();
    }

    /// A decoder of the track that has seen nothing.
    pub(super) fn decoder(&self) -> Result<Result<Decoder, Error>, AudioError> {
        self.demuxer.decoder(&self.parameters)
    }

    /// Whether the first packets hold AAC of which only a half is decoded.
    pub(super) fn has_sbr(&mut self) -> Result<bool, AudioError> {
        if self.codec != CODEC_ID_AAC {
            return Ok(false);
        }
        self.peek(LOOKED_AT - 1)?;
        // Silence is the same packet again and again, which would look like it by chance as a whole.
        let packets: BTreeSet<&[u8]> =
            self.ahead.iter().flatten().flatten().map(|packet| &*packet.packet.data).collect();
        let (all, with) = (packets.len(), packets.iter().filter(|packet| has_sbr(packet)).count());
        Ok(all > 1 && 2 * with > all)
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
        self.parameters = parameters.clone();
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
            self.given += 1;
        }
        Ok(next)
    }

    /// One of the packets to come, if it can be read.
    pub(super) fn peek(&mut self, index: usize) -> Result<Option<&Placed>, AudioError> {
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
            let read = match &mut self.own {
                Some(own) => of_the_file(self.demuxer.path(), own.next_packet())?,
                None => self.demuxer.next_packet()?,
            };
            match read {
                Ok(Some(packet)) if packet.track_id == self.track => {
                    let ticks = packet.pts.get();
                    let mut packet = self.placed(packet);
                    // Packets of one block may share its time.
                    if let (true, Some(end)) = (self.is_matroska() && self.last_ticks == Some(ticks), self.read_to) {
                        packet.place = end;
                    }
                    self.last_ticks = Some(ticks);
                    self.suspect(&packet);
                    return Ok(Ok(Some(packet)));
                }
                Ok(Some(_)) => {}
                Ok(None) => {
                    let end = self.read_to.unwrap_or(0);
                    // Where nothing says how long it should be, something may be missing as well.
                    self.is_suspect |= self.declared.is_none_or(|declared| declared as i64 > end + VORBIS_JITTER);
                    return Ok(Ok(None));
                }
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
        let late = self.late.iter().rfind(|late| late.at <= packet.pts.get()).map_or(0, |late| late.ticks);
        let place = self.timeline.frame(packet.pts.get().saturating_add(ticks(packet.trim_start)).saturating_add(late));
        // The timestamps of these say too little.
        // Behind the length that an mp3 declares, its reader takes off more than a packet has.
        let own = if self.is_mp4() || self.is_matroska() || self.codec == CODEC_ID_MP3 {
            let own = self.lengths.of(&packet.data).map(i64::from).or(self.block);
            // What is left out at the start.
            let left_out = if self.is_mp4() || self.is_matroska() { 0 } else { ticks(packet.trim_start) };
            own.map(|own| own.saturating_sub(left_out).max(0))
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

    /// Goes to a frame, or somewhat before it, and gives where that is; None if the stream cannot, or does not know
    /// where it has arrived.
    pub(super) fn seek(&mut self, frame: u64) -> Result<Option<i64>, AudioError> {
        if !self.late.is_empty() {
            return Ok(None);
        }
        self.ahead.clear();
        if let Some(own) = &mut self.own {
            let found = of_the_file(self.demuxer.path(), own.seek(frame).map_err(Error::from))?;
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
