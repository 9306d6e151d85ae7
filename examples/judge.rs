//! Everyday queries with the tracks that count as right: how often the first answer is one of them.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod console;

use std::error::Error;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use muscall::library::{Library, LibraryError, Request, Term};
use muscall::model::Verdict;

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
    let library = Library::new(arguments.bundle.load(&arguments.device.open()?)?, &arguments.index)?;
    if let Some(path) = &arguments.queries {
        judge(&library, path, arguments.show)?;
    }
    if let Some(path) = &arguments.genres {
        genres(&library, path, &arguments.classes)?;
    }
    for (path, what) in [(&arguments.present, "is there"), (&arguments.absent, "is not there")] {
        let Some(path) = path else { continue };
        let (mut refused, mut asked) = (0, 0);
        for query in read(path)?.lines().filter(|line| !line.trim().is_empty()) {
            let (best, verdict) = ask(&library, query)?;
            asked += 1;
            refused += usize::from(verdict == Some(Verdict::Nothing));
            if arguments.show {
                println!("  {query}: {}, {verdict:?}", best.first().map_or("nothing", String::as_str));
            }
        }
        println!("of {asked} queries about what {what}, {refused} are told that nothing fits");
    }
    Ok(())
}

/// The columns of a CSV file, of each row.
fn columns(path: &Path, names: [&'static str; 2]) -> Result<Vec<[String; 2]>, String> {
    let [one, other] = names;
    let named = |found: &dyn Display| format!("{}: {found}; expected the columns {one} and {other}", path.display());
    let mut table = csv::Reader::from_path(path).map_err(|error| named(&error))?;
    let headers = table.headers().map_err(|error| named(&error))?.clone();
    let place = |name| headers.iter().position(|header| header == name).ok_or_else(|| named(&format!("no `{name}`")));
    let (one, other) = (place(one)?, place(other)?);
    let row = |row: csv::Result<csv::StringRecord>| {
        row.map(|row| [row[one].to_owned(), row[other].to_owned()]).map_err(|error| named(&error))
    };
    table.records().map(row).collect()
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

fn genres(library: &Library, path: &Path, classes: &[String]) -> Result<(), Box<dyn Error>> {
    let rows = columns(path, ["file", "class"])?;
    let mut names: Vec<&str> = classes.iter().map(String::as_str).collect();
    if names.is_empty() {
        names = rows.iter().map(|[_, class]| class.as_str()).collect();
        names.sort_unstable();
        names.dedup();
    }
    let prompts: Vec<String> = names.iter().map(|class| format!("A {class} track")).collect();
    let prompts = library.model().embed_text(&prompts)?;
    let mut counts = vec![(0, 0); names.len()];
    for track in library.index().tracks() {
        let record = library.index().track(track)?;
        let Some([_, class]) = rows.iter().find(|[file, _]| Path::new(&record.path).ends_with(file)) else { continue };
        let Some(own) = names.iter().position(|name| name == class) else { continue };
        let vector = library.index().vector(track)?;
        let score = |class: &usize| prompts.row(*class).iter().zip(vector).map(|(a, b)| a * b).sum::<f32>();
        let found = (0..names.len()).max_by(|a, b| score(a).total_cmp(&score(b)));
        counts[own].0 += usize::from(found == Some(own));
        counts[own].1 += 1;
    }
    let present: Vec<(&str, usize, usize)> = names
        .iter()
        .zip(&counts)
        .filter(|(_, count)| count.1 > 0)
        .map(|(name, count)| (*name, count.0, count.1))
        .collect();
    let recalls: f64 = present.iter().map(|(_, right, all)| *right as f64 / *all as f64).sum();
    let each: Vec<String> = present.iter().map(|(name, right, all)| format!("{name} {right} of {all}")).collect();
    let (accuracy, count) = (recalls / present.len().max(1) as f64, names.len());
    println!("balanced accuracy {accuracy:.2} among {count} classes: {}", each.join(", "));
    Ok(())
}

/// Paths of the best five tracks, and how well the first fits.
fn ask(library: &Library, query: &str) -> Result<(Vec<String>, Option<Verdict>), LibraryError> {
    let request = Request::new([Term::text(query)]).with_top(5);
    let vector = library.query_vector(&request)?;
    let answers = library.search_with(&vector, &request)?;
    let verdict = library.verdict(&request, &vector, &answers);
    Ok((answers.into_iter().map(|answer| answer.path).collect(), verdict))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}; expected UTF-8, one query per line", path.display()))
}
