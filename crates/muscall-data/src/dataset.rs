//! A manifest as training items.

use std::collections::BTreeMap;
use std::sync::Arc;

use muscall_audio::{AudioCache, AugmentConfig, Clip, ClipConfig, CropPosition, load_clip};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::manifest::{Manifest, Row};
pub use crate::seed::item_seed;
use crate::sources::{self, Sources};
use crate::{ClipFault, DataError};

/// How items are made of rows.
#[derive(Debug, Clone)]
pub struct DataConfig {
    /// Rate and length of a clip.
    pub clip: ClipConfig,
    /// Where decoded files are kept, if they are.
    pub cache: Option<AudioCache>,
    /// Augmentations of training items.
    pub augment: AugmentConfig,
    /// Whether training items are random crops, or always the central one.
    pub random_crop: bool,
    /// Of random crops, how many places of a track they are taken from: [fixed ones](window_position), so that what
    /// something else makes of each needs to be computed once. None for any place.
    pub windows: Option<usize>,
    /// Whether files are read: not where what would be made of them is known.
    pub reads_audio: bool,
    /// Rows that are left out, by their numbers, and why: something else that was to hear them could not.
    pub unheard: Arc<BTreeMap<usize, String>>,
    /// Captions per item, of those that its track has.
    pub captions_per_track: usize,
    /// Rows of shards that the next one is drawn from.
    pub shuffle_buffer: usize,
    /// How much of each source an epoch has.
    pub sources: Sources,
    /// What makes the two views of self-supervision, if there are any.
    pub views: Option<AugmentConfig>,
    /// Decides all that is random.
    pub seed: u64,
}

/// A clip with captions of its track.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The row of the manifest.
    pub index: usize,
    /// Which of a track's [fixed places](window_position) was drawn; the central one if there are none.
    pub window: usize,
    /// The waveform, cropped and augmented; empty where nothing is read.
    pub audio: Vec<f32>,
    /// Samples of it that are not padding.
    pub valid: usize,
    /// Two more versions of the crop, for self-supervision.
    pub views: Option<[Vec<f32>; 2]>,
    /// At least one caption of the row.
    pub captions: Vec<String>,
    /// What is wrong with the crop, before augmentation.
    pub faults: Vec<ClipFault>,
}

/// The place of a fixed window of a track: the first is in the middle, and the others are anywhere, the same ones for
/// everybody who asks.
pub fn window_position(window: usize) -> CropPosition {
    const SEED: u64 = 0x77_69_6e_64_6f_77;
    match window {
        0 => CropPosition::Central,
        _ => CropPosition::Random { seed: item_seed(SEED, 0, window as u64) },
    }
}

/// A manifest with the recipe for its items.
#[derive(Debug)]
pub struct Dataset {
    manifest: Manifest,
    config: DataConfig,
}

impl Dataset {
    /// # Errors
    /// [`DataError::EmptyManifest`], or if the augmentations are not valid.
    pub fn new(manifest: Manifest, config: DataConfig) -> Result<Self, DataError> {
        if manifest.rows.is_empty() {
            return Err(DataError::EmptyManifest { path: manifest.source });
        }
        config.augment.validate()?;
        DataError::check_positive(config.shuffle_buffer, "data.shuffle_buffer")?;
        sources::check(&config.sources, &manifest)?;
        Ok(Self { manifest, config })
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.manifest.rows.len()
    }

    /// Never: an empty manifest is refused.
    pub fn is_empty(&self) -> bool {
        self.manifest.rows.is_empty()
    }

    /// The rows.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The rows of an epoch, in the order in which they come.
    pub(crate) fn order(&self, epoch: u64) -> Vec<usize> {
        let DataConfig { sources, shuffle_buffer, seed, .. } = &self.config;
        sources::order(&self.manifest, sources, *shuffle_buffer, *seed, epoch)
    }

    /// Row `index` as seen in `epoch`: crop, augmentation and caption are drawn from the item's seed.
    ///
    /// # Errors
    /// [`DataError::Audio`] if the file cannot be decoded.
    pub fn train_item(&self, epoch: u64, index: usize) -> Result<Item, DataError> {
        let row = &self.manifest.rows[index];
        let mut rng = ChaCha8Rng::seed_from_u64(item_seed(self.config.seed, epoch, index as u64));
        // Drawn in any case, so that a switch changes nothing but itself.
        let seed: u64 = rng.random();
        let first = rng.random_range(0..row.captions.len());
        let augment = self.config.augment.draw(&mut rng);
        let captions = self.captions(row, first, &mut rng);
        let views = self.config.views.as_ref().map(|views| [views.draw(&mut rng), views.draw(&mut rng)]);

        let (window, position) = match (self.config.random_crop, self.config.windows) {
            (false, _) => (0, CropPosition::Central),
            (true, None) => (0, CropPosition::Random { seed }),
            (true, Some(windows)) => {
                let window = (seed % windows.max(1) as u64) as usize;
                (window, window_position(window))
            }
        };
        if let Some(reason) = self.config.unheard.get(&index) {
            return Err(DataError::Unheard { path: row.audio.clone(), reason: reason.clone() });
        }
        if !self.config.reads_audio {
            return Ok(Item { index, window, audio: Vec::new(), valid: 0, views: None, captions, faults: Vec::new() });
        }
        let clip = match &self.config.cache {
            Some(cache) => cache.load_clip(row.source(), position, &self.config.clip)?,
            None => load_clip(row.source(), position, &self.config.clip)?,
        };
        let faults = ClipFault::find(&clip);
        let Clip { samples: mut audio, valid, .. } = clip;
        let rate = self.config.clip.sample_rate;
        let views = views.map(|draws| {
            draws.map(|draw| {
                let mut view = audio.clone();
                draw.apply(&mut view, rate);
                view
            })
        });
        augment.apply(&mut audio, rate);
        Ok(Item { index, window, audio, valid, views, captions, faults })
    }

    /// The first one, and others of the row in random order, as many as wanted.
    fn captions(&self, row: &Row, first: usize, rng: &mut ChaCha8Rng) -> Vec<String> {
        let mut others: Vec<usize> = (0..row.captions.len()).filter(|&i| i != first).collect();
        if self.config.captions_per_track > 1 {
            others.shuffle(rng);
        }
        let order = std::iter::once(first).chain(others);
        order.take(self.config.captions_per_track).map(|i| row.captions[i].clone()).collect()
    }
}
