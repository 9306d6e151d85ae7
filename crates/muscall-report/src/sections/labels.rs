//! Labels of a manifest's rows as classes.

use std::collections::BTreeSet;

use muscall_model::Muscall;
use muscall_retrieval::{ClassificationMetrics, Embeddings, class_scores, classification};
use muscall_train::benchmark::ClassPrompts;
use muscall_train::{Evaluation, Manifest};

use crate::ReportError;

/// What each evaluated track is labelled as.
pub(crate) struct Labels {
    /// In alphabetical order.
    pub(crate) names: Vec<String>,
    /// The label of each track.
    pub(crate) of_track: Vec<usize>,
}

impl Labels {
    /// If all evaluated rows have one, and not all the same.
    pub(crate) fn of(manifest: &Manifest, result: &Evaluation) -> Option<Self> {
        let labels: Option<Vec<&String>> = result.rows().iter().map(|&row| manifest.rows[row].label.as_ref()).collect();
        let labels = labels?;
        let names: Vec<String> = labels.iter().copied().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let of_track = labels.iter().map(|label| names.partition_point(|name| name < *label)).collect();
        (names.len() > 1).then_some(Self { names, of_track })
    }

    /// Zero-shot: each track against the words for every label.
    pub(crate) fn classify(
        &self,
        model: &Muscall,
        result: &Evaluation,
        prompts: &ClassPrompts,
    ) -> Result<ClassificationMetrics, ReportError> {
        let vectors = prompts.embed(model, &self.names)?;
        let audio = result.audio()?;
        let scores = class_scores(audio, Embeddings::new(&vectors, audio.dim())?)?;
        Ok(classification(&scores, &self.of_track)?)
    }
}
