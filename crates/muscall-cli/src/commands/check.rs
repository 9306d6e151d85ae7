//! Looks at a data set before training: rows that cannot be used, captions that say nothing, files that cannot be read or
//! are damaged, silent or clipped clips, what two splits have in common.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use muscall::Manifest;
use muscall::audio::ClipConfig;
use muscall::model::ClipTokenizer;
use muscall::train::doctor::{Diagnosis, RowFinding, check_clips, check_rows, check_words, leakage, shared_captions};
use serde_json::{Value, json};

use super::answers::printable;
use crate::Failed;
use crate::console::{ColumnsArgument, count, say};
use crate::number::{positive, whole};

/// Lines of one kind that are printed; `--json` has all.
const LINES: usize = 20;

/// The part of the training doctor that looks at data, on a manifest alone.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: muscall check --data demo/manifest.jsonl\n\nThe exit code is 1 if something would harm training, with --strict also for hints."
)]
pub struct Arguments {
    /// A manifest or a folder, as for `train`.
    #[arg(long)]
    data: PathBuf,
    /// Length of a clip in seconds, as in the recipe.
    #[arg(long, allow_negative_numbers = true, value_parser = positive(3600.0), default_value_t = 20.0)]
    clip_s: f64,
    /// Sample rate in Hz, as in the recipe.
    #[arg(long, allow_negative_numbers = true, value_parser = whole(2_u32, 768_000), default_value_t = 16_000)]
    sample_rate: u32,
    #[command(flatten)]
    columns: ColumnsArgument,
    /// Look at the table alone, not at the audio.
    #[arg(long)]
    no_audio: bool,
    /// Take hints for faults: the exit code is 1 if there is anything to say.
    #[arg(long)]
    strict: bool,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

/// Runs it; the exit code is 1 if the data set does not pass.
///
/// # Errors
/// In words for whoever typed it.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failed> {
    let (seconds, rate) = (arguments.clip_s, arguments.sample_rate);
    let samples = (seconds * f64::from(rate)).round() as usize;
    if samples == 0 {
        return Err(format!("--clip-s is {seconds}; at {rate} Hz that is not one sample; give a longer clip").into());
    }
    let config = ClipConfig::new(arguments.sample_rate, samples);
    let examined = Manifest::examine_with(&arguments.data, &arguments.columns.columns())?;
    let tokenizer = ClipTokenizer::new()?;
    let mut findings = Findings { says: !arguments.json, ..Findings::default() };
    for error in &examined.errors {
        // The error names its row itself.
        findings.add("", "row", json!({ "row": error.row() }), true, &error.to_string());
    }
    for hint in &examined.hints {
        findings.add("", hint.kind(), json!({}), hint.harms(), &hint.to_string());
    }
    findings.rest("");
    let mut splits = Vec::new();
    for examined in &examined.splits {
        let (name, manifest) = (examined.split.name(), &examined.manifest);
        let captions: usize = manifest.rows.iter().map(|row| row.captions.len()).sum();
        splits.push(json!({ "split": name, "tracks": manifest.rows.len(), "captions": captions }));
        if !arguments.json {
            let counts = [count(manifest.rows.len(), "track"), count(captions, "caption")];
            say(format!("{name}: {}", counts.join(", ")));
        }
        for RowFinding { row, audio, name: file, fault, .. } in
            check_rows(examined, Some(&tokenizer), !arguments.no_audio)
        {
            findings.row(name, fault.kind(), (row, &audio, &file), fault.harms(), &fault);
        }
        check_words(manifest).iter().for_each(|diagnosis| findings.diagnosis(name, diagnosis));
        if arguments.no_audio {
            findings.rest(name);
            continue;
        }
        let bar = ProgressBar::new(manifest.rows.len() as u64).with_style(ProgressStyle::with_template(
            "{msg} {bar:30.cyan/dim} {pos}/{len} clips · {elapsed} · {eta} left",
        )?);
        bar.set_message(name);
        let checked = check_clips(manifest, &config, |done| bar.set_position(done as u64));
        bar.finish_and_clear();
        let number = |row: usize| examined.numbers.get(row).first().copied().unwrap_or(0);
        for (row, _, repairs) in &checked.repaired {
            let repairs: Vec<String> = repairs.iter().map(|repair| repair.to_string()).collect();
            let said = format!("damaged: {}; get the file again, or remove its rows", repairs.join("; "));
            let (number, row) = (number(*row), &manifest.rows[*row]);
            findings.row(name, "damaged", (number, &row.audio, &row.name()), true, &said);
        }
        for (row, error) in &checked.unreadable {
            let (number, row) = (number(*row), &manifest.rows[*row]);
            findings.row(name, "unreadable", (number, &row.audio, &row.name()), true, error);
        }
        checked.diagnoses.iter().for_each(|diagnosis| findings.diagnosis(name, diagnosis));
        findings.rest(name);
    }
    for (i, first) in examined.splits.iter().enumerate() {
        for second in &examined.splits[i + 1..] {
            let both = format!("{}, {}", first.split.name(), second.split.name());
            let found = match arguments.no_audio {
                true => shared_captions(&first.manifest, &second.manifest).into_iter().collect(),
                false => leakage(&first.manifest, &second.manifest),
            };
            found.iter().for_each(|found| findings.diagnosis(&both, found));
        }
    }
    let Findings { all, number, harmful, .. } = findings;
    let is_sound = harmful == 0 && (number == 0 || !arguments.strict);
    if arguments.json {
        say(json!({ "splits": splits, "findings": all, "is_sound": is_sound }));
    } else {
        say(match (number, harmful) {
            (0, _) => "No problems found.".to_owned(),
            (all, 0) => format!("{}, none of which would harm training.", count(all, "finding")),
            (all, harmful) => format!("{}, {harmful} of which would harm training.", count(all, "finding")),
        });
    }
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was found, and told.
#[derive(Default)]
struct Findings {
    /// For `--json`.
    all: Vec<Value>,
    number: usize,
    harmful: usize,
    says: bool,
    /// How many of each kind there are in the split at hand.
    counts: BTreeMap<&'static str, usize>,
}

impl Findings {
    /// About a split as a whole.
    fn diagnosis(&mut self, split: &str, diagnosis: &Diagnosis) {
        self.add(split, diagnosis.kind(), json!({}), diagnosis.harms(), &diagnosis.to_string());
    }

