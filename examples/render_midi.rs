//! Captioned MIDI files as audio, for training and evaluation.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "render_midi/synth.rs"]
mod synth;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use hound::{SampleFormat, WavSpec, WavWriter};
use muscall::files::{FileError, replace};
use muscall_cli::console;
use rayon::prelude::*;
use serde_json::Value;

use crate::synth::Instruments;

/// Renders the MIDI files that a list names with a SoundFont, mono, to `rendered/` beside the list.
/// Files that are already there are left alone, so that it can be stopped and started again.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example: cargo run --release --example render_midi -- ~/data/midicaps/captions.json --soundfont FluidR3.sf2"
)]
struct Arguments {
    /// JSON lines with `location` (as in MidiCaps), the MIDI file's path from the list's folder.
    list: PathBuf,
    /// A SoundFont 2 file with the instruments.
    #[arg(long)]
    soundfont: PathBuf,
    /// Samples per second.
    #[arg(long, default_value_t = 16_000, value_parser = clap::value_parser!(i32).range(16_000..=192_000))]
    sample_rate: i32,
    /// At most this many seconds of each piece.
    #[arg(long, default_value_t = 300.0)]
    longest_s: f64,
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if arguments.longest_s.is_nan() || arguments.longest_s <= 0.0 {
        return Err(format!("--longest-s: found {}, expected more than 0", arguments.longest_s).into());
    }
    let list = fs::read_to_string(&arguments.list).map_err(|error| format!("{}: {error}", arguments.list.display()))?;
    let root = arguments.list.parent().unwrap_or(Path::new(""));
    let instruments = Instruments::read(&arguments.soundfont)?;
    let mut locations = Vec::new();
    for (i, line) in list.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let at = format!("{}: line {}", arguments.list.display(), i + 1);
        let row: Value = serde_json::from_str(line)
            .map_err(|error| format!("{at}: {error}; expected a JSON object with `location`"))?;
        let location = row["location"].as_str().ok_or_else(|| format!("{at}: no `location`"))?;
        // A list cannot write anywhere but below its own folder.
        if Path::new(location).components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
            return Err(format!("{at}: {location:?} leaves the folder of the list").into());
        }
        locations.push(location.to_owned());
    }
    let progress = console::Progress::files(locations.len(), "done");
    let render = |location: &String| {
        let (midi, out) = (root.join(location), root.join("rendered").join(location).with_extension("wav"));
        let result = if out.exists() { Ok(()) } else { render(&midi, &out, &instruments, arguments) };
        progress.file();
        result.err().map(|error| error.to_string())
    };
    let failed: Vec<String> = locations.par_iter().filter_map(render).collect();
    progress.finish();
    for error in &failed {
        eprintln!("left out: {error}");
    }
    if failed.len() == locations.len() {
        return Err(format!("{}: none of its {} pieces was rendered", arguments.list.display(), failed.len()).into());
    }
    println!(
        "{} of {} pieces are in {}",
        locations.len() - failed.len(),
        locations.len(),
        root.join("rendered").display()
    );
    Ok(())
}

fn render(midi: &Path, out: &Path, instruments: &Instruments, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let samples = instruments.render(midi, arguments.sample_rate, arguments.longest_s)?;
    write(out, &samples, arguments.sample_rate as u32)
}

fn write(out: &Path, samples: &[f32], sample_rate: u32) -> Result<(), Box<dyn Error>> {
    let folder = out.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder).map_err(FileError::writing(folder))?;
    let spec = WavSpec { channels: 1, sample_rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let failed = |error: hound::Error| format!("{}: {error}", out.display());
    replace(out, |new| {
        let mut writer = WavWriter::create(new, spec).map_err(failed)?;
        for sample in samples {
            let sample = (16_384.0 * sample).clamp(-32_768.0, 32_767.0);
            writer.write_sample(sample as i16).map_err(failed)?;
        }
        Ok(writer.finalize().map_err(failed)?)
    })
}
