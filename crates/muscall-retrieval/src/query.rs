//! Queries of several weighted terms: more of this, less of that.

use crate::{Centres, RetrievalError, VectorError};

/// Vectors whose norm is so near to 1 are taken as they are.
const UNIT: f64 = 1e-5;
/// A sum shorter than this share of its weights, or a centred term shorter than this, is rounding.
const NOTHING: f64 = 1e-4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Modality {
    Text,
    Audio,
}

#[derive(Debug, Clone, PartialEq)]
struct Term {
    modality: Modality,
    vector: Vec<f32>,
    weight: f32,
}

/// Words and sounds, each with a weight; a negative weight asks for less of it.
///
/// "Like this track, but calmer, and without drums":
/// ```
/// use muscall_retrieval::{Centres, Query};
///
/// # let (this_track, calm, drums) = ([0.6, 0.0, 0.8], [0.8, 0.6, 0.0], [0.6, -0.8, 0.0]);
/// # let centres = Centres { text: vec![0.7, 0.0, 0.0], audio: vec![0.0, 0.0, 0.7] };
/// let query = Query::new().audio(&this_track, 1.0).text(&calm, 0.5).text(&drums, -0.5);
/// let vector = query.vector(&centres)?; // unit norm: for `top_k` or an index
/// # assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-6);
/// # Ok::<(), muscall_retrieval::RetrievalError>(())
/// ```
///
/// # The modality gap
/// The encoders of text and of audio fill two narrow cones that lie apart: an embedding is about
/// `μ + c`, with a mean `μ` that all of its modality share, and a content `c`. Matching pairs agree
/// in `c` and not in `μ`. In a plain sum of terms
///
/// - the means of two modalities do not compare: the one in the narrower cone (small `c`) hardly counts;
/// - a negative weight subtracts mostly `μ`, which pushes away from a whole modality;
/// - what is left of `μ` prefers some items for reasons that are not in the query.
///
/// So each term is centred and given unit norm, `tᵢ = (vᵢ − μᵢ) / |vᵢ − μᵢ|`, with the mean of its own
/// modality, before they are weighed: `q = Σ wᵢ tᵢ / |Σ wᵢ tᵢ|`.
///
/// The items need not be centred. One of them is `a = μ_audio + c`, and its score is
/// `q · a = q · μ_audio + q · c`: the first part is the same for all items and changes no ranking. It
/// does change the scores, so these compare within one query only.
///
/// On made data with a known gap (the test `modality_gap`), 66 to 68 % of the first hits match a track
/// *and* a text with centred terms, 21 to 53 % with plain sums; of "like this, without that" 95 %, and 53
/// to 71 %. Plain sums are ahead (96 %, not 90 %) only where the weights of each modality's gap cancel
/// anyway. The lengths of the contents `c` still count: items that are centred and normalised too rank a
/// little better (71, 95 and 97 %), but their vectors are no longer those of plain queries.
///
/// If all terms are of one modality and none is negative, nothing is centred, and the query is
/// `Σ wᵢ vᵢ` with unit norm, of terms with unit norm: one caption finds exactly what it finds without this type.
///
/// # Source
/// The gap: Liang et al. 2022. A direction as the difference of two captions: Patashnik et al. 2021.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    terms: Vec<Term>,
}

impl Query {
    /// A query without terms.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the embedding of a caption, `[dim]`.
    #[must_use]
    pub fn text(self, vector: &[f32], weight: f32) -> Self {
        self.term(Modality::Text, vector, weight)
    }

    /// Adds the embedding of a track or of a part of one, `[dim]`.
    #[must_use]
    pub fn audio(self, vector: &[f32], weight: f32) -> Self {
        self.term(Modality::Audio, vector, weight)
    }

    fn term(mut self, modality: Modality, vector: &[f32], weight: f32) -> Self {
        self.terms.push(Term { modality, vector: vector.to_vec(), weight });
        self
    }

    /// Whether the terms are centred: some are negative, or there are both text and audio.
    pub fn is_centred(&self) -> bool {
        let modalities = self.terms.windows(2).any(|pair| pair[0].modality != pair[1].modality);
        modalities || self.terms.iter().any(|term| term.weight < 0.0)
    }

