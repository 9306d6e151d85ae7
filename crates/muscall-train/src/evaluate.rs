//! Retrieval on a manifest, both ways.

use std::path::Path;

use muscall_audio::{AudioError, AudioSource, Clip, CropPosition, load_clip, load_whole};
use muscall_model::Muscall;
use muscall_retrieval::{BothDirections, Embeddings, Pairs, Ranks, RetrievalMetrics, top_k};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::TrainError;
use crate::embed_files::{EmbeddedFiles, embed_files};
use crate::manifest::{Manifest, Row};

/// The result of [`evaluate`].
#[derive(Debug)]
pub struct Evaluation {
    /// Recall, mAP and ranks in both directions.
    pub metrics: BothDirections,
    /// Of every query: for intervals and comparisons.
    pub ranks: Ranks,
    /// Tracks that were ranked.
    pub tracks: usize,
    /// Captions that were ranked.
    pub captions: usize,
    /// Tracks that could not be read, and are not in the gallery.
    pub unreadable: Vec<TrainError>,
    /// Which part of a teacher's variance is explained, if it is a teacher's vectors that were ranked.
    pub explained: Option<f64>,
    /// Rows of the manifest that were ranked.
    rows: Vec<usize>,
    /// The track of each caption.
    pairs: Pairs,
    dim: usize,
    /// `[tracks, dim]`.
    audio: Vec<f32>,
    /// `[captions, dim]`.
    text: Vec<f32>,
}

/// How much of each track is heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hearing {
    /// The middle, as long as a clip in training: what the paper reports.
    #[default]
    Centre,
    /// All of it, as the mean of its windows: what a search in an index ranks tracks by is closer to this.
    Whole,
}

/// One caption, and what was found for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryResult {
    /// The query.
    pub caption: String,
    /// Id of the track that it describes.
    pub track: String,
    /// Rank of that track, from 1.
    pub rank: usize,
    /// The best tracks.
    pub found: Vec<FoundTrack>,
}

/// A track among the best ones for a query.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoundTrack {
    /// Its id.
    pub track: String,
    /// Cosine.
    pub score: f32,
    /// Its first caption.
    pub caption: String,
}

impl Evaluation {
    /// [`evaluate`] for a program that shows how far it is, hearing as much of each track as is said: the listener is
    /// told of each file when it has been read, or could not be, by the thread that read it.
    ///
    /// # Errors
    /// As [`evaluate`].
    pub fn with_listener(
        model: &Muscall,
        manifest: &Manifest,
        hearing: Hearing,
        listener: impl Fn(&Path) + Sync,
    ) -> Result<Self, TrainError> {
        match hearing {
            Hearing::Centre => evaluate_with(model, manifest, |source| {
                let clip = load_clip(source, CropPosition::Central, &model.clip_config());
                listener(source.path);
                clip
            }),
            Hearing::Whole => evaluate_with(&model.in_windows(), manifest, |source| {
                let clip = load_whole(source, &model.clip_config());
                listener(source.path);
                clip
            }),
        }
    }

    /// Ranks what has been embedded.
    pub(crate) fn of(embedded: Embedded) -> Result<Self, TrainError> {
        let Embedded { rows, unreadable, owners, dim, audio, text } = embedded;
        let (tracks, captions, pairs) = (rows.len(), owners.len(), Pairs { text_to_audio: owners });
        let ranks = Ranks::new(Embeddings::new(&audio, dim)?, Embeddings::new(&text, dim)?, &pairs)?;
        let metrics = BothDirections {
            text_to_audio: RetrievalMetrics::from_ranks(&ranks.text_to_audio, tracks),
            audio_to_text: RetrievalMetrics::from_ranks(&ranks.audio_to_text, captions),
        };
        Ok(Self { metrics, ranks, tracks, captions, unreadable, explained: None, rows, pairs, dim, audio, text })
    }

