//! The order in which an epoch goes through shards.

use std::path::Path;

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use crate::manifest::Row;

/// Shuffles rows. Those of shards come shard by shard, in an order that is drawn, through a buffer of so many rows from
/// which one is drawn at a time: what is read lies together on the disk. It is a function of the draws and the list of
/// shards alone, so that nothing but a place in it has to be kept. Rows that are files of their own come in any order.
pub(crate) fn shuffle(all: &[Row], rows: Vec<usize>, buffer: usize, rng: &mut impl Rng) -> Vec<usize> {
    let shard = |&row: &usize| all[row].stored.as_ref().map(|stored| stored.archive.path());
    if rows.iter().all(|row| shard(row).is_none()) {
        let mut rows = rows;
        rows.shuffle(rng);
        return rows;
    }
    let is_same = |a: &usize, b: &usize| same(shard(a), shard(b));
    let mut shards: Vec<&[usize]> = rows.chunk_by(is_same).collect();
    shards.shuffle(rng);
    let mut coming = shards.into_iter().flatten().copied();
    let mut waiting: Vec<usize> = coming.by_ref().take(buffer.max(1)).collect();
    let mut order = Vec::with_capacity(rows.len());
    for next in coming {
        let drawn = rng.random_range(0..waiting.len());
        order.push(std::mem::replace(&mut waiting[drawn], next));
    }
    waiting.shuffle(rng);
    order.extend(waiting);
    order
}

fn same(a: Option<&Path>, b: Option<&Path>) -> bool {
    a.is_some() && a == b
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashSet;
    use std::path::PathBuf;

    use muscall_audio::Place;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::manifest::Stored;

    /// Ten shards of a hundred samples.
    fn rows() -> Vec<Row> {
        let shards: Vec<Place> = (0..10).map(|i| PathBuf::from(format!("{i}.tar")).into()).collect();
        let row = |i: usize| {
            let stored = Stored { archive: shards[i / 100].clone(), at: 512, bytes: 10 };
            Row { stored: Some(stored), ..Row::new(i.to_string(), i.to_string(), vec!["x".into()]) }
        };
        (0..1000).map(row).collect()
    }

    fn order(buffer: usize, seed: u64) -> Vec<usize> {
        shuffle(&rows(), (0..1000).collect(), buffer, &mut ChaCha8Rng::seed_from_u64(seed))
    }

    #[test]
    fn every_row_comes_once_and_near_others_of_its_shard() {
        // From how many shards fifty rows in a row are, on average: without a buffer 1 or 2, and half a shard lies between two
        // borders; of all ten, if nothing holds them together.
        for (buffer, few, many) in [(1, 1.4, 1.5), (50, 2.0, 3.8), (5000, 9.5, 10.0)] {
            let order = order(buffer, 7);
            assert_eq!(order.iter().collect::<HashSet<_>>().len(), 1000);
            let shards = |rows: &[usize]| rows.iter().map(|row| row / 100).collect::<HashSet<_>>().len();
            let mean = order.windows(50).map(shards).sum::<usize>() as f64 / 951.0;
            assert!(few < mean && mean <= many, "buffer {buffer}: {mean} shards");
        }
        assert_eq!(order(50, 7), order(50, 7));
        assert_ne!(order(50, 7), order(50, 8));
    }

    #[test]
    fn a_buffer_mixes_and_none_does_not() {
        let is_sorted_in_shards = |order: &[usize]| order.chunks(100).all(|shard| shard.is_sorted());
        assert!(is_sorted_in_shards(&order(1, 3)) && !is_sorted_in_shards(&order(20, 3)));
        let firsts: HashSet<usize> = (0..20).map(|seed| order(1, seed)[0]).collect();
        assert!(firsts.len() > 5, "shards come in an order that is drawn");
    }
}
