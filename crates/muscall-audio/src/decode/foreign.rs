//! The one door to symphonia: every call of its readers and decoders is made here, and guarded, since they can panic
//! on what a file holds.
//!
//! Results are nested: the outer error refuses the file, the inner one is what the reader itself reports, which may be
//! no more than a damaged packet.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use muscall_files::FileError;
use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::{Hint, Probe};
use symphonia::core::formats::{FormatId, FormatOptions, FormatReader, SeekMode, SeekTo, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::{Metadata, MetadataOptions};
use symphonia::core::packet::Packet;
use symphonia::core::units::Timestamp;

use super::opus::OpusDecoder;
use crate::{AudioError, guarded};

/// Refuses a file of which the system gives no more bytes, since its disk is damaged or its network is gone: to go on would
/// take the rest of it for lost, and what was read for all.
pub(super) fn of_the_file<T>(path: &Path, result: Result<T, Error>) -> Result<Result<T, Error>, AudioError> {
    match result {
        Err(Error::IoError(source)) if source.raw_os_error().is_some() => Err(FileError::reading(path)(source).into()),
        result => Ok(result),
    }
}

/// Where readers and decoders come from.
#[derive(Clone, Copy)]
pub(super) struct Readers {
    pub(super) probe: fn() -> &'static Probe,
    pub(super) codecs: fn() -> &'static CodecRegistry,
}

impl Readers {
    pub(super) const SYMPHONIA: Self = Self { probe: symphonia::default::get_probe, codecs };
}

/// Those of symphonia, and Opus.
fn codecs() -> &'static CodecRegistry {
    static CODECS: OnceLock<CodecRegistry> = OnceLock::new();
    CODECS.get_or_init(|| {
        let mut codecs = CodecRegistry::new();
        symphonia::default::register_enabled_codecs(&mut codecs);
        codecs.register_audio_decoder::<OpusDecoder>();
        codecs
    })
}

/// An opened file whose packets can be read.
pub(super) struct Demuxer {
    path: PathBuf,
    readers: Readers,
    /// None only while it is dropped.
    reader: Option<Box<dyn FormatReader>>,
    pub(super) container: FormatId,
}

