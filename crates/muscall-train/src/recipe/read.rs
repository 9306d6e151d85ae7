//! From a TOML file, the recipes that it extends, and settings, to a recipe.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use muscall_data::read_text;
use muscall_files::FileError;
use muscall_model::text::SentenceTowerConfig;
use muscall_model::{ModelError, MuscallConfig};
use toml::{Table, Value};

use super::{DataRecipe, Recipe, SslRecipe};
use crate::TrainError;
use crate::loss::Loss;
use crate::optimizer::AdamWConfig;
use crate::schedule::Schedule;

/// Longest chain of recipes.
const DEPTH: usize = 16;
const PRESETS: &str = "released, resnet50, tiny, dcase or the folder of a bundle";

impl Recipe {
    /// Reads and validates a TOML file and those that it extends; an unknown key is an error.
    ///
    /// # Errors
    /// [`TrainError::Data`] if it is no text, [`TrainError::RecipeFile`], or what [`validate`](Self::validate) finds.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        Self::read_with::<&str>(path, &[])
    }

    /// The same, with settings such as `model.clip_s=10` that replace what the file says.
    ///
    /// # Errors
    /// As [`read`](Self::read), and [`TrainError::Setting`].
    pub fn read_with<S: AsRef<str>>(path: &Path, settings: &[S]) -> Result<Self, TrainError> {
        let of_file = |source| TrainError::InvalidRecipe { path: path.to_owned(), source: Box::new(source) };
        let valid = |settings: &[S]| {
            let recipe = read(path, settings)?;
            recipe.validate().map_err(of_file)?;
            Ok(recipe)
        };
        valid(settings).map_err(|error| {
            // It is the fault of a setting without which there is none.
            let without = |place: usize| -> Vec<&str> {
                let others = settings.iter().enumerate().filter(|&(other, _)| other != place);
                others.map(|(_, setting)| setting.as_ref()).collect()
            };
            let is_valid = |settings: &[&str]| read(path, settings).is_ok_and(|recipe| recipe.validate().is_ok());
            match (0..settings.len()).rev().find(|&place| is_valid(&without(place))) {
                Some(place) => blame(settings[place].as_ref(), error),
                // Several are wrong, if it isn't the file: then the first of them, with what is wrong with it.
                None => match (0..settings.len()).find_map(|last| Some((last, valid(&settings[..=last]).err()?))) {
                    Some((last, error)) if valid(&settings[..0]).is_ok() => blame(settings[last].as_ref(), error),
                    _ => error,
                },
            }
        })
    }
}

/// An error of a setting, which has nothing to do with the file.
fn blame(setting: &str, error: TrainError) -> TrainError {
    let source: Box<dyn Error + Send + Sync> = match error {
        error @ TrainError::Setting { .. } => return error,
        TrainError::InvalidRecipe { source, .. } => source,
        TrainError::RecipeFile { source, .. } => source,
        error => Box::new(error),
    };
    TrainError::InvalidSetting { setting: setting.to_owned(), source }
}

fn read<S: AsRef<str>>(path: &Path, settings: &[S]) -> Result<Recipe, TrainError> {
    let mut table = read_chain(path, &mut Vec::new())?;
    for setting in settings {
        let setting = setting.as_ref();
        let invalid = || TrainError::Setting { setting: setting.to_owned() };
        let (key, value) = setting.split_once('=').ok_or_else(invalid)?;
        // A value that is not TOML is a text: `model.preset=tiny`.
        let quoted = || format!("{key} = {}", Value::String(value.trim().to_owned()));
        let parsed = format!("{key} = {value}").parse::<Table>().or_else(|_| quoted().parse::<Table>());
        merge(&mut table, parsed.map_err(|_| invalid())?);
    }
    let is_whole_but_for_model = ["epochs", "batch_size", "learning_rate"].iter().all(|key| table.contains_key(*key));
    if is_whole_but_for_model && !table.contains_key("model") {
        return Err(TrainError::NoModel { path: path.to_owned() });
    }
    let mut base = Table::new();
    let file = |source| TrainError::RecipeFile { path: path.to_owned(), source: Box::new(source) };
    for (key, default) in defaults(path, &table)? {
        base.insert(key.to_owned(), default);
    }
    let mut model = table.remove("model");
    if let Some(Value::Table(model)) = &mut model {
        model.remove("preset");
    }
    table.extend(model.map(|model| ("model".to_owned(), model)));
    merge(&mut base, table);
    let text = base.get("model").and_then(|model| model.get("text"));
    let has_sizes = text.is_none_or(|text| text.get("encoder").is_some());
    let recipe: Recipe = Value::Table(base).try_into().map_err(file)?;
    if has_sizes { Ok(recipe) } else { with_published_sizes(recipe) }
}

