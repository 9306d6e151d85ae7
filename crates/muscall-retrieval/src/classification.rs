//! One class per clip: accuracies and confusion.

use serde::{Deserialize, Serialize};

use crate::{RetrievalError, VectorError};

/// Metrics of single-label classification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassificationMetrics {
    /// Clips.
    pub clips: usize,
    /// Share of clips whose best class is the true one.
    pub accuracy: f64,
    /// Mean over the classes of the share of their clips that are right; classes without a clip are
    /// left out.
    pub balanced_accuracy: f64,
    /// Share of clips whose true class is among the best five.
    pub top_5: f64,
    /// Clips by true class and predicted class, `[classes, classes]`, row by row.
    pub confusion: Vec<Vec<usize>>,
}

/// Scores of clips against classes.
///
/// Of equal scores the true class comes last, as in retrieval; the predicted class is the first of
/// the others.
///
/// # Shapes
/// - scores: `[clips, classes]`; truth: `[clips]`.
/// # Errors
/// [`VectorError::Shape`] if they do not fit, [`RetrievalError::Track`] for a class that is not
/// there, [`VectorError::NotFinite`] for a score that is not a number.
pub fn classification(scores: &[f32], truth: &[usize]) -> Result<ClassificationMetrics, RetrievalError> {
    let values = scores.len();
    if truth.is_empty() || values == 0 || !values.is_multiple_of(truth.len()) {
        return Err(VectorError::Shape { values, dim: truth.len() }.into());
    }
    let classes = values / truth.len();
    if let Some((clip, &class)) = truth.iter().enumerate().find(|(_, class)| **class >= classes) {
        return Err(RetrievalError::Track { caption: clip, track: class, tracks: classes });
    }
    if let Some(at) = scores.iter().position(|x| !x.is_finite()) {
        return Err(VectorError::NotFinite { row: at / classes }.into());
    }
    let mut confusion = vec![vec![0; classes]; classes];
    let mut in_top_5 = 0;
    for (row, &own) in scores.chunks_exact(classes).zip(truth) {
        let reaching = row.iter().enumerate().filter(|&(class, &score)| class != own && score >= row[own]);
        in_top_5 += usize::from(reaching.count() < 5);
        let better = |best: usize, class: usize| {
            let wins = row[class] > row[best] || (row[class] == row[best] && best == own);
            if wins { class } else { best }
        };
        confusion[own][(0..classes).reduce(better).unwrap_or(own)] += 1;
    }
    let right: usize = (0..classes).map(|class| confusion[class][class]).sum();
    let shares: Vec<f64> = confusion
        .iter()
        .enumerate()
        .map(|(class, row)| (row[class], row.iter().sum::<usize>()))
        .filter(|(_, clips)| *clips > 0)
        .map(|(right, clips)| right as f64 / clips as f64)
        .collect();
    let clips = truth.len() as f64;
    Ok(ClassificationMetrics {
        clips: truth.len(),
        accuracy: right as f64 / clips,
        balanced_accuracy: shares.iter().sum::<f64>() / shares.len() as f64,
        top_5: in_top_5 as f64 / clips,
        confusion,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_against_the_truth_and_missing_classes_do_not_count() {
        let scores = [
            0.9, 0.1, 0.2, // right
            0.5, 0.5, 0.1, // a tie: taken for class 1
            0.1, 0.7, 0.2, // right
            0.8, 0.2, 0.1, // taken for class 0
        ];
        let found = classification(&scores, &[0, 0, 1, 1]).unwrap();
        assert_eq!(found.confusion, [[1, 1, 0], [1, 1, 0], [0, 0, 0]]);
        assert_eq!((found.accuracy, found.balanced_accuracy, found.top_5), (0.5, 0.5, 1.0));
        let uneven = classification(&scores[..9], &[0, 0, 1]).unwrap();
        assert!((uneven.balanced_accuracy - 0.75).abs() < 1e-12);
        assert!(classification(&scores, &[0, 0, 1, 3]).is_err());
        assert!(classification(&[], &[]).is_err());
        let two = [0.7, 0.0, 0.7, 1.0];
        assert_eq!(classification(&two, &[0, 1]).unwrap().accuracy, 1.0);
        assert_eq!(classification(&two, &[1, 1]).unwrap().accuracy, 0.5);
        assert_eq!(classification(&[0.5, 0.5], &[0]).unwrap().accuracy, 0.0);
    }
}
