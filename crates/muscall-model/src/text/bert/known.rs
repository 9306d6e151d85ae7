//! Captions whose vectors are known already, in memory and on the disk.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use muscall_files::replace_bytes;
use muscall_vectors::Fingerprint;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use xxhash_rust::xxh3::xxh3_64;

use crate::ModelError;

/// Vectors by the hash of their caption.
#[derive(Debug, Clone, Default)]
pub(super) struct Known(HashMap<u64, Vec<f32>>);

impl Known {
    pub(super) fn get(&self, text: &str) -> Option<&[f32]> {
        self.0.get(&key(text)).map(Vec::as_slice)
    }

    pub(super) fn insert(&mut self, text: &str, vector: &[f32]) {
        self.0.insert(key(text), vector.to_vec());
    }

    /// What a file knows; nothing if it is absent, damaged or of another encoder, since it can be
    /// made again.
    pub(super) fn read(path: &Path, encoder: &Fingerprint) -> Self {
        Self::try_read(path, encoder).unwrap_or_default()
    }

    fn try_read(path: &Path, encoder: &Fingerprint) -> Option<Self> {
        let bytes = fs::read(path).ok()?;
        let (_, header) = SafeTensors::read_metadata(&bytes).ok()?;
        if !encoder.accepts(header.metadata().as_ref()?.get("encoder")?) {
            return None;
        }
        let file = SafeTensors::deserialize(&bytes).ok()?;
        let (keys, vectors) = (file.tensor("captions").ok()?, file.tensor("vectors").ok()?);
        let &[rows, dim] = vectors.shape() else {
            return None;
        };
        let typed = keys.dtype() == Dtype::U64 && keys.shape() == [rows] && vectors.dtype() == Dtype::F32;
        if !typed || dim == 0 {
            return None;
        }
        let keys = keys.data().as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        let rows = vectors.data().chunks_exact(4 * dim);
        let row = |row: &[u8]| row.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect();
        Some(Self(keys.zip(rows.map(row)).collect()))
    }

    /// Writes a file, whole or not at all.
    pub(super) fn write(&self, path: &Path, encoder: &Fingerprint) -> Result<(), ModelError> {
        let sorted: BTreeMap<_, _> = self.0.iter().collect();
        let dim = sorted.values().next().map_or(0, |vector| vector.len());
        let keys: Vec<u8> = sorted.keys().flat_map(|key| key.to_le_bytes()).collect();
        let values: Vec<u8> = sorted.values().flat_map(|row| row.iter()).flat_map(|x| x.to_le_bytes()).collect();
        let weights = |source| ModelError::Weights { path: path.to_owned(), source };
        let tensors = [
            ("captions", TensorView::new(Dtype::U64, vec![sorted.len()], &keys).map_err(weights)?),
            ("vectors", TensorView::new(Dtype::F32, vec![sorted.len(), dim], &values).map_err(weights)?),
        ];
        let metadata = HashMap::from([("encoder".to_owned(), encoder.to_string())]);
        let bytes = safetensors::serialize(tensors, Some(metadata)).map_err(weights)?;
        Ok(replace_bytes(path, bytes)?)
    }
}

fn key(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}
