//! Vectors of captions.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use super::vector_file::VectorFile;
use crate::TrainError;

/// Captions that are computed before they are written.
const TOGETHER: usize = 64;

/// What something makes of captions.
#[derive(Debug, Clone)]
pub(crate) struct Texts {
    dim: usize,
    places: Arc<HashMap<String, usize>>,
    values: Arc<Vec<f32>>,
}

impl Texts {
    /// Of all these captions, which are computed unless the file knows them. `progress` is called with how many of how
    /// many are known.
    ///
    /// # Errors
    /// Those of `compute`, and of the file.
    pub(crate) fn read(
        captions: &[&str],
        (file, origin, dim): (&Path, &str, usize),
        compute: impl Fn(&[&str]) -> Result<Vec<f32>, TrainError>,
        mut progress: impl FnMut(usize, usize) -> Result<(), TrainError>,
    ) -> Result<Self, TrainError> {
        let captions: BTreeSet<&str> = captions.iter().copied().collect();
        let captions: Vec<&str> = captions.into_iter().collect();
        let mut file = VectorFile::open(file, origin, dim)?;
        let key = |text: &str| xxh3_128(text.as_bytes());
        let new: Vec<&str> = captions.iter().copied().filter(|text| file.get(key(text)).is_none()).collect();
        let mut known = captions.len() - new.len();
        for texts in new.chunks(TOGETHER) {
            let vectors = compute(texts)?;
            file.add(texts.iter().map(|text| key(text)).zip(vectors.chunks_exact(dim)))?;
            known += texts.len();
            progress(known, captions.len())?;
        }
        let values: Vec<f32> = captions.iter().filter_map(|text| file.get(key(text))).flatten().copied().collect();
        let places = captions.into_iter().map(str::to_owned).zip(0..).collect();
        Ok(Self { dim, places: Arc::new(places), values: Arc::new(values) })
    }

    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// The vector of a caption.
    ///
    /// # Panics
    /// If it is none of those that this was made of.
    pub(crate) fn get(&self, caption: &str) -> &[f32] {
        &self.values[self.places[caption] * self.dim..][..self.dim]
    }
}
