//! Trains a model as a recipe says, on your own music and captions.

use std::path::{Path, PathBuf};

use clap::Args;
use muscall::train::{self, CheckDevice, Hearing, KnownQueries, distributed, subset};
use muscall::{DataError, Event, InitialWeights, Learner, Manifest, Muscall, OnExisting, Recipe, Split, TrainError};

use crate::{Failed, console};

/// Tracks of the validation that say what scores mean.
const CALIBRATED_TRACKS: usize = 1000;

/// Trains a model according to a recipe. The best bundle, checkpoints and logs go to --out.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: muscall train --recipe recipes/quickstart.toml --data demo/manifest.jsonl --out runs/mine"
)]
pub struct Arguments {
    /// The recipe, a TOML file: see recipes/.
    #[arg(long)]
    recipe: PathBuf,
    /// Override a setting of the recipe, such as model.clip_s=10; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// A manifest (JSONL, JSON, CSV) with a `split` column, or a folder with
    /// dataset_{train,val,test}.json and audio/.
    #[arg(long)]
    data: PathBuf,
    /// A manifest for validation, if --data has no `val` split.
    #[arg(long)]
    validation: Option<PathBuf>,
    /// Directory of the run.
    #[arg(long)]
    out: PathBuf,
    /// Start from the weights of this bundle, and from the optimizer's state if one is beside them.
    #[arg(long)]
    init: Option<PathBuf>,
    /// Continue from the last checkpoint in --out.
    #[arg(long, conflicts_with = "replace")]
    resume: bool,
    /// With --resume: leave out files that have gone missing since the run began. Without it, a step that needs them ends
    /// the run, since their disk may only be unmounted.
    #[arg(long, requires = "resume")]
    leave_out_missing: bool,
    /// Remove the run in --out and start over.
    #[arg(long)]
    replace: bool,
    /// Do not compare the device with the CPU before the first step.
    #[arg(long)]
    no_check_device: bool,
    /// Share each batch among this many devices of this machine, starting with --device: with cuda:0 these are cuda:0,
    /// cuda:1 and so on. For several machines, compile with --features mpi and start it under mpirun instead.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..))]
    devices: Option<u8>,
    #[command(flatten)]
    device: console::DeviceArgument,
}

/// Runs it.
///
/// # Errors
/// In words for whoever typed it.
pub fn run(arguments: &Arguments) -> Result<(), Failed> {
    let recipe = Recipe::read_with(&arguments.recipe, &arguments.settings)?;
    let train = Manifest::read(&arguments.data, Split::Train)?;
    let validation_data = arguments.validation.as_ref().unwrap_or(&arguments.data);
    let validation = match Manifest::read(validation_data, Split::Val) {
        Err(DataError::EmptySplit { .. }) => None,
        // A manifest without splits gives the same rows for both; validating on them would deceive.
        Ok(rows) if rows.rows == train.rows => None,
        other => Some(other?),
    };
    // What there is to evaluate on.
    let rows = match &validation {
        Some(_) => validation_data.display().to_string(),
        None => {
            eprintln!("no validation rows: the last model is kept as the best (see --validation)");
            format!("{} --split train", arguments.data.display())
        }
    };

    let on_existing = match (arguments.resume, arguments.replace) {
        (true, _) => OnExisting::Resume,
        (_, true) => OnExisting::Replace,
        _ => OnExisting::Refuse,
    };
    let mut console = console::TrainingConsole::new(1)?;
    let mut learner = Learner::new(recipe, &arguments.out, &arguments.device.open()?)?
        .with_on_existing(on_existing)
        .with_missing_left_out(arguments.leave_out_missing);
    if arguments.no_check_device {
        learner = learner.with_check_device(CheckDevice::Never);
    }
    if let Some(bundle) = &arguments.init {
        learner = learner.with_initial(InitialWeights::read(bundle)?);
    }
    // From here on a process that fails ends the others.
    let world = distributed::world()?;
    let known = validation.clone();
    let listener = &mut |event: Event<'_>| console.listen(&event);
    let outcome = match (arguments.devices, world.size()) {
        (Some(_), 2..) => return Err("--devices is for one process; under mpirun each has one device".into()),
        (Some(count), _) => {
            let devices = arguments.device.open_several(count.into())?;
            learner.fit_on_devices(&devices, train, validation, listener)?
        }
        (None, _) => learner.with_communicator(world.clone()).fit(train, validation, listener)?,
    };
    console.finish();
    if world.rank() > 0 {
        return Ok(());
    }
    let out = arguments.out.display();
    if outcome.interrupted {
        println!("Stopped after {} steps; continue with --resume.", outcome.steps);
    } else {
        if let Some(known) = known {
            calibrate(&outcome.model, &known, &arguments.out)?;
        }
        println!("{} steps taken. The bundle is in {out}; evaluate it with:", outcome.steps);
        println!("  muscall evaluate --bundle {out} --data {rows}");
    }
    Ok(())
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
