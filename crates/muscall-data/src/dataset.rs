//! A manifest as training items.

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
    /// The waveform, cropped and augmented.
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
        let crop = CropPosition::Random { seed: rng.random() };
        let first = rng.random_range(0..row.captions.len());
        let augment = self.config.augment.draw(&mut rng);
        let captions = self.captions(row, first, &mut rng);
        let views = self.config.views.as_ref().map(|views| [views.draw(&mut rng), views.draw(&mut rng)]);

        let position = if self.config.random_crop { crop } else { CropPosition::Central };
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
        Ok(Item { index, audio, valid, views, captions, faults })
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