    /// About a row, by its number and the audio that it names, which has a short name.
    fn row(
        &mut self,
        split: &str,
        kind: &'static str,
        (number, audio, name): (usize, &Path, &str),
        harms: bool,
        what: &dyn Display,
    ) {
        let place =
            if self.says { Value::Null } else { json!({ "row": number, "audio": audio.display().to_string() }) };
        self.add(split, kind, place, harms, &format!("row {number} ({name}): {what}"));
    }

    fn add(&mut self, split: &str, kind: &'static str, mut finding: Value, harms: bool, message: &str) {
        self.harmful += usize::from(harms);
        self.number += 1;
        if !self.says {
            for (key, value) in
                [("split", json!(split)), ("kind", json!(kind)), ("harms", json!(harms)), ("message", json!(message))]
            {
                finding[key] = value;
            }
            self.all.push(finding);
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        if self.says && *count <= LINES {
            let place = if split.is_empty() { String::new() } else { format!("{split}: ") };
            say(format!("{place}{}", printable(message)));
        }
    }

    /// How many of each kind were not told, of a split that is done.
    fn rest(&mut self, split: &str) {
        for (kind, count) in std::mem::take(&mut self.counts) {
            if self.says && count > LINES {
                let place = if split.is_empty() { String::new() } else { format!("{split}: ") };
                say(format!("{place}{} more of this kind ({}); --json has all", count - LINES, kind.replace('_', " ")));
            }
        }
    }
}
