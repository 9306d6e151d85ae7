//! Whether a device agrees with the CPU.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use muscall::audio::{ClipConfig, CropPosition, load_clip};
use muscall::device::devices;
use muscall::train::Captions;
use muscall::train::batcher::LoadedItem;
use muscall::train::device_check::{DeviceCheck, Quantity};
use muscall::{DeviceChoice, Manifest, Recipe, Split};
use muscall_cli::console;

/// Compares a device with the CPU: the outputs of all layers, embeddings, loss, gradients, and
/// some steps of training. Exits with 1 if a difference is beyond its tolerance.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example: cargo run --release --features wgpu --example check_device -- --device vulkan\n\
                  `--set precision=bf16` checks that, and `--set model.preset=resnet50 --set model.clip_s=20` the paper's model."
)]
struct Arguments {
    /// List the devices and exit.
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    device: console::DeviceArgument,
    /// The recipe; by default that of the quickstart.
    #[arg(long)]
    recipe: Option<PathBuf>,
    /// Override a setting of the recipe; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// A manifest; by default that of the demo.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Tracks per batch.
    #[arg(long, default_value_t = 8)]
    tracks: usize,
    /// Number of training steps.
    #[arg(long, default_value_t = 20)]
    steps: usize,
    /// Print all differences, not only the largest of each kind.
    #[arg(long)]
    all: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => console::exit(Err(error)),
    }
}

fn run(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    if arguments.list {
        devices().iter().for_each(|device| println!("{device}"));
        return Ok(true);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let recipe = arguments.recipe.clone().unwrap_or_else(|| root.join("recipes/quickstart.toml"));
    let recipe = Recipe::read_with(&recipe, &arguments.settings)?;
    let data = arguments.data.clone().unwrap_or_else(|| root.join("demo/manifest.jsonl"));
    let manifest = Manifest::read(&data, Split::Train)?;
    let (device, reference) = (arguments.device.open()?, DeviceChoice::Cpu.open()?);
    let batches = batches(&recipe, &manifest, arguments.tracks)?;
    let captions = Captions::without_file(&recipe, &[&manifest], &reference)?;
    let check = DeviceCheck::new(&recipe, &captions, &device, &reference).with_steps(arguments.steps);
    let start = Instant::now();
    let report = check.run(&batches)?;
    println!("{:?}, {} batches of {} tracks", report.numbers, batches.len(), batches[0].len());
    if arguments.all {
        print!("{report}");
    } else {
        for quantity in Quantity::ALL {
            report.worst(quantity).into_iter().for_each(|worst| println!("{worst}"));
        }
    }
    let verdict = match report.first_beyond() {
        None => "it agrees with the CPU".to_owned(),
        Some(first) => format!("it does NOT agree with the CPU; first beyond its tolerance: {first}"),
    };
    println!("{} differences in {:.1} s: {verdict}", report.differences.len(), start.elapsed().as_secs_f64());
    Ok(report.agrees())
}

/// The first tracks of a manifest in two batches, each clip from the middle of its file.
fn batches(recipe: &Recipe, manifest: &Manifest, tracks: usize) -> Result<Vec<Vec<LoadedItem>>, Box<dyn Error>> {
    let log_mel = &recipe.model.log_mel;
    let extractor = log_mel.init()?;
    let clip = ClipConfig {
        resampling: log_mel.resampling,
        ..ClipConfig::new(log_mel.sample_rate, recipe.model.clip_samples())
    };
    let item = |index: usize| -> Result<LoadedItem, Box<dyn Error>> {
        let row = &manifest.rows[index];
        let clip = load_clip(&row.audio, CropPosition::Central, &clip)?;
        let mel = extractor.extract(&clip.samples)?.into_values();
        let views = recipe.ssl.as_ref().map(|_| [mel.clone(), mel.clone()]);
        let (captions, faults) = (vec![row.captions[0].clone()], Vec::new());
        Ok(LoadedItem { index, window: 0, mel, valid_frames: log_mel.frames(clip.valid), views, captions, faults })
    };
    if tracks < 2 || manifest.rows.len() < tracks {
        return Err(format!("--tracks {tracks}: expected from 2 to {}", manifest.rows.len()).into());
    }
    let count = (2 * tracks).min(manifest.rows.len());
    let items: Vec<LoadedItem> = (0..count).map(item).collect::<Result<_, _>>()?;
    Ok(items.chunks_exact(tracks).map(<[LoadedItem]>::to_vec).collect())
}
