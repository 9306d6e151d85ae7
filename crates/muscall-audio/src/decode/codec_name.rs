//! The names of codecs that are not decoded.

use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AC3, CODEC_ID_AC4, CODEC_ID_ADPCM_G722, CODEC_ID_ADPCM_G726, CODEC_ID_ADPCM_G726LE, CODEC_ID_ATRAC1,
    CODEC_ID_ATRAC3, CODEC_ID_ATRAC3PLUS, CODEC_ID_ATRAC9, CODEC_ID_COOK, CODEC_ID_DCA, CODEC_ID_EAC3,
    CODEC_ID_MONKEYS_AUDIO, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MUSEPACK, CODEC_ID_RA10, CODEC_ID_RA20, CODEC_ID_SBC,
    CODEC_ID_SPEEX, CODEC_ID_TRUEHD, CODEC_ID_TTA, CODEC_ID_WAVPACK, CODEC_ID_WMA,
};

/// Those that a container may hold, and what people call them.
const NAMES: [(AudioCodecId, &str); 24] = [
    (CODEC_ID_AC3, "Dolby Digital (AC-3)"),
    (CODEC_ID_AC4, "Dolby AC-4"),
    (CODEC_ID_ADPCM_G722, "G.722"),
    (CODEC_ID_ADPCM_G726, "G.726"),
    (CODEC_ID_ADPCM_G726LE, "G.726"),
    (CODEC_ID_ATRAC1, "ATRAC"),
    (CODEC_ID_ATRAC3, "ATRAC3"),
    (CODEC_ID_ATRAC3PLUS, "ATRAC3plus"),
    (CODEC_ID_ATRAC9, "ATRAC9"),
    (CODEC_ID_COOK, "RealAudio (Cook)"),
    (CODEC_ID_DCA, "DTS"),
    (CODEC_ID_EAC3, "Dolby Digital Plus (E-AC-3)"),
    (CODEC_ID_MONKEYS_AUDIO, "Monkey's Audio"),
    (CODEC_ID_MP1, "MPEG layer 1"),
    (CODEC_ID_MP2, "MPEG layer 2"),
    (CODEC_ID_MUSEPACK, "Musepack"),
    (CODEC_ID_RA10, "RealAudio 1"),
    (CODEC_ID_RA20, "RealAudio 2"),
    (CODEC_ID_SBC, "SBC"),
    (CODEC_ID_SPEEX, "Speex"),
    (CODEC_ID_TRUEHD, "Dolby TrueHD"),
    (CODEC_ID_TTA, "True Audio"),
    (CODEC_ID_WAVPACK, "WavPack"),
    (CODEC_ID_WMA, "Windows Media Audio"),
];

/// What a codec is called, if it is one of these.
pub(super) fn codec_name(codec: AudioCodecId) -> Option<&'static str> {
    NAMES.iter().find(|(known, _)| *known == codec).map(|(_, name)| *name)
}
