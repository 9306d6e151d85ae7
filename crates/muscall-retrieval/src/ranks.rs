//! The ranks of all pairs, in both directions, in one pass over the scores.

use rayon::prelude::*;

use crate::pairs::Pairs;
use crate::{Embeddings, RetrievalError};

/// Captions side by side in a panel: their scores are lanes of a vector.
const LANES: usize = 8;
/// Tracks that share a panel's loads.
const TRACKS: usize = 4;
/// Tracks per task.
const TASK: usize = 32;

/// Ranks of what is relevant to each query, from 1, in their order.
///
/// Pessimistic: an item that is not relevant and scores the same comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranks {
    /// Of each caption's track.
    pub text_to_audio: Vec<Vec<usize>>,
    /// Of each track's captions.
    pub audio_to_text: Vec<Vec<usize>>,
}

impl Ranks {
    /// Ranks tracks by captions and captions by tracks. A score is computed once for both
    /// directions and forgotten: memory is that of the counts.
    ///
    /// # Errors
    /// [`RetrievalError`] if dimensions or pairs do not fit, or if there is nothing to rank.
    pub fn new(audio: Embeddings<'_>, text: Embeddings<'_>, pairs: &Pairs) -> Result<Self, RetrievalError> {
        let captions = pairs.captions_of(audio, text)?;
        let owners = &pairs.text_to_audio;
        // What a score must reach to come before the caption's own pair.
        let own: Vec<f32> =
            (0..owners.len()).map(|caption| sum(text.row(caption), audio.row(owners[caption]))).collect();
        let panels = panels(text);
        let rows: Vec<usize> = (0..audio.rows()).collect();
        let count = |tracks: &[usize]| {
            let mut by_caption = vec![0_u32; owners.len()];
            let mut by_track: Vec<Vec<u32>> = tracks.iter().map(|&track| vec![0; captions[track].len()]).collect();
            for (panel, first) in panels.chunks_exact(text.dim()).zip((0..owners.len()).step_by(LANES)) {
                let lanes = LANES.min(owners.len() - first);
                for start in (0..tracks.len()).step_by(TRACKS) {
                    // Of fewer than four tracks the last one is computed again and not looked at.
                    let group = &tracks[start..(start + TRACKS).min(tracks.len())];
                    let scores = sums([0, 1, 2, 3].map(|i| audio.row(group[i.min(group.len() - 1)])), panel);
                    for ((i, &track), scores) in group.iter().enumerate().zip(&scores) {
                        for (lane, &score) in scores[..lanes].iter().enumerate() {
                            by_caption[first + lane] += u32::from(score >= own[first + lane]);
                            for (reached, &relevant) in by_track[start + i].iter_mut().zip(&captions[track]) {
                                *reached += u32::from(score >= own[relevant]);
                            }
                        }
                    }
                }
            }
            (by_caption, by_track)
        };
        // Counts are integers: the order of summation does not matter.
        let (by_caption, by_track) = rows.par_chunks(TASK).map(count).reduce(
            || (vec![0; owners.len()], Vec::new()),
            |(mut sums, mut tracks), (more, others)| {
                sums.iter_mut().zip(more).for_each(|(sum, x)| *sum += x);
                tracks.extend(others);
                (sums, tracks)
            },
        );
        let audio_to_text = by_track.iter().zip(&captions).map(|(reached, relevant)| ordered(reached, relevant, &own));
        Ok(Self {
            text_to_audio: by_caption.into_iter().map(|rank| vec![rank as usize]).collect(),
            audio_to_text: audio_to_text.collect(),
        })
    }
}

/// Inner product, one addition after the other: what a lane of [`sums`] computes, bit by bit, so
/// that equal rows have equal scores.
fn sum(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).fold(0.0, |sum, (x, y)| sum + x * y)
}

/// Eight captions side by side, dimension by dimension; zeros where there are no more.
fn panels(text: Embeddings<'_>) -> Vec<[f32; LANES]> {
    let mut panels = vec![[0.0; LANES]; text.rows().div_ceil(LANES) * text.dim()];
    for (caption, row) in text.iter().enumerate() {
        let panel = &mut panels[caption / LANES * text.dim()..][..text.dim()];
        panel.iter_mut().zip(row).for_each(|(lanes, &x)| lanes[caption % LANES] = x);
    }
    panels
}

