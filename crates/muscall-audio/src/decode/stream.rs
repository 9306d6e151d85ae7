//! Compressed and PCM streams: a file's packets, decoded and put in their places.

mod joined;
mod open;

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AAC, CODEC_ID_ALAC, CODEC_ID_FLAC, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_VORBIS,
};
use symphonia::core::errors::Error;

use self::joined::{Joined, Next};
use super::decoded::{AudioInfo, Decoded};
use super::foreign::{Decoder, Readers};
use super::heard::Heard;
use super::opened::Opened;
use super::options::{DecodeOptions, Span};
use super::packets::{Packets, Placed};
use super::sink::{Sink, Take};
use super::source::Watch;
use crate::{AudioError, Repair, Waveform};

/// Decoded before a span and thrown away: more than mp3 or Vorbis look back.
const PREROLL: u64 = 16_384;
/// Errors in a row after which a stream is given up.
const MAX_ERRORS: usize = 100;
/// An mp3 of a known length ends at most so many frames later, the encoder's padding.
const MAX_PADDING: u64 = 4096;

pub(super) fn probe(opened: Opened<'_>, readers: Readers) -> Result<AudioInfo, AudioError> {
    Ok(Stream::open(opened, readers)?.heard_info())
}

/// With `take`, frames go there and are not in the waveform. Gives how many there were, too.
pub(super) fn decode(
    opened: Opened<'_>,
    options: &DecodeOptions,
    readers: Readers,
    take: Option<Take<'_>>,
) -> Result<(Decoded, u64), AudioError> {
    let path = opened.path;
    let again = opened.clone();
    let mut stream = Stream::open(opened, readers)?;
    let heard = stream.heard;
    let span = options.span.unwrap_or(Span { start: 0, frames: u64::MAX });
    let frames = span.frames.min(heard.frames.saturating_sub(span.start));
    // From here on with the frames that are not heard.
    let span = Span { start: span.start.saturating_add(heard.start), frames };
    if span.start > 0 && !stream.seek(span.start)? {
        // What cannot be seeked can still be read from the start.
        drop(stream);
        stream = Stream::open(again, readers)?;
    }
    let limit = match take {
        Some(_) => (options.max_s * f64::from(stream.info.sample_rate)) as u64,
        None => options.max_frames(stream.info.sample_rate),
    };
    let mut sink = Sink::new(span, limit, stream.position, take);
    let total = stream.run(&mut sink, path, options)?;
    let mut repairs = std::mem::take(&mut stream.repairs);
    repairs.extend(sink.gap.map(|(at, frames)| Repair::GapFilled { at: at.saturating_sub(heard.start), frames }));
    let (samples, frames) = sink.finish(total);
    let info = stream.heard_info();
    Ok((Decoded { waveform: Waveform::new(samples, info.sample_rate), info, repairs }, frames))
}

/// Whether an error is that of one packet. What a decoder of AAC calls unsupported behind sound packets is none of what
/// the stream is made of.
fn is_damage(error: &Error, codec: AudioCodecId, is_empty: bool) -> bool {
    match error {
        Error::DecodeError(_) | Error::IoError(_) => true,
        Error::Unsupported(_) => codec == CODEC_ID_AAC && !is_empty,
        _ => false,
    }
}

/// Counts frames by their packets, without decoding them where packets tell their lengths.
pub(super) fn count(opened: Opened<'_>, readers: Readers) -> Result<u64, AudioError> {
    let again = opened.clone();
    let mut stream = Stream::open(opened, readers)?;
    if stream.is_matroska() {
        let options = DecodeOptions { max_s: f64::MAX, ..DecodeOptions::default() };
        drop(stream);
        return Ok(decode(again, &options, readers, Some(&mut |_: &mut [f32]| ControlFlow::Continue(())))?.1);
    }
    let is_padded = [CODEC_ID_VORBIS, CODEC_ID_OPUS].contains(&stream.packets.codec);
    let (mut next, mut padding) = (0, 0);
    while let Some(packet) = stream.next(next)? {
        stream.errors = 0;
        if let Some(joined) = &mut stream.joined {
            match joined.look(&packet, stream.packets.peek(0)?) {
                Next::Other(kind) => {
                    next += joined.counted();
                    joined.begin(kind, next)?;
                }
                Next::Alone | Next::Same => {}
            }
            if !joined.is_in_time() {
                next += joined.count(packet.length);
                continue;
            }
        }
        next -= std::mem::take(&mut stream.taken_back);
        stream.last_padding = if is_padded { packet.padding } else { 0 };
        next += stream.packets.gap(&packet, next)? + packet.length;
        padding = packet.padding;
    }
    next += stream.joined.as_mut().map_or(0, Joined::counted);
    let end = if is_padded { next - padding } else { next };
    Ok(stream.heard.of(u64::try_from(end).unwrap_or(0)))
}

