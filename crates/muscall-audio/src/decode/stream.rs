//! Compressed and PCM streams, through symphonia.

use std::io;
use std::path::Path;

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_FLAC, CODEC_ID_MP3, CODEC_ID_VORBIS};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo, Track, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::sink::{Sink, TooLong};
use super::source::AudioFile;
use super::timeline::Timeline;
use super::{AudioInfo, DecodeOptions, Decoded, Opened, Span, check_format, open};
use crate::{AudioError, Repair, Waveform};

/// Decoded before a span and thrown away: more than mp3 or Vorbis look back.
const PREROLL: u64 = 16_384;
/// Timestamps within a Vorbis page are off by up to a block; a lost page is longer.
const VORBIS_TOLERANCE: i64 = 2048;
/// Errors in a row after which a stream is given up.
const MAX_ERRORS: usize = 100;
/// Longest silence that is put in the place of lost audio, in seconds; a longer gap is a damaged
/// timestamp.
const MAX_GAP_S: f64 = 60.0;
/// An mp3 of a known length ends at most so many frames later, the encoder's padding.
const MAX_PADDING: u64 = 4096;

pub(super) fn probe(path: &Path, opened: Opened<'_>) -> Result<AudioInfo, AudioError> {
    Ok(Stream::open(path, opened)?.info)
}

pub(super) fn decode(path: &Path, opened: Opened<'_>, options: &DecodeOptions) -> Result<Decoded, AudioError> {
    let mut stream = Stream::open(path, opened)?;
    let limit = options.max_frames(stream.info.sample_rate);
    let span = options.span.unwrap_or(Span { start: 0, frames: u64::MAX });
    if span.start > 0 && !stream.seek(span.start) {
        // What cannot be seeked can still be read from the start.
        stream = Stream::open(path, open(path)?)?;
    }
    let mut sink = Sink { span, limit, samples: Vec::new(), next: stream.position, gap: None };
    let too_long = |TooLong| AudioError::TooLong { path: path.to_owned(), max_s: options.max_s };
    let total = stream.run(&mut sink).map_err(too_long)?;
    if let Some(total) = total {
        let kept = total.saturating_sub(span.start).min(sink.samples.len() as u64);
        sink.samples.truncate(kept as usize);
    }
    let mut repairs = stream.repairs;
    repairs.extend(sink.gap.map(|(at, frames)| Repair::GapFilled { at, frames }));
    Ok(Decoded { waveform: Waveform::new(sink.samples, stream.info.sample_rate), info: stream.info, repairs })
}

/// Counts frames by their packets, without decoding them.
pub(super) fn count(path: &Path, opened: Opened<'_>) -> Result<u64, AudioError> {
    let mut stream = Stream::open(path, opened)?;
    let mut errors = 0;
    let mut end = 0;
    while errors < MAX_ERRORS {
        match stream.next_packet() {
            Ok(Some(packet)) if packet.track_id == stream.track => {
                errors = 0;
                let valid = stream.place(&packet).saturating_add_unsigned(packet.dur.get());
                end = end.max(valid);
            }
            Ok(Some(_)) => {}
            Err(Error::DecodeError(_)) => errors += 1,
            Ok(None) | Err(_) => break,
        }
    }
    Ok(u64::try_from(end).unwrap_or(0))
}

/// A demuxer, a decoder and a place in the file.
pub(super) struct Stream {
    pub(super) format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    info: AudioInfo,
    codec: AudioCodecId,
    timeline: Timeline,
    /// Of an mp3 whose encoder says how much it padded.
    padding: Option<u64>,
    /// Read already, to see where a Vorbis stream starts.
    first: Option<Packet>,
    /// Where reading starts.
    position: i64,
    repairs: Vec<Repair>,
}

