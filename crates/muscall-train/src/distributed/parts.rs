//! Which rank takes what of a batch.

use std::ops::Range;

use crate::batcher::RawBatch;
use crate::step::Part;

/// How a batch is cut into parts, and which of them a rank takes.
///
/// With a micro-batch the parts are the same for any number of ranks, and so is what they draw and what batch
/// norms see; without one, or with too large a one, each rank takes a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Division {
    parts: Vec<Range<usize>>,
    own: Range<usize>,
    /// Most parts of a rank.
    rounds: usize,
}

impl Division {
    /// Of `batch` tracks, at least one per rank.
    pub(crate) fn new(batch: usize, micro_batch: Option<usize>, rank: usize, ranks: usize) -> Self {
        let parts: Vec<_> = match micro_batch {
            Some(micro) if batch.div_ceil(micro) >= ranks => {
                (0..batch).step_by(micro).map(|start| start..(start + micro).min(batch)).collect()
            }
            _ => (0..ranks).map(|rank| share(batch, rank, ranks)).collect(),
        };
        let own = share(parts.len(), rank, ranks);
        let rounds = parts.len().div_ceil(ranks);
        Self { parts, own, rounds }
    }

    fn batch(&self) -> usize {
        self.parts.last().map_or(0, |last| last.end)
    }

    /// The places that the rank loads of so many batches in a row.
    pub(crate) fn own_places(&self, batches: usize) -> Vec<usize> {
        let firsts = (0..batches).map(|number| number * self.batch());
        let own = |first| self.own_parts().flat_map(move |(_, places)| places.map(move |place| first + place));
        firsts.flat_map(own).collect()
    }

    /// The rank's parts of one of the batches in a row, as far as they could be loaded.
    pub(crate) fn parts_of<'a>(&self, loaded: &'a RawBatch, batch: usize) -> Vec<Part<'a>> {
        self.rounds_of(loaded, batch).into_iter().flatten().collect()
    }

    /// The same, and nothing where other ranks have a part and this one has none.
    pub(crate) fn rounds_of<'a>(&self, loaded: &'a RawBatch, batch: usize) -> Vec<Option<Part<'a>>> {
        let first = batch * self.batch();
        let before = |place: usize| loaded.places.partition_point(|&own| own < first + place);
        let part = |(number, places): (usize, Range<usize>)| {
            let items = &loaded.items[before(places.start)..before(places.end)];
            (!items.is_empty()).then_some(Part { number, items })
        };
        let mut rounds: Vec<_> = self.own_parts().map(part).collect();
        rounds.resize(self.rounds, None);
        rounds
    }

    /// The places of the rank's parts, each with its number in the batch.
    fn own_parts(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.own.clone().map(|number| (number, self.parts[number].clone()))
    }
}

/// What one of `ranks` takes of `count` things in a row.
pub(crate) fn share(count: usize, rank: usize, ranks: usize) -> Range<usize> {
    count * rank / ranks..count * (rank + 1) / ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_belongs_to_one_part_of_one_rank() {
        for batch in [2, 3, 7, 16, 64] {
            for micro in [None, Some(1), Some(3), Some(8), Some(100)] {
                for ranks in 1..=batch.min(5) {
                    let divisions = (0..ranks).map(|rank| Division::new(batch, micro, rank, ranks));
                    let parts: Vec<_> = divisions
                        .flat_map(|division| {
                            assert!(division.own_parts().count() >= 1);
                            division.own_parts().collect::<Vec<_>>()
                        })
                        .collect();
                    assert!(parts.iter().enumerate().all(|(i, (number, _))| i == *number));
                    let places: Vec<usize> = parts.into_iter().flat_map(|(_, places)| places).collect();
                    assert_eq!(places, (0..batch).collect::<Vec<_>>());
                }
            }
        }
    }

    #[test]
    fn a_micro_batch_cuts_alike_for_any_number_of_ranks() {
        let alone = Division::new(16, Some(4), 0, 1);
        for ranks in 2..=4 {
            assert_eq!(Division::new(16, Some(4), 0, ranks).parts, alone.parts);
        }
        // Without one, two ranks do what one does with halves.
        assert_eq!(Division::new(16, None, 1, 2).parts, Division::new(16, Some(8), 0, 1).parts);
    }
}
