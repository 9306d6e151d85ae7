//! Reverberation: the clip in a room.

mod recorded;
mod room;

use std::path::PathBuf;
use std::sync::Arc;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::convolution::convolve;
use super::draw::{happens, log_uniform, require_probability, require_range, uniform};
use super::level::{bring_to, rms};
use crate::AudioError;

pub use recorded::ImpulseResponses;
pub use room::MadeRoom;

const SECTION: &str = "reverb";

/// Adds the sound of a room, made up or recorded. The level stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reverb {
    /// Probability that it is applied.
    pub probability: f64,
    /// Smallest share of the room in the power of the sound.
    pub min_wet: f32,
    /// Largest share of the room in the power of the sound.
    pub max_wet: f32,
    /// Shortest time in which a made-up room fades by 60 dB, seconds; uniform in octaves.
    pub min_rt60_s: f32,
    /// Longest time in which a made-up room fades by 60 dB, seconds.
    pub max_rt60_s: f32,
    /// Largest share of that time by which highs fade sooner in a made-up room.
    pub max_damping: f32,
    /// A folder of recorded impulse responses; rooms are made up if there is none. All are as likely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impulse_responses: Option<ImpulseResponses>,
}

impl Default for Reverb {
    fn default() -> Self {
        Self {
            probability: 0.3,
            min_wet: 0.05,
            max_wet: 0.5,
            min_rt60_s: 0.2,
            max_rt60_s: 1.5,
            max_damping: 0.8,
            impulse_responses: None,
        }
    }
}

impl Reverb {
    /// Checks the settings, and decodes the recorded responses if there are any.
    ///
    /// # Errors
    /// [`AudioError::InvalidSetting`] naming the first field that does not make sense and what would, else what is
    /// wrong with the folder or a file in it.
    pub fn validate(&self) -> Result<(), AudioError> {
        require_probability(self.probability, SECTION)?;
        let wet = [("min_wet", self.min_wet, "0 to 1"), ("max_wet", self.max_wet, "min_wet to 1")];
        require_range(SECTION, wet, 0.0..=1.0)?;
        let times =
            [("min_rt60_s", self.min_rt60_s, "0.01 to 20 s"), ("max_rt60_s", self.max_rt60_s, "min_rt60_s to 20 s")];
        require_range(SECTION, times, 0.01..=20.0)?;
        let damping = (0.0..=0.99).contains(&self.max_damping);
        crate::setting::require(damping, SECTION, "max_damping", self.max_damping, "0 to 0.99")?;
        self.impulse_responses.iter().try_for_each(|responses| responses.files().map(|_| ()))
    }

    /// The room of one clip; `None` when it stays as it is, and where recorded responses cannot be read, which
    /// [`validate`](Self::validate) tells.
    pub fn draw(&self, rng: &mut impl Rng) -> Option<ReverbParams> {
        if !happens(self.probability, rng) {
            return None;
        }
        let wet = uniform(self.min_wet, self.max_wet, rng);
        let room = match &self.impulse_responses {
            Some(responses) => {
                let files = responses.files().ok()?;
                let file = files[rng.random_range(0..files.len())].to_owned();
                Room::Recorded { responses: responses.clone(), file }
            }
            None => Room::Made(MadeRoom {
                rt60_s: log_uniform(self.min_rt60_s, self.max_rt60_s, rng),
                damping: uniform(0.0, self.max_damping, rng),
                seed: rng.random(),
            }),
        };
        Some(ReverbParams { wet, room })
    }
}

/// The room of one clip, and how much of it is heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReverbParams {
    /// Share of the room in the power of the sound: 0 changes nothing, 1 leaves the room alone.
    pub wet: f32,
    /// Which room.
    pub room: Room,
}

/// A room, as its impulse response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Room {
    /// Made of noise.
    Made(MadeRoom),
    /// Recorded somewhere.
    Recorded {
        /// The folder.
        responses: ImpulseResponses,
        /// The file, relative to the folder.
        file: PathBuf,
    },
}

impl Room {
    /// `None` for a recording that cannot be had.
    fn response(&self, sample_rate: u32, longest: usize) -> Option<Arc<[f32]>> {
        match self {
            Self::Made(room) => Some(room.response(sample_rate, longest).into()),
            Self::Recorded { responses, file } => responses.response(file, sample_rate).ok()?,
        }
    }
}

impl ReverbParams {
    /// Adds the room and restores the level; what rings on behind the end is cut off. A recording that cannot be read
    /// leaves the clip as it is.
    pub fn apply(&self, samples: &mut [f32], sample_rate: u32) {
        let level = rms(samples);
        if level == 0.0 || self.wet <= 0.0 {
            return;
        }
        let Some(response) = self.room.response(sample_rate, samples.len()) else {
            return;
        };
        let length = response.len().min(samples.len());
        let mut room = convolve(samples, &response[..length]);
        room.truncate(samples.len());
        bring_to(&mut room, level);
        let wet = self.wet.min(1.0);
        let (dry, wet) = ((1.0 - wet).sqrt(), wet.sqrt());
        for (sample, room) in samples.iter_mut().zip(&room) {
            *sample = dry * *sample + wet * room;
        }
        bring_to(samples, level);
    }
}
