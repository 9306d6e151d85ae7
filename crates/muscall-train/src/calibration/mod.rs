//! What the scores of a model mean: fitted to what was there to be found, and to what was not.

mod rule;

use muscall_model::{Muscall, ScaleQuality, ScoreScale};
use muscall_retrieval::{Embeddings, dot};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use self::rule::{Examples, Rule};
use crate::{Evaluation, TrainError};

/// What people say of other things than music, a phrase per line.
const NO_MUSIC: &str = include_str!("no_music.txt");
/// Most captions that are looked at: more make no difference.
const MOST_CAPTIONS: usize = 500;
/// Parts of the queries, each judged by a rule that was fitted to the others.
const FOLDS: usize = 5;
/// Of queries about what is there, so many may be told that nothing fits: half of what people may put up with, since queries of others are
/// told so more often than those that the limit was drawn with.
const REFUSED: f64 = 0.05;
/// Deviations by which the mean rank must be better than chance.
const DEVIATIONS: f64 = 4.0;
/// A model that finds out fewer queries about what is not there has no scale.
const LEAST_FOUND_OUT: f64 = 0.4;

/// Queries of which somebody knows whether anything fits, in the words of people who search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownQueries {
    /// About music like that of the evaluation. If there are any, it is of these that few may be told that nothing fits:
    /// captions are longer than queries.
    pub present: Vec<String>,
    /// About what it has none of, such as kinds of music.
    pub absent: Vec<String>,
}

/// Fits the scale of a model: to captions of an evaluation, whose music is there, to phrases about other things than
/// music, to which nothing fits, and to the known queries.
///
/// Every query is judged by a rule that was fitted to others before the limits are drawn: the quality that the scale
/// tells is that of queries which it has not seen. The same evaluation gives the same scale.
///
/// # Errors
/// [`TrainError::NoScale`] if the model can't tell the two apart, as one with random weights can't;
/// [`TrainError::Model`] for words that cannot be embedded.
pub fn calibrate(model: &Muscall, evaluation: &Evaluation, known: &KnownQueries) -> Result<ScoreScale, TrainError> {
    check_above_chance(evaluation)?;
    let (audio, text) = (evaluation.audio()?, evaluation.text()?);
    let mut captions: Vec<usize> = (0..text.rows()).collect();
    captions.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
    captions.truncate(MOST_CAPTIONS);
    let strangers: Vec<&str> = NO_MUSIC.lines().chain(known.absent.iter().map(String::as_str)).collect();
    let (strangers, present) = (model.embed_text(&strangers)?, model.embed_text(&known.present)?);
    // What is judged by comes last.
    let absent = (0..strangers.len()).map(|row| (strangers.row(row), false));
    let captions = captions.iter().map(|&row| (text.row(row), true));
    let present = (0..present.len()).map(|row| (present.row(row), true));
    let queries: Vec<(&[f32], bool)> = absent.chain(captions).chain(present).collect();
    let first_judged = if known.present.is_empty() { 0 } else { queries.len() - known.present.len() };
    let examples = Examples::new(&queries, |words| best(words, audio));

    let judged: Result<Vec<Vec<(usize, f64)>>, TrainError> = (0..FOLDS)
        .into_par_iter()
        .map(|fold| {
            let rule = Rule::fit(&examples, |query| query % FOLDS != fold)?;
            Ok((fold..examples.len()).step_by(FOLDS).map(|query| (query, rule.sum(&examples, query))).collect())
        })
        .collect();
    let judged: Vec<(usize, f64)> = judged?.concat();
    let counts = |query: usize, there: bool| examples.is_present(query) == there && (!there || query >= first_judged);
    let sums = |there: bool| {
        let mut sums: Vec<f64> =
            judged.iter().filter(|(query, _)| counts(*query, there)).map(|(_, sum)| *sum).collect();
        sums.sort_by(f64::total_cmp);
        sums
    };
    let (present, absent) = (sums(true), sums(false));
    let below =
        |sums: &[f64], limit: f64| sums.iter().filter(|sum| **sum < limit).count() as f64 / sums.len().max(1) as f64;
    let at = |part: f64| present[(part * present.len() as f64) as usize];
    let (nothing_below, good_from) = (at(REFUSED), at(0.5));
    let quality = ScaleQuality {
        present: present.len(),
        present_refused: below(&present, nothing_below),
        absent: absent.len(),
        absent_refused: below(&absent, nothing_below),
    };
    if quality.absent_refused < LEAST_FOUND_OUT {
        let found =
            format!("of 100 queries to which nothing fits, {:.0} were found out", 100.0 * quality.absent_refused);
        return Err(TrainError::NoScale { found, expected: "at least 40" });
    }
    let (words, score, offset) = Rule::fit(&examples, |_| true)?.into_weights();
    let (nothing_below, good_from) = (nothing_below as f32, good_from as f32);
    Ok(ScoreScale { model: model.fingerprint()?.into(), words, score, offset, nothing_below, good_from, quality })
}

/// Words alone may be told apart by a model that has never heard anything: captions must find their music, too.
fn check_above_chance(evaluation: &Evaluation) -> Result<(), TrainError> {
    let tracks = evaluation.tracks as f64;
    let ranks = &evaluation.ranks.text_to_audio;
    let places = ranks.iter().filter_map(|ranks| ranks.first()).map(|rank| (*rank as f64 - 0.5) / tracks);
    let mean = places.sum::<f64>() / ranks.len().max(1) as f64;
    // Evenly spread places have a deviation of 1/√12. Captions of one track go together.
    let limit = 0.5 - DEVIATIONS / (12.0 * tracks).sqrt();
    if mean < limit {
        return Ok(());
    }
    let found = format!("captions put their own track behind {:.0} % of {tracks} tracks on average", 100.0 * mean);
    Err(TrainError::NoScale { found, expected: "clearly less than the 50 % of chance" })
}

/// The best score of a query.
fn best(words: &[f32], audio: Embeddings<'_>) -> f32 {
    audio.iter().map(|row| dot(row, words)).fold(f32::NEG_INFINITY, f32::max)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_phrase_twice() {
        let phrases: Vec<&str> = NO_MUSIC.lines().collect();
        assert!(phrases.iter().all(|phrase| !phrase.trim().is_empty()));
        assert_eq!(phrases.iter().collect::<HashSet<_>>().len(), phrases.len());
    }
}
