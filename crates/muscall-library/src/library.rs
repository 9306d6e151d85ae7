//! A model and an index that answer requests.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use muscall_audio::load_whole;
use muscall_model::{Muscall, TextEmbedding, Verdict};
use muscall_retrieval::{
    Answer, Centres, Embeddings, ExactSearch, Fingerprint, Index, Moment, Query, RetrievalError, Search, SearchMethod,
    TrackRecord, mean_direction, mmr,
};

use crate::{Filter, LibraryError, Like, Request, Response, Stretch, Term};

/// What is left of a query without the common direction is rounding below this norm.
const LEAST_REST: f64 = 1e-3;
/// Candidates for each answer that is to be unlike the others.
const CANDIDATES: usize = 5;

/// A trained model with one committed state of an index: all answers belong to that state.
#[derive(Clone)]
pub struct Library {
    model: Arc<Muscall>,
    fingerprint: Arc<Fingerprint>,
    index: Arc<Index>,
    /// How this state of the index and later ones are searched.
    method: Arc<dyn SearchMethod>,
}

impl Library {
    /// A bundle, and an index that was made with it.
    ///
    /// # Errors
    /// If one cannot be read, or the index was made with another model.
    pub fn open(bundle: &Path, index: &Path, device: &Device) -> Result<Self, LibraryError> {
        Self::new(Muscall::load(bundle, device)?, index)
    }