impl Stream {
    pub(super) fn open(path: &Path, opened: Opened<'_>) -> Result<Self, AudioError> {
        let unknown = |error: Error| AudioError::UnknownFormat { path: path.to_owned(), reason: error.to_string() };
        let mut hint = Hint::new();
        if let Some(extension) = path.extension().and_then(|extension| extension.to_str()) {
            hint.with_extension(extension);
        }
        let source = AudioFile::new(opened.file, opened.bytes)
            .map_err(|source| AudioError::Io { path: path.to_owned(), source })?;
        let source = MediaSourceStream::new(Box::new(source), Default::default());
        let format = symphonia::default::get_probe()
            .probe(&hint, source, FormatOptions::default(), MetadataOptions::default())
            .map_err(unknown)?;
        let track =
            format.default_track(TrackType::Audio).ok_or(Error::Unsupported("no audio track")).map_err(unknown)?;
        let parameters = parameters(track).ok_or(Error::Unsupported("no audio codec")).map_err(unknown)?;
        let unsupported = |what: String| AudioError::UnsupportedCodec { path: path.to_owned(), what };
        if parameters.codec == CODEC_ID_FLAC && parameters.bits_per_sample == Some(32) {
            return Err(unsupported("32-bit FLAC".to_owned()));
        }
        let sample_rate = parameters.sample_rate.unwrap_or(0);
        let channels = parameters.channels.as_ref().map_or(1, |channels| channels.count());
        check_format(path, sample_rate, channels)?;
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|error| unsupported(error.to_string()))?;
        let codec = parameters.codec;
        let is_mp3 = codec == CODEC_ID_MP3;
        // Without the encoder's own tag the length of an mp3 is a guess from its first frames.
        let padding = track.padding.filter(|_| is_mp3).map(u64::from);
        let declared = track.num_frames.filter(|_| !is_mp3 || padding.is_some());
        let timeline = Timeline::new(track, sample_rate);
        let mut stream = Self {
            info: AudioInfo {
                codec: decoder.codec_info().short_name.to_owned(),
                sample_rate,
                channels: channels as u16,
                declared_frames: declared.filter(|&frames| frames > 0 && frames < u64::from(u32::MAX) * 16),
            },
            track: track.id,
            decoder,
            codec,
            timeline,
            padding,
            first: None,
            position: 0,
            repairs: Vec::new(),
            format,
        };
        if codec == CODEC_ID_VORBIS {
            // A stream that was cut out of another one starts at some other time than 0. A reader
            // that fails here fails again, and then says why.
            stream.first = stream.format.next_packet().ok().flatten();
            let start = stream.first.as_ref().map_or(0, |packet| stream.place(packet));
            stream.timeline.origin += start;
            let declared = &mut stream.info.declared_frames;
            *declared = declared.and_then(|frames| frames.checked_add_signed(-start)).filter(|&frames| frames > 0);
        }
        Ok(stream)
    }

    fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        match self.first.take() {
            Some(packet) => Ok(Some(packet)),
            None => self.format.next_packet(),
        }
    }

    /// Goes to a frame, or somewhat before it; false if the stream cannot.
    fn seek(&mut self, start: u64) -> bool {
        let from = start.saturating_sub(if self.codec == CODEC_ID_MP3 { PREROLL } else { 0 });
        // An AAC decoder draws noise, whose state is that of all frames before. Timestamps of
        // Vorbis are not exact within a page, so its packets are counted instead.
        if from == 0 || [CODEC_ID_AAC, CODEC_ID_VORBIS].contains(&self.codec) {
            return true;
        }
        let to = SeekTo::Timestamp { ts: Timestamp::new(self.timeline.ticks(from)), track_id: self.track };
        let Ok(reached) = self.format.seek(SeekMode::Accurate, to) else {
            return false;
        };
        self.decoder.reset();
        self.position = self.timeline.frame(reached.actual_ts.get());
        self.position <= i64::try_from(start).unwrap_or(i64::MAX)
    }

    /// Where the frames of a packet start.
    fn place(&self, packet: &Packet) -> i64 {
        let trim = i64::try_from(packet.trim_start.get()).unwrap_or(0);
        self.timeline.frame(packet.pts.get().saturating_add(trim))
    }

    /// Feeds the sink until it is full or the stream ends. Gives the true length where the stream's
    /// end was seen and lies before its last decoded frame.
    fn run(&mut self, sink: &mut Sink) -> Result<Option<u64>, TooLong> {
        let is_vorbis = self.codec == CODEC_ID_VORBIS;
        let start = i64::try_from(sink.span.start).unwrap_or(i64::MAX);
        let end_of_span = sink.span.start.saturating_add(sink.span.frames);
        let (mut errors, mut lost_until, mut end_trim) = (0, 0, 0);
        // After a seek the decoder's first frames may be missing: the first ones that come tell.
        let mut placed = is_vorbis;
        loop {
            // The true end matters to a span only if it may reach it.
            let declared = self.info.declared_frames;
            if sink.is_full() && declared.is_none_or(|declared| end_of_span.saturating_add(MAX_PADDING) <= declared) {
                return Ok(None);
            }
            let mut packet = match self.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                Err(Error::DecodeError(_)) if errors < MAX_ERRORS => {
                    errors += 1;
                    continue;
                }
                Err(Error::ResetRequired) => {
                    if self.chain(sink.next) {
                        continue;
                    }
                    break;
                }
                Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => {
                    self.repairs.push(ended_early(sink.next, error.to_string()));
                    break;
                }
            };
            if packet.track_id != self.track {
                continue;
            }
            if is_vorbis || self.codec == CODEC_ID_MP3 {
                // The end is found by ourselves: a wrong tag would cut the audio, and in a Vorbis
                // stream only the last packet has an end to trim.
                end_trim = i64::try_from(packet.trim_end.get()).unwrap_or(0);
                packet.dur = packet.dur.saturating_add(packet.trim_end);
                packet.trim_end = Duration::ZERO;
            }
            let position = self.place(&packet);
            if is_vorbis && sink.next.saturating_add_unsigned(packet.dur.get() + PREROLL) < start {
                let gap = position - sink.next;
                sink.next += if (VORBIS_TOLERANCE..self.max_gap()).contains(&gap) { gap } else { 0 };
                sink.next = sink.next.saturating_add_unsigned(packet.dur.get());
                continue;
            }
            let (tolerance, max_gap) = (self.tolerance(), self.max_gap());
            match self.decoder.decode(&packet) {
                Ok(buffer) => {
                    errors = 0;
                    let rate = buffer.spec().rate();
                    if rate != self.info.sample_rate {
                        let reason = format!("the sample rate changes to {rate} Hz");
                        self.repairs.push(ended_early(sink.next, reason));
                        break;
                    }
                    if buffer.frames() == 0 {
                        // The first packet that a Vorbis decoder sees gives nothing, but has its length.
                        sink.next = sink.next.saturating_add_unsigned(if is_vorbis { packet.dur.get() } else { 0 });
                        continue;
                    }
                    let gap = position - sink.next;
                    if !placed && self.position > 0 {
                        sink.next = position;
                    } else if gap > max_gap {
                        let reason = format!("the next timestamp is {gap} frames later, which cannot be");
                        self.repairs.push(ended_early(sink.next, reason));
                        break;
                    } else if gap > tolerance {
                        sink.fill(gap)?;
                    }
                    placed = true;
                    push(&buffer, sink)?;
                }
                Err(Error::DecodeError(_) | Error::IoError(_)) if errors < MAX_ERRORS && is_vorbis => {
                    // Shorter than what its timestamps could tell.
                    errors += 1;
                    sink.fill(i64::try_from(packet.dur.get()).unwrap_or(0))?;
                }
                Err(Error::DecodeError(_) | Error::IoError(_)) if errors < MAX_ERRORS => {
                    errors += 1;
                    lost_until = position.saturating_add_unsigned(packet.dur.get());
                }
                Err(Error::ResetRequired) => self.decoder.reset(),
                Err(error) => {
                    self.repairs.push(ended_early(sink.next, error.to_string()));
                    break;
                }
            }
        }
        let lost = lost_until - sink.next;
        let known = self.info.declared_frames.is_none_or(|declared| lost_until <= declared as i64);
        if placed && known && lost > self.tolerance() && lost <= self.max_gap() {
            sink.fill(lost)?;
        }
        if is_vorbis {
            let end = sink.next - end_trim;
            self.check_length(end);
            return Ok(u64::try_from(end).ok());
        }
        Ok(self.check_length(sink.next))
    }

    /// Longest gap that is filled.
    fn max_gap(&self) -> i64 {
        (MAX_GAP_S * f64::from(self.info.sample_rate)) as i64
    }

    /// How far a timestamp may be off without anything being lost.
    fn tolerance(&self) -> i64 {
        if self.codec == CODEC_ID_VORBIS { VORBIS_TOLERANCE } else { self.timeline.tolerance() }
    }

    /// Goes on with the next stream of a chained file, if it is of the same kind.
    fn chain(&mut self, at: i64) -> bool {
        let Some(track) = self.format.default_track(TrackType::Audio) else {
            return false;
        };
        let is_alike = |parameters: &&AudioCodecParameters| {
            parameters.codec == self.codec && parameters.sample_rate == Some(self.info.sample_rate)
        };
        let Some(parameters) = parameters(track).filter(is_alike) else {
            self.repairs.push(ended_early(at, "another stream of another kind follows".to_owned()));
            return false;
        };
        let Ok(decoder) =
            symphonia::default::get_codecs().make_audio_decoder(parameters, &AudioDecoderOptions::default())
        else {
            self.repairs.push(ended_early(at, "another stream follows that cannot be decoded".to_owned()));
            return false;
        };
        self.timeline = Timeline::new(track, self.info.sample_rate);
        self.timeline.origin -= at;
        self.track = track.id;
        self.decoder = decoder;
        // The header of the first stream knows nothing of the second.
        self.info.declared_frames = None;
        true
    }

    /// Compares where the stream ended with what it declared; gives the length without padding.
    fn check_length(&mut self, end: i64) -> Option<u64> {
        let declared = self.info.declared_frames?;
        let padding = self.padding.unwrap_or(0);
        let end = u64::try_from(end).unwrap_or(0);
        let found = end;
        if end < declared {
            // Encoders round the length of a stream to their blocks.
            let slack = if [CODEC_ID_MP3, CODEC_ID_AAC, CODEC_ID_VORBIS].contains(&self.codec) { 2304 } else { 0 };
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
}

fn ended_early(at: i64, reason: String) -> Repair {
    Repair::StreamEndedEarly { at: u64::try_from(at).unwrap_or(0), reason }
}

fn parameters(track: &Track) -> Option<&AudioCodecParameters> {
    track.codec_params.as_ref()?.audio()
}

/// Adds the mean of the channels.
fn push(buffer: &GenericAudioBufferRef<'_>, sink: &mut Sink) -> Result<(), TooLong> {
    let mut planes: Vec<Vec<f32>> = Vec::new();
    buffer.copy_to_vecs_planar(&mut planes);
    let scale = 1.0 / planes.len().max(1) as f32;
    let mut planes = planes.into_iter();
    let Some(mut mono) = planes.next() else {
        return Ok(());
    };
    for plane in planes {
        mono.iter_mut().zip(plane).for_each(|(mean, x)| *mean += x);
    }
    if scale < 1.0 {
        mono.iter_mut().for_each(|x| *x *= scale);
    }
    sink.push(mono.into_iter())
}