/// The packets of a file, their decoder, and a place in the file.
pub(super) struct Stream {
    pub(super) packets: Packets,
    decoder: Decoder,
    /// Lengths and places of a stream count all of its frames, also those that are not heard.
    info: AudioInfo,
    heard: Heard,
    /// Of an mp3 whose encoder says how much it padded.
    padding: Option<u64>,
    /// Where reading starts.
    position: i64,
    /// How much of the last packet is padding, if it ends its stream.
    last_padding: i64,
    /// Frames of the last packets that were padding, since another stream follows.
    taken_back: i64,
    /// Whether the next packet is the first of its stream.
    is_at_start: bool,
    /// Whether the end of an Ogg file is that of a stream.
    has_end: bool,
    /// Of a file that may break off.
    watch: Watch,
    /// Of an mp3, which may be several.
    joined: Option<Joined>,
    /// Whether frames of it are of another rate.
    is_mixed: bool,
    /// Since the last sound packet.
    errors: usize,
    repairs: Vec<Repair>,
}

impl Stream {
    /// Its timestamps and lengths are rounded to milliseconds: only decoding tells where a frame is.
    fn is_matroska(&self) -> bool {
        self.packets.is_matroska()
    }

    /// What others are told of the stream.
    fn heard_info(&self) -> AudioInfo {
        let declared_frames = self.info.declared_frames.map(|frames| self.heard.of(frames));
        AudioInfo { declared_frames, ..self.info.clone() }
    }

    /// Goes to a frame, or somewhat before it; false if the stream cannot.
    fn seek(&mut self, start: u64) -> Result<bool, AudioError> {
        let codec = self.packets.codec;
        let from = start.saturating_sub(if codec == CODEC_ID_MP3 { PREROLL } else { 0 });
        // An AAC decoder draws noise, whose state is that of all frames before, and an Opus decoder's is, too. Timestamps of Vorbis are not exact
        // within a page, nor are those of FLAC in Ogg or MP4, so their packets are counted instead.
        let is_counted = [CODEC_ID_AAC, CODEC_ID_VORBIS, CODEC_ID_OPUS].contains(&codec)
            || codec == CODEC_ID_FLAC && self.packets.own.is_none();
        if from == 0 || is_counted || self.is_matroska() || self.is_mixed {
            return Ok(true);
        }
        let Some(position) = self.packets.seek(from)? else {
            return Ok(false);
        };
        self.decoder.reset()?;
        self.position = position;
        Ok(position <= i64::try_from(start).unwrap_or(i64::MAX))
    }

    /// The next packet, also over the border between chained streams; None at the end. `at` is where it is expected.
    fn next(&mut self, at: i64) -> Result<Option<Placed>, AudioError> {
        loop {
            match self.packets.next()? {
                Ok(packet) => return Ok(packet),
                Err(Error::DecodeError(_)) if self.errors < MAX_ERRORS => self.errors += 1,
                Err(Error::ResetRequired) => {
                    if !self.chain(at)? {
                        return Ok(None);
                    }
                }
                Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => {
                    self.end_early(at, error.to_string());
                    return Ok(None);
                }
            }
        }
    }

