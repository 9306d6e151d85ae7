//! Captions for those who have tags: a table of tags becomes a manifest with sentences.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use muscall::data::dataset::item_seed;
use muscall::data::sentences::{TagTable, TaggedRow, Templates};
use muscall_cli::console;
use serde_json::{Map, Value, json};

/// Makes sentences of tags by a template file, and writes a manifest to train with. Rows of whose tags nothing can be
/// said are left out.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example: cargo run --release --example sentences -- tags.csv.gz --templates templates.toml --out manifest.jsonl"
)]
struct Arguments {
    /// The table: .csv or .tsv, or one of them with .gz behind it, with a column `file` or `audio`.
    table: PathBuf,
    /// What tags may be called, and what sentences look like.
    #[arg(long, value_name = "FILE")]
    templates: PathBuf,
    /// Columns with tags, as `guitar:0.25;slow:0.3` or `guitar;slow`, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "tags")]
    tags: Vec<String>,
    /// A table with more columns for the same audio files, such as a catalogue; may be given several times.
    #[arg(long, value_name = "FILE")]
    catalog: Vec<PathBuf>,
    /// Most captions per row.
    #[arg(long, default_value_t = 3)]
    per_row: usize,
    /// Decides on facts and words; a row has the same captions whatever rows come after it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Length of the part that a row describes, in seconds from `start_s`, where the table has no `end_s`.
    #[arg(long, value_name = "S")]
    window_s: Option<f64>,
    /// Folder of the audio files, as seen from the manifest's folder.
    #[arg(long, value_name = "FOLDER")]
    audio: Option<PathBuf>,
    /// Columns that the manifest takes over, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "id,split,label,start_s,end_s")]
    keep: Vec<String>,
    /// The manifest, .jsonl; `-` prints it.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let templates = Templates::read(&arguments.templates)?;
    let mut table = TagTable::read(&arguments.table)?;
    for catalog in &arguments.catalog {
        table.join(&TagTable::read(catalog)?);
    }
    if let Some(column) = arguments.tags.iter().find(|column| !table.has_column(column)) {
        let path = arguments.table.display();
        return Err(
            format!("{path}: no row has anything in the column `{column}`; name those with tags by --tags").into()
        );
    }
    let (mut lines, mut captions) = (Vec::new(), 0);
    for (row, index) in table.rows.iter().zip(0..) {
        let facts = table.facts(row, &arguments.tags, &templates)?;
        let sentences = templates.sentences(&facts, arguments.per_row, item_seed(arguments.seed, 0, index));
        if !sentences.is_empty() {
            captions += sentences.len();
            lines.push(manifest_row(row, sentences, arguments)?.to_string() + "\n");
        }
    }
    let text = lines.concat();
    if arguments.out == Path::new("-") {
        print!("{text}");
    } else {
        muscall::files::write(&arguments.out, text)?;
    }
    let left_out = table.rows.len() - lines.len();
    eprintln!("{captions} captions for {} rows; {left_out} rows without a fact that can be said", lines.len());
    Ok(())
}

fn manifest_row(row: &TaggedRow, captions: Vec<String>, arguments: &Arguments) -> Result<Value, String> {
    let mut object = Map::new();
    let audio = arguments.audio.as_ref().map_or_else(|| PathBuf::from(&row.audio), |folder| folder.join(&row.audio));
    object.insert("audio".to_owned(), json!(audio));
    for column in &arguments.keep {
        if let Some(cell) = row.cells.get(column) {
            object.insert(column.clone(), json!(cell));
        }
    }
    for (column, value) in [("start_s", start_s(row)?), ("end_s", end_s(row, arguments.window_s)?)] {
        if let Some(seconds) = value {
            object.insert(column.to_owned(), json!(seconds));
        }
    }
    object.insert("captions".to_owned(), json!(captions));
    Ok(object.into())
}

fn start_s(row: &TaggedRow) -> Result<Option<f64>, String> {
    seconds(row, "start_s")
}

/// Of the table, or a window behind the start.
fn end_s(row: &TaggedRow, window_s: Option<f64>) -> Result<Option<f64>, String> {
    let end_s = seconds(row, "end_s")?;
    let start_s = start_s(row)?.unwrap_or(0.0);
    Ok(end_s.or(window_s.map(|window_s| start_s + window_s)))
}

fn seconds(row: &TaggedRow, column: &str) -> Result<Option<f64>, String> {
    let Some(cell) = row.cells.get(column) else {
        return Ok(None);
    };
    let told = |_| format!("row {}: `{column}` is `{cell}`; expected seconds, as a number", row.line);
    cell.parse().map(Some).map_err(told)
}
