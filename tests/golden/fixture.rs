// Reads the golden folders: a small model with its weights, and the tensors that the released
// implementation computed with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use muscall_audio::LogMelConfig;
use muscall_model::audio::{Pooling, ResNetConfig};
use muscall_model::text::TransformerConfig;
use muscall_model::weights::{from_released, read_safetensors, with_state};
use muscall_model::{DualEncoder, MuscallConfig, TokenBatch};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// Shape and values by name.
pub type Tensors = BTreeMap<String, (Vec<usize>, Vec<f64>)>;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

pub fn read_tensors(file: &str) -> Tensors {
    let bytes = std::fs::read(root().join(file)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let read = |(name, view): (&str, safetensors::tensor::TensorView<'_>)| {
        let data = view.data();
        let words = || data.chunks_exact(4).map(|word| <[u8; 4]>::try_from(word).unwrap());
        let values = match view.dtype() {
            Dtype::F32 => words().map(|word| f64::from(f32::from_le_bytes(word))).collect(),
            Dtype::I32 => words().map(|word| f64::from(i32::from_le_bytes(word))).collect(),
            Dtype::F64 => data.chunks_exact(8).map(|word| f64::from_le_bytes(word.try_into().unwrap())).collect(),
            other => panic!("{name} is {other:?}"),
        };
        (name.to_owned(), (view.shape().to_vec(), values))
    };
    tensors.iter().map(read).collect()
}

pub fn tensor<const D: usize>(tensors: &Tensors, name: &str, device: &Device) -> Tensor<D> {
    let (shape, values) = &tensors[name];
    let values: Vec<f32> = values.iter().map(|&x| x as f32).collect();
    Tensor::from_data(TensorData::new(values, shape.clone()), device)
}

/// One of the two small models.
pub struct Golden {
    pub config: MuscallConfig,
    pub model: DualEncoder,
    pub tensors: Tensors,
    pub device: Device,
}

impl Golden {
    pub fn read(folder: &str, device: &Device) -> Self {
        let config = config(folder);
        let weights = read_safetensors(&root().join(folder).join("weights.safetensors")).unwrap();
        let model = config.init(device).unwrap();
        Self {
            model: with_state(model, from_released(weights), "weights.safetensors").unwrap(),
            tensors: read_tensors(&format!("{folder}/tensors.safetensors")),
            device: device.clone(),
            config,
        }
    }

    /// Clips of `input.audio`, or of one step of `steps.audio`, as log-mel.
    pub fn mel(&self, name: &str, step: usize) -> Tensor<3> {
        let (shape, audio) = &self.tensors[name];
        let [clips, samples] = *shape.last_chunk().unwrap();
        let extractor = self.config.log_mel.init().unwrap();
        let mut mels = Vec::new();
        for clip in audio.chunks_exact(samples).skip(step * clips).take(clips) {
            let clip: Vec<f32> = clip.iter().map(|&x| x as f32).collect();
            mels.extend(extractor.extract(&clip).unwrap().into_values());
        }
        let shape = [clips, self.config.log_mel.n_mels, self.config.log_mel.frames(samples)];
        Tensor::from_data(TensorData::new(mels, shape), &self.device)
    }

    /// Captions of `input.tokens`, or of one step of `steps.tokens`, up to their end token, which
    /// has the highest id of these small vocabularies.
    pub fn captions(&self, name: &str, step: usize) -> Vec<Vec<u32>> {
        let (shape, ids) = &self.tensors[name];
        let [captions, length] = *shape.last_chunk().unwrap();
        let rows = ids.chunks_exact(length).skip(step * captions).take(captions);
        rows.map(|row| {
            let highest = row.iter().copied().fold(0.0, f64::max);
            let end = row.iter().position(|&id| id == highest).unwrap();
            row[..=end].iter().map(|&id| id as u32).collect()
        })
        .collect()
    }

    pub fn text(&self, name: &str, step: usize) -> TokenBatch {
        TokenBatch::new(&self.captions(name, step), &self.device)
    }
}

fn config(folder: &str) -> MuscallConfig {
    let json = std::fs::read(root().join(folder).join("config.json")).unwrap();
    let json: Value = serde_json::from_slice(&json).unwrap();
    let (audio, text) = (&json["audio"], &json["text"]);
    let number = |value: &Value| value.as_u64().unwrap() as usize;
    let pooling = match audio["pooling"].as_str() {
        Some("attention") => Pooling::Attention,
        _ => Pooling::Average,
    };
    let log_mel = LogMelConfig::new(number(&audio["n_mels"])).with_f_max(audio["f_max"].as_f64().unwrap() as f32);
    let clip_s = audio["audio_len_seconds"].as_f64().unwrap();
    let audio = ResNetConfig::new(number(&audio["conv_out_channels"]))
        .with_hidden(number(&audio["hidden_size"]))
        .with_pooling(pooling);
    let vocabulary = number(&text["vocab_size"]);
    let text = TransformerConfig::new(number(&text["num_hidden_layers"]))
        .with_width(number(&text["hidden_size"]), number(&text["num_attention_heads"]))
        .with_dropout(0.0);
    MuscallConfig::new(audio, TransformerConfig { vocabulary, ..text })
        .with_clip_s(clip_s)
        .with_projection_dim(number(&json["projection_dim"]))
        .with_log_mel(log_mel)
}
