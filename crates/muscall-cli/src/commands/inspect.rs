//! What the loader makes of audio files.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use muscall::audio::{
    AudioError, DecodeOptions, Decoded, LogMel, LogMelConfig, Resampler, Waveform, count_frames, decode, probe,
};
use muscall::files;

use serde_json::{Value, json};

use super::answers::printable;
use crate::Failed;
use crate::console::say;
use crate::number::{positive, seconds};

/// Says for each file whether it is ok, was repaired or is refused, and why.
///
/// A refused file is a result, too: the exit code 2 is for wrong arguments and for output that cannot be written.
#[derive(Debug, Args)]
#[command(after_help = "Example: muscall inspect --json --length 20 music/*.mp3")]
pub struct Arguments {
    /// Write one JSON object per line.
    #[arg(long)]
    json: bool,
    /// Where to start, in seconds.
    #[arg(long, allow_negative_numbers = true, value_parser = seconds, default_value_t = 0.0)]
    start: f64,
    /// How many seconds to decode; by default all of them.
    #[arg(long, allow_negative_numbers = true, value_parser = positive(f64::from(u32::MAX)))]
    length: Option<f64>,
    /// A folder for the decoded audio, as `STEM-POSITION.wav`: mono, float32, the file's own rate.
    #[arg(long)]
    wave: Option<PathBuf>,
    /// A folder for log-mel spectrograms, as `STEM-POSITION.npy`: float32, [bands, frames].
    #[arg(long)]
    log_mel: Option<PathBuf>,
    /// Audio files.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// In words for whoever typed it.
pub fn run(arguments: &Arguments) -> Result<(), Failed> {
    for folder in [&arguments.wave, &arguments.log_mel].into_iter().flatten() {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    for (position, path) in arguments.paths.iter().enumerate() {
        let decoded = read(path, arguments);
        let line = if arguments.json { report(path, &decoded).to_string() } else { text(path, &decoded) };
        say(if arguments.json { line } else { printable(&line) });
        let Ok(decoded) = decoded else { continue };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        if let Some(folder) = &arguments.wave {
            write(&folder.join(format!("{stem}-{position}.wav")), &wave(&decoded.waveform))?;
        }
        if let Some(folder) = &arguments.log_mel {
            match log_mel(&decoded.waveform) {
                Ok(mel) => write(&folder.join(format!("{stem}-{position}.npy")), &array(&mel))?,
                Err(error) => eprintln!("{}: no spectrogram: {error}", path.display()),
            }
        }
    }
    Ok(())
}

fn read(path: &Path, arguments: &Arguments) -> Result<Decoded, AudioError> {
    let options = DecodeOptions::default();
    if arguments.start == 0.0 && arguments.length.is_none() {
        return decode(path, &options);
    }
    let rate = f64::from(probe(path, &options)?.sample_rate);
    let start = (arguments.start * rate).round() as u64;
    // A length of less than half a frame is one frame.
    let frames = arguments.length.map_or(u64::MAX, |length| (length * rate).round().max(1.0) as u64);
    let decoded = decode(path, &options.clone().with_span(start, frames))?;
    if !decoded.waveform.is_empty() {
        return Ok(decoded);
    }
    Err(AudioError::PartBeyondFile {
        path: path.to_owned(),
        start_s: arguments.start,
        end_s: arguments.length.map(|length| arguments.start + length),
        length_s: (count_frames(path, &options)? as f64 / rate * 1000.0).round() / 1000.0,
        remedy: "give a smaller --start",
    })
}

fn report(path: &Path, decoded: &Result<Decoded, AudioError>) -> Value {
    let Ok(Decoded { waveform, info, repairs, .. }) = decoded else {
        let reason = decoded.as_ref().err().map(ToString::to_string);
        return json!({
            "path": path.to_string_lossy(), "status": "refused", "reason": reason, "codec": null, "sample_rate": null, "channels": null,
            "frames": null, "seconds": null, "peak": null, "rms_db": null,
        });
    };
    let status = if repairs.is_empty() { "ok" } else { "repaired" };
    let reason: Vec<_> = repairs.iter().map(ToString::to_string).collect();
    json!({
        "path": path.to_string_lossy(), "status": status, "reason": (!reason.is_empty()).then(|| reason.join("; ")), "codec": info.codec,
        "sample_rate": info.sample_rate, "channels": info.channels, "frames": waveform.len(),
        "seconds": waveform.duration_s(), "peak": waveform.peak(), "rms_db": waveform.rms_db(),
    })
}

fn text(path: &Path, decoded: &Result<Decoded, AudioError>) -> String {
    match decoded {
        Err(error) => format!("refused  {error}"),
        Ok(Decoded { waveform, info, repairs, .. }) => {
            let reasons: String = repairs.iter().map(|repair| format!("; {repair}")).collect();
            format!(
                "{:<8} {}: {}, {} Hz, {} channels, {} frames, {:.2} s, peak {:.3}, {:.1} dB{reasons}",
                if repairs.is_empty() { "ok" } else { "repaired" },
                path.display(),
                info.codec,
                info.sample_rate,
                info.channels,
                waveform.len(),
                waveform.duration_s(),
                waveform.peak(),
                waveform.rms_db()
            )
        }
    }
}

fn log_mel(waveform: &Waveform) -> Result<LogMel, AudioError> {
    let config = LogMelConfig::default();
    let resampler = Resampler::new(waveform.sample_rate(), config.sample_rate)?;
    config.init()?.extract(&resampler.resample(waveform.samples()))
}

fn wave(waveform: &Waveform) -> Vec<u8> {
    let (rate, bytes) = (waveform.sample_rate(), 4 * waveform.len() as u32);
    let mut file = [b"RIFF".as_slice(), &(bytes + 48).to_le_bytes(), b"WAVE", b"fmt ", &16_u32.to_le_bytes()].concat();
    // IEEE float, one channel; its `fact` chunk counts the frames.
    file.extend([[3, 0, 1, 0], rate.to_le_bytes(), (4 * rate).to_le_bytes(), [4, 0, 32, 0]].concat());
    file.extend([*b"fact", 4_u32.to_le_bytes(), (bytes / 4).to_le_bytes(), *b"data", bytes.to_le_bytes()].concat());
    file.extend(waveform.samples().iter().flat_map(|x| x.to_le_bytes()));
    file
}

fn array(mel: &LogMel) -> Vec<u8> {
    let shape = format!("({}, {})", mel.n_mels(), mel.frames());
    let header = format!("{:<117}\n", format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"));
    let mut file = [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat();
    file.extend(mel.values().iter().flat_map(|x| x.to_le_bytes()));
    file
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failed> {
    Ok(files::write(path, bytes)?)
}