    /// A model that is at hand, and an index that was made with it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn new(model: Muscall, index: &Path) -> Result<Self, LibraryError> {
        let fingerprint = model.fingerprint()?;
        let index = Index::open_for(index, &fingerprint)?;
        Ok(Self {
            model: model.into(),
            fingerprint: fingerprint.into(),
            index: index.into(),
            method: Arc::new(ExactSearch),
        })
    }

    /// Searches through this graph of the index: much faster with millions of segments, and nearly exact. Once
    /// the index has been compacted the graph no longer fits, and searches are exact again.
    ///
    /// # Errors
    /// If the graph cannot be read, or is not of this index.
    #[cfg(feature = "ann")]
    pub fn with_graph(self, path: &Path) -> Result<Self, LibraryError> {
        let config = muscall_retrieval::GraphConfig::new();
        let graph = muscall_retrieval::SegmentGraph::open(path, &self.index, &config)?;
        Ok(Self { method: Arc::new(graph), ..self })
    }

    fn tracks(&self, query: &[f32], search: &Search<'_>) -> Result<Vec<Answer>, RetrievalError> {
        self.method.searcher(&self.index).search(query, search)
    }

    /// The same model with a newer state of the index, if another process has committed one.
    ///
    /// # Errors
    /// If the index cannot be read any more.
    pub fn refreshed(&self) -> Result<Option<Self>, LibraryError> {
        let index = self.index.refreshed()?;
        Ok(index.map(|index| Self { index: index.into(), ..self.clone() }))
    }

    /// Goes on with the newest state of the index; returns whether it is another one.
    ///
    /// # Errors
    /// As [`refreshed`](Self::refreshed).
    pub fn refresh(&mut self) -> Result<bool, LibraryError> {
        let newer = self.refreshed()?;
        Ok(newer.map(|newer| *self = newer).is_some())
    }

    /// What is searched.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What hears and reads.
    pub fn model(&self) -> &Muscall {
        &self.model
    }

    /// Of the model; the index was made under its name, or a former one.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// What the index knows of a track.
    ///
    /// # Errors
    /// [`LibraryError::UnknownTrack`].
    pub fn track(&self, track: usize) -> Result<TrackRecord, LibraryError> {
        self.index.track(track).map_err(|error| known(track, error))
    }

    /// The direction in which a request looks, `[dim]`, unit norm.
    ///
    /// From words alone, the direction that all captions share is taken out if the model is
    /// [calibrated](Muscall::scale): it lies nearer to some music than to other music, whatever is looked for. (To compute it
    /// takes other models a hundred captions at each start.)
    ///
    /// # Errors
    /// If the request is [not valid](Request::validate), a track or file of it is not there, or its terms
    /// cancel out.
    pub fn query_vector(&self, request: &Request) -> Result<Vec<f32>, LibraryError> {
        request.validate()?;
        self.vector_of(request, &self.read(request)?)
    }

    /// The words of a request, `[texts, dim]`.
    fn read(&self, request: &Request) -> Result<TextEmbedding, LibraryError> {
        let texts: Vec<&str> = request.terms.iter().filter_map(|term| term.like.words()).collect();
        Ok(self.model.embed_text(texts)?)
    }

    fn vector_of(&self, request: &Request, texts: &TextEmbedding) -> Result<Vec<f32>, LibraryError> {
        let mut rows = (0..texts.len()).map(|row| texts.row(row));
        let mut query = Query::new();
        for term in &request.terms {
            query = match &term.like {
                Like::Text(_) => query.text(rows.next().unwrap_or_default(), term.weight),
                Like::File { path, stretch } => query.audio(&self.hear(path, *stretch)?, term.weight),
                Like::Track { track, stretch } => query.audio(&self.recall(*track, *stretch)?, term.weight),
            };
        }
        if query.is_centred() {
            return Ok(query.vector(&self.centres()?)?);
        }
        let vector = query.vector(&Centres::default())?;
        match self.model.scale() {
            Some(_) if !texts.is_empty() => Ok(without(vector, self.model.text_centre()?)),
            _ => Ok(vector),
        }
    }

    /// What fits best, and whether it fits at all.
    ///
    /// # Errors
    /// As [`query_vector`](Self::query_vector).
    pub fn answer(&self, request: &Request) -> Result<Response, LibraryError> {
        request.validate()?;
        let texts = self.read(request)?;
        let query = self.vector_of(request, &texts)?;
        let answers = self.search_with(&query, request)?;
        let verdict = self.verdict(request, &texts)?;
        Ok(Response { query, answers, verdict })
    }

    /// A scale is about embeddings as the model gives them, and the best cosine of all moments, however answers are ranked.
    fn verdict(&self, request: &Request, texts: &TextEmbedding) -> Result<Option<Verdict>, LibraryError> {
        let is_text = matches!(&request.terms[..], [term] if term.like.words().is_some() && term.weight > 0.0);
        let Some(scale) = self.model.scale().filter(|_| is_text) else {
            return Ok(None);
        };
        let moments = Request { top: 1, moments: 0, track_weight: 0.0, diversity: None, ..request.clone() };
        let best = self.search_with(texts.row(0), &moments)?;
        Ok(best.first().map(|best| scale.verdict(texts.row(0), best.score)))
    }

    /// The tracks that fit best, best first; with [`diversity`](Request::diversity), in an order that
    /// also makes each unlike those before it.
    ///
    /// # Errors
    /// As [`query_vector`](Self::query_vector).
    pub fn search(&self, request: &Request) -> Result<Vec<Answer>, LibraryError> {
        self.search_with(&self.query_vector(request)?, request)
    }

    /// The same, with a vector that is at hand: only what the request says of answers is looked at.
    ///
    /// # Errors
    /// If the vector does not fit the index.
    pub fn search_with(&self, query: &[f32], request: &Request) -> Result<Vec<Answer>, LibraryError> {
        let filter = request.filter.prepared();
        let fits = |index: &Index, track: usize| -> Result<bool, RetrievalError> {
            Ok(filter.takes_number(track) && filter.takes(&index.track(track)?))
        };
        let lambda = request.diversity.filter(|&diversity| diversity > 0.0).map(|diversity| 1.0 - diversity);
        let fetched = if lambda.is_some() { request.top.saturating_mul(CANDIDATES) } else { request.top };
        let mut search = Search::new(fetched).with_moments(request.moments).with_track_weight(request.track_weight);
        if filter != Filter::default().prepared() {
            search = search.with_filter(&fits);
        }
        let answers = self.tracks(query, &search)?;
        match lambda {
            Some(lambda) => self.varied(answers, request.top, lambda),
            None => Ok(answers),
        }
    }

    fn varied(&self, answers: Vec<Answer>, top: usize, lambda: f32) -> Result<Vec<Answer>, LibraryError> {
        let scores: Vec<f32> = answers.iter().map(|answer| answer.score).collect();
        let mut vectors = Vec::with_capacity(answers.len() * self.index.config().dim);
        for answer in &answers {
            vectors.extend_from_slice(self.index.vector(answer.track)?);
        }
        let order = mmr(&scores, Embeddings::new(&vectors, self.index.config().dim)?, top, lambda)?;
        let mut answers: Vec<Option<Answer>> = answers.into_iter().map(Some).collect();
        Ok(order.into_iter().filter_map(|i| answers.get_mut(i)?.take()).collect())
    }

    /// The tracks most like a track or a part of it, without that track.
    ///
    /// # Errors
    /// As [`query_vector`](Self::query_vector).
    pub fn similar(&self, track: usize, stretch: Stretch, top: usize) -> Result<Vec<Answer>, LibraryError> {
        let request = Request::new([Term::track(track, stretch)]).with_top(top);
        let query = self.query_vector(&request)?;
        let others = |_: &Index, other: usize| -> Result<bool, RetrievalError> { Ok(other != track) };
        Ok(self.tracks(
            &query,
            &Search::new(top)
                .with_moments(request.moments)
                .with_track_weight(request.track_weight)
                .with_filter(&others),
        )?)
    }

    /// How well each part of a track fits: where the words match.
    ///
    /// # Errors
    /// [`LibraryError::UnknownTrack`], or a query that is not a vector of this model.
    pub fn strip(&self, track: usize, query: &[f32]) -> Result<Vec<Moment>, LibraryError> {
        self.index.strip(track, query).map_err(|error| known(track, error))
    }

    fn centres(&self) -> Result<Centres, LibraryError> {
        Ok(Centres { text: self.model.text_centre()?.to_vec(), audio: self.index.audio_centre()? })
    }

    /// A track or a part of it, as the index remembers it.
    fn recall(&self, track: usize, stretch: Stretch) -> Result<Vec<f32>, LibraryError> {
        if stretch == Stretch::default() {
            return self.index.vector(track).map(<[f32]>::to_vec).map_err(|error| known(track, error));
        }
        let (record, segments) = (self.track(track)?, self.index.segments(track)?);
        let mut rows = Vec::new();
        for (&start, row) in segments.starts_s.iter().zip(segments.rows.iter()) {
            let start_s = f64::from(start);
            if stretch.overlaps(start_s, self.index.config().segment_end_s(start_s, record.duration_s)) {
                rows.extend_from_slice(row);
            }
        }
        if rows.is_empty() {
            return Err(behind(record.path, stretch, record.duration_s));
        }
        Ok(mean_direction(Embeddings::new(&rows, self.index.config().dim)?))
    }

    /// A file or a part of it, as the model hears it.
    fn hear(&self, path: &Path, stretch: Stretch) -> Result<Vec<f32>, LibraryError> {
        let config = self.model.clip_config();
        let mut clip = load_whole(path, &config)?;
        let rate = f64::from(config.sample_rate);
        let at = |time: f64| ((time * rate).round() as usize).min(clip.samples.len());
        let (start, end) = (at(stretch.start_s.unwrap_or(0.0)), at(stretch.end_s.unwrap_or(f64::INFINITY)));
        if start >= end {
            return Err(behind(path.display().to_string(), stretch, clip.samples.len() as f64 / rate));
        }
        clip.samples = clip.samples[start..end].to_vec();
        // The model hears no less than a clip.
        clip.valid = clip.samples.len();
        if clip.valid < config.samples {
            clip.samples = config.padding.fit(&clip.samples, config.samples);
        }
        Ok(self.model.in_windows().embed_loaded(&[clip])?.row(0).to_vec())
    }
}

