//! Trains several recipes with several seeds on one data set, and writes the table of the paper.

mod table;

use std::fs;
use std::path::PathBuf;

use clap::Args;
use muscall::files::replace_bytes;
use muscall::retrieval::BothDirections;
use muscall::train::Evaluation;
use muscall::{DataError, Learner, Manifest, OnExisting, Recipe, Split, evaluate};

use serde::{Deserialize, Serialize};

use self::table::write_tables;
use crate::number::whole;
use crate::{Failed, console};

/// Runs one training after the other, each in --out/RECIPE/seed-N. Started again, it continues where it
/// stopped. table.md and table.csv hold mean and deviation over the seeds, on the test split (or the
/// validation split, if there is no test split); the table says which one it was.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: muscall ablate --recipes recipes/table4/*.toml --seeds 0,1,2 --data my/manifest.jsonl --out runs/table4"
)]
pub struct Arguments {
    /// The recipes; each becomes a row of the table.
    #[arg(long, required = true, num_args = 1..)]
    recipes: Vec<PathBuf>,
    /// Seeds, separated by commas.
    #[arg(long, allow_negative_numbers = true, value_parser = whole(0, u64::MAX), value_delimiter = ',', default_value = "0")]
    seeds: Vec<u64>,
    /// A manifest or a folder, as for `train`.
    #[arg(long)]
    data: PathBuf,
    #[command(flatten)]
    columns: console::ColumnsArgument,
    /// Directory of the runs and of the tables.
    #[arg(long)]
    out: PathBuf,
    /// Override a setting of all recipes, such as model.preset=tiny; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    #[command(flatten)]
    device: console::DeviceArgument,
}

/// What a run leaves in result.json.
#[derive(Serialize, Deserialize)]
struct RunResult {
    recipe: Recipe,
    /// Fingerprints of what was trained on, chosen by and tested on.
    data: [String; 3],
    steps: u64,
    /// That were ranked. Older versions did not say.
    #[serde(default)]
    tracks: Option<usize>,
    metrics: BothDirections,
}

/// Runs it.
///
/// # Errors
/// In words for whoever typed it.
pub fn run(arguments: &Arguments) -> Result<(), Failed> {
    let mut recipes: Vec<(String, Recipe)> = Vec::new();
    for path in &arguments.recipes {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if recipes.iter().any(|(other, _)| *other == name) {
            return Err(format!("{}: another recipe is called {name} too; rename one", path.display()).into());
        }
        recipes.push((name, Recipe::read_with(path, &arguments.settings)?));
    }
    let columns = arguments.columns.columns();
    let read = |split| Manifest::read_with(&arguments.data, split, &columns);
    let (train, val) = (read(Split::Train)?, read(Split::Val)?);
    let (test, split) = match read(Split::Test) {
        Err(DataError::EmptySplit { .. } | DataError::UnknownManifest { .. }) => (val.clone(), "validation"),
        Ok(test) if test.rows == train.rows => (test, "training"),
        test => (test?, "test"),
    };
    let data = [&train, &val, &test].map(Manifest::fingerprint);

    let device = arguments.device.open()?;
    let mut rows: Vec<(String, Vec<BothDirections>)> = Vec::new();
    let mut tested: Option<usize> = None;
    let mut console = console::TrainingConsole::new(10)?;
    for (name, recipe) in &recipes {
        rows.push((name.clone(), Vec::new()));
        for &seed in &arguments.seeds {
            let recipe = Recipe { seed, ..recipe.clone() };
            let dir = arguments.out.join(name).join(format!("seed-{seed}"));
            let file = dir.join("result.json");
            let result = match fs::read_to_string(&file) {
                Ok(text) => serde_json::from_str::<RunResult>(&text)
                    .map_err(|e| format!("{}: {e}; remove it to test this run again", file.display()))?,
                Err(_) => {
                    eprintln!("{name}, seed {seed}: {}", dir.display());
                    let learner = Learner::new(recipe.clone(), &dir, &device)?;
                    let learner = learner.with_on_existing(OnExisting::Resume);
                    let outcome = learner.fit(train.clone(), Some(val.clone()), &mut |event| console.listen(&event))?;
                    if outcome.interrupted {
                        println!("Stopped; the same command continues.");
                        return Ok(());
                    }
                    let Evaluation { metrics, tracks, unreadable, .. } = evaluate(&outcome.model, &test)?;
                    unreadable.iter().for_each(|error| eprintln!("left out of the test: {error}"));
                    let (recipe, data, steps) = (recipe.clone(), data.clone(), outcome.steps);
                    let result = RunResult { recipe, data, steps, tracks: Some(tracks), metrics };
                    replace_bytes(&file, serde_json::to_string_pretty(&result)?)?;
                    result
                }
            };
            if result.recipe != recipe {
                return Err(format!("{}: this run had another recipe; choose another --out", file.display()).into());
            }
            if result.data != data {
                return Err(format!("{}: this run had other data; choose another --out", file.display()).into());
            }
            if let Some(tracks) = result.tracks
                && *tested.get_or_insert(tracks) != tracks
            {
                let all = tested.unwrap_or_default();
                let path = file.display();
                return Err(format!("{path}: tested on {tracks} tracks, others on {all}; check that all files are there, and remove the results with fewer tracks").into());
            }
            rows.last_mut().expect("a row was pushed").1.push(result.metrics);
            write_tables(&arguments.out, split, &rows)?;
        }
    }
    console.finish();
    println!("{}", fs::read_to_string(arguments.out.join("table.md"))?);
    Ok(())
}
