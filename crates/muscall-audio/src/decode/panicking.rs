//! Readers that panic or lose their disk, each at the place that the file names: no place takes a program down, and no
//! file is taken for shorter than it is.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io;
use std::sync::LazyLock;

use symphonia::core::audio::{
    AsGenericAudioBufferRef, AudioBuffer, AudioSpec, Channels, GenericAudioBufferRef, Position,
};
use symphonia::core::codecs::audio::well_known::CODEC_ID_PCM_S16LE;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions, FinalizeResult};
use symphonia::core::codecs::registry::{CodecRegistry, RegisterableAudioDecoder, SupportedAudioCodec};
use symphonia::core::codecs::{CodecInfo, CodecParameters};
use symphonia::core::errors::Result;
use symphonia::core::formats::probe::{Probe, ProbeDataMatchSpec, ProbeFormatData, ProbeableFormat, Score, Scoreable};
use symphonia::core::formats::well_known::FORMAT_ID_CAF;
use symphonia::core::formats::{FormatInfo, FormatOptions, FormatReader, MediaInfo, SeekMode, SeekTo, SeekedTo, Track};
use symphonia::core::io::{MediaSourceStream, ReadBytes, ScopedStream};
use symphonia::core::meta::{Metadata, MetadataLog};
use symphonia::core::packet::{Packet, PacketRef};
use symphonia::core::units::{Duration, Timestamp};

use super::foreign::Readers;
use super::tags::file_tags_with;
use super::{DecodeOptions, count_with, decode_with, probe_with};
use crate::AudioError;

const FORMAT: FormatInfo = FormatInfo { format: FORMAT_ID_CAF, short_name: "test", long_name: "A test" };
const PACKETS: i64 = 100;
const BLOCK: u32 = 500;
/// What a system says of a disk that gives no bytes.
const EIO: i32 = 5;

/// What is read and decoded, with the one place where that panics.
struct Reader {
    place: String,
    tracks: Vec<Track>,
    media: MediaInfo,
    log: MetadataLog,
    next: i64,
}

fn panic_at(place: &str, here: &str) {
    assert!(place != here, "it is said to panic at {here}");
}

impl Scoreable for Reader {
    fn score(mut source: ScopedStream<&mut MediaSourceStream<'_>>) -> Result<Score> {
        panic_at(&place(&mut source)?, "score");
        Ok(Score::Supported(255))
    }
}

/// The place stands behind the marker, up to a line's end.
fn place(source: &mut impl ReadBytes) -> Result<String> {
    let mut name = String::new();
    loop {
        match source.read_byte()? {
            b'\n' => return Ok(name.trim_start_matches("PANIC ").to_owned()),
            byte => name.push(char::from(byte)),
        }
    }
}

impl<'s> ProbeableFormat<'s> for Reader {
    fn try_probe_new(mut source: MediaSourceStream<'s>, _: FormatOptions) -> Result<Box<dyn FormatReader + 's>> {
        let place = place(&mut source)?;
        panic_at(&place, "open");
        let mut parameters = AudioCodecParameters::new();
        parameters.for_codec(CODEC_ID_PCM_S16LE).with_sample_rate(8000).with_extra_data(place.as_bytes().into());
        parameters.with_channels(Channels::Positioned(Position::FRONT_LEFT));
        let mut track = Track::new(0);
        track.with_codec_params(CodecParameters::Audio(parameters));
        let (media, log) = (MediaInfo::new(), MetadataLog::default());
        Ok(Box::new(Self { place, tracks: vec![track], media, log, next: 0 }))
    }

    fn probe_data() -> &'static [ProbeFormatData] {
        &[ProbeFormatData {
            spec: ProbeDataMatchSpec { extensions: &["test"], mime_types: &[], markers: &[b"PANIC "] },
            info: FORMAT,
        }]
    }
}

impl FormatReader for Reader {
    fn format_info(&self) -> &FormatInfo {
        panic_at(&self.place, "format");
        &FORMAT
    }

    fn media_info(&self) -> &MediaInfo {
        &self.media
    }

    fn metadata(&mut self) -> Metadata<'_> {
        panic_at(&self.place, "tags");
        self.log.metadata()
    }

    fn seek(&mut self, _: SeekMode, to: SeekTo) -> Result<SeekedTo> {
        panic_at(&self.place, "seek");
        let SeekTo::Timestamp { ts, track_id } = to else { panic!("frames are asked for") };
        self.next = ts.get() / i64::from(BLOCK);
        let actual_ts = Timestamp::new(self.next * i64::from(BLOCK));
        Ok(SeekedTo { track_id, required_ts: ts, actual_ts })
    }

    fn tracks(&self) -> &[Track] {
        panic_at(&self.place, "tracks");
        &self.tracks
    }

    fn next_packet(&mut self) -> Result<Option<Packet>> {
        panic_at(&self.place, if self.next == 0 { "first packet" } else { "packet" });
        if self.next == PACKETS {
            return Ok(None);
        }
        if self.place == "disk" && self.next == PACKETS / 2 {
            return Err(io::Error::from_raw_os_error(EIO).into());
        }
        let at = Timestamp::new(self.next * i64::from(BLOCK));
        self.next += 1;
        Ok(Some(Packet::new(0, at, Duration::from(BLOCK), vec![0; 4])))
    }

    fn into_inner<'s>(self: Box<Self>) -> MediaSourceStream<'s>
    where
        Self: 's,
    {
        unreachable!("nobody asks for the source")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        panic_at(&self.place, "closing");
    }
}

struct Decoder {
    place: String,
    parameters: AudioCodecParameters,
    buffer: AudioBuffer<i16>,
}

