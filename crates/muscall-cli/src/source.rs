//! Where music comes from.

use std::path::Path;

use muscall::indexing::{Item, Scope, Unreadable};
use muscall::{DataError, Manifest};

use crate::{Beside, Failed};

const AWAY: &str =
    "check that its disk is mounted; the index stays as it is, and `index --forget` removes what is gone for good";

/// All music of a place.
pub struct Source {
    /// Its files, or their parts.
    pub items: Vec<Item>,
    /// Which tracks of an index are gone if they aren't among these.
    pub scope: Scope,
    /// Files that could not be looked at.
    pub unreadable: Vec<Unreadable>,
    /// What a folder holds beside music.
    pub beside: Beside,
}

impl Source {
    /// A folder, all splits of a manifest that are there, or a bucket.
    ///
    /// # Errors
    /// If nothing is there, or nothing that this program reads.
    pub fn read(music: &Path) -> Result<Self, Failed> {
        if let Some(address) = music.to_str().filter(|address| address.starts_with("s3://")) {
            return Self::bucket(address);
        }
        if matches!(music.try_exists(), Ok(false)) {
            return Err(format!("{}: nothing is there; {AWAY}", music.display()).into());
        }
        // A folder is its music, with or without captions beside it, unless it is a data set in the released layout.
        let is_data_set =
            || ["train", "val", "test"].iter().any(|split| music.join(format!("dataset_{split}.json")).exists());
        if music.is_dir() && !is_data_set() {
            return Self::folder(music);
        }
        let splits = match Manifest::read_splits(music) {
            Err(DataError::UnknownManifest { path }) => {
                let expected = "a folder of music, or a manifest: a .jsonl, .json, .csv or .tsv file";
                return Err(format!("{}: expected {expected}", path.display()).into());
            }
            splits => splits?,
        };
        let rows: Vec<_> = splits.into_iter().flat_map(|(_, manifest)| manifest.rows).collect();
        if rows.iter().any(|row| row.stored.is_some()) {
            let remedy = "an index is of files, which can be played: unpack the shards with `tar -xf`";
            return Err(format!("{}: shards of samples; {remedy}", music.display()).into());
        }
        let mut files: Vec<_> = rows.into_iter().map(|row| (row.audio, row.part)).collect();
        files.sort();
        files.dedup();
        let (items, unreadable, beside) = (Vec::new(), Vec::new(), Beside::default());
        let mut source = Self { items, scope: Scope::Items, unreadable, beside };
        for (file, part) in files {
            match Item::file(&file) {
                Ok(item) => source.items.push(part.into_iter().fold(item, Item::with_part)),
                Err(refused) => source.unreadable.push(refused),
            }
        }
        Ok(source)
    }

    fn folder(music: &Path) -> Result<Self, Failed> {
        let found = Item::folder(music)?;
        let beside = Beside::of(&found);
        if found.items.is_empty() && found.unreadable.is_empty() {
            return Err(format!("{}: no audio files in this folder; {AWAY}", music.display()).into());
        }
        let scope = Scope::folder(music).but(&found.unreadable);
        Ok(Self { items: found.items, unreadable: found.unreadable, scope, beside })
    }

    #[cfg(feature = "s3")]
    fn bucket(address: &str) -> Result<Self, Failed> {
        let (bucket, prefix) = muscall::bucket::Bucket::open(address)?;
        let items = Item::bucket(&bucket, &prefix)?;
        if items.is_empty() {
            return Err(format!("{address}: no audio files below this prefix").into());
        }
        Ok(Self { items, scope: Scope::bucket(&bucket, &prefix), unreadable: Vec::new(), beside: Beside::default() })
    }

    #[cfg(not(feature = "s3"))]
    fn bucket(address: &str) -> Result<Self, Failed> {
        Err(format!("{address}: this program was built without support for buckets; build it with --features s3")
            .into())
    }
}
