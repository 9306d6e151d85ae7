//! A linear classifier on frozen embeddings: the usual check of a representation.

use crate::{Embeddings, RetrievalError, VectorError};

/// Steps of the descent: more than enough for rows of unit norm.
const STEPS: usize = 3000;

/// Multinomial logistic regression.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearProbe {
    classes: usize,
    dim: usize,
    /// `[classes, dim + 1]`, the offset last.
    weights: Vec<f64>,
}

impl LinearProbe {
    /// Fits the classifier: the sum of the clips' cross-entropies, and |W|²/2C on all but the
    /// offsets, as scikit-learn has it. The problem is convex and starts from zero: the same rows
    /// give the same classifier.
    ///
    /// # Shapes
    /// - rows: `[clips, dim]`, unit norm; truth: `[clips]`, each below `classes`.
    /// # Errors
    /// [`VectorError::Shape`] or [`RetrievalError::Track`] if they do not fit,
    /// [`RetrievalError::Empty`] without clips.
    pub fn fit(rows: Embeddings<'_>, truth: &[usize], classes: usize, c: f64) -> Result<Self, RetrievalError> {
        if rows.rows() != truth.len() {
            return Err(VectorError::Shape { values: truth.len(), dim: rows.rows() }.into());
        }
        if truth.is_empty() || classes == 0 {
            return Err(RetrievalError::Empty { what: "labelled clips" });
        }
        if let Some((clip, &class)) = truth.iter().enumerate().find(|(_, class)| **class >= classes) {
            return Err(RetrievalError::Track { caption: clip, track: class, tracks: classes });
        }
        let (dim, clips) = (rows.dim(), truth.len() as f64);
        let decay = 1.0 / (c * clips);
        let largest = rows.iter().map(|row| row.iter().map(|x| f64::from(x * x)).sum::<f64>()).fold(0.0, f64::max);
        // The curvature of the mean cross-entropy is at most half the largest squared row.
        let step = 1.0 / (0.5 * (largest + 1.0) + decay);
        let mut probe = Self { classes, dim, weights: vec![0.0; classes * (dim + 1)] };
        let mut ahead = probe.clone();
        let mut momentum = 1.0_f64;
        for _ in 0..STEPS {
            let gradient = ahead.gradient(rows, truth, decay);
            let next = (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt()) / 2.0;
            let push = (momentum - 1.0) / next;
            momentum = next;
            for ((old, ahead), slope) in probe.weights.iter_mut().zip(&mut ahead.weights).zip(gradient) {
                let new = *ahead - step * slope;
                *ahead = new + push * (new - *old);
                *old = new;
            }
        }
        Ok(probe)
    }

    /// How strongly each class is favoured, `[clips, classes]`: logits.
    ///
    /// # Errors
    /// [`VectorError::Dimensions`] if the rows come from another model.
    pub fn scores(&self, rows: Embeddings<'_>) -> Result<Vec<f32>, RetrievalError> {
        if rows.dim() != self.dim {
            return Err(VectorError::Dimensions { expected: self.dim, actual: rows.dim() }.into());
        }
        Ok(rows.iter().flat_map(|row| self.logits(row)).map(|x| x as f32).collect())
    }

    /// Of each class the weights of a row's values, then an offset: `[classes, dim + 1]`.
    pub fn weights(&self) -> impl Iterator<Item = &[f64]> {
        self.weights.chunks_exact(self.dim + 1)
    }

    fn logits(&self, row: &[f32]) -> Vec<f64> {
        let logit = |weights: &[f64]| {
            let (offset, weights) = weights.split_last().expect("there is an offset");
            offset + weights.iter().zip(row).map(|(w, &x)| w * f64::from(x)).sum::<f64>()
        };
        self.weights.chunks_exact(self.dim + 1).map(logit).collect()
    }

    fn gradient(&self, rows: Embeddings<'_>, truth: &[usize], decay: f64) -> Vec<f64> {
        let mut gradient = vec![0.0; self.weights.len()];
        for (row, &own) in rows.iter().zip(truth) {
            let logits = self.logits(row);
            let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let powers: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
            let sum: f64 = powers.iter().sum();
            for (class, slopes) in gradient.chunks_exact_mut(self.dim + 1).enumerate() {
                let error = powers[class] / sum - f64::from(u8::from(class == own));
                let (offset, slopes) = slopes.split_last_mut().expect("there is an offset");
                *offset += error;
                slopes.iter_mut().zip(row).for_each(|(slope, &x)| *slope += error * f64::from(x));
            }
        }
        for (i, (slope, weight)) in gradient.iter_mut().zip(&self.weights).enumerate() {
            let is_offset = i % (self.dim + 1) == self.dim;
            *slope = *slope / truth.len() as f64 + if is_offset { 0.0 } else { decay * weight };
        }
        gradient
    }
}
