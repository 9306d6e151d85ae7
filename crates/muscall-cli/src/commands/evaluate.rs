//! Retrieval metrics of a bundle on a manifest, with their uncertainty.

use std::path::PathBuf;

use clap::Args;
use muscall::files;
use muscall::retrieval::{Bootstrap, RetrievalReport, chance, galleries};
use muscall::train::Hearing;

use serde_json::json;

use crate::number::whole;
use crate::{Failed, console};

/// Ranks every track by every caption, and every caption by every track. Brackets hold 95 % intervals over
/// queries.
#[derive(Debug, Args)]
#[command(after_help = "Example: muscall evaluate --bundle runs/quickstart --data demo/manifest.jsonl --split val")]
pub struct Arguments {
    #[command(flatten)]
    bundle: console::BundleArgument,
    /// A manifest or a folder, as for `train`.
    #[arg(long)]
    data: PathBuf,
    /// The split to use.
    #[arg(long, value_enum, default_value = "val")]
    split: console::SplitName,
    /// Hear all of every track, in windows whose embeddings are averaged, and not its middle alone.
    #[arg(long)]
    whole: bool,
    /// Also draw ten random galleries of this many tracks.
    #[arg(long, allow_negative_numbers = true, value_parser = whole(1_usize, 1_000_000_000))]
    gallery: Option<usize>,
    /// Write every query with the tracks that were found, one JSON object per line.
    #[arg(long)]
    queries: Option<PathBuf>,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    columns: console::ColumnsArgument,
    #[command(flatten)]
    device: console::DeviceArgument,
}

/// Runs it.
///
/// # Errors
/// In words for whoever typed it.
pub fn run(arguments: &Arguments) -> Result<(), Failed> {
    let manifest = console::read_split(&arguments.data, arguments.split, &arguments.columns)?;
    if let Some(tracks) = arguments.gallery
        && tracks > manifest.rows.len()
    {
        let (data, found) = (arguments.data.display(), console::count(manifest.rows.len(), "track"));
        return Err(format!(
            "--gallery is {tracks}; {data} has {found} in this split, and a gallery is drawn from them"
        )
        .into());
    }
    let model = arguments.bundle.load(&arguments.device.open()?)?;
    let hearing = if arguments.whole { Hearing::Whole } else { Hearing::Centre };
    let result = console::evaluate(&model, &manifest, hearing)?;
    for error in &result.unreadable {
        eprintln!("left out: {error}");
    }
    let bootstrap = Bootstrap::default();
    let report = RetrievalReport::new(&result.ranks, &bootstrap);
    let drawn = match arguments.gallery {
        Some(tracks) => Some(galleries(result.audio()?, result.text()?, result.pairs(), [tracks, 10], 0)?),
        None => None,
    };
    if let Some(path) = &arguments.queries {
        let mut lines = String::new();
        for query in result.queries(&manifest, 10)? {
            lines += &(serde_json::to_string(&query)? + "\n");
        }
        files::write(path, lines)?;
    }
    if arguments.json {
        let mut whole = serde_json::to_value(&report)?;
        whole["galleries"] = json!(drawn);
        println!("{}", serde_json::to_string_pretty(&whole)?);
        return Ok(());
    }
    println!("{} tracks, {} captions\n{}", result.tracks, result.captions, console::report_table(&report));
    println!("chance        {}", chance(result.tracks));
    if let Some(drawn) = drawn {
        let percent = |spread: muscall::retrieval::Spread| {
            format!("{:.1} ± {:.1}", 100.0 * spread.mean, 100.0 * spread.deviation)
        };
        let [r1, r10, map] = [drawn.r_at_1, drawn.r_at_10, drawn.map_at_10].map(percent);
        println!("{} galleries of {}: R@1 {r1}  R@10 {r10}  mAP@10 {map}", drawn.galleries, drawn.tracks);
    }
    Ok(())
}
