//! The log of a run: `log.jsonl` with everything, `steps.csv` and `validation.csv` for plotting,
//! `tensorboard/` for TensorBoard.

mod tensorboard;

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};

use muscall_files::{FileError, replace_bytes};
use serde::Serialize;
use serde_json::Value;
use tensorboard::EventFile;

use crate::TrainError;
use crate::checkpoint::Progress;
use crate::event::{StepReport, ValidationReport};

const STEP_HEADER: &str = "step,epoch,loss,learning_rate,gradient_norm,scale,clips_per_s,pair_loss,ssl_loss";
const VALIDATION_HEADER: &str =
    "step,epoch,tracks,t2a_r1,t2a_r5,t2a_r10,t2a_map10,t2a_median_rank,a2t_r1,a2t_r5,a2t_r10,a2t_map10,a2t_median_rank";

/// Appends to the log files of one run.
#[derive(Debug)]
pub struct RunLog {
    jsonl: Writer,
    steps: Writer,
    validation: Writer,
    validation_ema: Option<Writer>,
    events: EventFile,
}

impl RunLog {
    /// Opens the log of a run. What a killed run wrote after its last checkpoint is removed, since
    /// it will happen again.
    ///
    /// # Errors
    /// [`TrainError::Io`] with the file.
    pub fn open(dir: &Path, progress: &Progress) -> Result<Self, TrainError> {
        let cell = |line: &str, i: usize| line.split(',').nth(i)?.parse::<u64>().ok();
        let step = |line: &str| cell(line, 0).is_some_and(|step| step <= progress.step);
        let validation = |line: &str| cell(line, 1).is_some_and(|epoch| epoch < progress.epoch);
        let either = |line: &str| {
            let Ok(row) = serde_json::from_str::<Value>(line) else {
                return false;
            };
            let number = |key: &str| row[key].as_u64();
            match row["kind"].as_str() {
                Some("step") => number("step").is_some_and(|step| step <= progress.step),
                _ => number("epoch").is_some_and(|epoch| epoch < progress.epoch),
            }
        };
        Ok(Self {
            jsonl: Writer::open(dir.join("log.jsonl"), None, either)?,
            steps: Writer::open(dir.join("steps.csv"), Some(STEP_HEADER), step)?,
            validation: Writer::open(dir.join("validation.csv"), Some(VALIDATION_HEADER), validation)?,
            validation_ema: match progress.recipe.ema {
                Some(_) => Some(Writer::open(dir.join("validation_ema.csv"), Some(VALIDATION_HEADER), validation)?),
                None => None,
            },
            events: EventFile::create(&dir.join("tensorboard"), progress.step)?,
        })
    }

    /// # Errors
    /// [`TrainError::Io`] with the file.
    pub fn step(&mut self, r: &StepReport) -> Result<(), TrainError> {
        self.jsonl.json("step", r)?;
        let ssl_loss = r.ssl_loss.map(|loss| ("train/ssl_loss", loss));
        let values = [
            ("train/loss", r.loss),
            ("train/pair_loss", r.pair_loss),
            ("train/learning_rate", r.learning_rate),
            ("train/gradient_norm", r.gradient_norm),
            ("train/scale", r.scale),
            ("train/clips_per_s", r.clips_per_s),
        ];
        let values: Vec<_> = values.into_iter().chain(ssl_loss).collect();
        self.events.scalars(r.step, &values)?;
        self.steps.line(&format!(
            "{},{},{:.6},{:.4e},{:.4e},{:.4},{:.2},{:.6},{}",
            r.step,
            r.epoch,
            r.loss,
            r.learning_rate,
            r.gradient_norm,
            r.scale,
            r.clips_per_s,
            r.pair_loss,
            r.ssl_loss.map(|loss| format!("{loss:.6}")).unwrap_or_default()
        ))
    }

    /// # Errors
    /// [`TrainError::Io`] with the file.
    pub fn validation(&mut self, r: &ValidationReport) -> Result<(), TrainError> {
        self.jsonl.json("validation", r)?;
        if let Some(explained) = r.explained {
            let of = if r.is_ema { "validation_ema" } else { "validation" };
            self.events.scalars(r.step, &[(&format!("{of}/explained"), explained)])?;
        }
        for (direction, m) in [("t2a", &r.metrics.text_to_audio), ("a2t", &r.metrics.audio_to_text)] {
            let of = if r.is_ema { "validation_ema" } else { "validation" };
            let names = ["r1", "r5", "r10", "map10", "median_rank"].map(|name| format!("{of}/{direction}_{name}"));
            let values = [m.r_at_1, m.r_at_5, m.r_at_10, m.map_at_10, m.median_rank];
            let scalars: Vec<_> = names.iter().map(String::as_str).zip(values).collect();
            self.events.scalars(r.step, &scalars)?;
        }
        let directions = [&r.metrics.text_to_audio, &r.metrics.audio_to_text];
        let cells = directions
            .map(|m| format!("{:.6},{:.6},{:.6},{:.6},{}", m.r_at_1, m.r_at_5, m.r_at_10, m.map_at_10, m.median_rank));
        let own = if r.is_ema { self.validation_ema.as_mut() } else { Some(&mut self.validation) };
        own.map_or(Ok(()), |log| log.line(&format!("{},{},{},{}", r.step, r.epoch, r.tracks, cells.join(","))))
    }
}

#[derive(Debug)]
struct Writer {
    path: PathBuf,
    file: File,
}

impl Writer {
    fn open(path: PathBuf, header: Option<&str>, has_happened: impl Fn(&str) -> bool) -> Result<Self, TrainError> {
        let io = FileError::reading(&path);
        let mut kept = String::new();
        kept.extend(header.map(|header| format!("{header}\n")));
        match File::open(&path) {
            Ok(file) => {
                for line in BufReader::new(file).lines() {
                    let line = line.map_err(io)?;
                    if has_happened(&line) {
                        kept.push_str(&line);
                        kept.push('\n');
                    }
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(io(error).into()),
        }
        replace_bytes(&path, kept)?;
        let file = OpenOptions::new().append(true).open(&path).map_err(FileError::writing(&path))?;
        Ok(Self { path, file })
    }

    fn line(&mut self, line: &str) -> Result<(), TrainError> {
        // One write per line, so that a killed run leaves no half of one behind but the last.
        let written = self.file.write_all(format!("{line}\n").as_bytes());
        Ok(written.map_err(FileError::writing(&self.path))?)
    }

    fn json(&mut self, kind: &str, row: &impl Serialize) -> Result<(), TrainError> {
        let json = |source| TrainError::Json { path: self.path.clone(), source };
        let mut value = serde_json::to_value(row).map_err(json)?;
        value["kind"] = kind.into();
        self.line(&value.to_string())
    }
}