    /// Track embeddings, `[tracks, dim]`.
    ///
    /// # Errors
    /// [`TrainError::Vectors`], which would be a defect of this library.
    pub fn audio(&self) -> Result<Embeddings<'_>, TrainError> {
        Ok(Embeddings::new(&self.audio, self.dim)?)
    }

    /// Caption embeddings, `[captions, dim]`.
    ///
    /// # Errors
    /// [`TrainError::Vectors`], which would be a defect of this library.
    pub fn text(&self) -> Result<Embeddings<'_>, TrainError> {
        Ok(Embeddings::new(&self.text, self.dim)?)
    }

    /// Rows of the manifest that were ranked, in the order of the tracks.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// Which caption belongs to which track.
    pub fn pairs(&self) -> &Pairs {
        &self.pairs
    }

    /// Every caption with its best `k` tracks, in the order of the manifest that was evaluated.
    ///
    /// # Errors
    /// [`TrainError::Vectors`], which would be a defect of this library.
    pub fn queries(&self, manifest: &Manifest, k: usize) -> Result<Vec<QueryResult>, TrainError> {
        let (audio, text) = (self.audio()?, self.text()?);
        let row = |track: usize| &manifest.rows[self.rows[track]];
        let captions: Vec<&String> = self.rows.iter().flat_map(|&row| &manifest.rows[row].captions).collect();
        let query = |(i, caption): (usize, &&String)| {
            let found = top_k(text.row(i), audio, k)?.into_iter().map(|hit| FoundTrack {
                track: row(hit.index).id.clone(),
                score: hit.score,
                caption: row(hit.index).captions[0].clone(),
            });
            let (caption, track) = ((*caption).clone(), row(self.pairs.text_to_audio[i]).id.clone());
            Ok(QueryResult { caption, track, rank: self.ranks.text_to_audio[i][0], found: found.collect() })
        };
        captions.iter().enumerate().map(query).collect()
    }
}

/// Embeds the central clip of every track and all captions, and ranks each by the other.
///
/// # Errors
/// [`TrainError::NothingToEvaluate`] if no track can be read.
/// # Source
/// Section 5.1 of the paper.
pub fn evaluate(model: &Muscall, manifest: &Manifest) -> Result<Evaluation, TrainError> {
    Evaluation::with_listener(model, manifest, Hearing::Centre, |_| {})
}

fn evaluate_with(
    model: &Muscall,
    manifest: &Manifest,
    load: impl Fn(AudioSource<'_>) -> Result<Clip, AudioError> + Sync,
) -> Result<Evaluation, TrainError> {
    let sources: Vec<AudioSource<'_>> = manifest.rows.iter().map(Row::source).collect();
    let EmbeddedFiles { audio, readable: rows, unreadable } = embed_files(model, &sources, &manifest.source, load)?;
    let captions: Vec<&str> = rows.iter().flat_map(|&row| &manifest.rows[row].captions).map(String::as_str).collect();
    let owners =
        rows.iter().enumerate().flat_map(|(track, &row)| manifest.rows[row].captions.iter().map(move |_| track));
    let owners = owners.collect();
    let (text, dim) = (model.embed_text(&captions)?.values().to_vec(), model.config().projection_dim);
    Evaluation::of(Embedded { rows, unreadable, owners, dim, audio, text })
}

/// Rows with their embeddings.
pub(crate) struct Embedded {
    /// Of the manifest.
    pub(crate) rows: Vec<usize>,
    pub(crate) unreadable: Vec<TrainError>,
    /// The track of each caption.
    pub(crate) owners: Vec<usize>,
    pub(crate) dim: usize,
    /// `[tracks, dim]`.
    pub(crate) audio: Vec<f32>,
    /// `[captions, dim]`.
    pub(crate) text: Vec<f32>,
}

/// At most `tracks` rows, the same ones for the same seed, in their order.
pub fn subset(manifest: &Manifest, tracks: usize, seed: u64) -> Manifest {
    let mut rows: Vec<usize> = (0..manifest.rows.len()).collect();
    if rows.len() > tracks {
        rows.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        rows.truncate(tracks);
        rows.sort_unstable();
    }
    Manifest { rows: rows.into_iter().map(|row| manifest.rows[row].clone()).collect(), source: manifest.source.clone() }
}
