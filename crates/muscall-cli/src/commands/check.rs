//! Looks at a data set before training: files that cannot be read, silent or clipped clips, what
//! two splits have in common.

use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use muscall::Manifest;
use muscall::audio::ClipConfig;
use muscall::train::doctor::{check_clips, leakage};

use crate::Failed;

/// The part of the training doctor that looks at data, on a manifest alone.
#[derive(Debug, Args)]
#[command(after_help = "Example: muscall check --data demo/manifest.jsonl")]
pub struct Arguments {
    /// A manifest or a folder, as for `train`.
    #[arg(long)]
    data: PathBuf,
    /// Length of a clip in seconds, as in the recipe.
    #[arg(long, default_value_t = 20.0)]
    clip_s: f64,
    /// Sample rate in Hz, as in the recipe.
    #[arg(long, default_value_t = 16_000)]
    sample_rate: u32,
}

/// Runs it.
///
/// # Errors
/// In words for whoever typed it.
pub fn run(arguments: &Arguments) -> Result<(), Failed> {
    if !(arguments.clip_s > 0.0 && arguments.clip_s <= 3600.0) {
        return Err(format!("--clip-s is {}; it must be above 0 and at most 3600", arguments.clip_s).into());
    }
    let samples = (arguments.clip_s * f64::from(arguments.sample_rate)).round() as usize;
    let config = ClipConfig::new(arguments.sample_rate, samples);
    let splits = Manifest::read_splits(&arguments.data)?;
    let mut found = 0;
    let mut say = |split: &str, what: &dyn std::fmt::Display| {
        found += 1;
        println!("{split}: {what}");
    };
    for (split, manifest) in &splits {
        let name = split.name();
        let bar = ProgressBar::new(manifest.rows.len() as u64).with_style(ProgressStyle::with_template(
            "{msg} {bar:30.cyan/dim} {pos}/{len} clips · {elapsed} · {eta} left",
        )?);
        bar.set_message(name);
        let checked = check_clips(manifest, &config, |done| bar.set_position(done as u64));
        bar.finish_and_clear();
        let captions: usize = manifest.rows.iter().map(|row| row.captions.len()).sum();
        println!("{name}: {} tracks, {captions} captions", manifest.rows.len());
        checked.unreadable.iter().for_each(|error| say(name, error));
        checked.diagnoses.iter().for_each(|diagnosis| say(name, diagnosis));
    }
    for (i, (first_split, first)) in splits.iter().enumerate() {
        for (second_split, second) in &splits[i + 1..] {
            let both = format!("{}, {}", first_split.name(), second_split.name());
            leakage(first, second).iter().for_each(|diagnosis| say(&both, diagnosis));
        }
    }
    println!("{}", if found == 0 { "No problems found.".to_owned() } else { format!("{found} findings.") });
    Ok(())
}