/// A vector without its part along a direction, unit norm. One that has no other part stays as it is.
fn without(vector: Vec<f32>, direction: &[f32]) -> Vec<f32> {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    let share = product(&vector, direction) / product(direction, direction).max(f64::MIN_POSITIVE);
    let rest: Vec<f64> =
        vector.iter().zip(direction).map(|(&x, &along)| f64::from(x) - share * f64::from(along)).collect();
    let norm = rest.iter().map(|x| x * x).sum::<f64>().sqrt();
    if norm < LEAST_REST { vector } else { rest.into_iter().map(|x| (x / norm) as f32).collect() }
}

fn behind(what: String, stretch: Stretch, duration_s: f64) -> LibraryError {
    LibraryError::Behind { what, start_s: stretch.start_s.unwrap_or(0.0), duration_s }
}

/// A track that is not there is the request's mistake, not the index's.
fn known(track: usize, error: RetrievalError) -> LibraryError {
    match error {
        RetrievalError::NoTrack { .. } => LibraryError::UnknownTrack { track },
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_is_taken_out_and_nothing_else() {
        let rest = without(vec![0.6, 0.8, 0.0], &[0.0, 0.5, 0.0]);
        assert_eq!(rest, [1.0, 0.0, 0.0]);
        assert_eq!(without(vec![0.6, 0.8, 0.0], &[0.0, 0.0, 0.3]), [0.6, 0.8, 0.0]);
        // Of what lies along it nothing would be left; and there may be no direction.
        assert_eq!(without(vec![0.0, 1.0], &[0.0, 0.7]), [0.0, 1.0]);
        assert_eq!(without(vec![0.0, 1.0], &[0.0, 0.0]), [0.0, 1.0]);
    }
}