    /// The vector to search with. A single term of unit norm and positive weight is returned as it is.
    ///
    /// # Shapes
    /// - returns `[dim]`, unit norm.
    /// # Errors
    /// [`RetrievalError::NoTerms`]; [`RetrievalError::Weight`] for a weight that is zero or not finite;
    /// [`VectorError::NotFinite`] with the term for values that are not; [`VectorError::Dimensions`]
    /// if terms differ, or do not fit the centres where [these are used](Self::is_centred);
    /// [`RetrievalError::NoDirection`] and [`RetrievalError::Cancelled`] if nothing is left to look for.
    pub fn vector(&self, centres: &Centres) -> Result<Vec<f32>, RetrievalError> {
        let centred = self.is_centred();
        self.check(centred.then_some(centres))?;
        if let [Term { vector, .. }] = self.terms.as_slice()
            && !centred
            && (norm(vector) - 1.0).abs() <= UNIT
        {
            return Ok(vector.clone());
        }
        let mut sum = vec![0.0_f64; self.terms[0].vector.len()];
        for (index, term) in self.terms.iter().enumerate() {
            let mut content: Vec<f64> = term.vector.iter().copied().map(f64::from).collect();
            if centred {
                let centre = match term.modality {
                    Modality::Text => &centres.text,
                    Modality::Audio => &centres.audio,
                };
                content.iter_mut().zip(centre).for_each(|(x, &mean)| *x -= f64::from(mean));
            }
            let length = content.iter().map(|x| x * x).sum::<f64>().sqrt();
            if length <= if centred { NOTHING } else { 0.0 } {
                return Err(RetrievalError::NoDirection { term: index });
            }
            let scale = f64::from(term.weight) / length;
            sum.iter_mut().zip(&content).for_each(|(sum, x)| *sum += scale * x);
        }
        let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
        let weights: f64 = self.terms.iter().map(|term| f64::from(term.weight).abs()).sum();
        if length <= NOTHING * weights {
            return Err(RetrievalError::Cancelled { terms: self.terms.len() });
        }
        Ok(sum.into_iter().map(|x| (x / length) as f32).collect())
    }

    fn check(&self, centres: Option<&Centres>) -> Result<(), RetrievalError> {
        let Some(first) = self.terms.first() else {
            return Err(RetrievalError::NoTerms);
        };
        let expected = first.vector.len();
        for (term, Term { vector, weight, .. }) in self.terms.iter().enumerate() {
            if *weight == 0.0 || !weight.is_finite() {
                return Err(RetrievalError::Weight { term, weight: *weight });
            }
            if vector.iter().any(|x| !x.is_finite()) {
                return Err(VectorError::NotFinite { row: term }.into());
            }
        }
        let means = centres.into_iter().flat_map(|centres| [&centres.text, &centres.audio]);
        for vector in self.terms.iter().map(|term| &term.vector).chain(means.clone()) {
            if vector.len() != expected {
                return Err(VectorError::Dimensions { expected, actual: vector.len() }.into());
            }
        }
        match means.flatten().all(|x| x.is_finite()) {
            true => Ok(()),
            false => Err(RetrievalError::Centre),
        }
    }
}

