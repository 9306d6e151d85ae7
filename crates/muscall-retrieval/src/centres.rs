//! The means of the modalities.

use serde::{Deserialize, Serialize};

use crate::{Embeddings, RetrievalError, VectorError};

/// Where the embeddings of each modality lie on average, `[dim]` each.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Centres {
    /// Mean of captions.
    pub text: Vec<f32>,
    /// Mean of tracks.
    pub audio: Vec<f32>,
}

impl Centres {
    /// The means of captions and of tracks. They need not belong together, but should be many, and
    /// as varied as what is searched.
    ///
    /// # Errors
    /// [`VectorError::Dimensions`] if the two come from different models,
    /// [`RetrievalError::Empty`] if there is none of one.
    pub fn of(text: Embeddings<'_>, audio: Embeddings<'_>) -> Result<Self, RetrievalError> {
        if text.dim() != audio.dim() {
            let (expected, actual) = (audio.dim(), text.dim());
            return Err(VectorError::Dimensions { expected, actual }.into());
        }
        Ok(Self { text: mean(text, "captions")?, audio: mean(audio, "tracks")? })
    }
}

fn mean(rows: Embeddings<'_>, what: &'static str) -> Result<Vec<f32>, RetrievalError> {
    if rows.rows() == 0 {
        return Err(RetrievalError::Empty { what });
    }
    let mut sum = vec![0.0_f64; rows.dim()];
    for row in rows.iter() {
        sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    Ok(sum.into_iter().map(|sum| (sum / rows.rows() as f64) as f32).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn centres_are_means() {
        let (text, audio) = ([1.0, 0.0, 0.0, 1.0], [0.5, 0.25]);
        let (text, audio) = (Embeddings::new(&text, 2).unwrap(), Embeddings::new(&audio, 2).unwrap());
        let centres = Centres::of(text, audio).unwrap();
        assert_eq!((centres.text, centres.audio), (vec![0.5, 0.5], vec![0.5, 0.25]));
        assert!(matches!(Centres::of(text, Embeddings::new(&[], 2).unwrap()), Err(RetrievalError::Empty { .. })));
        let other = Embeddings::new(&[1.0], 1).unwrap();
        assert!(matches!(Centres::of(text, other), Err(RetrievalError::Vectors(VectorError::Dimensions { .. }))));
    }
}
