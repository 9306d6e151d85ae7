//! A linear classifier on frozen embeddings of a data set.

use std::path::PathBuf;

use muscall_model::Muscall;
use muscall_retrieval::{ClassificationMetrics, Embeddings, LinearProbe, classification};

use super::zero_shot::embed_whole_files;
use crate::TrainError;
use crate::embed_files::EmbeddedFiles;

/// Fits logistic regression on one split and scores another. The second result are files that
/// cannot be read, which are left out.
///
/// # Errors
/// [`TrainError::NothingToEvaluate`] if no file of a split can be read.
pub fn linear_probe(
    model: &Muscall,
    classes: usize,
    train: &[(PathBuf, usize)],
    test: &[(PathBuf, usize)],
) -> Result<(ClassificationMetrics, Vec<TrainError>), TrainError> {
    let dim = model.config().projection_dim;
    let labels = |clips: &[(PathBuf, usize)], readable: &[usize]| -> Vec<usize> {
        readable.iter().map(|&clip| clips[clip].1).collect()
    };
    let EmbeddedFiles { audio, readable, mut unreadable } = embed_whole_files(model, train)?;
    let probe = LinearProbe::fit(Embeddings::new(&audio, dim)?, &labels(train, &readable), classes, 1.0)?;
    let EmbeddedFiles { audio, readable, unreadable: more } = embed_whole_files(model, test)?;
    unreadable.extend(more);
    let scores = probe.scores(Embeddings::new(&audio, dim)?)?;
    Ok((classification(&scores, &labels(test, &readable))?, unreadable))
}