impl RegisterableAudioDecoder for Decoder {
    fn try_registry_new(parameters: &AudioCodecParameters, _: &AudioDecoderOptions) -> Result<Box<dyn AudioDecoder>> {
        let place = String::from_utf8_lossy(parameters.extra_data.as_deref().unwrap_or_default()).into_owned();
        panic_at(&place, "decoder");
        let spec = AudioSpec::new(8000, Channels::Positioned(Position::FRONT_LEFT));
        let mut buffer = AudioBuffer::new(spec, BLOCK as usize);
        buffer.render_silence(None);
        Ok(Box::new(Self { place, parameters: parameters.clone(), buffer }))
    }

    fn supported_codecs() -> &'static [SupportedAudioCodec] {
        const INFO: CodecInfo = CodecInfo { short_name: "test", long_name: "A test", profiles: &[] };
        &[SupportedAudioCodec { id: CODEC_ID_PCM_S16LE, info: INFO }]
    }
}

impl AudioDecoder for Decoder {
    fn reset(&mut self) {
        panic_at(&self.place, "reset");
    }

    fn codec_info(&self) -> &CodecInfo {
        panic_at(&self.place, "codec");
        &Self::supported_codecs()[0].info
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.parameters
    }

    fn decode_ref(&mut self, _: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        panic_at(&self.place, "decode");
        if self.place == "disk while decoding" {
            return Err(io::Error::from_raw_os_error(EIO).into());
        }
        Ok(self.buffer.as_generic_audio_buffer_ref())
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.buffer.as_generic_audio_buffer_ref()
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        panic_at(&self.place, "closing the decoder");
    }
}

fn probe() -> &'static Probe {
    static PROBE: LazyLock<Probe> = LazyLock::new(|| {
        let mut probe = Probe::new();
        probe.register_format::<Reader>();
        probe
    });
    &PROBE
}

fn codecs() -> &'static CodecRegistry {
    static CODECS: LazyLock<CodecRegistry> = LazyLock::new(|| {
        let mut codecs = CodecRegistry::new();
        codecs.register_audio_decoder::<Decoder>();
        codecs
    });
    &CODECS
}

#[test]
fn a_reader_that_panics_anywhere_refuses_the_file_by_name() {
    let readers = Readers { probe, codecs };
    let folder = tempfile::tempdir().unwrap();
    let (whole, span) = (DecodeOptions::default(), DecodeOptions::default().with_span(20_000, 100));
    // What each place takes down: decoding the whole, decoding a span, looking at the header, counting, reading tags.
    for (place, expected) in [
        ("nowhere", [false; 5]),
        ("score", [true; 5]),
        ("open", [true; 5]),
        ("format", [true; 5]),
        ("tracks", [true; 5]),
        ("decoder", [true; 5]),
        ("codec", [true; 5]),
        ("first packet", [true; 5]),
        ("packet", [true, true, false, true, false]),
        ("decode", [true, true, false, false, false]),
        ("seek", [false, true, false, false, false]),
        ("reset", [false, true, false, false, false]),
        ("tags", [false, false, false, false, true]),
        ("closing", [false; 5]),
        ("closing the decoder", [false; 5]),
    ] {
        let path = folder.path().join(format!("{place}.test"));
        fs::write(&path, format!("PANIC {place}\n")).unwrap();
        let refused = [
            decode_with(&path, &whole, readers).map(|decoded| assert_eq!(decoded.waveform.len(), 50_000)),
            decode_with(&path, &span, readers).map(|decoded| assert_eq!(decoded.waveform.len(), 100)),
            probe_with(&path, &whole, readers).map(|info| assert_eq!(info.sample_rate, 8000)),
            count_with(&path, &whole, readers).map(|frames| assert_eq!(frames, 50_000)),
            file_tags_with(&path, readers).map(|tags| assert!(tags.is_empty())),
        ];
        for (refused, expected) in refused.into_iter().zip(expected) {
            assert_eq!(refused.is_err(), expected, "{place}: {refused:?}");
            let Err(error) = refused else { continue };
            assert!(matches!(error, AudioError::ReaderPanicked { .. }), "{place}: {error}");
            let text = error.to_string();
            assert!(text.starts_with(&*path.to_string_lossy()), "{text}");
            assert!(text.contains(&format!("it is said to panic at {place}")), "{text}");
            assert!(text.contains("muscall-audio/src/decode/panicking.rs:"), "{text}");
        }
    }
}

#[test]
fn a_disk_that_fails_in_the_middle_makes_no_short_file() {
    let readers = Readers { probe, codecs };
    let folder = tempfile::tempdir().unwrap();
    for place in ["disk", "disk while decoding"] {
        let path = folder.path().join("a.test");
        fs::write(&path, format!("PANIC {place}\n")).unwrap();
        for options in [DecodeOptions::default(), DecodeOptions::default().with_span(20_000, 10_000)] {
            let error = decode_with(&path, &options, readers).unwrap_err();
            let is_named = matches!(&error, AudioError::Io(failed) if failed.path == path && failed.source.raw_os_error() == Some(EIO));
            assert!(is_named, "{place}: {error}");
        }
    }
    let path = folder.path().join("a.test");
    fs::write(&path, "PANIC disk\n").unwrap();
    assert!(matches!(count_with(&path, &DecodeOptions::default(), readers), Err(AudioError::Io { .. })));
    // What lies before is sound.
    let span = DecodeOptions::default().with_span(0, 20_000);
    assert_eq!(decode_with(&path, &span, readers).unwrap().waveform.len(), 20_000);
}
