//! Trains a small model on the music in `demo/`, and finds music by text with it.
//!
//! `cargo run --release --example quickstart`
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use muscall::{Learner, Manifest, OnExisting, Recipe, Split, evaluate};
use muscall_cli::console;
use muscall_report::{Report, ReportConfig};

const QUERIES: [&str; 3] = [
    "heavy metal with distorted electric guitar",
    "powerful drums and percussion",
    "a lively Irish reel played on a flute",
];

/// Trains a small model on the music in demo/ and finds music by text with it. No arguments needed.
#[derive(Parser)]
#[command(version, after_help = "Example: cargo run --release --example quickstart")]
struct Arguments {
    #[command(flatten)]
    device: console::DeviceArgument,
}

fn main() -> ExitCode {
    muscall::model::keep_freed_memory();
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (demo, out) = (root.join("demo/manifest.jsonl"), root.join("runs/quickstart"));
    let train = Manifest::read(&demo, Split::Train)?;
    let held_out = Manifest::read(&demo, Split::Val)?;
    let recipe = Recipe::read(&root.join("recipes/quickstart.toml"))?;
    let device = arguments.device.open()?;

    let start = Instant::now();
    let mut console = console::TrainingConsole::new(10)?;
    let learner = Learner::new(recipe, &out, &device)?.with_on_existing(OnExisting::Replace);
    let outcome = learner.fit(train.clone(), Some(held_out.clone()), &mut |event| console.listen(&event))?;
    console.finish();
    if outcome.interrupted {
        return Ok(());
    }
    let model = outcome.model;
    println!("Trained for {} steps in {:.0} s.\n", outcome.steps, start.elapsed().as_secs_f64());

    for (name, manifest) in [("trained on", &train), ("never heard", &held_out)] {
        let result = evaluate(&model, manifest)?;
        println!("The {} clips {name}:\n{}\n", result.tracks, console::table(&result.metrics));
    }

    let mut rows = train.rows;
    rows.extend(held_out.rows.clone());
    let paths: Vec<_> = rows.iter().map(|row| &row.audio).collect();
    let music = model.embed_audio(&paths)?;
    let words = model.embed_text(QUERIES)?;
    let ranking = words.rank(&music);
    for (i, query) in QUERIES.iter().enumerate() {
        println!("“{query}”");
        for hit in ranking.row(i).take(3) {
            let row = &rows[hit.index];
            println!("  {:.2}  {}  ({})", hit.score, row.id, row.captions[0]);
        }
    }
    let config = ReportConfig::new("The quickstart on clips it never heard").with_run(&out);
    Report::of_manifest(&model, &held_out, &config)?.write(&out.join("report"))?;
    println!("\nPictures, and what the model gets wrong: runs/quickstart/report/index.html");
    println!("The model is in runs/quickstart. Search a folder of your own with it:");
    println!("  cargo run --release --example search -- --bundle runs/quickstart --music ~/Music \"calm solo piano\"");
    println!("and train on your own music with:");
    println!("  cargo run --release --example train -- --help");
    Ok(())
}
