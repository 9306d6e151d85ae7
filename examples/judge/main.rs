//! Everyday queries with the tracks that count as right: how often the first answer is one of them.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod genres;
mod table;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use muscall::library::{Library, LibraryError, Request, Response, Term};
use muscall::model::Verdict;
use muscall_cli::console;

use crate::genres::genres;
use crate::table::columns;

/// Asks an index a list of queries, and says how many have a right first answer, and one among the first five. With lists
/// of queries about what is there and about what is not, also how often the answer is that nothing fits.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example: cargo run --release --example judge -- --index folder.index --queries training/box/queries.csv"
)]
struct Arguments {
    #[command(flatten)]
    bundle: console::BundleArgument,
    /// An index that was made with it.
    #[arg(long)]
    index: PathBuf,
    /// A CSV with the columns `query` and `accepted`: ends of paths of the index, with `;` between them.
    #[arg(long)]
    queries: Option<PathBuf>,
    /// Queries about what is there, one per line.
    #[arg(long)]
    present: Option<PathBuf>,
    /// Queries about what is not there, one per line.
    #[arg(long)]
    absent: Option<PathBuf>,
    /// A CSV with the columns `file`, the end of a path of the index, and `class`: how often a track lies nearest to the
    /// prompt of its class, "A {class} track".
    #[arg(long)]
    genres: Option<PathBuf>,
    /// The classes, with `,` between them; by default those of the table.
    #[arg(long, value_delimiter = ',', requires = "genres")]
    classes: Vec<String>,
    /// Show the first answer to each query.
    #[arg(long)]
    show: bool,
    #[command(flatten)]
    device: console::DeviceArgument,
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let library = Library::new(arguments.bundle.load(&arguments.device.open()?)?, &arguments.index)?;
    eprintln!("model and index opened in {:.0} ms", 1e3 * start.elapsed().as_secs_f64());
    if let Some(path) = &arguments.queries {
        judge(&library, path, arguments.show)?;
    }
    if let Some(path) = &arguments.genres {
        genres(&library, path, &arguments.classes)?;
    }
    for (path, what) in [(&arguments.present, "is there"), (&arguments.absent, "is not there")] {
        let Some(path) = path else { continue };
        let (mut refused, mut asked) = (0, 0u32);
        let start = Instant::now();
        for query in console::queries(path)? {
            let (best, verdict) = ask(&library, &query)?;
            asked += 1;
            refused += usize::from(verdict == Some(Verdict::Nothing));
            if arguments.show {
                println!("  {query}: {}, {verdict:?}", best.first().map_or("nothing", String::as_str));
            }
        }
        let each_ms = 1e3 * start.elapsed().as_secs_f64() / f64::from(asked.max(1));
        println!(
            "of {asked} queries about what {what}, {refused} are told that nothing fits; {each_ms:.2} ms per query"
        );
    }
    Ok(())
}

fn judge(library: &Library, path: &Path, show: bool) -> Result<(), Box<dyn Error>> {
    let (mut first, mut among_five, mut asked) = (0, 0, 0);
    for [query, accepted] in columns(path, ["query", "accepted"])? {
        let accepted: Vec<&str> = accepted.split(';').map(str::trim).collect();
        let (best, _) = ask(library, &query)?;
        let right = |path: &String| accepted.iter().any(|end| Path::new(path).ends_with(end));
        let place = best.iter().position(right);
        asked += 1;
        first += usize::from(place == Some(0));
        among_five += usize::from(place.is_some());
        if show {
            let mark = if place == Some(0) { "right" } else { "wrong" };
            println!("  {query}: {}, {mark}", best.first().map_or("nothing", String::as_str));
        }
    }
    println!("of {asked} queries, {first} have a right first answer, {among_five} one among five");
    Ok(())
}

/// Paths of the best five tracks, and how well the first fits.
fn ask(library: &Library, query: &str) -> Result<(Vec<String>, Option<Verdict>), LibraryError> {
    let request = Request::new([Term::text(query)]).with_top(5);
    let Response { answers, verdict, .. } = library.answer(&request)?;
    Ok((answers.into_iter().map(|answer| answer.path).collect(), verdict))
}
