//! Lets a bundle say whether anything fits.

use std::path::PathBuf;

use clap::Args;
use muscall::Muscall;
use muscall::train::{Hearing, KnownQueries, calibrate};

use crate::{Failed, console};

/// Finds out what the scores of a model mean, from captions whose music is there and from words for which there is none,
/// and writes that into the bundle: from then on searches say "nothing here fits" where nothing does. `train` does the same
/// at its end; a bundle whose weights change needs it again.
#[derive(Debug, Args)]
#[command(after_help = "Example: muscall calibrate --bundle runs/mine --data music.jsonl --split val")]
pub struct Arguments {
    /// A trained model.
    #[arg(long)]
    bundle: PathBuf,
    /// A manifest or a folder, as for `train`: music that the model was not trained on.
    #[arg(long)]
    data: PathBuf,
    /// The split to use.
    #[arg(long, value_enum, default_value = "val")]
    split: console::SplitName,
    /// A UTF-8 file of queries about music like that of the data, one per line, as people write them: of these, one in twenty is
    /// told that nothing fits. By default captions stand for them.
    #[arg(long)]
    present: Option<PathBuf>,
    /// A UTF-8 file of queries to which nothing fits, one per line; everyday sounds and other things that are no music are
    /// known.
    #[arg(long)]
    absent: Option<PathBuf>,
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
    let queries =
        |path: &Option<PathBuf>| path.as_deref().map(console::queries).transpose().map(Option::unwrap_or_default);
    let known = KnownQueries { present: queries(&arguments.present)?, absent: queries(&arguments.absent)? };
    let manifest = console::read_split(&arguments.data, arguments.split, &arguments.columns)?;
    let model = Muscall::load(&arguments.bundle, &arguments.device.open()?)?;
    let evaluation = console::evaluate(&model, &manifest, Hearing::Centre)?;
    for error in &evaluation.unreadable {
        eprintln!("left out: {error}");
    }
    let scale = calibrate(&model, &evaluation, &known)?;
    scale.save(&arguments.bundle)?;
    println!("{}", console::scale_words(&scale));
    Ok(())
}
