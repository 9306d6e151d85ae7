//! How long a packet is, by what its codec wrote into it.
//!
//! Containers say it, too, but in MP4 it is the time until the next packet, which is off by a part of a block where
//! timestamps jitter.

use ropus::opus::decoder::opus_packet_get_nb_samples;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_ALAC, CODEC_ID_FLAC, CODEC_ID_MP3, CODEC_ID_OPUS};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};

use super::{flac, opus};

/// Longest packet that is believed.
const LONGEST: u32 = 1 << 16;

/// Reads lengths of packets of one codec.
#[derive(Clone, Copy)]
pub(super) struct Lengths {
    codec: AudioCodecId,
    /// Of all packets of ALAC but those that name their own.
    alac_block: u32,
}

impl Lengths {
    pub(super) fn new(parameters: &AudioCodecParameters) -> Self {
        let mut cookie = parameters.extra_data.as_deref().unwrap_or_default();
        // It may be wrapped as it is in QuickTime's files.
        for name in [b"frma", b"alac"] {
            if cookie.get(4..8) == Some(name) {
                cookie = cookie.get(12..).unwrap_or_default();
            }
        }
        let alac_block = cookie.first_chunk().map_or(0, |size| u32::from_be_bytes(*size));
        Self { codec: parameters.codec, alac_block }
    }

    /// Frames that a packet decodes to, if it says so.
    pub(super) fn of(&self, packet: &[u8]) -> Option<u32> {
        let length = match self.codec {
            CODEC_ID_FLAC => flac::Header::parse(packet).map(|header| header.samples),
            CODEC_ID_MP3 => mp3(packet),
            CODEC_ID_ALAC => self.alac(packet),
            CODEC_ID_OPUS => opus_packet_get_nb_samples(packet, opus::RATE_HZ as i32).ok().map(|frames| frames as u32),
            _ => None,
        };
        length.filter(|length| (1..=LONGEST).contains(length))
    }

    /// Frames of every packet but the last, where the codec fixes that.
    pub(super) fn of_all(&self, packet: &[u8]) -> Option<u32> {
        let length = match self.codec {
            CODEC_ID_ALAC => Some(self.alac_block),
            // Its encoder may change it at any time.
            CODEC_ID_OPUS => None,
            _ => self.of(packet),
        };
        length.filter(|length| (1..=LONGEST).contains(length))
    }

    /// An element starts with 3 bits of its kind, 4 of its number and 12 that are not used; the next bit says whether
    /// its length follows, behind 3 others.
    fn alac(&self, packet: &[u8]) -> Option<u32> {
        let start = packet.first_chunk::<8>()?;
        let bits = u64::from_be_bytes(*start);
        let has_own = bits >> (63 - 19) & 1 == 1;
        Some(if has_own { (bits >> (64 - 23 - 32)) as u32 } else { self.alac_block })
    }
}

/// Layer III has 1152 frames, but 576 at the low rates of MPEG-2 and 2.5.
fn mp3(packet: &[u8]) -> Option<u32> {
    let &[0xff, second, ..] = packet else { return None };
    (second & 0xe6 == 0xe2).then_some(if second & 0x18 == 0x18 { 1152 } else { 576 })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn packets_name_their_length() {
        let mut parameters = AudioCodecParameters::new();
        parameters.for_codec(CODEC_ID_ALAC).with_extra_data(vec![0, 0, 16, 0, 0].into());
        let alac = Lengths::new(&parameters);
        // A pair of channels: 001 0000, 12 bits, then 1 for a length of its own, 3 bits, and 816 in 32 bits.
        let own: u64 = 1 << 61 | 1 << 44 | 816 << 9;
        assert_eq!(alac.of(&own.to_be_bytes()), Some(816));
        assert_eq!(alac.of(&(1_u64 << 61).to_be_bytes()), Some(4096));
        assert_eq!(alac.of_all(&own.to_be_bytes()), Some(4096));
        assert_eq!(alac.of(&[0x20]), None);
        let mp3 = Lengths::new(AudioCodecParameters::new().for_codec(CODEC_ID_MP3));
        let starts = [[0xff, 0xfb], [0xff, 0xf3], [0xff, 0xe3], [0xff, 0xfd], [0xfe, 0xfb]];
        assert_eq!(starts.map(|start| mp3.of(&start)), [Some(1152), Some(576), Some(576), None, None]);
    }
}
