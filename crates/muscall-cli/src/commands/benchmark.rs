//! Evaluates a bundle on a public data set, as it lies on the disk.

use std::path::PathBuf;

use clap::Args;
use muscall::Split;
use muscall::retrieval::{Bootstrap, RetrievalReport, chance};
use muscall::train::Hearing;
use muscall::train::benchmark::{
    BenchmarkData, ClassPrompts, Task, linear_probe, zero_shot_classification, zero_shot_tagging,
};

use crate::{Failed, console};

/// Retrieval on Song Describer and MusicCaps, zero-shot genres on GTZAN, zero-shot tags on
/// MagnaTagATune and MTG-Jamendo. Files that your copy lacks are counted and left out.
#[derive(Debug, Args)]
#[command(after_help = "Example: muscall benchmark --bundle runs/mine --name gtzan --data ~/data/GTZAN")]
pub struct Arguments {
    #[command(flatten)]
    bundle: console::BundleArgument,
    /// gtzan, magnatagatune, song_describer, musiccaps, jamendo or midicaps.
    #[arg(long)]
    name: String,
    /// Folder of the data set.
    #[arg(long)]
    data: PathBuf,
    /// The split to use.
    #[arg(long, value_enum, default_value = "test")]
    split: console::SplitName,
    /// A TOML file with prompt templates and words for classes.
    #[arg(long)]
    prompts: Option<PathBuf>,
    /// Also fit a linear classifier on the training split's embeddings (data sets of classes).
    #[arg(long)]
    probe: bool,
    /// Continue even if more than half of the audio is missing.
    #[arg(long)]
    allow_incomplete: bool,
    #[command(flatten)]
    device: console::DeviceArgument,
}

/// Runs it.
///
/// # Errors
/// In words for whoever typed it.
pub fn run(arguments: &Arguments) -> Result<(), Failed> {
    let benchmark = console::benchmark(&arguments.name)?;
    let data = benchmark.read(&arguments.data, arguments.split.into())?;
    let BenchmarkData { task, missing } = &data;
    println!("{}: {} files, {} of the list are missing", arguments.name, data.found(), missing.len());
    for path in missing.iter().take(5) {
        eprintln!("missing: {}", path.display());
    }
    if !arguments.allow_incomplete {
        data.check_half(&arguments.data)?;
    }
    let model = arguments.bundle.load(&arguments.device.open()?)?;
    let prompts =
        arguments.prompts.as_ref().map_or_else(|| Ok(ClassPrompts::default()), |path| ClassPrompts::read(path))?;
    let unreadable = match task {
        Task::Retrieval(manifest) => {
            let result = console::evaluate(&model, manifest, Hearing::Centre)?;
            println!("{} tracks, {} captions", result.tracks, result.captions);
            println!("{}", console::report_table(&RetrievalReport::new(&result.ranks, &Bootstrap::default())));
            println!("chance        {}", chance(result.tracks));
            result.unreadable
        }
        Task::Classification { classes, clips } => {
            let (found, unreadable) =
                console::working(clips.len(), || zero_shot_classification(&model, classes, clips, &prompts))?;
            let [all, balanced, top] = [found.accuracy, found.balanced_accuracy, found.top_5].map(|x| 100.0 * x);
            println!("accuracy {all:.1} % (balanced {balanced:.1} %, top five {top:.1} %) over {} clips", found.clips);
            println!("true class: clips taken for each of {}", classes.join(", "));
            for (class, row) in classes.iter().zip(&found.confusion) {
                let cells: String = row.iter().map(|count| format!("{count:>5}")).collect();
                println!("{class:<12}{cells}");
            }
            if arguments.probe {
                let Task::Classification { clips: train, .. } = benchmark.read(&arguments.data, Split::Train)?.task
                else {
                    return Err("the training split is another task".into());
                };
                let files = train.len() + clips.len();
                let (probed, _) = console::working(files, || linear_probe(&model, classes.len(), &train, clips))?;
                println!(
                    "linear probe: accuracy {:.1} % after {} training clips",
                    100.0 * probed.accuracy,
                    train.len()
                );
            }
            unreadable
        }
        Task::Tagging { tags, clips } => {
            let found = console::working(clips.len(), || zero_shot_tagging(&model, tags, clips, &prompts))?;
            let [roc, pr] = [found.metrics.roc_auc_macro, found.metrics.pr_auc_macro].map(|x| 100.0 * x);
            println!("macro ROC-AUC {roc:.1} %, PR-AUC {pr:.1} % over {} tags", tags.len() - found.undefined.len());
            if !found.undefined.is_empty() {
                println!("left out, since they have no positives or no negatives: {}", found.undefined.join(", "));
            }
            for (i, tag) in tags.iter().enumerate() {
                if let (Some(roc), Some(ap)) = (found.metrics.roc_auc[i], found.metrics.average_precision[i]) {
                    println!("  {tag:<24}ROC-AUC {:>5.1} %  AP {:>5.1} %", 100.0 * roc, 100.0 * ap);
                }
            }
            found.unreadable
        }
        _ => return Err("this task has no evaluation yet".into()),
    };
    for error in &unreadable {
        eprintln!("left out: {error}");
    }
    Ok(())
}
