//! The best of many, of which most are only known to lie between bounds.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU32, Ordering as Memory};

use crate::RetrievalError;

/// Items that wait to be scored exactly, before some are dropped.
const PENDING: usize = 4096;

/// Something that is scored: a row, or a track with all its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    pub(super) block: u32,
    pub(super) row: u32,
}

/// An item and its exact score.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scored {
    pub(super) item: Item,
    pub(super) score: f32,
}

/// Best first; of equal scores the earlier item first.
impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.item.cmp(&other.item))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scored {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Scored {}

/// The order of floats, for a heap.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Score(f32);

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// What is known not to suffice, by all threads of a search.
#[derive(Debug)]
pub(super) struct Threshold(AtomicU32);

impl Threshold {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(f32::NEG_INFINITY.to_bits()))
    }

    pub(super) fn get(&self) -> f32 {
        f32::from_bits(self.0.load(Memory::Relaxed))
    }

    fn raise(&self, to: f32) {
        // Never lowered, whichever thread comes first; a late reader only scores a row too many.
        let _ = self
            .0
            .fetch_update(Memory::Relaxed, Memory::Relaxed, |bits| (f32::from_bits(bits) < to).then_some(to.to_bits()));
    }
}

/// The best of what one thread has seen.
pub(super) struct Best<'a> {
    k: usize,
    threshold: &'a Threshold,
    lower: BinaryHeap<Reverse<Score>>,
    pending: Vec<(f32, Item)>,
    exact: BinaryHeap<Scored>,
}

impl<'a> Best<'a> {
    pub(super) fn new(k: usize, threshold: &'a Threshold) -> Self {
        let (lower, exact) = (BinaryHeap::new(), BinaryHeap::new());
        Self { k, threshold, lower, pending: Vec::new(), exact }
    }

    /// An item whose score lies between the two. `upper` has reached the threshold.
    pub(super) fn offer(&mut self, lower: f32, upper: f32, item: Item) {
        self.pending.push((upper, item));
        if self.lower.len() < self.k {
            self.lower.push(Reverse(Score(lower)));
        } else if self.lower.peek().is_some_and(|least| least.0.0 < lower) {
            self.lower.pop();
            self.lower.push(Reverse(Score(lower)));
        }
        if self.lower.len() == self.k
            && let Some(least) = self.lower.peek()
        {
            self.threshold.raise(least.0.0);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.pending.len() >= PENDING
    }

    /// Scores what is pending and may count.
    pub(super) fn settle<E>(&mut self, mut exact: impl FnMut(Item) -> Result<f32, E>) -> Result<(), E> {
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (upper, item) in pending {
            if upper < self.threshold.get() {
                break;
            }
            self.exact.push(Scored { item, score: exact(item)? });
            if self.exact.len() > self.k {
                self.exact.pop();
            }
            if self.exact.len() == self.k
                && let Some(least) = self.exact.peek()
            {
                self.threshold.raise(least.score);
            }
        }
        Ok(())
    }

    pub(super) fn into_hits(self) -> Vec<Scored> {
        self.exact.into_vec()
    }
}

/// The best of what several threads found.
pub(super) fn best_of<T: Ord>(mut hits: Vec<T>, k: usize) -> Result<Vec<T>, RetrievalError> {
    hits.sort_unstable();
    hits.truncate(k);
    Ok(hits)
}