    /// Feeds the sink until it is full or the stream ends. Gives the true length where the stream's
    /// end was seen and lies before its last decoded frame.
    fn run(&mut self, sink: &mut Sink<'_>, path: &Path, options: &DecodeOptions) -> Result<Option<u64>, AudioError> {
        let too_long = |_| AudioError::TooLong { path: path.to_owned(), max_s: options.max_s };
        let codec = self.packets.codec;
        let is_vorbis = codec == CODEC_ID_VORBIS;
        // The last packet says how much of it is padding.
        let is_padded = is_vorbis || codec == CODEC_ID_OPUS;
        // Packets before a span are counted where their lengths are known and the decoder needs none of them.
        let is_counted = [CODEC_ID_VORBIS, CODEC_ID_FLAC, CODEC_ID_ALAC].contains(&codec) && !self.is_matroska();
        let start = i64::try_from(sink.span().start).unwrap_or(i64::MAX);
        let end_of_span = sink.span().start.saturating_add(sink.span().frames);
        // After a seek a decoder that needs those packets may leave out frames: the first that come tell where they belong.
        let mut has_landed = self.position == 0 || is_counted;
        // Frames of packets that could not be decoded.
        let mut owed = 0;
        let (mut padding, mut is_empty) = (0, true);
        while !sink.is_stopped {
            // The true end matters to a span only if it may reach it.
            let declared = self.info.declared_frames;
            // A padded packet ends its stream: if another one follows, it has the frames in the place of the padding.
            let may_shrink = is_padded && padding > 0;
            if sink.is_full()
                && !may_shrink
                && declared.is_none_or(|declared| end_of_span.saturating_add(MAX_PADDING) <= declared)
            {
                return Ok(None);
            }
            let Some(packet) = self.next(sink.next + owed)? else { break };
            padding = packet.padding;
            sink.take_back(std::mem::take(&mut self.taken_back));
            self.last_padding = if is_padded { padding } else { 0 };
            let is_first = std::mem::take(&mut self.is_at_start);
            if let Some(joined) = &mut self.joined {
                match joined.look(&packet, self.packets.peek(0)?) {
                    Next::Same => {}
                    Next::Alone => {
                        owed += joined.scaled(packet.length);
                        continue;
                    }
                    Next::Other(kind) => {
                        sink.push(&joined.end().0).map_err(too_long)?;
                        sink.fill(std::mem::take(&mut owed)).map_err(too_long)?;
                        joined.begin(kind, sink.next)?;
                        if let Ok(fresh) = self.packets.decoder()? {
                            self.decoder = fresh;
                        }
                    }
                }
            }
            let is_in_time = has_landed && self.joined.as_ref().is_none_or(Joined::is_in_time);
            let gap = if is_in_time { self.packets.gap(&packet, sink.next + owed)? } else { 0 };
            let end = (sink.next + owed).saturating_add(gap).saturating_add(packet.length);
            if is_counted && end.saturating_add_unsigned(PREROLL) < start {
                (sink.next, owed) = (end, 0);
                continue;
            }
            if gap > 0 && (is_vorbis || self.packets.own.is_some() && codec == CODEC_ID_AAC) {
                // It would blend the packet with the one before the gap.
                self.decoder.reset()?;
            }
            match self.decoder.decode(&packet.packet)? {
                Ok(mut block) => {
                    self.errors = 0;
                    if let Some(joined) = self.joined.as_mut().filter(|joined| !joined.is_plain()) {
                        // What is lost within a part has its length, and comes before what is not yet given.
                        block.mono = joined.convert(block.mono);
                        block.sample_rate = self.info.sample_rate;
                        is_empty &= block.mono.is_empty();
                        if block.mono.is_empty() {
                            continue;
                        }
                    }
                    if block.sample_rate != self.info.sample_rate {
                        self.end_early(sink.next, format!("the sample rate changes to {} Hz", block.sample_rate));
                        break;
                    }
                    if block.mono.is_empty() {
                        // The first packet that a Vorbis decoder sees gives nothing, but has its length.
                        let length = if is_vorbis { packet.length } else { 0 };
                        *(if is_first { &mut sink.next } else { &mut owed }) += gap + length;
                        continue;
                    }
                    self.packets.decoded(block.mono.len() as i64);
                    if has_landed {
                        sink.fill(owed + gap).map_err(too_long)?;
                    } else {
                        (sink.next, has_landed) = (packet.place, true);
                    }
                    (owed, is_empty) = (0, false);
                    sink.push(&block.mono).map_err(too_long)?;
                }
                Err(error) if is_damage(&error, codec, is_empty) && self.errors < MAX_ERRORS => {
                    self.errors += 1;
                    if codec == CODEC_ID_AAC {
                        // The damaged packet has left its traces in it.
                        if let Ok(fresh) = self.packets.decoder()? {
                            self.decoder = fresh;
                        }
                    }
                    owed = (owed + gap + packet.length).min(self.packets.max_gap());
                }
                Err(Error::ResetRequired) => self.decoder.reset()?,
                Err(error) => {
                    self.end_early(sink.next, error.to_string());
                    break;
                }
            }
        }
        if sink.is_stopped {
            return Ok(None);
        }
        if let Some(joined) = &mut self.joined {
            sink.push(&joined.end().0).map_err(too_long)?;
            self.repairs.extend(joined.repair());
        }
        // Damage at the end of a stream is filled, too, as far as its header knows of it.
        let end = sink.next + owed;
        let is_known = self.packets.declared.is_none_or(|declared| end <= declared as i64);
        if !is_empty && is_known {
            sink.fill(owed).map_err(too_long)?;
        }
        if !self.has_end && !self.has_ended_early() {
            self.end_early(sink.next, "the last page is missing".to_owned());
        }
        let end = if is_padded { sink.next - padding } else { sink.next };
        let length = self.check_length(end);
        if let Some(missing) = self.watch.missing().filter(|_| !self.has_ended_early()) {
            self.end_early(end, format!("the file breaks off here, and {missing} bytes of it are missing"));
        }
        Ok(if is_padded { u64::try_from(end).ok() } else { length })
    }

