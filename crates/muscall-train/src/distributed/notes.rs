//! What ranks tell one another of a batch, besides numbers.

use serde::{Deserialize, Serialize};

use super::Ranks;
use crate::TrainError;
use crate::batcher::RawBatch;
use crate::doctor::ClipFault;
use crate::step::{BatchText, HostOutputs};

/// What a rank has loaded of a step's batches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ShareNote {
    pub(crate) items: Vec<ItemNote>,
    /// Why files were left out.
    pub(crate) skipped: Vec<String>,
    /// Rows whose files are gone since the run began.
    pub(crate) gone: Vec<usize>,
    /// The file that the cache could not write, and why.
    pub(crate) cache_failure: Option<[String; 2]>,
}

/// All of an item but its audio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ItemNote {
    place: usize,
    pub(crate) index: usize,
    pub(crate) captions: Vec<String>,
    pub(crate) faults: Vec<ClipFault>,
}

impl ShareNote {
    pub(crate) fn of(loaded: &RawBatch, cache_failure: Option<[String; 2]>) -> Self {
        let note = |(item, &place): (&crate::batcher::LoadedItem, &usize)| ItemNote {
            place,
            index: item.index,
            captions: item.captions.clone(),
            faults: item.faults.clone(),
        };
        Self {
            items: loaded.items.iter().zip(&loaded.places).map(note).collect(),
            skipped: loaded.skipped.iter().map(ToString::to_string).collect(),
            gone: loaded.gone.clone(),
            cache_failure,
        }
    }
}

/// A batch over all ranks.
#[derive(Debug)]
pub(crate) struct SharedBatch<'a> {
    /// Among those that are accumulated.
    pub(crate) number: usize,
    /// The tracks of each rank; one after the other they are the batch.
    tracks: Vec<Vec<&'a ItemNote>>,
}

impl<'a> SharedBatch<'a> {
    /// The batches of a step. Skipped files may leave a batch of one, which has no negative: it is left out.
    pub(crate) fn all(notes: &'a [ShareNote], batch_size: usize, accumulate: usize) -> Vec<Self> {
        let batch = |number: usize| {
            let is_in = |item: &&ItemNote| item.place / batch_size == number;
            let tracks = notes.iter().map(|note| note.items.iter().filter(is_in).collect()).collect();
            Self { number, tracks }
        };
        (0..accumulate).map(batch).filter(|batch| batch.tracks().count() >= 2).collect()
    }

    fn tracks(&self) -> impl Iterator<Item = &'a ItemNote> {
        self.tracks.iter().flatten().copied()
    }

    /// The captions of all ranks.
    pub(crate) fn text(&self) -> BatchText<'a> {
        BatchText::new(self.tracks().map(|item| item.captions.as_slice()))
    }

    fn captions_of(&self, rank: usize) -> usize {
        self.tracks[rank].iter().map(|item| item.captions.len()).sum()
    }

    /// Tracks and captions of the ranks before this one.
    pub(crate) fn before(&self, rank: usize) -> [usize; 2] {
        let others = 0..rank;
        [others.clone().map(|rank| self.tracks[rank].len()).sum(), others.map(|rank| self.captions_of(rank)).sum()]
    }

    /// The embeddings of all ranks, in the order of the batch.
    pub(crate) fn gather(&self, own: HostOutputs, ranks: &Ranks) -> Result<HostOutputs, TrainError> {
        let views = own.views.as_ref().map(|views| views.concat()).unwrap_or_default();
        let all = ranks.all_gather(&[own.audio.as_slice(), &own.text, &views].concat())?;
        let mut whole = HostOutputs { audio: Vec::new(), text: Vec::new(), ..own };
        whole.views.iter_mut().flatten().for_each(Vec::clear);
        for (rank, values) in all.iter().enumerate() {
            let tracks = self.tracks[rank].len();
            let (audio, text) = (tracks * whole.dim, self.captions_of(rank) * whole.dim);
            let view = if whole.views.is_some() { tracks * whole.view_dim } else { 0 };
            if values.len() != audio + text + 2 * view {
                return Err(TrainError::RanksDiffer { rank, what: "number of embeddings" });
            }
            let (audio, rest) = values.split_at(audio);
            let (text, views) = rest.split_at(text);
            whole.audio.extend(audio);
            whole.text.extend(text);
            if let Some(whole) = &mut whole.views {
                let [first, second] = whole;
                first.extend(&views[..view]);
                second.extend(&views[view..]);
            }
        }
        Ok(whole)
    }
}