/// Inner products of four rows with the eight of a panel.
fn sums([a, b, c, d]: [&[f32]; TRACKS], panel: &[[f32; LANES]]) -> [[f32; LANES]; TRACKS] {
    let mut sums = [[0.0_f32; LANES]; TRACKS];
    for ((((lanes, &a), &b), &c), &d) in panel.iter().zip(a).zip(b).zip(c).zip(d) {
        for (sums, x) in sums.iter_mut().zip([a, b, c, d]) {
            for lane in 0..LANES {
                sums[lane] += x * lanes[lane];
            }
        }
    }
    sums
}

/// Ranks of one track's captions: relevant items do not push each other out; of two with the same
/// score one simply follows the other.
fn ordered(reached: &[u32], relevant: &[usize], own: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..relevant.len()).collect();
    order.sort_unstable_by(|&a, &b| own[relevant[b]].total_cmp(&own[relevant[a]]).then(a.cmp(&b)));
    let rank = |(position, &i): (usize, &usize)| {
        let among_own = relevant.iter().filter(|&&other| own[other] >= own[relevant[i]]).count();
        reached[i] as usize - among_own + position + 1
    };
    order.iter().enumerate().map(rank).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use muscall_vectors::dot;

    use super::*;

    /// Rank of each relevant item among all, from 1, in the order of ranks.
    ///
    /// Pessimistic: an item that is not relevant and scores the same comes first. Relevant items do
    /// not push each other out: of two with the same score, one simply follows the other.
    fn ranks(scores: &[f32], relevant: &[usize]) -> Vec<usize> {
        let mut ordered = relevant.to_vec();
        ordered.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
        let better = ordered.iter().enumerate().map(|(position, &item)| {
            let score = scores[item];
            // Written so that a score that is not a number ranks last, not first.
            let reaches = |other: f32| !matches!(other.partial_cmp(&score), Some(std::cmp::Ordering::Less));
            let others = scores.iter().filter(|&&other| reaches(other)).count();
            let own = ordered.iter().filter(|&&other| reaches(scores[other])).count();
            others - own + position + 1
        });
        better.collect()
    }

    #[test]
    fn equal_scores_go_before_the_relevant_item() {
        assert_eq!(ranks(&[0.5, 0.5, 0.1, 0.5], &[1]), [3]);
        assert_eq!(ranks(&[0.5, 0.9, 0.1], &[2]), [3]);
        assert_eq!(ranks(&[0.5, 0.5, 0.5, 0.1], &[0, 1]), [2, 3]);
        assert_eq!(ranks(&[0.9, 0.1, 0.5, 0.2], &[0, 2]), [1, 2]);
        assert_eq!(ranks(&[0.9, f32::NAN, 0.5], &[1]), [3]);
    }

    #[test]
    fn one_pass_gives_what_whole_rows_give() {
        // Few distinct values, so that ties abound; several captions per track, tail of a block.
        let (tracks, dim) = (37, 12);
        let mut state = 7_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 30) as f32 - 1.0
        };
        let audio: Vec<f32> = (0..tracks * dim).map(|_| next()).collect();
        let owners: Vec<usize> = (0..tracks).flat_map(|track| vec![track; 1 + track % 3]).collect();
        let text: Vec<f32> = (0..owners.len() * dim).map(|_| next()).collect();
        let (audio, text) = (Embeddings::new(&audio, dim).unwrap(), Embeddings::new(&text, dim).unwrap());
        let found = Ranks::new(audio, text, &Pairs { text_to_audio: owners.clone() }).unwrap();
        for (caption, owner) in owners.iter().enumerate() {
            let scores: Vec<f32> = audio.iter().map(|track| dot(text.row(caption), track)).collect();
            assert_eq!(found.text_to_audio[caption], ranks(&scores, &[*owner]));
        }
        for track in 0..tracks {
            let scores: Vec<f32> = text.iter().map(|caption| dot(audio.row(track), caption)).collect();
            let relevant: Vec<usize> = (0..owners.len()).filter(|&caption| owners[caption] == track).collect();
            assert_eq!(found.audio_to_text[track], ranks(&scores, &relevant));
        }
    }
}
