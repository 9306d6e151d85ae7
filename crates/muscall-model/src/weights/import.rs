//! A checkpoint of the released implementation as a model of ours.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use burn::tensor::{Device, TensorData};
use half::{bf16, f16};
use muscall_audio::LogMelExtractor;
use muscall_files::FileError;

use super::pytorch::{PytorchError, TorchFile, Value};
use super::released::is_unused;
use super::wrappers::{prefix_len, state_dict};
use super::{StateDict, from_released, read_safetensors, state_of, to_released, with_state};
use crate::text::TextFrontend;
use crate::{ClipTokenizer, Differences, ModelError, Muscall, MuscallConfig};

/// How far a checkpoint's window or mel bank may be from ours: PyTorch's own moves by 1.6e-5 with
/// the CPU's instruction set.
const FRONTEND_TOLERANCE: f32 = 1e-4;
const WINDOW: &str = "audio_backbone.spec.spectrogram.window";
const MEL_BANK: &str = "audio_backbone.spec.mel_scale.fb";

/// What a checkpoint gives.
#[derive(Debug, Clone)]
pub struct Import {
    /// The model.
    pub model: Muscall,
    /// Moments by our parameter names, `first.*` and `second.*`, and the steps taken with them.
    pub optimizer: Option<(StateDict, u64)>,
    /// The epoch that the trainer had reached.
    pub epoch: Option<i64>,
}

/// Reads a checkpoint of the released implementation: `.pth.tar`, `.pth`, `.pt` or `.safetensors`.
///
/// The buffers that describe the frontend are compared with the configured one, and not loaded.
///
/// # Errors
/// [`ModelError::Mismatch`] with every key that is missing, surplus or misshapen, by the released
/// names; [`ModelError::FrontendBuffer`]; [`ModelError::Pytorch`] for a file that is damaged or is
/// no checkpoint.
pub fn import_released(path: &Path, config: &MuscallConfig, device: &Device) -> Result<Import, ModelError> {
    let Checkpoint { state, order, optimizer, epoch } =
        if is_zip(path)? { Checkpoint::read(path)? } else { Checkpoint::from_safetensors(path)? };
    check_frontend(path, &state, &config.log_mel.init()?)?;
    let device = device.clone().without_autodiff();
    let model = config.init(&device)?;
    let expected = to_released(state_of(&model));
    let differences = differences(&expected, &state);
    let origin = path.display().to_string();
    if !differences.is_empty() {
        return Err(ModelError::Mismatch { origin, differences });
    }
    let moments = optimizer.map(|optimizer| optimizer.rename(path, &order, &expected)).transpose()?;
    let model = with_state(model, from_released(state), &origin)?;
    let frontend = TextFrontend::from(ClipTokenizer::new()?);
    Ok(Import { model: Muscall::new(config.clone(), &model, frontend, &device)?, optimizer: moments, epoch })
}

fn is_zip(path: &Path) -> Result<bool, ModelError> {
    let mut start = [0; 4];
    let io = FileError::reading(path);
    let mut file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    if length < 4 {
        return Ok(true);
    }
    file.read_exact(&mut start).map_err(io)?;
    let is_safetensors = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors"));
    Ok(&start == b"PK\x03\x04" || !is_safetensors)
}

/// What a trainer saved, by the released names.
struct Checkpoint {
    state: StateDict,
    /// Names of all parameters, in the order in which an optimizer counts them.
    order: Vec<String>,
    optimizer: Option<OptimizerState>,
    epoch: Option<i64>,
}

/// Moments by the number of their parameter.
struct OptimizerState {
    moments: BTreeMap<usize, (TensorData, TensorData)>,
    steps: u64,
}

impl Checkpoint {
    fn from_safetensors(path: &Path) -> Result<Self, ModelError> {
        let state = read_safetensors(path)?;
        let prefix = prefix_len(state.keys().map(String::as_str));
        let state = state.into_iter().map(|(name, data)| (name[prefix..].to_owned(), data)).collect();
        Ok(Self { state, order: Vec::new(), optimizer: None, epoch: None })
    }

    fn read(path: &Path) -> Result<Self, ModelError> {
        let mut file = TorchFile::open(path)?;
        let root = file.root().clone();
        let content =
            |found: &str, expected| PytorchError::Content { path: path.to_owned(), found: found.to_owned(), expected };
        let entries = state_dict(&root).entries().filter(|entries| !entries.is_empty());
        let entries = entries.ok_or_else(|| content("no state_dict", "a dictionary of tensors by name"))?;
        let mut state = StateDict::new();
        let mut order = Vec::new();
        let prefix = prefix_len(entries.iter().map(|(name, _)| name.as_str().unwrap_or_default()));
        for (name, value) in entries {
            let (Some(name), Some(tensor)) = (name.as_str(), value.as_tensor()) else {
                return Err(content(
                    "an entry of the state_dict that is not a tensor",
                    "a dictionary of tensors by name",
                )
                .into());
            };
            let name = &name[prefix..];
            // Counters of batches have no place in a model.
            if tensor.kind.is_float() {
                let data = TensorData::new(file.read(tensor)?, tensor.shape.clone());
                state.insert(name.to_owned(), data);
            }
            if !is_buffer(name) {
                order.push(name.to_owned());
            }
        }
        let optimizer = root.get("optimizer").map(|saved| OptimizerState::read(path, &mut file, saved)).transpose()?;
        Ok(Self { state, order, optimizer: optimizer.flatten(), epoch: root.get("epoch").and_then(Value::as_i64) })
    }
}