fn norm(vector: &[f32]) -> f64 {
    vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Embeddings, top_k};

    fn centres() -> Centres {
        Centres { text: vec![0.7, 0.0, 0.0, 0.0], audio: vec![0.0, 0.7, 0.0, 0.0] }
    }

    fn near(a: &[f32], b: &[f32]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
    }

    #[test]
    fn mixed_and_negative_terms_lose_the_mean_of_their_modality() {
        let (words, track) = ([0.7, 0.0, 0.3, 0.0], [0.0, 0.7, 0.0, 0.1]);
        let vector = Query::new().text(&words, 1.0).audio(&track, 1.0).vector(&centres()).unwrap();
        let half = 0.5_f32.sqrt();
        assert!(near(&vector, &[0.0, 0.0, half, half]), "{vector:?}");
        let vector = Query::new().audio(&track, 2.0).text(&words, -1.0).vector(&centres()).unwrap();
        let fifth = 0.2_f32.sqrt();
        assert!(near(&vector, &[0.0, 0.0, -fifth, 2.0 * fifth]), "{vector:?}");
        let vector = Query::new().text(&words, -3.0).vector(&centres()).unwrap();
        assert!(near(&vector, &[0.0, 0.0, -1.0, 0.0]), "{vector:?}");
    }

    #[test]
    fn one_modality_without_minus_is_the_plain_sum() {
        let query = Query::new().text(&[1.0, 0.0], 3.0).text(&[0.0, 5.0], 4.0);
        let unused = Centres { text: Vec::new(), audio: Vec::new() };
        assert!(!query.is_centred());
        assert!(near(&query.vector(&unused).unwrap(), &[0.6, 0.8]));
    }

    #[test]
    fn what_says_nothing_is_named() {
        let (x, y) = ([1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]);
        let error = |query: Query| query.vector(&centres()).unwrap_err();
        assert!(matches!(error(Query::new()), RetrievalError::NoTerms));
        assert!(matches!(error(Query::new().text(&x, 0.0)), RetrievalError::Weight { term: 0, .. }));
        let infinite = Query::new().text(&x, 1.0).text(&y, f32::INFINITY);
        assert!(matches!(error(infinite), RetrievalError::Weight { term: 1, .. }));
        let query = Query::new().text(&x, 1.0).text(&[f32::NAN; 4], 1.0);
        assert!(matches!(error(query), RetrievalError::Vectors(VectorError::NotFinite { row: 1 })));
        let query = Query::new().text(&x, 1.0).text(&x[..3], 1.0);
        assert!(matches!(error(query), RetrievalError::Vectors(VectorError::Dimensions { expected: 4, actual: 3 })));
        let query = Query::new().text(&x[..3], -1.0);
        assert!(matches!(error(query), RetrievalError::Vectors(VectorError::Dimensions { expected: 3, actual: 4 })));
        assert!(matches!(error(Query::new().audio(&[0.0; 4], 1.0)), RetrievalError::NoDirection { term: 0 }));
        let mean = Query::new().audio(&y, 1.0).text(&centres().text, 1.0);
        assert!(matches!(error(mean), RetrievalError::NoDirection { term: 1 }));
        assert!(matches!(error(Query::new().text(&y, 1.0).text(&y, -1.0)), RetrievalError::Cancelled { terms: 2 }));
        let broken = Centres { audio: vec![f32::NAN; 4], ..centres() };
        assert!(matches!(Query::new().text(&y, -1.0).vector(&broken), Err(RetrievalError::Centre)));
        assert!(matches!(Query::new().text(&y, 1.0).vector(&broken), Ok(vector) if vector == y));
    }

    fn row(dim: usize) -> impl Strategy<Value = Vec<f32>> {
        let values = prop::collection::vec(-1.0_f32..1.0, dim);
        values.prop_filter("a direction", |values| norm(values) > 0.1)
    }

    fn unit(values: &[f32]) -> Vec<f32> {
        values.iter().map(|&x| (f64::from(x) / norm(values)) as f32).collect()
    }

    proptest! {
        #[test]
        fn one_positive_term_is_bit_identical(values in row(9), weight in 1e-3_f32..1e3) {
            let values = unit(&values);
            let centres = Centres { text: vec![0.5; 9], audio: vec![-0.5; 9] };
            let query = Query::new().audio(&values, weight).vector(&centres).unwrap();
            prop_assert!(query.iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits()));
        }

        #[test]
        fn only_proportions_count_and_not_the_order(
            terms in prop::collection::vec((row(5), any::<bool>(), prop_oneof![-2.0_f32..-0.1, 0.1_f32..2.0]), 1..5),
            factor in 0.1_f32..10.0,
        ) {
            let centres = Centres { text: vec![0.3, 0.0, 0.1, 0.0, 0.0], audio: vec![0.0, -0.4, 0.0, 0.0, 0.2] };
            let build = |scale: f32, reverse: bool| {
                let mut terms = terms.clone();
                if reverse { terms.reverse() }
                let add = |query: Query, (values, text, weight): &(Vec<f32>, bool, f32)| match text {
                    true => query.text(values, scale * weight),
                    false => query.audio(values, scale * weight),
                };
                terms.iter().fold(Query::new(), add).vector(&centres)
            };
            if let (Ok(one), Ok(other), Ok(scaled)) = (build(1.0, false), build(1.0, true), build(factor, false)) {
                prop_assert!((norm(&one) - 1.0).abs() < 1e-5);
                // Of terms that almost cancel, rounding of the weights is magnified.
                let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-2);
                prop_assert!(close(&one, &other) && close(&one, &scaled));
            }
        }

        #[test]
        fn an_offset_of_all_items_changes_no_ranking(
            items in prop::collection::vec(-8_i8..8, 4 * 6),
            offset in prop::collection::vec(-8_i8..8, 4),
            query in prop::collection::vec(-8_i8..8, 4),
        ) {
            // Whole numbers, so that scores are exact.
            let floats = |values: &[i8]| values.iter().map(|&x| f32::from(x)).collect::<Vec<_>>();
            let (items, offset, query) = (floats(&items), floats(&offset), floats(&query));
            let moved: Vec<f32> = items.iter().enumerate().map(|(i, x)| x + offset[i % 4]).collect();
            let ranking = |items: &[f32]| -> Vec<usize> {
                top_k(&query, Embeddings::new(items, 4).unwrap(), 6).unwrap().iter().map(|hit| hit.index).collect()
            };
            prop_assert_eq!(ranking(&items), ranking(&moved));
        }
    }
}
