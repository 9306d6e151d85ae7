//! How much of each source an epoch has, and in which order.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::manifest::Manifest;
use crate::seed::item_seed;
use crate::{DataError, shards};

/// The part of a source's rows that an epoch has, above 0 and at most 1, by the names that rows give under `source`.
/// Sources that are not named, and rows that name none, take part with all rows.
///
/// If there are any, rows of every source are spread evenly over an epoch, so that each batch holds all of them; which
/// rows of a source an epoch has is drawn anew for each. Without any, the order is drawn from all rows alike.
pub type Sources = BTreeMap<String, f64>;

/// # Errors
/// [`DataError::Source`] for a part out of range, and for a source that no row names.
pub(crate) fn check(sources: &Sources, manifest: &Manifest) -> Result<(), DataError> {
    let named = by_source(manifest);
    for (source, part) in sources {
        let rows = named.get(&Some(source.as_str())).map_or(0, Vec::len);
        if !(*part > 0.0 && *part <= 1.0) || rows == 0 {
            let known = named.keys().flatten().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let path = manifest.source.clone();
            return Err(DataError::Source { path, source_name: source.clone(), part: *part, rows, known });
        }
    }
    Ok(())
}

/// How many rows an epoch has.
///
/// ```
/// use muscall_data::{Manifest, Row, Sources, rows_per_epoch};
/// let row = |id: &str| Row { origin: Some("live".into()), ..Row::new(id, id, vec!["applause".into()]) };
/// let manifest = Manifest { rows: vec![row("a.mp3"), row("b.mp3")], source: "music.jsonl".into() };
/// assert_eq!(rows_per_epoch(&manifest, &Sources::from([("live".into(), 0.5)])), 1);
/// ```
pub fn rows_per_epoch(manifest: &Manifest, sources: &Sources) -> usize {
    if sources.is_empty() {
        return manifest.rows.len();
    }
    by_source(manifest).iter().map(|(name, rows)| part_of(sources, *name, rows.len())).sum()
}

/// The rows of an epoch. Those of shards go through a buffer of so many rows, see [`shards::shuffle`].
pub(crate) fn order(manifest: &Manifest, sources: &Sources, buffer: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(item_seed(seed, epoch, u64::MAX));
    if sources.is_empty() {
        return shards::shuffle(&manifest.rows, (0..manifest.rows.len()).collect(), buffer, &mut rng);
    }
    let mut placed = Vec::new();
    for (number, (name, rows)) in by_source(manifest).into_iter().enumerate() {
        let mut rows = shards::shuffle(&manifest.rows, rows, buffer, &mut rng);
        rows.truncate(part_of(sources, name, rows.len()));
        let count = rows.len() as f64;
        placed.extend(rows.into_iter().enumerate().map(|(i, row)| ((i as f64 + 0.5) / count, number, row)));
    }
    placed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    placed.into_iter().map(|(_, _, row)| row).collect()
}

fn part_of(sources: &Sources, name: Option<&str>, rows: usize) -> usize {
    let part = name.and_then(|name| sources.get(name)).copied().unwrap_or(1.0);
    ((rows as f64 * part).round() as usize).clamp(1, rows)
}

fn by_source(manifest: &Manifest) -> BTreeMap<Option<&str>, Vec<usize>> {
    let mut all: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (index, row) in manifest.rows.iter().enumerate() {
        all.entry(row.origin.as_deref()).or_default().push(index);
    }
    all
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::manifest::Row;

    /// Ten rows of `a`, thirty of `b`, twenty that name none.
    fn manifest() -> Manifest {
        let origin = |i: usize| [Some("a"), Some("b"), Some("b"), Some("b"), None, None][i % 6].map(str::to_owned);
        let row = |i: usize| Row { origin: origin(i), ..Row::new(i.to_string(), i.to_string(), vec!["x".into()]) };
        Manifest { rows: (0..60).map(row).collect(), source: "music.jsonl".into() }
    }

    fn sources(parts: &[(&str, f64)]) -> Sources {
        parts.iter().map(|&(name, part)| (name.to_owned(), part)).collect()
    }

    #[test]
    fn batches_hold_every_source_in_its_share() {
        let (manifest, sources) = (manifest(), sources(&[("b", 0.5)]));
        assert_eq!(rows_per_epoch(&manifest, &sources), 10 + 15 + 20);
        for epoch in 0..5 {
            let order = order(&manifest, &sources, 1, 7, epoch);
            assert_eq!(order.len(), 45);
            assert_eq!(order.iter().collect::<HashSet<_>>().len(), 45);
            for batch in order.chunks_exact(9) {
                let of =
                    |name: Option<&str>| batch.iter().filter(|&&i| manifest.rows[i].origin.as_deref() == name).count();
                assert_eq!([of(Some("a")), of(Some("b")), of(None)], [2, 3, 4]);
            }
        }
    }

    #[test]
    fn every_row_comes_in_its_time_and_epochs_differ() {
        let (manifest, sources) = (manifest(), sources(&[("a", 0.5), ("b", 0.2)]));
        let epochs: Vec<Vec<usize>> = (0..30).map(|epoch| order(&manifest, &sources, 1, 7, epoch)).collect();
        assert_eq!(epochs.iter().flatten().collect::<HashSet<_>>().len(), 60);
        assert_ne!(epochs[0], epochs[1]);
        assert_eq!(epochs[3], order(&manifest, &sources, 1, 7, 3));
    }

    #[test]
    fn parts_out_of_range_and_unknown_names_are_named() {
        let manifest = manifest();
        assert!(check(&sources(&[("a", 1.0), ("b", 0.01)]), &manifest).is_ok());
        for (wrong, named) in
            [(("a", 0.0), "0"), (("a", 1.5), "1.5"), (("c", 1.0), "`a`, `b`"), (("a", f64::NAN), "NaN")]
        {
            let error = check(&sources(&[wrong]), &manifest).unwrap_err().to_string();
            assert!(error.contains(named) && error.contains("music.jsonl"), "{error}");
        }
    }
}
