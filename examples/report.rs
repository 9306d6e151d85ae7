//! A folder that says how good a bundle is, and what it gets wrong.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod console;

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use muscall::retrieval::{Bootstrap, JointSpace, RetrievalReport, chance, joint_space};
use muscall::train::QueryResult;
use muscall::{Device, Manifest, Muscall, evaluate};
use serde_json::json;

/// Captions in the table of the worst failures.
const FAILURES: usize = 15;

/// Writes report.md and index.html (metrics with 95 % intervals, the joint space, the worst
/// failures with what was found instead), metrics.json and queries.jsonl.
#[derive(Parser)]
#[command(version, after_help = "Example: cargo run --release --example report -- runs/quickstart demo/manifest.jsonl")]
struct Arguments {
    /// A trained model.
    bundle: PathBuf,
    /// A manifest or a folder, as for `train`.
    data: PathBuf,
    /// Which rows.
    #[arg(long, value_enum, default_value = "val")]
    split: console::SplitName,
    /// The folder to write; the bundle's `report/` if absent.
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let manifest = Manifest::read(&arguments.data, arguments.split.into())?;
    let result = evaluate(&Muscall::load(&arguments.bundle, &Device::default())?, &manifest)?;
    let report = RetrievalReport::new(&result.ranks, &Bootstrap::default());
    let space = joint_space(result.audio()?, result.text()?, result.pairs())?;
    let queries = result.queries(&manifest, 10)?;

    let out = arguments.out.clone().unwrap_or_else(|| arguments.bundle.join("report"));
    fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    let title = format!("{} on {}", arguments.bundle.display(), arguments.data.display());
    let unreadable: Vec<String> = result.unreadable.iter().map(ToString::to_string).collect();
    let whole = json!({ "retrieval": report, "joint_space": space, "unreadable": unreadable });
    fs::write(out.join("metrics.json"), serde_json::to_string_pretty(&whole)? + "\n")?;
    let lines: Result<Vec<String>, _> = queries.iter().map(serde_json::to_string).collect();
    fs::write(out.join("queries.jsonl"), lines?.join("\n") + "\n")?;
    let tables = [metrics(&report), joint(&space), failures(queries)];
    let mut markdown = format!("# {title}\n");
    let mut html = HEAD.replace("{title}", &escape(&title));
    for Table { caption, rows } in &tables {
        write!(markdown, "\n## {caption}\n\n")?;
        write!(html, "<h2>{}</h2>\n<table>", escape(caption))?;
        for (i, row) in rows.iter().enumerate() {
            let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
            writeln!(markdown, "| {} |", cells.join(" | "))?;
            if i == 0 {
                writeln!(markdown, "|{}", "---|".repeat(row.len()))?;
            }
            let tag = if i == 0 { "th" } else { "td" };
            let cells: String = row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect();
            writeln!(html, "<tr>{cells}</tr>")?;
        }
        html.push_str("</table>\n");
    }
    fs::write(out.join("report.md"), markdown)?;
    fs::write(out.join("index.html"), html)?;
    println!("{}\nThe report is in {}.", console::report_table(&report), out.display());
    Ok(())
}

const HEAD: &str = "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>
<title>{title}</title><style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui;max-width:60em;margin:2em auto;padding:0 1em}
table{border-collapse:collapse;display:block;overflow-x:auto}th,td{padding:.25em .7em;text-align:left;vertical-align:top;
border-bottom:1px solid #8885}</style><h1>{title}</h1>
";

struct Table {
    caption: &'static str,
    rows: Vec<Vec<String>>,
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn metrics(report: &RetrievalReport) -> Table {
    let mut rows: Vec<Vec<String>> = console::report_rows(report).map(Vec::from).to_vec();
    let m = chance(report.text_to_audio.metrics.gallery);
    let [r1, r5, r10, map] = [m.r_at_1, m.r_at_5, m.r_at_10, m.map_at_10].map(|x| format!("{:.1}", 100.0 * x));
    rows.push(vec!["chance".to_owned(), r1, r5, r10, map, m.median_rank.to_string()]);
    Table { caption: "Retrieval, percent, with 95 % intervals over queries", rows }
}

fn joint(space: &JointSpace) -> Table {
    let values = [
        ("overlap of matching and other similarities (0 is best, 1 is none told apart)", space.overlap),
        ("distance of the means of music and text", space.modality_gap),
        ("alignment: mean squared distance of pairs", space.alignment),
        ("uniformity of music (less is more uniform)", space.audio_uniformity),
        ("uniformity of text", space.text_uniformity),
        ("hubness: skew of how often a track is among the ten best", space.hubness),
    ];
    let rows = values.map(|(name, value)| vec![name.to_owned(), format!("{value:.3}")]);
    let head = row(["", "value"]);
    Table { caption: "The joint space", rows: std::iter::once(head).chain(rows).collect() }
}

fn failures(mut queries: Vec<QueryResult>) -> Table {
    queries.sort_by_key(|query| std::cmp::Reverse(query.rank));
    let mut rows = vec![row(["rank", "query", "of the track", "found instead"])];
    for query in queries.into_iter().filter(|query| query.rank > 1).take(FAILURES) {
        let instead = query.found.first().map(|hit| hit.caption.clone()).unwrap_or_default();
        rows.push(vec![query.rank.to_string(), query.caption, query.track, instead]);
    }
    Table { caption: "The worst failures", rows }
}
