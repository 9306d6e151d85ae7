//! Classes described in words.

use crate::ranking::dot;
use crate::{Embeddings, VectorError};

/// One vector a class from several prompts each: the mean of the prompts' embeddings, normalised.
///
/// # Shapes
/// - prompts: `[classes · prompts_per_class, dim]`, unit norm, class by class;
/// - returns `[classes, dim]`, unit norm.
/// # Errors
/// [`VectorError::Shape`] if the prompts are not so many for each class.
/// # Source
/// Section 5.3 of the paper; ensembles as in Radford et al. 2021.
pub fn class_embeddings(prompts: Embeddings<'_>, prompts_per_class: usize) -> Result<Vec<f32>, VectorError> {
    let (rows, dim) = (prompts.rows(), prompts.dim());
    if prompts_per_class == 0 || !rows.is_multiple_of(prompts_per_class) {
        return Err(VectorError::Shape { values: rows, dim: prompts_per_class });
    }
    let mut classes = Vec::with_capacity(rows / prompts_per_class * dim);
    for class in 0..rows / prompts_per_class {
        let mut mean = vec![0.0_f32; dim];
        for prompt in 0..prompts_per_class {
            let row = prompts.row(class * prompts_per_class + prompt);
            mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x);
        }
        let norm = dot(&mean, &mean).sqrt().max(f32::MIN_POSITIVE);
        classes.extend(mean.iter().map(|x| x / norm));
    }
    Ok(classes)
}

/// Cosine of every clip to every class, `[clips, classes]`.
///
/// # Errors
/// [`VectorError::Dimensions`] if they come from different models.
pub fn class_scores(audio: Embeddings<'_>, classes: Embeddings<'_>) -> Result<Vec<f32>, VectorError> {
    if audio.dim() != classes.dim() {
        let (expected, actual) = (audio.dim(), classes.dim());
        return Err(VectorError::Dimensions { expected, actual });
    }
    Ok(audio.iter().flat_map(|clip| classes.iter().map(move |class| dot(clip, class))).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_ensemble_is_the_normalised_mean() {
        let prompts = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0];
        let classes = class_embeddings(Embeddings::new(&prompts, 2).unwrap(), 2).unwrap();
        let root = 0.5_f32.sqrt();
        assert!(classes.iter().zip([root, root, 0.0, 1.0]).all(|(a, b)| (a - b).abs() < 1e-6));
        let scores =
            class_scores(Embeddings::new(&[1.0, 0.0, 0.0, 1.0], 2).unwrap(), Embeddings::new(&classes, 2).unwrap())
                .unwrap();
        let expected = [root, 0.0, root, 1.0];
        assert!(scores.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{scores:?}");
    }
}
