//! `muscall export`: takes an index to other engines, and a model to other programs or sizes.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
#[cfg(any(feature = "postgres", feature = "qdrant"))]
use muscall::engines::Hnsw;
use muscall::engines::{ids_path, write_npy};
use muscall::model::weights::WeightFormat;
use muscall::model::weights::clap::export_clap;
use muscall::{DeviceChoice, Index, Muscall};

use crate::Failed;
use crate::console::say;
use crate::home::{DEFAULT, Home};

/// Write the vectors of your library to files, or to a Postgres or Qdrant server; or a model with weights of 16 or 8 bits,
/// or as the files that transformers reads.
///
/// Whatever was there before stays until the new copy is complete.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  muscall export --npy music.npy\n  muscall export --bundle runs/mine --as i8 runs/small\n  muscall export --bundle runs/clap --as transformers models/clap"
)]
pub struct Arguments {
    /// An index file, in place of a library's.
    #[arg(long, value_name = "FILE", requires = "Targets")]
    index: Option<PathBuf>,
    /// Which library, if you keep several.
    #[arg(long, value_name = "NAME", default_value = DEFAULT, conflicts_with = "index")]
    library: String,
    #[command(flatten)]
    to: Targets,
    /// The table or collection on a server.
    #[cfg(any(feature = "postgres", feature = "qdrant"))]
    #[arg(long, default_value = "muscall")]
    name: String,
    /// Directory of a bundle.
    #[arg(long, requires = "layout", conflicts_with_all = ["index", "Targets"])]
    bundle: Option<PathBuf>,
    /// The layout that it is written in.
    #[arg(long = "as", requires_all = ["bundle", "folder"])]
    layout: Option<Layout>,
    /// The folder to write.
    #[arg(requires = "layout")]
    folder: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Layout {
    /// What `ClapModel.from_pretrained` reads, of a LAION-CLAP bundle: config.json, preprocessor_config.json, tokenizer.json, model.safetensors.
    Transformers,
    /// The same bundle with weights of 16 bits: half the size.
    F16,
    /// The same bundle with weights of 8 bits: a quarter of the size.
    I8,
}

#[derive(Debug, Args)]
#[group(multiple = true)]
struct Targets {
    /// A NumPy file, `[segments, dim]`, with a table of paths and times beside it.
    #[arg(long, value_name = "FILE")]
    npy: Option<PathBuf>,
    /// A Parquet file with the columns id, path, start_s and vector.
    #[cfg(feature = "parquet")]
    #[arg(long, value_name = "FILE")]
    parquet: Option<PathBuf>,
    /// A Postgres server with pgvector, such as `postgres://user@host/music`.
    #[cfg(feature = "postgres")]
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// A Qdrant server, such as `http://localhost:6334`; its key is read from QDRANT_API_KEY.
    #[cfg(feature = "qdrant")]
    #[arg(long, value_name = "URL")]
    qdrant: Option<String>,
}

/// Runs it.
///
/// # Errors
/// In words for whoever typed it.
pub fn run(arguments: &Arguments) -> Result<(), Failed> {
    if let (Some(bundle), Some(layout), Some(folder)) = (&arguments.bundle, arguments.layout, &arguments.folder) {
        let model = Muscall::load(bundle, &DeviceChoice::default().open()?)?;
        match layout {
            Layout::Transformers => export_clap(&model, folder)?,
            Layout::F16 => save_as(&model, folder, WeightFormat::F16)?,
            Layout::I8 => save_as(&model, folder, WeightFormat::I8)?,
        }
        let layout = layout.to_possible_value().expect("no layout is skipped");
        say(format!("{}: {} as {}", folder.display(), bundle.display(), layout.get_name()));
        return Ok(());
    }
    let to = &arguments.to;
    if !to.is_any() {
        return Err(
            format!("where to? Give one or more of {}; or --bundle, --as and a folder", Targets::OPTIONS).into()
        );
    }
    let index = match &arguments.index {
        Some(file) => Index::open(file)?,
        None => Home::find()?
            .library(&arguments.library)?
            .index()?
            .ok_or("nothing has been indexed yet; first run: muscall index ~/Music, or name an --index")?,
    };
    let started = Instant::now();
    let done = |rows: u64, place: &str| say(format!("{rows} segments to {place} after {:.1?}", started.elapsed()));
    #[cfg(any(feature = "postgres", feature = "qdrant"))]
    let name = arguments.name.as_str();
    if let Some(path) = &to.npy {
        let rows = write_npy(path, &index)?;
        done(rows, &format!("{} and {}", path.display(), ids_path(path).display()));
    }
    #[cfg(feature = "parquet")]
    if let Some(path) = &to.parquet {
        done(muscall::engines::write_parquet(path, &index)?, &path.display().to_string());
    }
    #[cfg(feature = "postgres")]
    if let Some(url) = &to.postgres {
        let rows = muscall::engines::Postgres::connect(url, name)?.push(&index, Some(Hnsw::default()))?;
        done(rows, &format!("the table {name}"));
    }
    #[cfg(feature = "qdrant")]
    if let Some(url) = &to.qdrant {
        let key = std::env::var("QDRANT_API_KEY").ok();
        let rows = muscall::engines::Qdrant::connect(url, key.as_deref(), name)?.push(&index, Some(Hnsw::default()))?;
        done(rows, &format!("the collection {name}"));
    }
    Ok(())
}

impl Targets {
    /// What can be asked for.
    const OPTIONS: &str =
        "--npy, --parquet, --postgres and --qdrant (the latter three where the program was built with these features)";

    fn is_any(&self) -> bool {
        let is_any = self.npy.is_some();
        #[cfg(feature = "parquet")]
        let is_any = is_any || self.parquet.is_some();
        #[cfg(feature = "postgres")]
        let is_any = is_any || self.postgres.is_some();
        #[cfg(feature = "qdrant")]
        let is_any = is_any || self.qdrant.is_some();
        is_any
    }
}

/// A bundle with rounded weights, which knows where its words lie, so that no search has to find out.
fn save_as(model: &Muscall, folder: &Path, format: WeightFormat) -> Result<(), Failed> {
    model.save_as(folder, format)?;
    let model = Muscall::load(folder, model.device())?;
    model.text_centre()?;
    Ok(model.save(folder)?)
}
