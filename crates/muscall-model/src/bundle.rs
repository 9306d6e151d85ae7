//! A trained model in one directory: the layout on the disk.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use muscall_files::{FileError, replace, replace_bytes};
use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::dual_encoder::{DualEncoder, MuscallConfig};
use crate::text::TextFrontend;
use crate::tower::TextEncoderConfig;
use crate::weights::{StateDict, read_safetensors, with_state, write_safetensors};

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "weights.safetensors";

/// Where the weights of a bundle are.
pub fn weights_file(bundle: &Path) -> PathBuf {
    bundle.join(WEIGHTS)
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BundleConfig {
    /// Version of the layout of the directory.
    format: u32,
    /// Of the frontend that the weights were trained with.
    frontend_fingerprint: String,
    /// Of what captions become before anything trained sees them; older bundles do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text_frontend_fingerprint: Option<String>,
    model: MuscallConfig,
}

const FORMAT: u32 = 2;

/// The parts of a bundle, all on one device without autodiff.
pub(crate) fn read(dir: &Path, device: &Device) -> Result<(MuscallConfig, DualEncoder, TextFrontend), ModelError> {
    let BundleConfig { model: config, text_frontend_fingerprint: words, .. } = read_config(&dir.join(CONFIG))?;
    let weights = dir.join(WEIGHTS);
    let model = config.init(device)?;
    let model = with_state(model, read_safetensors(&weights)?, &weights.display().to_string())?;
    let text_frontend = read_text_frontend(dir, &config.text, words.as_deref(), device)?;
    Ok((config, model, text_frontend))
}

/// The text frontend, which was saved with the fingerprint `saved`, if that is known.
fn read_text_frontend(
    dir: &Path,
    config: &TextEncoderConfig,
    saved: Option<&str>,
    device: &Device,
) -> Result<TextFrontend, ModelError> {
    let frontend = config.load_frontend(dir, device)?;
    let expected = saved.map(str::to_owned).or_else(|| frontend.former_stamp(dir));
    let found = frontend.fingerprint();
    match expected {
        Some(expected) if !found.accepts(&expected) => {
            Err(ModelError::Words { path: dir.join(frontend.place()), found: found.into(), expected })
        }
        _ => Ok(frontend),
    }
}

fn read_config(path: &Path) -> Result<BundleConfig, ModelError> {
    let bytes = fs::read(path).map_err(FileError::reading(path))?;
    let parse = |source| ModelError::ConfigFile { path: path.to_owned(), source };
    let bundle: BundleConfig = serde_json::from_slice(&bytes).map_err(parse)?;
    let is_known = ModelError::check(
        bundle.format == FORMAT,
        "format",
        bundle.format,
        "2; update muscall to read newer bundles, train again to replace older ones",
    );
    let of_file = |source| ModelError::InvalidFile { path: path.to_owned(), source: Box::new(source) };
    is_known.and_then(|()| bundle.model.validate()).map_err(of_file)?;
    let expected = bundle.model.log_mel.fingerprint();
    if bundle.frontend_fingerprint != expected {
        let (path, found) = (path.to_owned(), bundle.frontend_fingerprint);
        return Err(ModelError::Frontend { path, found, expected });
    }
    Ok(bundle)
}

/// Replaces the files of a bundle one by one, each as a whole or not at all. During a training run
/// only the weights change from one save to the next, so that a bundle is always consistent. One of another
/// configuration is no bundle from the first to the last file, since its `config.json` goes first and
/// comes last. Other files of the directory stay.
pub(crate) fn write(
    dir: &Path,
    config: &MuscallConfig,
    state: &StateDict,
    text_frontend: &TextFrontend,
) -> Result<(), ModelError> {
    fs::create_dir_all(dir).map_err(FileError::writing(dir))?;
    let bundle = BundleConfig {
        format: FORMAT,
        frontend_fingerprint: config.log_mel.fingerprint(),
        text_frontend_fingerprint: Some(text_frontend.fingerprint().into()),
        model: config.clone(),
    };
    let path = dir.join(CONFIG);
    let parse = |source| ModelError::ConfigFile { path: path.clone(), source };
    let text = serde_json::to_string_pretty(&bundle).map_err(parse)? + "\n";
    if fs::read(&path).is_ok_and(|there| there != text.as_bytes()) {
        fs::remove_file(&path).map_err(FileError::writing(&path))?;
    }
    replace(&dir.join(WEIGHTS), |path| write_safetensors(path, state))?;
    text_frontend.save(dir)?;
    Ok(replace_bytes(&path, text)?)
}
