//! Captioned MIDI files as audio, for training and evaluation.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod console;

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufReader, Cursor};
use std::panic;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use hound::{SampleFormat, WavSpec, WavWriter};
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
    let soundfont = SoundFont::new(&mut BufReader::new(file))
        .map_err(|error| format!("{}; expected a SoundFont 2 file (.sf2)", at(&arguments.soundfont, &error)))?;
    let soundfont = Arc::new(soundfont);
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
        let result = if out.exists() { Ok(()) } else { render_or_refuse(&midi, &out, &soundfont, arguments) };
        progress.file();
        result.err().map(|error| at(&midi, &error))
    };
    // What panics is told below, with the file's name.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let failed: Vec<String> = locations.par_iter().filter_map(render).collect();
    panic::set_hook(hook);
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

/// The renderer panics over some files, such as one without tracks; they are no reason to lose the others.
fn render_or_refuse(
    midi: &Path,
    out: &Path,
    soundfont: &Arc<SoundFont>,
    arguments: &Arguments,
) -> Result<(), Box<dyn Error>> {
    panic::catch_unwind(|| render(midi, out, soundfont, arguments)).unwrap_or_else(|panic| {
        let reason = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        Err(format!("the renderer failed ({}); has it any tracks?", reason.unwrap_or("no reason given")).into())
    })
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
