//! `muscall models`: which models are here, and which could be.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use muscall::model::{Segments, weights_file};
use muscall::{DeviceChoice, Muscall};
use serde::Serialize;

use crate::Failed;
use crate::console::{self, say};
use crate::home::{Home, Model};

/// Folders below the one that was given that may hold bundles.
const DEPTH: usize = 3;
/// What can be had elsewhere, and how.
const PUBLISHED: &str = "a larger one that was published: muscall import laion/larger_clap_general --out models/clap\n  \
                         (docs/MODELS.md lists others; downloading needs a program built with --features hub)";

/// List the models that are here: the one in the box, those of your libraries, and bundles in a folder.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  muscall models\n  muscall models runs")]
pub(super) struct Arguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Folders to look for bundles in.
    folders: Vec<PathBuf>,
}

/// A model, as it lies there.
#[derive(Serialize)]
struct Described {
    name: String,
    clip_s: f64,
    dimensions: usize,
    segments: &'static str,
    answers_nothing_fits: bool,
    size_mb: Option<f64>,
    libraries: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failed> {
    let home = Home::find()?;
    let used: Vec<(String, Model)> = home
        .libraries()
        .into_iter()
        .filter_map(|name| Some((name.clone(), home.library(&name).ok()?.model()?.clone())))
        .collect();
    let mut places: BTreeSet<PathBuf> = home.settings()?.model.into_iter().collect();
    places.extend(used.iter().filter_map(|(_, model)| match model {
        Model::Boxed => None,
        Model::Bundle(bundle) => Some(bundle.clone()),
    }));
    for folder in &arguments.folders {
        let listed = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        drop(listed);
        bundles(&std::path::absolute(folder)?, DEPTH, &mut places);
    }
    let mut models = Vec::new();
    let libraries =
        |wanted: &Model| used.iter().filter(|(_, model)| model == wanted).map(|(name, _)| name.clone()).collect();
    if cfg!(feature = "box") {
        let model = console::load(None, &DeviceChoice::Cpu.open()?)?;
        models.push(described("the model in the box".to_owned(), &model, None, libraries(&Model::Boxed)));
    }
    for place in places {
        match Muscall::load(&place, &DeviceChoice::Cpu.open()?) {
            Ok(model) => {
                let name = place.display().to_string();
                models.push(described(name, &model, Some(size_mb(&place)), libraries(&Model::Bundle(place))));
            }
            Err(error) => eprintln!("{}", console::with_causes(&error)),
        }
    }
    if arguments.json {
        say(serde_json::to_string_pretty(&models)?);
        return Ok(());
    }
    for model in &models {
        let size = model.size_mb.map(|size| format!(", {size:.1} MB")).unwrap_or_default();
        let used = match model.libraries.as_slice() {
            [] => String::new(),
            [name] => format!("\n    used by the library {name}"),
            names => format!("\n    used by the libraries {}", names.join(", ")),
        };
        let fits = if model.answers_nothing_fits { "says when nothing fits" } else { "cannot tell when nothing fits" };
        say(format!(
            "{}\n    windows of {} s, {} dimensions{size}, {}, {fits}{used}",
            model.name, model.clip_s, model.dimensions, model.segments
        ));
    }
    say(PUBLISHED);
    Ok(())
}

fn described(name: String, model: &Muscall, size_mb: Option<f64>, libraries: Vec<String>) -> Described {
    let config = model.config();
    let segments = match config.segments {
        Segments::Separate => "separate windows",
        Segments::Shared => "windows that share a map",
    };
    let answers_nothing_fits = model.scale().is_some();
    Described {
        name,
        clip_s: config.clip_s,
        dimensions: config.projection_dim,
        segments,
        answers_nothing_fits,
        size_mb,
        libraries,
    }
}

/// All bundles at or below a folder. A bundle's own folders are looked into as well: a run may have one.
fn bundles(folder: &Path, depth: usize, found: &mut BTreeSet<PathBuf>) {
    let is_bundle = folder.join("config.json").is_file() && weights_file(folder).is_file();
    if is_bundle {
        found.insert(folder.to_owned());
    }
    if depth > 0 {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| path.is_dir())
            .for_each(|path| bundles(&path, depth - 1, found));
    }
}

/// Of the files of a bundle, not of what else lies in its folders.
fn size_mb(bundle: &Path) -> f64 {
    let files = fs::read_dir(bundle).into_iter().flatten().flatten();
    let sizes = files.filter_map(|file| file.metadata().ok().filter(std::fs::Metadata::is_file).map(|file| file.len()));
    sizes.sum::<u64>() as f64 / 1e6
}
