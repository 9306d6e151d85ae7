//! A folder that says how good a model is, and what it gets wrong.

use std::fs;
use std::path::{Path, PathBuf};

use muscall_files::FileError;
use muscall_model::Muscall;
use muscall_retrieval::{Bootstrap, RetrievalReport, joint_space};
use muscall_train::benchmark::{BenchmarkData, ClassPrompts, Task, zero_shot_classification, zero_shot_tagging};
use muscall_train::{Manifest, QueryResult, TrainError, evaluate};
use serde_json::{Map, Value};

use crate::page::{Block, Section, write};
use crate::pictures::TrainingCurves;
use crate::{ReportError, TrainingLog, sections};

/// What a report says beside the numbers.
#[derive(Debug, Clone)]
pub struct ReportConfig {
    /// Above everything.
    pub title: String,
    /// How intervals are drawn.
    pub bootstrap: Bootstrap,
    /// The worst failures that are shown.
    pub failures: usize,
    /// How classes are put into words.
    pub prompts: ClassPrompts,
    /// The folder of the training run, for its curves.
    pub run: Option<PathBuf>,
}

impl ReportConfig {
    /// With 1,000 resamples and 15 failures.
    pub fn new(title: impl Into<String>) -> Self {
        let (bootstrap, prompts) = (Bootstrap::default(), ClassPrompts::default());
        Self { title: title.into(), bootstrap, failures: 15, prompts, run: None }
    }

    /// Adds the curves of a training run; a folder without logs adds nothing.
    #[must_use]
    pub fn with_run(mut self, run: impl Into<PathBuf>) -> Self {
        self.run = Some(run.into());
        self
    }

    /// Replaces the prompts.
    #[must_use]
    pub fn with_prompts(mut self, prompts: ClassPrompts) -> Self {
        self.prompts = prompts;
        self
    }
}

/// Everything that is known of a model on a data set.
pub struct Report {
    title: String,
    sections: Vec<Section>,
    metrics: Map<String, Value>,
    queries: Vec<QueryResult>,
    /// Of both directions, if the task is retrieval.
    pub retrieval: Option<RetrievalReport>,
    /// Files that could not be read, and are in no number.
    pub unreadable: Vec<TrainError>,
}

impl Report {
    /// Retrieval on a manifest. If its rows have labels, also zero-shot classification into them.
    ///
    /// # Errors
    /// [`ReportError`] if no track can be read, or if the logs of the run are damaged.
    pub fn of_manifest(model: &Muscall, manifest: &Manifest, config: &ReportConfig) -> Result<Self, ReportError> {
        let mut report = Self::empty(config);
        let mut result = evaluate(model, manifest)?;
        let retrieval = RetrievalReport::new(&result.ranks, &config.bootstrap);
        let space = joint_space(result.audio()?, result.text()?, result.pairs())?;
        report.queries = result.queries(manifest, 10)?;
        report.metrics.insert("retrieval".to_owned(), serde_json::to_value(&retrieval)?);
        report.metrics.insert("joint_space".to_owned(), serde_json::to_value(&space)?);
        report.sections.push(sections::retrieval(&retrieval, &result.ranks, &config.bootstrap));
        report.sections.push(sections::joint(&space, &result));
        let labels = sections::Labels::of(manifest, &result);
        report.sections.push(sections::map(&result, labels.as_ref())?);
        if let Some(labels) = &labels {
            let found = labels.classify(model, &result, &config.prompts)?;
            report.metrics.insert("zero_shot".to_owned(), serde_json::to_value(&found)?);
            report.sections.push(sections::classification(&labels.names, &found));
        }
        report.sections.extend(sections::moments(model, manifest, &report.queries)?);
        report.sections.push(sections::failures(&report.queries, config.failures));
        report.retrieval = Some(retrieval);
        report.unreadable = std::mem::take(&mut result.unreadable);
        report.finish(config)
    }

    /// The task of a public data set.
    ///
    /// # Errors
    /// As [`of_manifest`](Self::of_manifest).
    pub fn of_benchmark(model: &Muscall, data: &BenchmarkData, config: &ReportConfig) -> Result<Self, ReportError> {
        let mut report = match &data.task {
            Task::Retrieval(manifest) => Self::of_manifest(model, manifest, config)?,
            Task::Classification { classes, clips } => {
                let mut report = Self::empty(config);
                let (found, unreadable) = zero_shot_classification(model, classes, clips, &config.prompts)?;
                report.unreadable = unreadable;
                report.metrics.insert("zero_shot".to_owned(), serde_json::to_value(&found)?);
                report.sections.push(sections::classification(classes, &found));
                report.finish(config)?
            }
            Task::Tagging { tags, clips } => {
                let mut report = Self::empty(config);
                let found = zero_shot_tagging(model, tags, clips, &config.prompts)?;
                report.metrics.insert("tagging".to_owned(), serde_json::to_value(&found.metrics)?);
                report.sections.push(sections::tagging(tags, &found));
                report.unreadable = found.unreadable;
                report.finish(config)?
            }
            _ => return Err(ReportError::Task),
        };
        let missing: Vec<String> = data.missing.iter().map(|path| path.display().to_string()).collect();
        if !missing.is_empty() {
            let words = format!("{} files of the data set's list are not there.", missing.len());
            report.sections.push(Section { heading: "Missing", blocks: vec![Block::Words(words)] });
        }
        report.metrics.insert("missing".to_owned(), missing.into());
        Ok(report)
    }

    fn empty(config: &ReportConfig) -> Self {
        let (sections, metrics, queries) = (Vec::new(), Map::new(), Vec::new());
        Self { title: config.title.clone(), sections, metrics, queries, retrieval: None, unreadable: Vec::new() }
    }

    /// Adds what every report ends with.
    fn finish(mut self, config: &ReportConfig) -> Result<Self, ReportError> {
        if let Some(run) = config.run.as_deref().filter(|run| TrainingLog::is_in(run)) {
            let picture = Box::new(TrainingCurves { log: TrainingLog::read(run)? });
            let alt = "Loss of each step and validation of each epoch".to_owned();
            let blocks = vec![Block::Picture { name: "training", alt, picture }];
            self.sections.push(Section { heading: "Training", blocks });
        }
        let unreadable: Vec<String> = self.unreadable.iter().map(ToString::to_string).collect();
        if !unreadable.is_empty() {
            let blocks = unreadable.iter().map(|error| Block::Words(error.clone())).collect();
            self.sections.push(Section { heading: "Files that could not be read", blocks });
        }
        self.metrics.insert("unreadable".to_owned(), unreadable.into());
        Ok(self)
    }

    /// Writes `report.md`, `index.html`, `metrics.json`, `queries.jsonl` (for retrieval) and the
    /// pictures, each as SVG and PNG, light and dark.
    ///
    /// # Errors
    /// [`ReportError::Io`] with the file.
    pub fn write(&self, out: &Path) -> Result<(), ReportError> {
        fs::create_dir_all(out).map_err(FileError::writing(out))?;
        write(&self.title, &self.sections, out)?;
        muscall_files::write(&out.join("metrics.json"), serde_json::to_string_pretty(&self.metrics)? + "\n")?;
        if !self.queries.is_empty() {
            let lines: Result<Vec<String>, _> = self.queries.iter().map(serde_json::to_string).collect();
            muscall_files::write(&out.join("queries.jsonl"), lines?.join("\n") + "\n")?;
        }
        Ok(())
    }
}
