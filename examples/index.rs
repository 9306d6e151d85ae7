//! Makes an index of music, or brings it up to date.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "index/forget.rs"]
mod forget;
#[path = "index/report.rs"]
mod report;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use muscall::indexing::{Done, Indexer, Shard, index_config, merge, write_unreadable};
use muscall::retrieval::IndexWriter;

use crate::forget::forget_place;
use crate::report::{finish, print_report, sibling};
use muscall_cli::Source;
use muscall_cli::console;
use muscall_cli::console::IndexConsole;

/// Builds or updates an index of the moments of all music in a folder, a manifest or a bucket: new
/// and changed files are embedded, moved and copied ones are recognised by their content, and those that are gone are
/// removed. It may be stopped at any time; what was done so far is kept.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example: cargo run --release --example index -- --bundle runs/quickstart --index music.index demo/audio"
)]
struct Arguments {
    #[command(flatten)]
    bundle: console::BundleArgument,
    /// The index file.
    #[arg(long)]
    index: PathBuf,
    /// This process is one of several that share the music: `i/n`, or `n` with i from the cluster's
    /// SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX. It writes its own index beside the file.
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
    /// Merge the indexes of this many shards.
    #[arg(long, value_name = "N", conflicts_with_all = ["shard", "music"])]
    merge: Option<u64>,
    /// Remove all tracks at or below a path, or an s3:// prefix, that is gone for good.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["shard", "merge", "music"])]
    forget: Option<String>,
    /// Read every file in full, even those whose size, times and inode are unchanged.
    #[arg(long)]
    rehash: bool,
    /// Number of windows that go through the encoder together.
    #[arg(long, default_value_t = Indexer::default().batch)]
    batch: usize,
    /// Number of decoding threads.
    #[arg(long, default_value_t = Indexer::default().threads)]
    threads: usize,
    #[command(flatten)]
    device: console::DeviceArgument,
    /// Also build the graph of the index, with which `serve` searches millions of segments in a millisecond.
    #[cfg(feature = "ann")]
    #[arg(long)]
    graph: bool,
    /// A folder, searched at any depth, a manifest, or s3://bucket/prefix (--features s3).
    #[arg(required_unless_present_any = ["merge", "forget"])]
    music: Option<PathBuf>,
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if let Some(count) = arguments.merge {
        let shards: Vec<PathBuf> =
            (0..count).map(|number| Shard { number, count }.index_path(&arguments.index)).collect();
        let taken = merge(&arguments.index, &shards)?;
        return finish(&arguments.index, &format!("{taken} tracks from {count} shards"));
    }
    if let Some(place) = &arguments.forget {
        return forget_place(&arguments.index, place);
    }
    let Some(music) = &arguments.music else {
        return Err("give the music".into());
    };
    let shard = arguments.shard.as_deref().map(shard).transpose()?;
    let index = shard.map_or(arguments.index.clone(), |shard| shard.index_path(&arguments.index));
    let model = arguments.bundle.load(&arguments.device.open()?)?;
    let mut source = Source::read(music)?;
    if let Some(shard) = shard {
        source.items.retain(|item| shard.takes(item));
    }
    let mut writer = IndexWriter::open_or_create(&index, &index_config(&model)?)?;
    if shard.is_some() {
        // It counts again when all is there that is there now.
        Done::remove(&index)?;
    }
    let Arguments { threads, batch, rehash, .. } = *arguments;
    let indexer = Indexer { threads, batch, rehash, ..Indexer::default() };
    let (started, mut console) = (Instant::now(), IndexConsole::new()?);
    let mut report = indexer.run(&model, &mut writer, source.items, &source.scope, |event| console.listen(&event))?;
    console.finish();
    report.unreadable.extend(source.unreadable);
    source.beside.line().into_iter().for_each(|line| println!("{line}"));
    let list = sibling(&index, ".unreadable.tsv");
    write_unreadable(&list, &report.unreadable)?;
    print_report(&report, started.elapsed().as_secs_f64(), &list);
    if report.stopped {
        return Err("stopped; what was done is kept: run it again to go on".into());
    }
    writer = writer.compact_where_it_pays()?;
    if shard.is_some() {
        let (fingerprint, tracks) = (model.fingerprint()?.into(), writer.len());
        Done { fingerprint, tracks, unreadable: report.unreadable.len() }.write(&index)?;
    }
    #[cfg(feature = "ann")]
    if arguments.graph {
        build_graph(&index, &console)?;
    }
    finish(&index, "up to date")
}

#[cfg(feature = "ann")]
fn build_graph(index: &std::path::Path, console: &IndexConsole) -> Result<(), Box<dyn Error>> {
    use muscall::Index;
    use muscall::retrieval::{GraphConfig, SegmentGraph};
    let path = SegmentGraph::path_beside(index);
    let is_whole = SegmentGraph::build(&Index::open(index)?, &path, &GraphConfig::new(), &mut |done, all| {
        console.graph(done, all)
    })?;
    if !is_whole {
        return Err("stopped; the index is up to date, its graph was not written".into());
    }
    println!("{}: the graph of the index", path.display());
    Ok(())
}

fn shard(text: &str) -> Result<Shard, Box<dyn Error>> {
    match text.parse() {
        Ok(count) => Ok(Shard::from_environment(count)?),
        Err(_) => Ok(text.parse()?),
    }
}
