//! A cache of decoded audio that cannot be written costs time, and no track.
#![allow(missing_docs, clippy::unwrap_used)]

mod small_run;
#[path = "../../muscall-data/tests/wav/mod.rs"]
mod wav;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use muscall_train::{Event, Recipe, TrainError};
use small_run::{assert_same, finish, fit, learner, recipe, write_data};

/// A run with a cache; `spoil` makes it one that cannot be written, before anything is loaded. Says what it warns of.
fn warnings(data: &Path, run: &Path, ranks: usize, cache: &Path, spoil: impl Fn(&Path)) -> Vec<String> {
    let mut recipe = Recipe { micro_batch: Some(1), ..recipe() };
    recipe.data.cache = Some(cache.to_owned());
    let mut warnings = Vec::new();
    let outcome = fit(&learner(&recipe, run), data, ranks, &mut |event| {
        match event {
            Event::Started { .. } => spoil(cache),
            Event::Warning(error) => {
                assert!(matches!(error, TrainError::CacheNotWritten { .. }), "{error}");
                warnings.push(error.to_string());
            }
            Event::Skipped(error) => panic!("{error}"),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    assert_eq!(outcome.unwrap().steps, 12);
    warnings
}

#[test]
fn a_cache_that_cannot_be_written_is_told_of_once_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    write_data(dir.path());
    let at = |name: &str| dir.path().join(name);
    for ranks in [1, 2] {
        let [whole, none, some] = ["whole", "none", "some"].map(|name| at(&format!("{name} {ranks}")));
        finish(&learner(&Recipe { micro_batch: Some(1), ..recipe() }, &whole), dir.path(), ranks);
        // No file can be made, which holds for root, too.
        let told = warnings(dir.path(), &none, ranks, &at(&format!("no cache {ranks}")), |cache| {
            fs::remove_dir_all(cache).unwrap();
            fs::write(cache, "").unwrap();
        });
        assert!(told.len() == 1 && told[0].contains("no cache") && told[0].contains("data.cache"), "{told:?}");
        // Every third one cannot be put in its place, as on a disk that is nearly full.
        let cache = at(&format!("cache {ranks}"));
        assert_eq!(warnings(dir.path(), &at(&format!("fill {ranks}")), ranks, &cache, |_| ()), [""; 0]);
        let told = warnings(dir.path(), &some, ranks, &cache, |cache| {
            let entries = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path());
            let mut arrays: Vec<_> = entries.filter(|path| path.extension().is_some_and(|it| it == "npy")).collect();
            arrays.sort();
            assert_eq!(arrays.len(), 7);
            for array in arrays.iter().step_by(3) {
                fs::remove_file(array).unwrap();
                fs::create_dir(array).unwrap();
            }
        });
        assert!(told.len() == 1 && told[0].contains(".npy"), "{told:?}");
        for run in [&none, &some] {
            // It names the cache.
            fs::copy(whole.join("recipe.toml"), run.join("recipe.toml")).unwrap();
            assert_same(run, &whole);
        }
    }
}
