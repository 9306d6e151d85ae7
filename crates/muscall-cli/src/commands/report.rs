//! `muscall report`: a folder that says how good a bundle is, and what it gets wrong.

use std::path::PathBuf;

use clap::Args;
use muscall::Muscall;
use muscall::train::benchmark::{ClassPrompts, benchmarks};
use muscall_report::{Report, ReportConfig};

use crate::console::say;
use crate::{Failed, console};

/// Writes index.html and report.md (metrics with 95 % intervals, pictures, the worst failures with
/// what was found instead), metrics.json, queries.jsonl and the pictures as SVG and PNG.
#[derive(Debug, Args)]
#[command(after_help = "Example: muscall report runs/mine my/manifest.jsonl --split test")]
pub struct Arguments {
    /// A trained model.
    bundle: PathBuf,
    /// A manifest or a folder, as for `train`; or the folder of a public data set.
    data: PathBuf,
    /// The split to use; by default `val` of a manifest and `test` of a public data set.
    #[arg(long, value_enum)]
    split: Option<console::SplitName>,
    /// Which public data set `data` is, if it should not be guessed: gtzan, magnatagatune,
    /// song_describer, musiccaps, jamendo or midicaps.
    #[arg(long)]
    name: Option<String>,
    /// A TOML file with prompt templates and words for classes.
    #[arg(long)]
    prompts: Option<PathBuf>,
    /// The folder to write to; by default the bundle's `report/`.
    #[arg(long)]
    out: Option<PathBuf>,
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
    let title = format!("{} on {}", arguments.bundle.display(), arguments.data.display());
    let mut config = ReportConfig::new(title).with_run(&arguments.bundle);
    if let Some(path) = &arguments.prompts {
        config = config.with_prompts(ClassPrompts::read(path)?);
    }
    let benchmark = match &arguments.name {
        Some(name) => Some(console::benchmark(name)?),
        None => benchmarks().into_iter().find(|benchmark| benchmark.is_at(&arguments.data)),
    };
    let device = arguments.device.open()?;
    let load = || Muscall::load(&arguments.bundle, &device);
    let report = match benchmark {
        Some(benchmark) => {
            let data = benchmark.read(&arguments.data, arguments.split.unwrap_or(console::SplitName::Test).into())?;
            data.check_half(&arguments.data)?;
            say(format!("{} of {}, {} missing", data.found(), benchmark.name(), data.missing.len()));
            let model = load()?;
            console::working(data.found(), || Report::of_benchmark(&model, &data, &config))?
        }
        None => {
            let split = arguments.split.unwrap_or(console::SplitName::Val);
            let manifest = console::read_split(&arguments.data, split, &arguments.columns)?;
            let model = load()?;
            console::working(manifest.rows.len(), || Report::of_manifest(&model, &manifest, &config))?
        }
    };
    for error in &report.unreadable {
        eprintln!("left out: {error}");
    }
    let out = arguments.out.clone().unwrap_or_else(|| arguments.bundle.join("report"));
    report.write(&out)?;
    if let Some(retrieval) = &report.retrieval {
        say(console::report_table(retrieval));
    }
    say(format!("The report is {}.", out.join("index.html").display()));
    Ok(())
}
