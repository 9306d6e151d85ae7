//! Where music comes from.

use std::error::Error;
use std::path::Path;

use muscall::indexing::{Item, Scope, Unreadable};
use muscall::{Manifest, Split, TrainError};

/// All music of a place.
pub struct Source {
    pub items: Vec<Item>,
    pub scope: Scope,
    pub unreadable: Vec<Unreadable>,
}

impl Source {
    /// A folder, all splits of a manifest, or a bucket.
    pub fn read(music: &Path) -> Result<Self, Box<dyn Error>> {
        if let Some(address) = music.to_str().filter(|address| address.starts_with("s3://")) {
            return Self::bucket(address);
        }
        if music.is_dir() && !music.join("dataset_train.json").exists() {
            let (items, unreadable) = Item::folder(music);
            if items.is_empty() && unreadable.is_empty() {
                return Err(format!("{}: no audio files in this folder", music.display()).into());
            }
            return Ok(Self { items, unreadable, scope: Scope::folder(music) });
        }
        let mut files = Vec::new();
        for split in [Split::Train, Split::Val, Split::Test] {
            match Manifest::read(music, split) {
                Ok(manifest) => files.extend(manifest.rows.into_iter().map(|row| row.audio)),
                Err(TrainError::EmptySplit { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        files.sort();
        files.dedup();
        let mut source = Self { items: Vec::new(), scope: Scope::Items, unreadable: Vec::new() };
        for file in files {
            match Item::file(&file) {
                Ok(item) => source.items.push(item),
                Err(refused) => source.unreadable.push(refused),
            }
        }
        Ok(source)
    }
    #[cfg(feature = "s3")]
    fn bucket(address: &str) -> Result<Self, Box<dyn Error>> {
        let (bucket, prefix) = muscall::indexing::Bucket::open(address)?;
        let items = bucket.items(&prefix)?;
        if items.is_empty() {
            return Err(format!("{address}: no audio files below this prefix").into());
        }
        Ok(Self { items, scope: bucket.scope(&prefix), unreadable: Vec::new() })
    }

    #[cfg(not(feature = "s3"))]
    fn bucket(address: &str) -> Result<Self, Box<dyn Error>> {
        Err(format!("{address}: this program was built without buckets; build it with --features s3").into())
    }
}