    /// Goes on with the next stream of a chained file, if it is of the same kind.
    fn chain(&mut self, at: i64) -> Result<bool, AudioError> {
        let next = self.packets.demuxer.audio_track()?.ok().filter(|(_, parameters)| {
            parameters.codec == self.packets.codec && parameters.sample_rate == Some(self.info.sample_rate)
        });
        let Some((track, parameters)) = next else {
            self.end_early(at, "a stream of a different kind follows".to_owned());
            return Ok(false);
        };
        let Ok(decoder) = self.packets.demuxer.decoder(&parameters)? else {
            self.end_early(at, "another stream follows that cannot be decoded".to_owned());
            return Ok(false);
        };
        self.decoder = decoder;
        // The header of the first stream knows nothing of the second.
        self.info.declared_frames = None;
        let padding = std::mem::take(&mut self.last_padding);
        self.taken_back += padding;
        self.packets.chain(&track, &parameters, at - padding)?;
        self.is_at_start = true;
        Ok(true)
    }

    /// Compares where the stream ended with what it declared; gives the length without padding.
    fn check_length(&mut self, end: i64) -> Option<u64> {
        let declared = self.packets.declared?;
        let padding = self.padding.unwrap_or(0);
        let end = u64::try_from(end).unwrap_or(0);
        let found = end;
        if end < declared {
            // Encoders round the length of a stream to their blocks, and where timestamps jitter it is not exact.
            let slack = match self.packets.codec {
                CODEC_ID_MP3 | CODEC_ID_AAC | CODEC_ID_VORBIS | CODEC_ID_OPUS => 2304,
                CODEC_ID_FLAC if self.packets.own.is_none() => self.packets.longest.unsigned_abs(),
                _ => 0,
            };
            if end + slack < declared {
                self.repairs.push(Repair::ShorterThanDeclared { declared, found });
            }
            return None;
        }
        if end > declared + padding.max(MAX_PADDING) {
            self.repairs.push(Repair::LongerThanDeclared { declared, found });
            return None;
        }
        self.padding.map(|_| declared)
    }

    /// Whether it is known already that something is missing at the end.
    fn has_ended_early(&self) -> bool {
        let is_end =
            |repair: &Repair| matches!(repair, Repair::StreamEndedEarly { .. } | Repair::ShorterThanDeclared { .. });
        self.repairs.iter().any(is_end)
    }

    fn end_early(&mut self, at: i64, reason: String) {
        self.repairs.push(Repair::StreamEndedEarly { at: u64::try_from(at).unwrap_or(0), reason });
    }
}
