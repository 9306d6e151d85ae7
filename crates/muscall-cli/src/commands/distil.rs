//! A small model that hears as a large one does, from music without words.

use std::path::{Path, PathBuf};

use clap::Args;
use muscall::data::Row;
use muscall::files::{FileError, write};
use muscall::indexing::{Item, Origin};
use muscall::model::text::static_words::StaticWordsConfig;
use muscall::train::CheckDevice;
use muscall::train::distil::{Nearness, Side, nearness, nearness_of_words, ridge, untrained};
use muscall::train::recipe::Learns;
use muscall::{Device, Event, Learner, Manifest, Muscall, Recipe};

use super::recipes::read_recipe;
use super::run_settings::RunSettings;
use crate::number::{fraction, whole};
use crate::{Failed, Source, console};

/// Where the teacher's vectors are kept, in the folder of a run.
const VECTORS: &str = "teacher";
/// What was measured at the end, there too.
const REPORT: &str = "nearness.json";

/// Trains a small model to put music where a large one puts it, on the music of any folder. No captions are needed: the words are
/// the teacher's. The bundle, checkpoints and logs go to --out.
///
/// The teacher hears some windows of each track once; what it makes of them is kept in --out and is there for the next run. At
/// the end the student is measured on tracks that were held out.
///
/// With a recipe that learns words, such as distil_words or multilingual, it is a text side that learns where the teacher puts
/// captions, from a list of these: nothing is heard.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: muscall distil ~/Music --teacher clap --out runs/student\n         muscall index --model runs/student ~/Music"
)]
pub struct Arguments {
    /// A folder of music, or a manifest; for words a list of captions, one per line (.txt), or a manifest.
    music: PathBuf,
    /// The bundle of the model to learn from, such as an imported LAION-CLAP.
    #[arg(long)]
    teacher: PathBuf,
    /// Directory of the run, and of the student's bundle.
    #[arg(long)]
    out: PathBuf,
    /// The recipe: a TOML file, or the name of one that comes with this program.
    #[arg(long, default_value = "distil")]
    recipe: PathBuf,
    /// Width of the student's residual network, in place of the recipe's: 8, 16, 32 or 64.
    #[arg(long, allow_negative_numbers = true, value_parser = whole(1_u64, 1024))]
    width: Option<u64>,
    /// Windows of each track, in place of the recipe's.
    #[arg(long, allow_negative_numbers = true, value_parser = whole(1_u64, 10_000))]
    windows: Option<u64>,
    #[command(flatten)]
    run: RunSettings,
    /// The part of the tracks that is held out and measured on. Parts and copies of one recording stay together.
    #[arg(long, value_name = "PART", default_value_t = 0.1, allow_negative_numbers = true, value_parser = fraction)]
    val_fraction: f64,
    /// Also measure what the student explained before it had learned, and what a linear map from mean and deviation of the
    /// log-mel bands explains.
    #[arg(long)]
    baselines: bool,
    #[command(flatten)]
    device: console::DeviceArgument,
}

/// Runs it.
///
/// # Errors
/// In words for whoever typed it.
pub fn run(arguments: &Arguments) -> Result<(), Failed> {
    let device = arguments.device.open()?;
    let teacher = Muscall::load(&arguments.teacher, &device)?;
    let recipe = read_recipe(&arguments.recipe, &arguments.settings())?.with_teacher(teacher.config())?;
    let is_of_music = recipe.learns == Learns::Audio;
    let recipe = if is_of_music { recipe } else { arguments.with_words(recipe, &device)? };
    let all = if is_of_music { tracks(&arguments.music)? } else { captions(&arguments.music)? };
    let (train, held) = all.hold_out(arguments.val_fraction, recipe.seed)?;
    let what = if is_of_music { "track" } else { "caption" };
    eprintln!("{} of {} are held out", held.rows.len(), console::count(all.rows.len(), what));
    let vectors = arguments.out.join(VECTORS);
    let Some(student) = arguments.train(&recipe, &teacher, &vectors, [&train, &held], &device)? else {
        return Ok(());
    };
    let mut report = serde_json::Map::new();
    let measured = if is_of_music {
        let windows = recipe.data.windows.unwrap_or(1);
        let side = |manifest| Side { teacher: &teacher, manifest, windows, vectors: &vectors };
        if arguments.baselines {
            let [linear, random] = baselines(&student, &recipe, &device, [side(&train), side(&held)])?;
            println!("a linear map from mean and deviation of each log-mel band explains {}", percent(linear));
            println!("the student before it had learned: {}", percent(random));
            report.insert("ridge_explained".to_owned(), linear.into());
            report.insert("untrained_explained".to_owned(), random.into());
        }
        measure(&student, side(&held))?
    } else {
        nearness_of_words(&student, &teacher, &held)?
    };
    let (compared, others) = match is_of_music {
        true => {
            let [windows, tracks] = [(measured.windows, "window"), (measured.tracks, "track")];
            (
                format!("{} of {}", console::count(windows.0, windows.1), console::count(tracks.0, tracks.1)),
                "windows of other tracks",
            )
        }
        false => (console::count(measured.windows, "caption"), "captions"),
    };
    println!(
        "on {compared} that were held out, the student explains {} of the teacher's variance; of the ten {others} nearest to one, \
         {} are the same",
        percent(measured.explained),
        percent(measured.agreement_at_10),
    );
    report.insert("nearness".to_owned(), serde_json::to_value(measured)?);
    write(&arguments.out.join(REPORT), serde_json::to_string_pretty(&report)? + "\n")?;
    let out = arguments.out.display();
    println!("The student is in {out}; use it like any other model:\n  muscall index --model {out} ~/Music");
    Ok(())
}

