//! `muscall import`: a model that others have published, or trained with PyTorch.

use std::path::{Path, PathBuf};

use clap::Args;
use muscall::model::hub::Progress;
use muscall::model::weights::clap::{COLLAPSED, find_clap, import_clap, text_similarity};
use muscall::model::weights::{WeightFormat, import_released, read_released_config};
use muscall::{InitialWeights, Muscall};

use crate::console::say;
use crate::{Failed, console};

/// Turn a published LAION-CLAP model, or a checkpoint of the paper's released implementation, into a bundle.
///
/// Nothing in a checkpoint is executed. A bundle works wherever one is named, as with `muscall index --model`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  muscall import laion/larger_clap_general --out models/clap\n  muscall import best_model.pth.tar --config config.yaml --out runs/imported"
)]
pub struct Arguments {
    /// A folder with the hub's files (config.json, preprocessor_config.json, tokenizer.json, model.safetensors or
    /// pytorch_model.bin), a .pt file of lukewys/laion_clap, a model's name on the hub, which is taken from the hub's cache
    /// or, with the feature `hub`, downloaded into it; or with --config a checkpoint (.pth.tar, .pt, .safetensors).
    source: PathBuf,
    /// Directory of the bundle to write.
    #[arg(long)]
    out: PathBuf,
    /// The configuration that a checkpoint of the released implementation was trained with, YAML or JSON.
    #[arg(long, conflicts_with_all = ["tokenizer", "half"])]
    config: Option<PathBuf>,
    /// For a .pt file of LAION-CLAP, which has no tokenizer: a folder with the tokenizer.json of roberta-base, or of a
    /// LAION-CLAP model.
    #[arg(long)]
    tokenizer: Option<PathBuf>,
    /// Write weights of 16 bits: half the size and the memory, and vectors that differ by about a thousandth.
    #[arg(long)]
    half: bool,
    #[command(flatten)]
    device: console::DeviceArgument,
}

/// Runs it.
///
/// # Errors
/// In words for whoever typed it.
pub fn run(arguments: &Arguments) -> Result<(), Failed> {
    match &arguments.config {
        Some(config) => released(&arguments.source, config, &arguments.out, &arguments.device),
        None => clap(arguments),
    }
}

/// A checkpoint of LAION-CLAP, in whatever layout.
fn clap(arguments: &Arguments) -> Result<(), Failed> {
    let out = &arguments.out;
    let device = arguments.device.open()?;
    let bar = console::Progress::new("{msg} {bar:30.cyan/dim} {bytes}/{total_bytes} · {bytes_per_sec} · {eta} left");
    let found = find_clap(&arguments.source, &mut |progress| show(&bar, &progress))?;
    bar.finish();
    let mut model = import_clap(&found, arguments.tokenizer.as_deref(), &device)?;
    if arguments.half {
        model.save_as(out, WeightFormat::F16)?;
        model = Muscall::load(out, &device)?;
    }
    // So that no search has to find out.
    model.text_centre()?;
    model.save(out)?;
    let config = model.config();
    say(format!("{}: windows of {} s in {} dimensions", out.display(), config.clip_s, config.projection_dim));
    tell_health(&model)
}

/// A checkpoint of the released implementation; the optimizer's state goes beside the bundle.
///
/// # Errors
/// In words for whoever typed it.
pub fn released(checkpoint: &Path, config: &Path, out: &Path, device: &console::DeviceArgument) -> Result<(), Failed> {
    let config = read_released_config(config)?;
    let imported = import_released(checkpoint, &config, &device.open()?)?;
    imported.model.save(out)?;
    say(format!("{}: a bundle of {} s clips in {} dimensions", out.display(), config.clip_s, config.projection_dim));
    if let Some(epoch) = imported.epoch {
        say(format!("trained for {epoch} epochs"));
    }
    if let Some((moments, steps)) = &imported.optimizer {
        InitialWeights::save_optimizer(out, moments, *steps)?;
        let out = out.display();
        say(format!("with the optimizer's state after {steps} steps: continue with `muscall train --init {out}`"));
    }
    if let Err(error) = config.text.check_tokens() {
        eprintln!("note: this model cannot read captions: {error}");
    }
    Ok(())
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
fn tell_health(model: &Muscall) -> Result<(), Failed> {
    let similarity = text_similarity(model)?;
    say(format!("mean cosine of a dozen unlike captions: {similarity:.3}"));
    if similarity > COLLAPSED {
        eprintln!(
            "warning: this text tower hardly tells captions apart, so that all words find the same music \
             (laion/larger_clap_music is known for it); laion/larger_clap_general and laion/clap-htsat-unfused do"
        );
    }
    Ok(())
}