impl Demuxer {
    pub(super) fn open(
        path: &Path,
        source: impl MediaSource + 'static,
        readers: Readers,
    ) -> Result<Result<Self, Error>, AudioError> {
        let mut hint = Hint::new();
        if let Some(extension) = path.extension().and_then(|extension| extension.to_str()) {
            hint.with_extension(extension);
        }
        let source = MediaSourceStream::new(Box::new(source), Default::default());
        let opened = guarded(path, "opening the file", || {
            let (format, metadata) = (FormatOptions::default(), MetadataOptions::default());
            let reader = (readers.probe)().probe(&hint, source, format, metadata)?;
            Ok((reader.format_info().format, reader))
        })?;
        let opened = of_the_file(path, opened)?;
        Ok(opened.map(|(container, reader)| Self { path: path.to_owned(), readers, reader: Some(reader), container }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes one guarded call; without a reader, which cannot be, an error that ends the stream.
    fn call<T>(
        &mut self,
        doing: &'static str,
        call: impl FnOnce(&mut dyn FormatReader) -> Result<T, Error>,
    ) -> Result<Result<T, Error>, AudioError> {
        let result = guarded(&self.path, doing, || match self.reader.as_deref_mut() {
            Some(reader) => call(reader),
            None => Err(Error::ResetRequired),
        })?;
        of_the_file(&self.path, result)
    }

    /// The track to decode, and what its codec needs to know.
    pub(super) fn audio_track(&mut self) -> Result<Result<(Track, AudioCodecParameters), Error>, AudioError> {
        self.call("opening the file", |reader| {
            let track = reader.default_track(TrackType::Audio).ok_or(Error::Unsupported("no audio track"))?;
            let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
            let parameters = parameters.ok_or(Error::Unsupported("no audio codec"))?;
            Ok((track.clone(), parameters.clone()))
        })
    }

    pub(super) fn next_packet(&mut self) -> Result<Result<Option<Packet>, Error>, AudioError> {
        self.call("reading a packet", |reader| reader.next_packet())
    }

    /// Gives the timestamp that was reached.
    pub(super) fn seek(&mut self, track_id: u32, ticks: i64) -> Result<Result<i64, Error>, AudioError> {
        let to = SeekTo::Timestamp { ts: Timestamp::new(ticks), track_id };
        self.call("seeking", |reader| Ok(reader.seek(SeekMode::Accurate, to)?.actual_ts.get()))
    }

    /// Shows the tags of the file.
    pub(super) fn tags<T>(&mut self, read: impl FnOnce(Metadata<'_>) -> T) -> Result<Result<T, Error>, AudioError> {
        self.call("reading the tags", |reader| Ok(read(reader.metadata())))
    }

    pub(super) fn decoder(&self, parameters: &AudioCodecParameters) -> Result<Result<Decoder, Error>, AudioError> {
        let made = guarded(&self.path, "opening the file", || {
            let decoder = (self.readers.codecs)().make_audio_decoder(parameters, &AudioDecoderOptions::default())?;
            Ok((decoder.codec_info().short_name.to_owned(), decoder))
        })?;
        Ok(made.map(|(codec, decoder)| Decoder { path: self.path.clone(), codec, decoder: Some(decoder) }))
    }
}

impl Drop for Demuxer {
    fn drop(&mut self) {
        let reader = self.reader.take();
        let _ = guarded(&self.path, "closing the file", || drop(reader));
    }
}

/// A decoder of one track.
pub(super) struct Decoder {
    path: PathBuf,
    /// Its name.
    pub(super) codec: String,
    /// None only while it is dropped.
    decoder: Option<Box<dyn AudioDecoder>>,
}

/// Least length of a packet of zeros that is no silence.
const ZEROS: usize = 16;

/// What a packet holds.
pub(super) struct Block {
    pub(super) sample_rate: u32,
    /// The mean of the channels.
    pub(super) mono: Vec<f32>,
}

impl Decoder {
    pub(super) fn decode(&mut self, packet: &Packet) -> Result<Result<Block, Error>, AudioError> {
        // Some decoders give what they gave before.
        if packet.data.is_empty() {
            return Ok(Err(Error::DecodeError("an empty packet")));
        }
        // A disk that lost them gives zeros, of which some decoders make a sound.
        let is_plain = self.codec.starts_with("pcm") || self.codec.starts_with("adpcm");
        if !is_plain && packet.data.len() >= ZEROS && packet.data.iter().all(|byte| *byte == 0) {
            return Ok(Err(Error::DecodeError("a packet of zeros")));
        }
        let result = guarded(&self.path, "decoding", || {
            let decoder = self.decoder.as_deref_mut().ok_or(Error::ResetRequired)?;
            let buffer = decoder.decode(packet)?;
            Ok(Block { sample_rate: buffer.spec().rate(), mono: mono(&buffer) })
        })?;
        of_the_file(&self.path, result)
    }

    /// Forgets the packets before.
    pub(super) fn reset(&mut self) -> Result<(), AudioError> {
        guarded(&self.path, "seeking", || {
            self.decoder.as_deref_mut().map(|decoder| decoder.reset()).unwrap_or_default()
        })
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        let decoder = self.decoder.take();
        let _ = guarded(&self.path, "closing the file", || drop(decoder));
    }
}

fn mono(buffer: &GenericAudioBufferRef<'_>) -> Vec<f32> {
    let mut planes: Vec<Vec<f32>> = Vec::new();
    buffer.copy_to_vecs_planar(&mut planes);
    let scale = 1.0 / planes.len().max(1) as f32;
    let mut planes = planes.into_iter();
    let mut mono = planes.next().unwrap_or_default();
    for plane in planes {
        mono.iter_mut().zip(plane).for_each(|(mean, x)| *mean += x);
    }
    if scale < 1.0 {
        mono.iter_mut().for_each(|x| *x *= scale);
    }
    mono
}
