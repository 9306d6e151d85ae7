//! Takes an index to other engines, and a model to other programs or sizes.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Parser, ValueEnum};
use muscall::engines::{Hnsw, Postgres, Qdrant, ids_path, write_npy, write_parquet};
use muscall::model::weights::WeightFormat;
use muscall::model::weights::clap::export_clap;
use muscall::{DeviceChoice, Index, Muscall};
use muscall_cli::console;

/// Writes the vectors of an index to files, or to a Postgres or Qdrant server; or a bundle with weights of 16 or 8 bits,
/// or as the files that transformers reads. Whatever was there before stays until the new copy is complete.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:\n  cargo run --release --example export -- --index music.index --parquet music.parquet\n  \
                  cargo run --release --example export -- --bundle runs/clap --as transformers models/clap\n  \
                  cargo run --release --example export -- --bundle runs/mine --as i8 runs/small"
)]
struct Arguments {
    /// The index file.
    #[arg(long, required_unless_present = "bundle", requires = "Targets")]
    index: Option<PathBuf>,
    #[command(flatten)]
    to: Targets,
    /// The table or collection on a server.
    #[arg(long, default_value = "muscall")]
    name: String,
    /// Directory of a bundle.
    #[arg(long, requires = "layout", conflicts_with = "index")]
    bundle: Option<PathBuf>,
    /// The layout that it is written in.
    #[arg(long = "as", requires_all = ["bundle", "folder"])]
    layout: Option<Layout>,
    /// The folder to write.
    #[arg(requires = "layout")]
    folder: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Layout {
    /// What `ClapModel.from_pretrained` reads, of a LAION-CLAP bundle: config.json, preprocessor_config.json, tokenizer.json, model.safetensors.
    Transformers,
    /// The same bundle with weights of 16 bits: half the size.
    F16,
    /// The same bundle with weights of 8 bits: a quarter of the size.
    I8,
}

#[derive(Args)]
#[group(multiple = true)]
struct Targets {
    /// A NumPy file, `[segments, dim]`, with a table of paths and times beside it.
    #[arg(long, value_name = "FILE")]
    npy: Option<PathBuf>,
    /// A Parquet file with the columns id, path, start_s and vector.
    #[arg(long, value_name = "FILE")]
    parquet: Option<PathBuf>,
    /// A Postgres server with pgvector, such as `postgres://user@host/music`.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// A Qdrant server, such as `http://localhost:6334`; its key is read from QDRANT_API_KEY.
    #[arg(long, value_name = "URL")]
    qdrant: Option<String>,
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if let (Some(bundle), Some(layout), Some(folder)) = (&arguments.bundle, arguments.layout, &arguments.folder) {
        let model = Muscall::load(bundle, &DeviceChoice::default().open()?)?;
        match layout {
            Layout::Transformers => export_clap(&model, folder)?,
            Layout::F16 => save_as(&model, folder, WeightFormat::F16)?,
            Layout::I8 => save_as(&model, folder, WeightFormat::I8)?,
        }
        let layout = layout.to_possible_value().expect("no layout is skipped");
        println!("{}: {} as {}", folder.display(), bundle.display(), layout.get_name());
        return Ok(());
    }
    let index = Index::open(arguments.index.as_ref().ok_or("give --index or --bundle")?)?;
    let (to, name) = (&arguments.to, arguments.name.as_str());
    let started = Instant::now();
    let say = |rows: u64, place: &str| println!("{rows} segments to {place} after {:.1?}", started.elapsed());
    if let Some(path) = &to.npy {
        let rows = write_npy(path, &index)?;
        say(rows, &format!("{} and {}", path.display(), ids_path(path).display()));
    }
    if let Some(path) = &to.parquet {
        say(write_parquet(path, &index)?, &path.display().to_string());
    }
    if let Some(url) = &to.postgres {
        let rows = Postgres::connect(url, name)?.push(&index, Some(Hnsw::default()))?;
        say(rows, &format!("the table {name}"));
    }
    if let Some(url) = &to.qdrant {
        let key = std::env::var("QDRANT_API_KEY").ok();
        let rows = Qdrant::connect(url, key.as_deref(), name)?.push(&index, Some(Hnsw::default()))?;
        say(rows, &format!("the collection {name}"));
    }
    Ok(())
}

/// A bundle with rounded weights, which knows where its words lie, so that no search has to find out.
fn save_as(model: &Muscall, folder: &Path, format: WeightFormat) -> Result<(), Box<dyn Error>> {
    model.save_as(folder, format)?;
    let model = Muscall::load(folder, model.device())?;
    model.text_centre()?;
    Ok(model.save(folder)?)
}
