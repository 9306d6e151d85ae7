//! Captioned MIDI files as audio, for training and evaluation.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod console;

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufReader, Cursor};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use hound::{SampleFormat, WavSpec, WavWriter};
use indicatif::{ParallelProgressIterator, ProgressBar};
use rayon::prelude::*;
use rustysynth::{MidiFile, MidiFileSequencer, SoundFont, Synthesizer, SynthesizerSettings};
use serde_json::Value;

/// Renders the MIDI files that a list names with a SoundFont, mono, to `rendered/` beside the list.
/// What is there already is left alone, so that it can be stopped and started again.
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
    /// Samples a second.
    #[arg(long, default_value_t = 16_000, value_parser = clap::value_parser!(i32).range(16_000..=192_000))]
    sample_rate: i32,
    /// At most so much of each piece.
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
    let at = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let list = fs::read_to_string(&arguments.list).map_err(|error| at(&arguments.list, &error))?;
    let root = arguments.list.parent().unwrap_or(Path::new(""));
    let file = File::open(&arguments.soundfont).map_err(|error| at(&arguments.soundfont, &error))?;
    let soundfont = SoundFont::new(&mut BufReader::new(file)).map_err(|error| at(&arguments.soundfont, &error))?;
    let soundfont = Arc::new(soundfont);
    let mut locations = Vec::new();
    for (i, line) in list.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row: Value = serde_json::from_str(line).map_err(|error| format!("line {}: {error}", i + 1))?;
        let Some(location) = row["location"].as_str() else {
            return Err(format!("{}: line {}: no `location`", arguments.list.display(), i + 1).into());
        };
        // A list cannot write anywhere but below its own folder.
        if Path::new(location).components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
            return Err(format!("line {}: {location:?} leaves the folder of the list", i + 1).into());
        }
        locations.push(location.to_owned());
    }
    let bar = ProgressBar::new(locations.len() as u64);
    let render = |location: &String| {
        let out = root.join("rendered").join(location).with_extension("wav");
        if out.exists() {
            return None;
        }
        let midi = root.join(location);
        render(&midi, &out, &soundfont, arguments).err().map(|error| at(&midi, &error))
    };
    let failed: Vec<String> = locations.par_iter().progress_with(bar).filter_map(render).collect();
    for error in &failed {
        eprintln!("left out: {error}");
    }
    println!(
        "{} of {} pieces are in {}",
        locations.len() - failed.len(),
        locations.len(),
        root.join("rendered").display()
    );
    Ok(())
}

fn render(midi: &Path, out: &Path, soundfont: &Arc<SoundFont>, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let piece = Arc::new(MidiFile::new(&mut Cursor::new(fs::read(midi)?))?);
    let settings = SynthesizerSettings::new(arguments.sample_rate);
    let mut sequencer = MidiFileSequencer::new(Synthesizer::new(soundfont, &settings)?);
    sequencer.play(&piece, false);
    // A second for the last notes to ring.
    let seconds = (piece.get_length() + 1.0).min(arguments.longest_s);
    let frames = (seconds * f64::from(arguments.sample_rate)) as usize;
    let (mut left, mut right) = (vec![0.0_f32; frames], vec![0.0_f32; frames]);
    sequencer.render(&mut left, &mut right);
    fs::create_dir_all(out.parent().unwrap_or(Path::new("")))?;
    let sample_rate = arguments.sample_rate as u32;
    let spec = WavSpec { channels: 1, sample_rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    // Under its name only when it is whole.
    let unfinished = out.with_extension("unfinished");
    let mut writer = WavWriter::create(&unfinished, spec)?;
    for (l, r) in left.iter().zip(&right) {
        let sample = (16_384.0 * (l + r)).clamp(-32_768.0, 32_767.0);
        writer.write_sample(sample as i16)?;
    }
    writer.finalize()?;
    Ok(fs::rename(unfinished, out)?)
}
