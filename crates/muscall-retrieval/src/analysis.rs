//! What two sets of embeddings look like beside each other.

use muscall_vectors::{dot, top_k};
use serde::{Deserialize, Serialize};

use crate::pairs::Pairs;
use crate::{Embeddings, RetrievalError};

/// Bins of a density, over cosines from −1 to 1.
pub const BINS: usize = 100;

/// How the joint space is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JointSpace {
    /// Share of matching pairs per bin of cosine.
    pub matching: Vec<f64>,
    /// The same of pairs that do not match.
    pub non_matching: Vec<f64>,
    /// Area that the two densities have in common: 0 if they are apart, 1 if they are the same.
    pub overlap: f64,
    /// Distance of the means of music and text.
    pub modality_gap: f64,
    /// Mean squared distance of matching pairs.
    pub alignment: f64,
    /// ln of the mean of exp(−2 d²) over pairs of tracks: less is more uniform.
    pub audio_uniformity: f64,
    /// The same over pairs of captions.
    pub text_uniformity: f64,
    /// Skew of how often a track is among the ten best for a caption: a large one means hubs.
    pub hubness: f64,
}

/// # Errors
/// As [`Ranks::new`](crate::Ranks::new).
/// # Source
/// Densities: the paper's supplementary material. Modality gap: Liang et al. 2022. Alignment and
/// uniformity: Wang and Isola 2020. Hubness: Radovanović et al. 2010.
pub fn joint_space(audio: Embeddings<'_>, text: Embeddings<'_>, pairs: &Pairs) -> Result<JointSpace, RetrievalError> {
    let captions = pairs.captions_of(audio, text)?;
    let (mut matching, mut non_matching) = (vec![0_u64; BINS], vec![0_u64; BINS]);
    let mut squared = 0.0;
    for (track, row) in audio.iter().enumerate() {
        for (caption, other) in text.iter().enumerate() {
            let cosine = f64::from(dot(row, other));
            let bin = (((cosine + 1.0) / 2.0 * BINS as f64) as usize).min(BINS - 1);
            if captions[track].contains(&caption) {
                matching[bin] += 1;
                squared += 2.0 - 2.0 * cosine;
            } else {
                non_matching[bin] += 1;
            }
        }
    }
    let density = |counts: &[u64]| -> Vec<f64> {
        let total = counts.iter().sum::<u64>().max(1) as f64;
        counts.iter().map(|&count| count as f64 / total).collect()
    };
    let (matching, non_matching) = (density(&matching), density(&non_matching));
    let difference = mean(audio).iter().zip(mean(text)).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    Ok(JointSpace {
        overlap: matching.iter().zip(&non_matching).map(|(a, b)| a.min(*b)).sum(),
        matching,
        non_matching,
        modality_gap: difference.sqrt(),
        alignment: squared / text.rows() as f64,
        audio_uniformity: uniformity(audio),
        text_uniformity: uniformity(text),
        hubness: hubness(audio, text)?,
    })
}

fn mean(rows: Embeddings<'_>) -> Vec<f64> {
    let mut sum = vec![0.0; rows.dim()];
    for row in rows.iter() {
        sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    sum.into_iter().map(|sum| sum / rows.rows() as f64).collect()
}

fn uniformity(rows: Embeddings<'_>) -> f64 {
    let (mut sum, mut pairs) = (0.0, 0_u64);
    for (i, row) in rows.iter().enumerate() {
        for other in rows.iter().take(i) {
            sum += (-2.0 * (2.0 - 2.0 * f64::from(dot(row, other)))).exp();
            pairs += 1;
        }
    }
    (sum / pairs.max(1) as f64).ln()
}

/// Third standardised moment of the tracks' counts; zero if all are equal.
fn hubness(audio: Embeddings<'_>, text: Embeddings<'_>) -> Result<f64, RetrievalError> {
    let mut counts = vec![0.0_f64; audio.rows()];
    for caption in text.iter() {
        for hit in top_k(caption, audio, 10)? {
            counts[hit.index] += 1.0;
        }
    }
    let count = counts.len() as f64;
    let mean = counts.iter().sum::<f64>() / count;
    let moment = |power: i32| counts.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / count;
    let variance = moment(2);
    Ok(if variance > 0.0 { moment(3) / variance.powf(1.5) } else { 0.0 })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_space_and_a_collapsed_one() {
        let axes: Vec<f32> = (0..16).map(|i| if i % 5 == 0 { 1.0 } else { 0.0 }).collect();
        let axes = Embeddings::new(&axes, 4).unwrap();
        let perfect = joint_space(axes, axes, &Pairs::one_to_one(4)).unwrap();
        assert_eq!((perfect.overlap, perfect.modality_gap, perfect.alignment, perfect.hubness), (0.0, 0.0, 0.0, 0.0));
        assert!((perfect.audio_uniformity + 4.0).abs() < 1e-6);
        assert!((perfect.matching[BINS - 1] - 1.0).abs() < 1e-12);
        let same = [1.0, 0.0].repeat(4);
        let same = Embeddings::new(&same, 2).unwrap();
        let collapsed = joint_space(same, same, &Pairs::one_to_one(4)).unwrap();
        assert_eq!((collapsed.overlap, collapsed.audio_uniformity), (1.0, 0.0));
        let apart = [-1.0, 0.0].repeat(4);
        let gap = joint_space(same, Embeddings::new(&apart, 2).unwrap(), &Pairs::one_to_one(4)).unwrap();
        assert_eq!((gap.modality_gap, gap.alignment), (2.0, 4.0));
    }

    #[test]
    fn a_hub_is_skewed() {
        // One track is near to every caption, the other 29 tracks are not.
        let mut audio = vec![0.0_f32; 60];
        audio[0] = 1.0;
        (1..30).for_each(|track| audio[2 * track + 1] = 1.0);
        let text = [1.0, 0.0].repeat(30);
        let (audio, text) = (Embeddings::new(&audio, 2).unwrap(), Embeddings::new(&text, 2).unwrap());
        assert!(joint_space(audio, text, &Pairs::one_to_one(30)).unwrap().hubness > 0.5);
    }
}
