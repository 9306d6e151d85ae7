//! Trains a model as a recipe says, on your own music and captions.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use muscall::files::{FileError, replace_bytes};
use muscall::model::ClipTokenizer;
use muscall::model::text::TransformerConfig;
use muscall::train::doctor::{RowFinding, check_rows, check_words};
use muscall::train::{self, CheckDevice, Hearing, KnownQueries, distributed, subset};
use muscall::{DataError, Event, Examined, InitialWeights, Learner, Manifest, Muscall, Split, TrainError};

use super::recipes::read_recipe_from;
use super::run_settings::RunSettings;
use super::taught::Taught;
use crate::console::say;
use crate::number::{fraction, positive, whole};
use crate::{Failed, console};

/// Longer tables are left to `check`, since nobody waits for that before a training.
const TOLD_ROWS: usize = 100_000;
/// Tracks of the validation that say what scores mean.
const CALIBRATED_TRACKS: usize = 1000;

/// What is held out of a table without splits, in the folder of a run.
const HELD_OUT: &str = "held_out.jsonl";

/// Trains a model according to a recipe. The best bundle, checkpoints and logs go to --out.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  muscall train --recipe quickstart --data demo/manifest.jsonl --out runs/mine\n  muscall train --print-recipe sentence > mine.toml\n  muscall train --recipe mine.toml --data captions.csv --val-fraction 0.1 --out runs/mine"
)]
pub struct Arguments {
    /// The recipe: a TOML file, or the name of one that comes with this program, such as `sentence` or `table4/base`.
    #[arg(long, required_unless_present = "print_recipe")]
    recipe: Option<PathBuf>,
    /// Print a recipe with all its settings and exit: a starting point for your own.
    #[arg(long, value_name = "RECIPE")]
    print_recipe: Option<PathBuf>,
    #[command(flatten)]
    run: RunSettings,
    /// Length of a clip, in place of the recipe's.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = positive(3600.0))]
    clip_seconds: Option<f64>,
    /// A manifest (JSONL, JSON, CSV, TSV) with a `split` column, a folder in one of the layouts of docs/DATA.md, or shards such
    /// as 'music-{000..127}.tar'.
    #[arg(long)]
    #[arg(required_unless_present = "print_recipe")]
    data: Option<PathBuf>,
    #[command(flatten)]
    columns: console::ColumnsArgument,
    /// A manifest for validation, if --data has no `val` split.
    #[arg(long)]
    validation: Option<PathBuf>,
    /// The part of the rows that is held out for validation, such as 0.1, if --data has no `val` split. Parts and copies
    /// of one recording stay together.
    #[arg(long, value_name = "PART", allow_negative_numbers = true, value_parser = fraction, conflicts_with = "validation")]
    val_fraction: Option<f64>,
    /// Directory of the run.
    #[arg(long, required_unless_present = "print_recipe")]
    out: Option<PathBuf>,
    /// Start from the weights of this bundle, and from the optimizer's state if one is beside them.
    #[arg(long)]
    init: Option<PathBuf>,
    /// Rows that the bundle of --init is good at, and should stay good at. Their R@10 is told before and after the run, with a
    /// warning if it falls by more than its interval.
    #[arg(long, value_name = "DATA", requires = "init")]
    keep: Option<PathBuf>,
    /// With --resume: leave out files that have gone missing since the run began. Without it, a step that needs them ends
    /// the run, since their disk may only be unmounted.
    #[arg(long, requires = "resume")]
    leave_out_missing: bool,
    /// Do not compare the device with the CPU before the first step.
    #[arg(long)]
    no_check_device: bool,
    /// Share each batch among this many devices of this machine, starting with --device: with cuda:0 these are cuda:0,
    /// cuda:1 and so on. For several machines, compile with --features mpi and start it under mpirun instead.
    #[arg(long, allow_negative_numbers = true, value_parser = whole(1_u8, 255))]
    devices: Option<u8>,
    #[command(flatten)]
    device: console::DeviceArgument,
}