fn percent(part: f64) -> String {
    format!("{:.1} %", 100.0 * part)
}

impl Arguments {
    /// Trains the student; nothing if it was stopped.
    fn train(
        &self,
        recipe: &Recipe,
        teacher: &Muscall,
        vectors: &Path,
        [train, held]: [&Manifest; 2],
        device: &Device,
    ) -> Result<Option<Muscall>, Failed> {
        let mut console = console::TrainingConsole::new(1)?;
        let learner = Learner::new(recipe.clone(), &self.out, device)?
            .with_on_existing(self.run.on_existing())
            .with_check_device(CheckDevice::Never)
            .with_teacher(teacher.clone())
            .with_vectors(vectors);
        let listener = &mut |event: Event<'_>| console.listen(&event);
        let outcome = learner.fit(train.clone(), Some(held.clone()), listener)?;
        console.finish();
        if outcome.interrupted {
            println!("Stopped after {} steps; continue with --resume.", outcome.steps);
            return Ok(None);
        }
        Ok(Some(outcome.model))
    }

    /// With the words of the model in the box, where the recipe's file of words is not there.
    fn with_words(&self, mut recipe: Recipe, device: &Device) -> Result<Recipe, Failed> {
        let Some(words) = recipe.model.text.downcast_ref::<StaticWordsConfig>() else { return Ok(recipe) };
        if words.file.exists() {
            return Ok(recipe);
        }
        let folder = self.out.join(VECTORS);
        std::fs::create_dir_all(&folder).map_err(FileError::writing(&folder))?;
        let frontend = console::load(None, device)?.text_frontend().clone();
        frontend.save(&folder)?;
        let file = folder.join(frontend.place());
        recipe.model.text = StaticWordsConfig { file, ..words.clone() }.into();
        Ok(recipe)
    }

    /// What `--set` and the flags for single settings say, the flags last.
    fn settings(&self) -> Vec<String> {
        let mut settings = self.run.of_recipe();
        settings.extend(self.width.map(|width| format!("model.audio.width={width}")));
        settings.extend(self.windows.map(|windows| format!("data.windows={windows}")));
        settings
    }
}

/// All tracks of a folder or a manifest, each of which has nothing but its name for a caption.
fn tracks(music: &Path) -> Result<Manifest, Failed> {
    let found = Source::read(music)?;
    for refused in &found.unreadable {
        eprintln!("left out: {}: {}", refused.path, refused.reason);
    }
    let row = |item: Item| match item.origin {
        Origin::File(file) => Ok(Row { part: item.part, ..Row::new(&item.path, file, vec![item.path.clone()]) }),
        _ => Err(format!("{}: the music must be on this machine", item.path)),
    };
    let rows: Result<Vec<Row>, String> = found.items.into_iter().map(row).collect();
    Ok(Manifest { rows: rows?, source: music.to_owned() })
}

/// The captions of a list, one per line, or of a manifest.
fn captions(list: &Path) -> Result<Manifest, Failed> {
    let texts: Vec<String> = match list.extension().is_some_and(|extension| extension == "txt") {
        true => console::lines(list)?,
        false => {
            let splits = Manifest::read_splits(list)?;
            splits.into_iter().flat_map(|(_, split)| split.rows).flat_map(|row| row.captions).collect()
        }
    };
    let texts: std::collections::BTreeSet<String> = texts.into_iter().filter(|text| !text.trim().is_empty()).collect();
    // Nothing is heard: a number stands where a track would have its file.
    let row = |(number, text): (usize, String)| Row::new(number.to_string(), number.to_string(), vec![text]);
    Ok(Manifest { rows: texts.into_iter().enumerate().map(row).collect(), source: list.to_owned() })
}

fn measure(student: &Muscall, side: Side<'_>) -> Result<Nearness, Failed> {
    let progress = console::Progress::files(side.manifest.rows.len(), "measured");
    let measured = nearness(student, side, &mut |done, all| progress.at(done, all));
    progress.finish();
    Ok(measured?)
}

/// What a linear map explains, and the student before its first step.
fn baselines(student: &Muscall, recipe: &Recipe, device: &Device, sides: [Side<'_>; 2]) -> Result<[f64; 2], Failed> {
    let [train, held] = sides;
    let progress = console::Progress::files(train.manifest.rows.len() + held.manifest.rows.len(), "measured");
    let linear = ridge(student.frontend(), student, sides, &mut |done, all| progress.at(done, all));
    progress.finish();
    let untrained = untrained(recipe, held.teacher, device)?;
    Ok([linear?, measure(&untrained, held)?.explained])
}