/// How far values may have been moved by the type that they were saved in, which shows in all of them.
fn rounding(values: &[f32]) -> f32 {
    let largest = values.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    let all = |is_exact: fn(f32) -> bool| values.iter().all(|&x| is_exact(x));
    // Most of a window that was rounded to the shorter mantissa is exact in the longer one, too.
    if all(|x| bf16::from_f32(x).to_f32() == x) {
        largest / 256.0
    } else if all(|x| f16::from_f32(x).to_f32() == x) {
        largest / 2048.0
    } else {
        0.0
    }
}

/// Buffers are in a state dict, but not among the parameters.
fn is_buffer(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    matches!(last, "running_mean" | "running_var" | "num_batches_tracked" | "window" | "fb")
}

impl OptimizerState {
    /// None if no step was taken.
    fn read(path: &Path, file: &mut TorchFile, saved: &Value) -> Result<Option<Self>, ModelError> {
        let content = |found: String| PytorchError::Content {
            path: path.to_owned(),
            found,
            expected: "the state of AdamW: `step`, `exp_avg` and `exp_avg_sq` per parameter",
        };
        let state = saved.get("state").and_then(Value::entries).unwrap_or_default();
        let mut moments = BTreeMap::new();
        let mut steps = 0;
        for (number, own) in state {
            let number = number.as_i64().and_then(|number| usize::try_from(number).ok());
            let number = number.ok_or_else(|| content("a parameter without a number".to_owned()))?;
            let mut moment = |name: &str| -> Result<TensorData, ModelError> {
                let tensor = own.get(name).and_then(Value::as_tensor);
                let tensor = tensor.ok_or_else(|| content(format!("no `{name}` for parameter {number}")))?.clone();
                Ok(TensorData::new(file.read(&tensor)?, tensor.shape))
            };
            let both = (moment("exp_avg")?, moment("exp_avg_sq")?);
            let step = match own.get("step") {
                Some(Value::Tensor(tensor)) => {
                    let tensor = tensor.clone();
                    file.read(&tensor)?.first().copied().map(f64::from)
                }
                Some(number) => number.as_f64(),
                None => None,
            };
            let step = step.filter(|step| step.is_finite() && *step >= 0.0);
            steps = steps.max(step.ok_or_else(|| content(format!("no `step` for parameter {number}")))? as u64);
            moments.insert(number, both);
        }
        Ok((!moments.is_empty()).then_some(Self { moments, steps }))
    }

    fn rename(self, path: &Path, order: &[String], expected: &StateDict) -> Result<(StateDict, u64), ModelError> {
        let mut differences = Differences::default();
        let mut first = StateDict::new();
        let mut second = StateDict::new();
        for (number, (own_first, own_second)) in self.moments {
            let Some(name) = order.get(number) else {
                differences.surplus.push(format!("optimizer state of parameter {number}"));
                continue;
            };
            // A layer norm that the forward pass does not use has moments all the same.
            if is_unused(name) {
                continue;
            }
            let shape = expected.get(name).map(|data| data.shape().as_slice().to_vec());
            for moment in [&own_first, &own_second] {
                if shape.as_deref() != Some(moment.shape().as_slice()) {
                    let found = format!("{:?}", moment.shape().as_slice());
                    differences.misshapen.push((format!("optimizer state of {name}"), format!("{shape:?}"), found));
                }
            }
            first.insert(name.clone(), own_first);
            second.insert(name.clone(), own_second);
        }
        if !differences.is_empty() {
            return Err(ModelError::Mismatch { origin: path.display().to_string(), differences });
        }
        let named = |prefix: &'static str, moments: StateDict| {
            from_released(moments).into_iter().map(move |(name, data)| (format!("{prefix}.{name}"), data))
        };
        Ok((named("first", first).chain(named("second", second)).collect(), self.steps))
    }
}

fn differences(expected: &StateDict, found: &StateDict) -> Differences {
    let mut differences = Differences::default();
    for (name, data) in expected {
        match found.get(name) {
            None => differences.missing.push(name.clone()),
            Some(own) if own.shape().as_slice() != data.shape().as_slice() => {
                let [expected, found] = [data, own].map(|data| format!("{:?}", data.shape().as_slice()));
                differences.misshapen.push((name.clone(), expected, found));
            }
            Some(_) => {}
        }
    }
    let surplus = found.keys().filter(|name| !expected.contains_key(*name) && !is_unused(name));
    differences.surplus.extend(surplus.cloned());
    differences
}

fn check_frontend(path: &Path, state: &StateDict, frontend: &LogMelExtractor) -> Result<(), ModelError> {
    let bank = frontend.mel_bank();
    for (buffer, own) in [(WINDOW, frontend.window()), (MEL_BANK, &bank)] {
        let Some(theirs) = state.get(buffer).and_then(|data| data.as_slice::<f32>().ok()) else {
            continue;
        };
        let difference = if theirs.len() == own.len() {
            theirs.iter().zip(own).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        } else {
            f32::INFINITY
        };
        // NaN is a difference.
        if difference.is_nan() || difference > FRONTEND_TOLERANCE + rounding(theirs) {
            return Err(ModelError::FrontendBuffer { path: path.to_owned(), buffer, difference });
        }
    }
    Ok(())
}