/// Runs it.
///
/// # Errors
/// In words for whoever typed it.
pub fn run(arguments: &Arguments) -> Result<(), Failed> {
    if let Some(recipe) = &arguments.print_recipe {
        let recipe = read_recipe_from(recipe, &arguments.settings(), arguments.init.as_deref())?;
        say(toml::to_string(&recipe)?.trim_end());
        return Ok(());
    }
    let Arguments { recipe: Some(recipe), data: Some(data), out: Some(out), .. } = arguments else {
        return Err("give --recipe, --data and --out".into());
    };
    let recipe = read_recipe_from(recipe, &arguments.settings(), arguments.init.as_deref())?;
    let reads_clip_tokens = recipe.model.text.downcast_ref::<TransformerConfig>().is_some();
    let wanted: &[Split] = if arguments.validation.is_some() { &[Split::Train] } else { &[Split::Train, Split::Val] };
    let examined = Manifest::examine_splits(data, wanted, &arguments.columns.columns())?;
    let told = if !arguments.run.resume && examined.splits.iter().all(|split| split.manifest.rows.len() <= TOLD_ROWS) {
        captions_told(&examined, &(quoted(data) + &arguments.columns.typed()), reads_clip_tokens)?
    } else {
        Vec::new()
    };
    let (train, validation) = arguments.rows(examined, data, out, recipe.seed)?;
    // What there is to evaluate on.
    let rows = match &validation {
        Some(_) if arguments.val_fraction.is_some() => quoted(&out.join(HELD_OUT)),
        Some(_) => quoted(arguments.validation.as_ref().unwrap_or(data)) + &arguments.columns.typed(),
        None => format!("{} --split train{}", quoted(data), arguments.columns.typed()),
    };
    let held_out =
        validation.as_ref().filter(|_| arguments.val_fraction.is_some()).map(Manifest::to_jsonl).transpose()?;

    let mut console = console::TrainingConsole::new(1)?;
    let device = arguments.device.open()?;
    let (gallery, seed) = (recipe.validation.gallery, recipe.seed);
    let memory = recipe.memory_bytes(&device)?;
    let mut learner = Learner::new(recipe, out, &device)?
        .with_on_existing(arguments.run.on_existing())
        .with_missing_left_out(arguments.leave_out_missing);
    if arguments.no_check_device {
        learner = learner.with_check_device(CheckDevice::Never);
    }
    if let Some(bundle) = &arguments.init {
        learner = learner.with_initial(InitialWeights::read(bundle)?);
    }
    // From here on a process that fails ends the others.
    let world = distributed::world()?;
    if world.rank() == 0 {
        told.iter().for_each(|line| eprintln!("{line}"));
        if let Some(bytes) = memory {
            eprintln!("the run takes about {:.1} GB of memory", bytes / 1e9);
        }
    }
    let taught = match &arguments.init {
        Some(bundle) if world.rank() == 0 && bundle.join("config.json").exists() => {
            let rows = validation.as_ref().map(|rows| subset(rows, gallery, seed));
            Some(Taught::before(bundle, rows, arguments.keep.as_deref(), &device)?)
        }
        _ => None,
    };
    let known = validation.clone();
    let mut unwritten = None;
    let listener = &mut |event: Event<'_>| {
        // The folder of the run is there now, and nothing was trained yet.
        if let Event::Started { .. } = event
            && let Err(error) = keep_held_out(out, held_out.as_deref())
        {
            unwritten = Some(error);
            return ControlFlow::Break(());
        }
        console.listen(&event)
    };
    let outcome = match (arguments.devices, world.size()) {
        (Some(_), 2..) => return Err("--devices is for one process; under mpirun each has one device".into()),
        (Some(count), _) => {
            let devices = arguments.device.open_several(count.into())?;
            learner.fit_on_devices(&devices, train, validation, listener)?
        }
        (None, _) => learner.with_communicator(world.clone()).fit(train, validation, listener)?,
    };
    console.finish();
    if let Some(error) = unwritten {
        return Err(error.into());
    }
    if world.rank() > 0 {
        return Ok(());
    }
    if outcome.interrupted {
        println!("Stopped after {} steps; continue with --resume.", outcome.steps);
    } else {
        if let Some(taught) = taught {
            taught.after(&outcome.model)?;
        }
        if let Some(known) = known {
            calibrate(&outcome.model, &known, out)?;
        }
        let out = out.display();
        println!("{} steps taken. The bundle is in {out}; evaluate it with:", outcome.steps);
        println!("  muscall evaluate --bundle {out} --data {rows}");
    }
    Ok(())
}

impl Arguments {
    /// What `--set` and the flags for single settings say, the flags last.
    fn settings(&self) -> Vec<String> {
        let mut settings = self.run.of_recipe();
        settings.extend(self.clip_seconds.map(|seconds| format!("model.clip_s={seconds:?}")));
        settings
    }

