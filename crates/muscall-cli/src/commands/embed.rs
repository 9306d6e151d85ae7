//! Embeddings of files and texts as safetensors, for scripts.

use std::collections::HashMap;
use std::path::PathBuf;

use clap::Args;
use muscall::model::ReadableFiles;
use muscall::{Muscall, files};

use safetensors::tensor::{Dtype, TensorView};

use crate::{Failed, console};

/// Writes tensors `audio` and `text`, [n, dim] float32 of unit norm, in the order given. Paths and
/// texts are in the metadata as JSON lists.
///
/// A file that can't be read is named and left out, and the exit code is then 2; the others are written.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: muscall embed --bundle runs/quickstart --out embeddings.safetensors --texts queries.txt music/*.mp3"
)]
pub struct Arguments {
    #[command(flatten)]
    bundle: console::BundleArgument,
    /// The file to write.
    #[arg(long)]
    out: PathBuf,
    /// A UTF-8 file with one text per line.
    #[arg(long)]
    texts: Option<PathBuf>,
    /// Embed whole files instead of their middle `clip_s` seconds, in the way that the bundle's `other_lengths`
    /// says.
    #[arg(long)]
    whole: bool,
    #[command(flatten)]
    device: console::DeviceArgument,
    /// Audio files.
    paths: Vec<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// In words for whoever typed it.
pub fn run(arguments: &Arguments) -> Result<(), Failed> {
    if arguments.paths.is_empty() && arguments.texts.is_none() {
        return Err("nothing to embed: give audio files, or --texts FILE".into());
    }
    let texts: Vec<String> = match &arguments.texts {
        Some(path) => console::lines(path)?,
        None => Vec::new(),
    };
    let model = arguments.bundle.load(&arguments.device.open()?)?;
    let heard = embed(&model, arguments)?;
    if heard.readable.is_empty() && texts.is_empty() {
        return left_out(&heard, arguments.paths.len());
    }
    let text = model.embed_text(&texts)?;

    let paths: Vec<_> = heard.readable.iter().map(|&file| arguments.paths[file].to_string_lossy()).collect();
    let metadata = HashMap::from([
        ("paths".to_owned(), serde_json::to_string(&paths)?),
        ("texts".to_owned(), serde_json::to_string(&texts)?),
        ("fingerprint".to_owned(), model.fingerprint()?.into()),
    ]);
    let bytes = [bytes(heard.audio.values()), bytes(text.values())];
    let shapes = [vec![paths.len(), text.dim()], vec![text.len(), text.dim()]];
    let views = [
        ("audio", TensorView::new(Dtype::F32, shapes[0].clone(), &bytes[0])?),
        ("text", TensorView::new(Dtype::F32, shapes[1].clone(), &bytes[1])?),
    ];
    files::write(&arguments.out, safetensors::serialize(views, Some(metadata))?)?;
    eprintln!("{} files and {} texts → {}", paths.len(), text.len(), arguments.out.display());
    left_out(&heard, arguments.paths.len())
}

/// Names the files that could not be read, and ends with an error if there are any.
pub(super) fn left_out(heard: &ReadableFiles, files: usize) -> Result<(), Failed> {
    for error in &heard.unreadable {
        eprintln!("left out: {}", console::with_causes(error));
    }
    match heard.unreadable.len() {
        0 => Ok(()),
        count => Err(format!("{count} of {files} files could not be read").into()),
    }
}

fn embed(model: &Muscall, arguments: &Arguments) -> Result<ReadableFiles, Failed> {
    let progress = console::Progress::files(arguments.paths.len(), "embedded");
    let on_file = |_| progress.file();
    let heard = match arguments.whole {
        true => model.embed_readable_whole(&arguments.paths, on_file)?,
        false => model.embed_readable(&arguments.paths, on_file)?,
    };
    progress.finish();
    Ok(heard)
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}
