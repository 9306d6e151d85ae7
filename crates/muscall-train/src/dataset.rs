//! A manifest as training items.

use muscall_audio::{AugmentConfig, ClipConfig, CropPosition, load_clip};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::TrainError;
use crate::manifest::Manifest;

/// How items are made of rows.
#[derive(Debug, Clone)]
pub struct DataConfig {
    /// Rate and length of a clip.
    pub clip: ClipConfig,
    /// Augmentations of training items.
    pub augment: AugmentConfig,
    /// Whether training items are random crops, or always the central one.
    pub random_crop: bool,
    /// Decides all that is random.
    pub seed: u64,
}

/// A clip with one of its captions.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The row of the manifest.
    pub index: usize,
    /// The waveform, cropped and augmented.
    pub audio: Vec<f32>,
    /// One caption of the row.
    pub caption: String,
}

/// The seed of an item: a function of the run's seed, the epoch and the item alone, so that
/// neither the number of loader threads nor a restart changes what is drawn.
pub fn item_seed(seed: u64, epoch: u64, index: u64) -> u64 {
    // `mix(word)` here would make seed and epoch exchangeable.
    [epoch, index].into_iter().fold(mix(seed), |state, word| mix(state ^ word))
}

/// The finaliser of SplitMix64.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A manifest with the recipe for its items.
#[derive(Debug)]
pub struct Dataset {
    manifest: Manifest,
    config: DataConfig,
}

impl Dataset {
    /// # Errors
    /// [`TrainError::EmptyManifest`], or if the augmentations are not valid.
    pub fn new(manifest: Manifest, config: DataConfig) -> Result<Self, TrainError> {
        if manifest.rows.is_empty() {
            return Err(TrainError::EmptyManifest { path: manifest.source });
        }
        config.augment.validate()?;
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

    /// Decides all that is random.
    pub fn seed(&self) -> u64 {
        self.config.seed
    }

    /// Row `index` as seen in `epoch`: crop, augmentation and caption are drawn from the item's seed.
    ///
    /// # Errors
    /// [`TrainError::Audio`] if the file cannot be decoded.
    pub fn train_item(&self, epoch: u64, index: usize) -> Result<Item, TrainError> {
        let row = &self.manifest.rows[index];
        let mut rng = ChaCha8Rng::seed_from_u64(item_seed(self.config.seed, epoch, index as u64));
        // Drawn in any case, so that a switch changes nothing but itself.
        let crop = CropPosition::Random { seed: rng.random() };
        let caption = row.captions[rng.random_range(0..row.captions.len())].clone();
        let augment = self.config.augment.draw(&mut rng);
        let position = if self.config.random_crop { crop } else { CropPosition::Central };
        let mut audio = load_clip(&row.audio, position, &self.config.clip)?.samples;
        augment.apply(&mut audio, self.config.clip.sample_rate);
        Ok(Item { index, audio, caption })
    }
}