    /// To train on, and to validate on if there is something. Says what is held out.
    fn rows(
        &self,
        examined: Examined,
        data: &Path,
        out: &Path,
        seed: u64,
    ) -> Result<(Manifest, Option<Manifest>), Failed> {
        if let Some(error) = examined.errors.into_iter().next() {
            return Err(error.into());
        }
        let mut splits = examined.splits;
        let mut take = |wanted: Split| {
            let place = splits.iter().position(|split| split.split == wanted)?;
            Some(splits.swap_remove(place).manifest)
        };
        let train = take(Split::Train)
            .ok_or_else(|| DataError::EmptySplit { path: data.to_owned(), split: Split::Train.name() })?;
        let known = match &self.validation {
            // Validating on rows of the training would deceive.
            None => take(Split::Val).filter(|rows| rows.rows != train.rows),
            Some(other) => match Manifest::read_with(other, Split::Val, &self.columns.columns()) {
                Err(DataError::EmptySplit { .. }) => None,
                Ok(rows) if rows.rows == train.rows => None,
                other => Some(other?),
            },
        };
        match (known, self.val_fraction) {
            (Some(_), Some(_)) => {
                Err(format!("{}: it has a `val` split; leave --val-fraction out", data.display()).into())
            }
            (Some(known), None) => Ok((train, Some(known))),
            (None, Some(part)) => {
                // A run that goes on holds out what it did, whatever became of files meanwhile.
                let kept = out.join(HELD_OUT);
                let (train, held) = match self.run.resume && kept.exists() {
                    true => train.take_out(&held_ids(&kept)?),
                    false => train.hold_out(part, seed)?,
                };
                let (held_rows, rows) = (held.rows.len(), held.rows.len() + train.rows.len());
                eprintln!("{held_rows} of {rows} rows are held out for validation");
                Ok((train, Some(held)))
            }
            (None, None) => {
                eprintln!(
                    "nothing is held out: the last model is kept as the best, and its quality is not measured; \
                     --val-fraction 0.1 holds out a tenth of the rows"
                );
                Ok((train, None))
            }
        }
    }
}

/// What is wrong with captions and labels, an example of each fault, and what is odd about the manifest; `check` names all
/// rows. Captions are too long for the paper's text encoder alone.
fn captions_told(examined: &Examined, data: &str, reads_clip_tokens: bool) -> Result<Vec<String>, Failed> {
    let tokenizer = reads_clip_tokens.then(ClipTokenizer::new).transpose()?;
    let mut told: Vec<String> = examined.hints.iter().map(ToString::to_string).collect();
    for split in &examined.splits {
        let name = split.split.name();
        let mut findings: BTreeMap<&str, Vec<RowFinding>> = BTreeMap::new();
        for finding in check_rows(split, tokenizer.as_ref(), false) {
            findings.entry(finding.fault.kind()).or_default().push(finding);
        }
        for findings in findings.values() {
            let RowFinding { row, fault, .. } = &findings[0];
            let more = match findings.len() {
                1 => String::new(),
                all => format!("; this is so in {all} rows (muscall check --data {data} lists them)"),
            };
            told.push(format!("{name}: row {row}: {fault}{more}"));
        }
        told.extend(check_words(&split.manifest).iter().map(|diagnosis| format!("{name}: {diagnosis}")));
    }
    Ok(told)
}

/// A path as a shell takes it: a pattern of shards would be expanded.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = path.chars().all(|letter| letter.is_alphanumeric() || "/._-+,:@%".contains(letter));
    if is_plain { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// Writes the rows that a run holds out, or removes those of a run that was here before.
fn keep_held_out(run: &Path, rows: Option<&str>) -> Result<(), FileError> {
    let file = run.join(HELD_OUT);
    match rows {
        Some(rows) => replace_bytes(&file, rows),
        None if file.exists() => fs::remove_file(&file).map_err(FileError::writing(&file)),
        None => Ok(()),
    }
}

/// The ids of the rows that a run holds out.
fn held_ids(list: &Path) -> Result<HashSet<String>, Failed> {
    let rows = Manifest::read(list, Split::Val)?.rows;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Lets the bundle say whether anything fits; a model that can't is no mistake.
fn calibrate(model: &Muscall, validation: &Manifest, bundle: &Path) -> Result<(), Failed> {
    let evaluation = console::evaluate(model, &subset(validation, CALIBRATED_TRACKS, 0), Hearing::Centre)?;
    match train::calibrate(model, &evaluation, &KnownQueries::default()) {
        Ok(scale) => {
            scale.save(bundle)?;
            println!("{}", console::scale_words(&scale));
        }
        Err(TrainError::NoScale { found, .. }) => println!("answers come without a verdict: {found}"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
