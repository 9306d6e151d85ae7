//! Turns a checkpoint of LAION-CLAP into a bundle, with which everything here works, and such a bundle into the hub's files.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use muscall::Muscall;
use muscall::model::hub::Progress;
use muscall::model::weights::WeightFormat;
use muscall::model::weights::clap::{COLLAPSED, export_clap, find_clap, import_clap, text_similarity};
use muscall_cli::console;

/// Reads a published LAION-CLAP model (unfused) without executing anything in it, checks it, and writes a bundle:
/// `search`, `index`, `serve` and the other programs take it as they take a model of your own. With --export, writes such a
/// bundle as the files that transformers reads.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example: cargo run --release --features hub --example import_clap -- laion/larger_clap_general --out runs/clap"
)]
struct Arguments {
    /// A folder with the hub's files (config.json, preprocessor_config.json, tokenizer.json, model.safetensors or
    /// pytorch_model.bin), a .pt file of lukewys/laion_clap, or a model's name on the hub, which is taken from the hub's
    /// cache or, with the feature `hub`, downloaded into it.
    #[arg(required_unless_present = "export", requires = "out")]
    source: Option<PathBuf>,
    /// Directory of the bundle to write.
    #[arg(long)]
    out: Option<PathBuf>,
    /// For a .pt file, which has no tokenizer: a folder with the tokenizer.json of roberta-base, or of a LAION-CLAP model.
    #[arg(long)]
    tokenizer: Option<PathBuf>,
    /// Write weights of 16 bits: half the size and the memory, and vectors that differ by about a thousandth.
    #[arg(long, requires = "out")]
    half: bool,
    /// A bundle that is written in the hub's layout, to --to.
    #[arg(long, requires = "to", conflicts_with = "source")]
    export: Option<PathBuf>,
    /// The folder to write.
    #[arg(long)]
    to: Option<PathBuf>,
    #[command(flatten)]
    device: console::DeviceArgument,
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let Arguments { source, out, tokenizer, half, export, to, device } = arguments;
    if let (Some(bundle), Some(to)) = (export, to) {
        export_clap(&Muscall::load(bundle, &device.open()?)?, to)?;
        println!("{}: {} in the hub's layout", to.display(), bundle.display());
        return Ok(());
    }
    let (Some(source), Some(out)) = (source, out) else {
        return Err("give a checkpoint and --out".into());
    };
    let device = device.open()?;
    let bar = console::Progress::new("{msg} {bar:30.cyan/dim} {bytes}/{total_bytes} · {bytes_per_sec} · {eta} left");
    let found = find_clap(source, &mut |progress| show(&bar, &progress))?;
    bar.finish();
    let mut model = import_clap(&found, tokenizer.as_deref(), &device)?;
    if *half {
        model.save_as(out, WeightFormat::F16)?;
        model = Muscall::load(out, &device)?;
    }
    // So that no search has to find out.
    model.text_centre()?;
    model.save(out)?;
    let config = model.config();
    println!("{}: windows of {} s in {} dimensions", out.display(), config.clip_s, config.projection_dim);
    tell_health(&model)
}

/// How far a download is.
fn show(progress: &console::Progress, Progress { file, done, size, .. }: &Progress<'_>) {
    let bar = &progress.bar;
    if bar.message() != *file {
        bar.reset();
        bar.set_message((*file).to_owned());
        bar.set_length(*size);
    }
    bar.set_position(*done);
    progress.log(done == size, || format!("{file}: {done} of {size} bytes"));
}

/// What the text tower makes of captions that are unlike each other.
fn tell_health(model: &Muscall) -> Result<(), Box<dyn Error>> {
    let similarity = text_similarity(model)?;
    println!("mean cosine of a dozen unlike captions: {similarity:.3}");
    if similarity > COLLAPSED {
        eprintln!(
            "warning: this text tower hardly tells captions apart, so that all words find the same music \
             (laion/larger_clap_music is known for it); laion/larger_clap_general and laion/clap-htsat-unfused do"
        );
    }
    Ok(())
}
