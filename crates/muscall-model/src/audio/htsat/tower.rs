//! HTSAT as an audio tower.

use burn::tensor::Device;

use super::config::HtsatConfig;
use super::grid::{BANDS, FRAMES};
use super::network::Htsat;
use crate::ModelError;
use crate::tower::{AudioEncoder, AudioEncoderConfig, AudioTower};

#[typetag::serde(name = "htsat")]
impl AudioTower for HtsatConfig {
    fn min_frames(&self) -> usize {
        2
    }

    fn max_frames(&self) -> Option<usize> {
        Some(FRAMES)
    }

    fn without_dropout(&self) -> AudioEncoderConfig {
        self.clone().into()
    }

    fn init(&self, n_mels: usize, frames: usize, device: &Device) -> Result<AudioEncoder, ModelError> {
        ModelError::check(n_mels == BANDS, "log_mel.n_mels", n_mels, "64 for HTSAT")?;
        ModelError::check(frames <= FRAMES, "clip_s", format!("{frames} frames of log-mel"), "at most 1024 frames")?;
        Ok(AudioEncoder::new(Htsat::new(self, device)))
    }
}
