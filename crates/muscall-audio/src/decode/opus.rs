//! Opus: the decoder of `ropus` as one of symphonia's.
//!
//! # Source
//! RFC 6716 and 8251 for the codec, RFC 7845 for its header.

use ropus::opus::decoder::opus_packet_get_nb_samples;
// Its macros name it so.
use symphonia::core as symphonia_core;
use symphonia::core::audio::{AsGenericAudioBufferRef, AudioBuffer, AudioMut, AudioSpec, GenericAudioBufferRef};
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions, FinalizeResult};
use symphonia::core::codecs::registry::{RegisterableAudioDecoder, SupportedAudioCodec};
use symphonia::core::errors::{Result, decode_error, unsupported_error};
use symphonia::core::packet::PacketRef;
use symphonia::core::support_audio_codec;

/// What is decoded to, whatever the encoder was given.
pub(super) const RATE_HZ: u32 = 48_000;
/// Longest packet: 120 ms.
const MOST_FRAMES: usize = 5760;
/// Most channels whose meaning is defined.
const MOST_CHANNELS: usize = 8;

/// What a stream says of itself before its first packet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Head {
    channels: usize,
    /// Frames at the start that are the encoder's own.
    pub(super) pre_skip: u16,
    /// What samples are multiplied with.
    gain: f32,
    streams: u8,
    coupled: u8,
    /// Which decoded channel each channel is.
    mapping: Vec<u8>,
}

impl Head {
    /// Of `OpusHead`, in Ogg the first packet, in Matroska the private data of the track. Of the box of an MP4, whose
    /// version is 0 and whose numbers are big-endian, symphonia 0.6.1 makes the same without turning them round.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(19)?;
        // Minor versions add nothing that must be known.
        if &head[..8] != b"OpusHead" || head[8] >> 4 != 0 {
            return None;
        }
        let is_big_endian = head[8] == 0;
        let channels = usize::from(head[9]);
        let two = |at: usize| match is_big_endian {
            true => [head[at + 1], head[at]],
            false => [head[at], head[at + 1]],
        };
        let gain_db = f32::from(i16::from_le_bytes(two(16))) / 256.0;
        let (streams, coupled, mapping) = match head[18] {
            0 => (1, head[9].checked_sub(1)?, vec![0, 1]),
            _ => (*rest.first()?, *rest.get(1)?, rest.get(2..2 + channels)?.to_vec()),
        };
        let most = if head[18] == 0 { 2 } else { MOST_CHANNELS };
        let gain = 10_f32.powf(gain_db / 20.0);
        let pre_skip = u16::from_le_bytes(two(10));
        (1..=most).contains(&channels).then_some(Self { channels, pre_skip, gain, streams, coupled, mapping })
    }
}

/// A decoder of one stream. The encoder's own frames at its start are left out.
pub(super) struct OpusDecoder {
    parameters: AudioCodecParameters,
    head: Head,
    decoder: ropus::OpusMSDecoder,
    /// Interleaved.
    pcm: Vec<i16>,
    buffer: AudioBuffer<f32>,
    /// Frames that are left out still.
    skip: usize,
}

impl OpusDecoder {
    fn new(parameters: &AudioCodecParameters) -> Result<Self> {
        let Some(head) = parameters.extra_data.as_deref().and_then(Head::parse) else {
            return unsupported_error("opus: a header with more than eight channels, or none");
        };
        let (channels, streams, coupled) = (head.channels as i32, i32::from(head.streams), i32::from(head.coupled));
        let Ok(decoder) = ropus::OpusMSDecoder::new(RATE_HZ as i32, channels, streams, coupled, &head.mapping) else {
            return unsupported_error("opus: a mapping of channels that cannot be");
        };
        let layout = parameters.channels.clone().filter(|layout| layout.count() == head.channels);
        let Some(layout) = layout else {
            return unsupported_error("opus: the container has other channels than the stream");
        };
        let buffer = AudioBuffer::new(AudioSpec::new(RATE_HZ, layout), MOST_FRAMES);
        let (pcm, skip) = (vec![0; MOST_FRAMES * head.channels], usize::from(head.pre_skip));
        Ok(Self { parameters: parameters.clone(), head, decoder, pcm, buffer, skip })
    }
}

impl AudioDecoder for OpusDecoder {
    fn codec_info(&self) -> &CodecInfo {
        &Self::supported_codecs()[0].info
    }

    fn reset(&mut self) {
        self.decoder.reset();
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.parameters
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.buffer.clear();
        // Of nothing, the decoder would make something that might have been there.
        let (Some(_), Ok(length)) = (packet.data.first(), i32::try_from(packet.data.len())) else {
            return decode_error("opus: an empty packet");
        };
        let decoded = self.decoder.decode(Some(packet.data), length, &mut self.pcm, MOST_FRAMES as i32, false);
        let Ok(frames) = decoded.map(|frames| frames as usize) else {
            // What it would have been is left out all the same.
            let lost = opus_packet_get_nb_samples(packet.data, RATE_HZ as i32).unwrap_or(0);
            self.skip = self.skip.saturating_sub(usize::try_from(lost).unwrap_or(0));
            return decode_error("opus: a damaged packet");
        };
        let skipped = self.skip.min(frames);
        self.skip -= skipped;
        self.buffer.render_uninit(Some(frames - skipped));
        for (channel, plane) in self.buffer.iter_planes_mut().enumerate() {
            let samples = self.pcm[skipped * self.head.channels..].iter().skip(channel).step_by(self.head.channels);
            plane.iter_mut().zip(samples).for_each(|(x, &sample)| *x = f32::from(sample) / 32768.0 * self.head.gain);
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

impl RegisterableAudioDecoder for OpusDecoder {
    fn try_registry_new(parameters: &AudioCodecParameters, _: &AudioDecoderOptions) -> Result<Box<dyn AudioDecoder>> {
        Ok(Box::new(Self::new(parameters)?))
    }

    fn supported_codecs() -> &'static [SupportedAudioCodec] {
        &[support_audio_codec!(CODEC_ID_OPUS, "opus", "Opus")]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn head(channels: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let start =
            [b"OpusHead".as_slice(), &[1, channels], &312_u16.to_le_bytes(), &44_100_u32.to_le_bytes()].concat();
        [start.as_slice(), &(-1536_i16).to_le_bytes(), &[family], rest].concat()
    }

    #[test]
    fn headers_are_read_or_refused() {
        let stereo = Head::parse(&head(2, 0, &[])).unwrap();
        assert_eq!((stereo.channels, stereo.pre_skip, stereo.streams, stereo.coupled), (2, 312, 1, 1));
        assert!((stereo.gain - 0.5012).abs() < 1e-4, "−6 dB");
        let mut box_of_mp4 = head(2, 0, &[]);
        box_of_mp4[8] = 0;
        [10, 16].into_iter().for_each(|at| box_of_mp4.swap(at, at + 1));
        assert_eq!(Head::parse(&box_of_mp4).unwrap(), stereo);
        let surround = Head::parse(&head(6, 1, &[4, 2, 0, 4, 1, 2, 3, 5])).unwrap();
        assert_eq!((surround.streams, surround.coupled, &*surround.mapping), (4, 2, &[0, 4, 1, 2, 3, 5][..]));
        let refused =
            [head(0, 0, &[]), head(3, 0, &[]), head(9, 1, &[9; 11]), head(6, 1, &[4, 2, 0]), vec![0; 19], vec![]];
        for bytes in refused {
            assert_eq!(Head::parse(&bytes), None, "{bytes:?}");
        }
    }
}
