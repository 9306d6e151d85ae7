//! An augmentation of your own: a stretch of silence, as when a needle jumps.
//!
//! `cargo run --release --example own_augmentation` shows it in a recipe and on a clip.
#![allow(clippy::print_stdout)]

use std::path::Path;

use muscall::audio::{AudioError, Augmentation, ClipConfig, CropPosition, load_clip};
use muscall::train::recipe::DataRecipe;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// In a recipe, an entry of `[[data.augment.other]]`: `kind = "silence"`, `probability = 0.3`, `longest_s = 0.5`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Silence {
    probability: f64,
    longest_s: f64,
}

#[typetag::serde(name = "silence")]
impl Augmentation for Silence {
    fn validate(&self) -> Result<(), AudioError> {
        if (0.0..=1.0).contains(&self.probability) {
            return Ok(());
        }
        let (section, field, expected) = ("data.augment.other.silence", "probability", "0 to 1");
        Err(AudioError::InvalidSetting { section, field, found: self.probability, expected })
    }

    fn apply(&self, samples: &mut [f32], sample_rate: u32, seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        if rng.random::<f64>() >= self.probability {
            return;
        }
        let length = (rng.random::<f64>() * self.longest_s * f64::from(sample_rate)) as usize;
        let start = rng.random_range(0..=samples.len().saturating_sub(length));
        samples.iter_mut().skip(start).take(length).for_each(|sample| *sample = 0.0);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut data = DataRecipe::default();
    data.augment.other.push(Silence { probability: 1.0, longest_s: 1.0 }.into());
    data.augment.validate()?;
    println!("{}", toml::to_string(&data)?);

    let config = ClipConfig::new(16_000, 48_000);
    let file = Path::new("demo/audio/014_fretsonfire_Feelings.ogg");
    let mut clip = load_clip(file, CropPosition::Central, &config)?;
    let silent = |samples: &[f32]| samples.iter().filter(|&&sample| sample == 0.0).count();
    let before = silent(&clip.samples);
    data.augment.draw(&mut ChaCha8Rng::seed_from_u64(1)).apply(&mut clip.samples, config.sample_rate);
    println!("{before} silent samples before, {} after", silent(&clip.samples));
    Ok(())
}
