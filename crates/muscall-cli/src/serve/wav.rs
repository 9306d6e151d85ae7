//! Files that browsers do not play, decoded for them.

use std::path::Path;

use axum::body::Bytes;
use muscall::audio::{DecodeOptions, decode, probe};

/// Longest audio that is decoded, in seconds: it is held in memory, about 5 MB per minute.
const LONGEST_S: f64 = 1800.0;

/// Whether a file must be decoded although its extension is known: m4a holds AAC, which browsers play,
/// or ALAC, which most do not; and WAV holds almost anything.
pub fn is_needed(path: &Path, kind: &str) -> bool {
    let plays = |codec: &str| match kind {
        "audio/mp4" => codec == "aac",
        "audio/wav" => ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le"].contains(&codec),
        _ => true,
    };
    let looked_at = matches!(kind, "audio/mp4" | "audio/wav");
    looked_at && probe(path, &DecodeOptions::default()).is_ok_and(|info| !plays(&info.codec))
}

/// The file as WAV: one channel, 16 bits.
pub fn decode_to_wav(path: &Path) -> Result<Bytes, String> {
    let options = DecodeOptions { max_s: LONGEST_S, ..DecodeOptions::default() };
    let wave = decode(path, &options)
        .map_err(|error| format!("browsers do not play this format, and it could not be decoded: {error}"))?
        .waveform;
    let (rate, data) = (wave.sample_rate(), 2 * wave.len() as u32);
    let mut bytes = Vec::with_capacity(44 + data as usize);
    bytes.extend(b"RIFF");
    bytes.extend((36 + data).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    // The length of what follows, PCM, one channel.
    bytes.extend([16, 0, 0, 0, 1, 0, 1, 0]);
    bytes.extend(rate.to_le_bytes());
    bytes.extend((2 * rate).to_le_bytes());
    // Bytes of a frame, bits of a sample.
    bytes.extend([2, 0, 16, 0]);
    bytes.extend(b"data");
    bytes.extend(data.to_le_bytes());
    let to_16_bit = |x: &f32| (x.clamp(-1.0, 1.0) * 32767.0).round() as i16;
    bytes.extend(wave.samples().iter().flat_map(|x| to_16_bit(x).to_le_bytes()));
    Ok(bytes.into())
}