/// A sentence encoder that is on this machine has the sizes that its own files give, unless the recipe gives them.
fn with_published_sizes(mut recipe: Recipe) -> Result<Recipe, TrainError> {
    if let Some(text) = recipe.model.text.downcast_ref::<SentenceTowerConfig>() {
        recipe.model.text = text.clone().with_published_sizes()?.into();
    }
    Ok(recipe)
}

/// The model of a bundle, such as an imported LAION-CLAP; its text tower is looked for there as well.
fn of_bundle(bundle: &Path) -> Result<Option<Value>, TrainError> {
    let path = bundle.join("config.json");
    if !path.exists() {
        return Ok(None);
    }
    let invalid = |source| TrainError::from(ModelError::ConfigFile { path: path.clone(), source });
    let config: serde_json::Value = serde_json::from_str(&read_text(&path)?).map_err(invalid)?;
    let model = config.get("model").cloned().unwrap_or_default();
    let model: MuscallConfig = serde_json::from_value(model).map_err(invalid)?;
    let mut model = Value::try_from(model).map_err(|source| TrainError::RecipeText { source })?;
    for key in ["model", "file"] {
        if let Some(place) = model.get_mut("text").and_then(|text| text.get_mut(key))
            && let Some(copy) = place.as_str().and_then(|name| own_copy(bundle, key, name))
        {
            *place = Value::String(copy.display().to_string());
        }
    }
    Ok(Some(model))
}

/// What training would look for elsewhere, where a bundle has it: an imported tower, a frozen encoder, word vectors.
fn own_copy(bundle: &Path, key: &str, name: &str) -> Option<PathBuf> {
    let copy = match (key, name) {
        (_, "") => bundle.to_owned(),
        ("model", _) => bundle.join("sentence"),
        _ => bundle.join(name),
    };
    copy.exists().then_some(copy)
}

/// What a recipe starts from, so that it may say one thing about a table and leave the rest.
fn defaults(path: &Path, table: &Table) -> Result<Vec<(&'static str, Value)>, TrainError> {
    let text = |source| TrainError::RecipeText { source };
    let mut defaults = vec![
        ("data", Value::try_from(DataRecipe::default()).map_err(text)?),
        ("loss", Value::try_from(Loss::default()).map_err(text)?),
        ("optimizer", Value::try_from(AdamWConfig::default()).map_err(text)?),
        ("schedule", Value::try_from(Schedule::default()).map_err(text)?),
    ];
    if table.get("ssl").is_some_and(Value::is_table) {
        defaults.push(("ssl", Value::try_from(SslRecipe::default()).map_err(text)?));
    }
    if let Some(preset) = table.get("model").and_then(|model| model.get("preset")) {
        let unknown = || TrainError::Preset { path: path.to_owned(), found: preset.to_string(), expected: PRESETS };
        let config = match preset.as_str().ok_or_else(unknown)? {
            "released" => MuscallConfig::released(),
            "resnet50" => MuscallConfig::resnet50(),
            "tiny" => MuscallConfig::tiny(),
            "dcase" => MuscallConfig::dcase("word2vec.bin"),
            bundle => match of_bundle(Path::new(bundle))? {
                Some(model) => {
                    defaults.push(("model", model));
                    return Ok(defaults);
                }
                None => return Err(unknown()),
            },
        };
        defaults.push(("model", Value::try_from(config).map_err(text)?));
    }
    Ok(defaults)
}

/// The recipe as written, over the one that it extends.
fn read_chain(path: &Path, seen: &mut Vec<PathBuf>) -> Result<Table, TrainError> {
    let io = FileError::reading(path);
    let text = read_text(path)?;
    let place = fs::canonicalize(path).map_err(io)?;
    if seen.contains(&place) || seen.len() >= DEPTH {
        return Err(TrainError::ExtendsItself { path: path.to_owned() });
    }
    seen.push(place);
    let parse = |source| TrainError::RecipeFile { path: path.to_owned(), source: Box::new(source) };
    let mut own: Table = toml::from_str(&text).map_err(parse)?;
    let Some(parent) = own.remove("extends") else {
        return Ok(own);
    };
    let Some(parent) = parent.as_str() else {
        let setting = format!("extends = {parent}");
        return Err(TrainError::Setting { setting });
    };
    let mut table = read_chain(&path.parent().unwrap_or(Path::new("")).join(parent), seen)?;
    merge(&mut table, own);
    Ok(table)
}

/// Lays `over` upon `base`, table by table. A table of another `kind` replaces what was there, and
/// `false` takes away what is not a truth value.
fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) if !is_other_kind(below, &above) => merge(below, above),
            (Some(below), Value::Boolean(false)) if !below.is_bool() => {
                base.remove(&key);
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

fn is_other_kind(below: &Table, above: &Table) -> bool {
    above.get("kind").is_some_and(|kind| below.get("kind") != Some(kind))
}
