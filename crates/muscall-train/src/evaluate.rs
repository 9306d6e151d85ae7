//! Retrieval on a manifest, both ways.

use muscall_audio::{CropPosition, load_clip};
use muscall_model::{AudioEmbedding, Muscall};
use muscall_retrieval::{BothDirections, Embeddings, Pairs};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::TrainError;
use crate::manifest::Manifest;

/// Tracks decoded and embedded together.
const TRACKS: usize = 32;

/// The result of [`evaluate`].
#[derive(Debug)]
pub struct Evaluation {
    /// Recall, mAP and ranks in both directions.
    pub metrics: BothDirections,
    /// Tracks that were ranked.
    pub tracks: usize,
    /// Captions that were ranked.
    pub captions: usize,
    /// Tracks that could not be read, and are not in the gallery.
    pub unreadable: Vec<TrainError>,
}

/// Embeds the central clip of every track and all captions, and ranks each by the other.
///
/// # Errors
/// [`TrainError::NothingToEvaluate`] if no track can be read.
/// # Source
/// Section 5.1 of the paper.
pub fn evaluate(model: &Muscall, manifest: &Manifest) -> Result<Evaluation, TrainError> {
    let config = model.clip_config();
    let mut audio = Vec::new();
    let mut captions = Vec::new();
    let mut text_to_audio = Vec::new();
    let mut unreadable = Vec::new();
    for rows in manifest.rows.chunks(TRACKS) {
        let clips: Vec<_> = rows.par_iter().map(|row| load_clip(&row.audio, CropPosition::Central, &config)).collect();
        let mut readable = Vec::new();
        for (row, clip) in rows.iter().zip(clips) {
            match clip {
                Ok(clip) => {
                    let track = audio.len() / model.config().projection_dim + readable.len();
                    text_to_audio.extend(row.captions.iter().map(|_| track));
                    captions.extend(row.captions.iter().map(String::as_str));
                    readable.push(clip);
                }
                Err(error) => unreadable.push(error.into()),
            }
        }
        let batch: AudioEmbedding = model.embed_loaded(&readable)?;
        audio.extend_from_slice(batch.values());
    }
    let dim = model.config().projection_dim;
    let tracks = audio.len() / dim;
    if tracks == 0 {
        return Err(TrainError::NothingToEvaluate { path: manifest.source.clone(), rows: manifest.rows.len() });
    }
    let text = model.embed_text(&captions)?;
    let pairs = Pairs { text_to_audio };
    let metrics =
        muscall_retrieval::evaluate(Embeddings::new(&audio, dim)?, Embeddings::new(text.values(), dim)?, &pairs)?;
    Ok(Evaluation { metrics, tracks, captions: captions.len(), unreadable })
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
