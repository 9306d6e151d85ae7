//! Takes an index to other engines.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod console;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Parser};
use muscall::Index;
use muscall::engines::{Hnsw, Postgres, Qdrant, ids_path, write_npy, write_parquet};

/// Writes the vectors of an index to files, or to a Postgres or Qdrant server. Whatever was there before stays
/// until the new copy is complete.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example: cargo run --release --example export -- --index music.index --parquet music.parquet"
)]
struct Arguments {
    /// The index file.
    #[arg(long)]
    index: PathBuf,
    #[command(flatten)]
    to: Targets,
    /// The table or collection on a server.
    #[arg(long, default_value = "muscall")]
    name: String,
}

#[derive(Args)]
#[group(required = true, multiple = true)]
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
    let index = Index::open(&arguments.index)?;
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
