//! Finds music by text.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod console;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use muscall::audio::{AudioError, Clip, CropPosition, audio_files, load_clip};
use muscall::{Device, Index, Manifest, Muscall, Split};

/// Finds the tracks of a folder or manifest that fit a description best. Embeddings are kept in the
/// bundle's folder `index/`, so that a second query is instant; new and changed files are added.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example: cargo run --release --example search -- --bundle runs/quickstart --music demo/audio \"calm solo piano\""
)]
struct Arguments {
    /// A trained model.
    #[arg(long)]
    bundle: PathBuf,
    /// A folder, searched at any depth, or a manifest.
    #[arg(long)]
    music: PathBuf,
    /// How many tracks to show.
    #[arg(long, default_value_t = 5)]
    top: usize,
    /// What to look for, in words.
    query: String,
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let model = Muscall::load(&arguments.bundle, &Device::default())?;
    let files = files(&arguments.music)?;
    let index = index(&model, arguments, &files)?;
    if index.is_empty() {
        return Err(format!("{}: no audio file can be read", arguments.music.display()).into());
    }
    let query = model.embed_text([&arguments.query])?;
    for (id, score) in index.search(query.row(0), arguments.top)? {
        println!("{score:.3}  {}", path_of(id));
    }
    Ok(())
}

fn files(music: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    if music.is_dir() && !music.join("dataset_train.json").exists() {
        let files = audio_files(music);
        if files.is_empty() {
            return Err(format!("{}: no audio files in this folder", music.display()).into());
        }
        return Ok(files);
    }
    let mut files = Vec::new();
    for split in [Split::Train, Split::Val, Split::Test] {
        match Manifest::read(music, split) {
            Ok(manifest) => files.extend(manifest.rows.into_iter().map(|row| row.audio)),
            Err(muscall::TrainError::EmptySplit { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// The index of these files: what was embedded before, and the rest anew.
fn index(model: &Muscall, arguments: &Arguments, files: &[PathBuf]) -> Result<Index, Box<dyn Error>> {
    let fingerprint = model.fingerprint();
    let name = fs::canonicalize(&arguments.music)?.to_string_lossy().replace(|c: char| !c.is_alphanumeric(), "_");
    let folder = arguments.bundle.join("index");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let path = folder.join(format!("{name}.index"));
    let old = match Index::load(&path, &fingerprint) {
        Ok(index) => Some(index),
        Err(error) => {
            if path.exists() {
                eprintln!("made anew: {error}");
            }
            None
        }
    };
    let mut index = Index::new(model.config().projection_dim, fingerprint)?;
    let mut missing = Vec::new();
    for file in files {
        let id = id_of(file);
        match old.as_ref().and_then(|old| old.get(&id)) {
            Some(vector) => index.add(id, vector)?,
            None => missing.push((file, id)),
        }
    }
    let unchanged = missing.is_empty() && old.is_some_and(|old| old.len() == index.len());
    let bar = ProgressBar::new(missing.len() as u64);
    bar.set_style(ProgressStyle::with_template("{bar:30.cyan/dim} {pos}/{len} files · {per_sec} · {eta} left")?);
    for (i, batch) in missing.chunks(16).enumerate() {
        let clips = batch.iter().map(|(file, _)| load_clip(file, CropPosition::Central, &model.clip_config()));
        let (mut ids, mut samples) = (Vec::new(), Vec::new());
        for ((_, id), clip) in batch.iter().zip(clips) {
            let clip: Result<Clip, AudioError> = clip;
            match clip {
                Ok(clip) => {
                    ids.push(id);
                    samples.push(clip.samples);
                }
                Err(error) => bar.suspend(|| eprintln!("left out: {error}")),
            }
        }
        let vectors = model.embed_clips(&samples)?;
        for (row, id) in ids.into_iter().enumerate() {
            index.add(id, vectors.row(row))?;
        }
        bar.inc(batch.len() as u64);
        // What is done is kept, should somebody lose patience.
        if i % 16 == 15 {
            index.save(&path)?;
        }
    }
    bar.finish_and_clear();
    if !unchanged {
        index.save(&path)?;
    }
    Ok(index)
}

/// A file's path with its size and time, so that a changed file is another one.
fn id_of(path: &Path) -> String {
    let metadata = fs::metadata(path).ok();
    let bytes = metadata.as_ref().map_or(0, fs::Metadata::len);
    let modified = metadata.and_then(|metadata| metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok());
    format!("{bytes} {} {}", modified.map_or(0, |time| time.as_nanos()), path.display())
}

fn path_of(id: &str) -> &str {
    id.splitn(3, ' ').nth(2).unwrap_or(id)
}
