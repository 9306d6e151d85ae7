//! A checkpoint of LAION-CLAP as a model of ours.

use std::path::Path;

use burn::tensor::Device;
use muscall_audio::LogMelConfig;

use super::checkpoint::{Checkpoint, read_torch};
use super::files::read_weights;
use super::folder;
use super::laion;
use super::names::hub_name;
use crate::text::SentenceTowerConfig;
use crate::text::bert::SentenceTokenizer;
use crate::weights::shapes_of;
use crate::{ModelError, Muscall, Temperature};

/// Reads a checkpoint of LAION-CLAP, unfused: a folder in the hub's layout (`config.json`, `preprocessor_config.json`,
/// `tokenizer.json` or `vocab.json` and `merges.txt`, and `model.safetensors` or `pytorch_model.bin`, whole or in parts), such a folder in the hub's own cache
/// (`models--laion--…`), or a `.pt` file of laion's, which has no tokenizer: `tokenizer` is then a folder with RoBERTa's.
///
/// Sizes are read from the file. The buffers of a `.pt` that describe its front end are compared with ours.
///
/// # Errors
/// [`ModelError::Mismatch`] with every tensor that is missing, surplus or misshapen, by the hub's names;
/// [`ModelError::Checkpoint`] for a fused model and for files that are missing; others with the file that is damaged.
pub fn import_clap(source: &Path, tokenizer: Option<&Path>, device: &Device) -> Result<Muscall, ModelError> {
    let (checkpoint, config, log_mel, own) = if source.is_dir() {
        let folder = folder::resolve(source);
        let (config, log_mel) = folder::read_config(&folder)?;
        (read_weights(&folder)?, config, log_mel, Some(folder))
    } else {
        let state = read_torch(source)?;
        if !laion::is_laion(&state) {
            return Err(ModelError::Checkpoint {
                path: source.to_owned(),
                found: "no `audio_branch` among its tensors".to_owned(),
                expected: "a .pt of laion's, or the folder in which the hub's files are",
            });
        }
        let log_mel = LogMelConfig::clap();
        laion::check_front_end(source, &state, &log_mel.init()?)?;
        let checkpoint = Checkpoint::new(source, laion::to_hub(state))?;
        let heads = tokenizer.map(folder::resolve).and_then(|folder| folder::text_heads(&folder));
        let config = laion::sizes(&checkpoint, heads)?;
        (checkpoint, config, log_mel, None)
    };
    let Some(tokenizer) = tokenizer.map(folder::resolve).or(own) else {
        return Err(ModelError::Checkpoint {
            path: source.to_owned(),
            found: "no tokenizer, as in every .pt".to_owned(),
            expected: "a folder with the tokenizer.json of roberta-base beside it (`--tokenizer`), or any folder of a \
                       LAION-CLAP model on the hub",
        });
    };
    let mut config = config.model(log_mel);
    let device = device.clone().without_autodiff();
    let shapes = shapes_of(&config.init(&device)?);
    config.text_logit_scale = checkpoint.text_logit_scale;
    let state = checkpoint.state_for(&shapes, hub_name)?;
    let scale = state.get(crate::LOGIT_SCALE).and_then(|data| data.as_slice::<f32>().ok()?.first().copied());
    // The weight itself is what is used; this is what a training would start from.
    config.temperature = Temperature::Learned(f64::from((-scale.unwrap_or(0.0)).exp()).clamp(0.01, 100.0));
    let encoder =
        config.text.downcast_ref::<SentenceTowerConfig>().map(|tower| tower.encoder.clone()).unwrap_or_default();
    let tokenizer = SentenceTokenizer::from_folder(&tokenizer, &encoder)?;
    Muscall::from_state(config, state, &source.display().to_string(), tokenizer, &device)
}
