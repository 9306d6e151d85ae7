//! Is one model better than another?

use std::path::PathBuf;

use clap::Args;
use muscall::Muscall;
use muscall::retrieval::{Bootstrap, compare};
use muscall::train::Hearing;

use crate::{Failed, console};

/// Puts the same captions to two models. Differences are the advantage of the first model; one whose 95 %
/// interval contains zero does not count.
#[derive(Debug, Args)]
#[command(after_help = "Example: muscall compare runs/new runs/old demo/manifest.jsonl")]
pub struct Arguments {
    /// A trained model.
    bundle: PathBuf,
    /// The model to compare it with.
    other: PathBuf,
    /// A manifest or a folder, as for `train`.
    data: PathBuf,
    /// The split to use.
    #[arg(long, value_enum, default_value = "val")]
    split: console::SplitName,
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
    let device = arguments.device.open()?;
    let evaluated = |bundle: &PathBuf| -> Result<_, Failed> {
        Ok(console::evaluate(&Muscall::load(bundle, &device)?, &manifest, Hearing::Centre)?)
    };
    let (one, other) = (evaluated(&arguments.bundle)?, evaluated(&arguments.other)?);
    for error in &one.unreadable {
        eprintln!("left out: {error}");
    }
    let bootstrap = Bootstrap::default();
    // What `compare` tells is the advantage of its second argument.
    let directions = [
        ("text → music", compare(&other.ranks.text_to_audio, &one.ranks.text_to_audio, &bootstrap)?),
        ("music → text", compare(&other.ranks.audio_to_text, &one.ranks.audio_to_text, &bootstrap)?),
    ];
    if arguments.json {
        let [(_, to_audio), (_, to_text)] = directions;
        let both = serde_json::json!({ "text_to_audio": to_audio, "audio_to_text": to_text });
        println!("{}", serde_json::to_string_pretty(&both)?);
        return Ok(());
    }
    println!("{}:\n{}\n", arguments.bundle.display(), console::table(&one.metrics));
    println!("{}:\n{}", arguments.other.display(), console::table(&other.metrics));
    for (name, c) in directions {
        println!("\nThe first against the second, {name}, with 95 % intervals:");
        for (name, d) in [("R@1", c.r_at_1), ("R@5", c.r_at_5), ("R@10", c.r_at_10), ("mAP@10", c.map_at_10)] {
            let [mean, low, high] = [d.mean, d.interval.low, d.interval.high].map(|x| 100.0 * x);
            println!("  {name:<7}{mean:+6.1} [{low:+.1}, {high:+.1}]");
        }
        println!("  rank better {}, worse {}, same {}; sign test p = {:.3}", c.better, c.worse, c.same, c.sign_test_p);
    }
    Ok(())
}
