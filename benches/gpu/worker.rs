//! One side of the comparison with PyTorch on a GPU: answers cases, one JSON object per line, on standard input.
//! `benches/gpu/compare.py` drives it; it is of no use alone.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::time::Instant;

use burn::tensor::{Tensor, TensorData};
use muscall::audio::LogMelExtractor;
use muscall::model::audio::ResNetConfig;
use muscall::model::text::TransformerConfig;
use muscall::model::weights::{state_of, with_state, write_safetensors};
use muscall::model::{ClipTokenizer, DualEncoder, Precision, TextFrontend};
use muscall::train::batcher::LoadedItem;
use muscall::train::loss_scale::LossScale;
use muscall::train::step::StepContext;
use muscall::train::trainee::Trainee;
use muscall::{Device, DeviceChoice, MuscallConfig, Recipe};
use serde_json::{Value, json};

/// Spectrograms that differ; larger batches repeat them.
const CLIPS: usize = 8;

struct Case {
    device: Device,
    config: MuscallConfig,
    precision: Precision,
    batch: usize,
    rounds: usize,
    out: PathBuf,
}

/// What stays between cases, so that a round is a round.
#[derive(Default)]
struct State {
    encoder: Option<(DualEncoder, Tensor<3>)>,
    trainer: Option<Trainer>,
}

struct Trainer {
    recipe: Recipe,
    trainee: Trainee,
    optimizer: muscall::train::optimizer::AdamW,
    captions: TextFrontend,
    items: Vec<LoadedItem>,
    step: u64,
}

fn main() {
    muscall::model::keep_freed_memory();
    let started = Instant::now();
    let mut state = State::default();
    if std::io::stdin().is_terminal() {
        println!("left out: benches/gpu/compare.py runs this one, beside PyTorch");
        return;
    }
    for line in std::io::stdin().lock().lines() {
        let value: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let case = Case::read(&value);
        let mut answer = match value["case"].as_str().unwrap() {
            "export" => export(&case),
            "encode" => encode(&case, &mut state),
            "step" => step(&case, &mut state),
            other => panic!("no case is called {other}"),
        };
        answer["since_start_s"] = json!(started.elapsed().as_secs_f64());
        answer["memory_mb"] = json!(case.device.memory_pool_usage().map(|usage| usage.bytes_reserved >> 20));
        println!("{answer}");
    }
}

impl Case {
    fn read(value: &Value) -> Self {
        let number = |key: &str, absent: u64| value[key].as_u64().unwrap_or(absent) as usize;
        let choice: DeviceChoice = value["device"].as_str().unwrap_or("auto").parse().unwrap();
        let text = TransformerConfig::new(number("depth", 4));
        let config = MuscallConfig { text: text.into(), ..MuscallConfig::released() };
        Self {
            device: choice.open().unwrap_or_else(|error| panic!("{error}")),
            config: MuscallConfig { audio: ResNetConfig::new(number("width", 16)).into(), ..config }
                .with_clip_s(number("seconds", 20) as f64),
            precision: serde_json::from_value(value["precision"].clone()).unwrap_or_default(),
            batch: number("batch", 1),
            rounds: number("rounds", 1),
            out: PathBuf::from(value["out"].as_str().unwrap_or_default()),
        }
    }

    /// `[batch, bands, frames]`, the same in every process.
    fn mels(&self, batch: usize) -> (Vec<f32>, [usize; 3]) {
        let extractor: LogMelExtractor = self.config.log_mel.init().unwrap();
        let samples = self.config.clip_samples();
        let clip = |clip: usize| {
            let hz = 110.0 * (1 + clip % CLIPS) as f32;
            // Slides and beats: something in every band.
            let sample = |i: usize| {
                let t = i as f32 / self.config.log_mel.sample_rate as f32;
                let wave = |hz: f32| (std::f32::consts::TAU * hz * t).sin();
                0.3 * wave(hz * (1.0 + 0.01 * t))
                    + 0.2 * wave(2.0) * wave(7.0 * hz)
                    + 0.05 * wave(3.0) * wave(31.0 * hz)
            };
            extractor.extract(&(0..samples).map(sample).collect::<Vec<_>>()).unwrap().into_values()
        };
        let few: Vec<Vec<f32>> = (0..batch.min(CLIPS)).map(clip).collect();
        let values = few.iter().cycle().take(batch).flatten().copied().collect();
        (values, [batch, self.config.log_mel.n_mels, self.config.log_mel.frames(samples)])
    }

    /// Random weights, the same in every process; residual branches do something.
    fn model(&self, device: &Device) -> DualEncoder {
        device.seed(7);
        let model = self.config.init(&DeviceChoice::Cpu.open().unwrap_or_else(|_| device.clone())).unwrap();
        let mut state = state_of(&model);
        for (name, data) in &mut state {
            if name.ends_with("bn3.weight") {
                *data = TensorData::new(vec![0.5_f32; data.shape().num_elements()], data.shape().clone());
            }
        }
        with_state(self.config.init(device).unwrap(), state, "memory").unwrap()
    }
}

fn captions(count: usize) -> Vec<String> {
    let texts = [
        "a calm piece for solo piano",
        "fast drums, a loud electric guitar and a bass that never stops, recorded in a small room",
        "strings",
        "an Irish reel played on a flute and a fiddle, with a bodhrán behind them",
    ];
    (0..count).map(|i| format!("{}, number {i}", texts[i % texts.len()])).collect()
}

/// Weights and inputs for the other side.
fn export(case: &Case) -> Value {
    std::fs::create_dir_all(&case.out).unwrap();
    let state = state_of(&case.model(&case.device));
    write_safetensors(&case.out.join("weights.safetensors"), &state).unwrap();
    let (values, shape) = case.mels(CLIPS);
    let tokenizer = ClipTokenizer::new().unwrap();
    let rows: Vec<Vec<u32>> = captions(case.batch).iter().map(|text| tokenizer.encode(text)).collect();
    let length = rows.iter().map(Vec::len).max().unwrap();
    let mut ids = Vec::new();
    for row in &rows {
        ids.extend(row.iter().map(|&id| id as f32));
        ids.resize(ids.len() + length - row.len(), 0.0);
    }
    let ends: Vec<f32> = rows.iter().map(|row| row.len() as f32 - 1.0).collect();
    let inputs = BTreeMap::from([
        ("mel".to_owned(), TensorData::new(values, shape)),
        ("ids".to_owned(), TensorData::new(ids, [rows.len(), length])),
        ("ends".to_owned(), TensorData::new(ends, [rows.len()])),
    ]);
    write_safetensors(&case.out.join("inputs.safetensors"), &inputs).unwrap();
    json!({})
}

/// Spectrograms that are on the device to embeddings that are there.
fn encode(case: &Case, state: &mut State) -> Value {
    let (model, mel) = state.encoder.get_or_insert_with(|| {
        let (values, shape) = case.mels(case.batch);
        let model = case.model(&case.device).with_precision(case.precision);
        (model, Tensor::from_data(TensorData::new(values, shape), &case.device))
    });
    let found = model.embed_audio(mel.clone()).into_data().convert::<f32>().try_into_vec::<f32>().unwrap();
    let rows = case.batch.min(CLIPS) * case.config.projection_dim;
    let times = timed(case, || drop(model.embed_audio(mel.clone())));
    json!({ "times": times, "embeddings": found[..rows] })
}

/// Both encoders, loss, backward pass and AdamW, from spectrograms and captions on the host.
fn step(case: &Case, state: &mut State) -> Value {
    let device = case.device.clone().autodiff();
    let trainer = state.trainer.get_or_insert_with(|| {
        let recipe = Recipe { precision: case.precision, batch_size: case.batch, ..Recipe::new(case.config.clone()) };
        let mut trainee = Trainee::new(&recipe, &device).unwrap();
        let weights = state_of(&case.model(&case.device));
        trainee.model = with_state(trainee.model, weights, "memory").unwrap();
        let (values, [_, bands, frames]) = case.mels(case.batch);
        let items = values.chunks_exact(bands * frames).zip(captions(case.batch)).enumerate();
        let items = items.map(|(index, (mel, caption))| LoadedItem {
            index,
            window: 0,
            mel: mel.to_vec(),
            valid_frames: frames,
            views: None,
            captions: vec![caption],
            faults: Vec::new(),
        });
        let (items, optimizer) = (items.collect(), recipe.optimizer.init());
        let captions = ClipTokenizer::new().unwrap().into();
        Trainer { recipe, trainee, optimizer, captions, items, step: 0 }
    });
    let mut losses = Vec::new();
    let times = timed(case, || {
        let context = StepContext {
            recipe: &trainer.recipe,
            captions: &trainer.captions,
            device: &device,
            seed: trainer.step,
            loss_scale: LossScale::of(case.precision).map_or(1.0, |scale| scale.factor()),
        };
        trainer.step += 1;
        let computed = context.gradients(&mut trainer.trainee, &trainer.items);
        losses.push(computed.loss.total);
        let mut update = trainer.optimizer.step(&computed.gradients, &|_| 1e-5);
        trainer.trainee.model = update.apply(trainer.trainee.model.clone());
    });
    json!({ "times": times, "losses": losses })
}

/// Seconds of each round, until the device has finished it.
fn timed(case: &Case, mut run: impl FnMut()) -> Vec<f64> {
    case.device.sync().unwrap();
    let round = |_| {
        let start = Instant::now();
        run();
        case.device.sync().unwrap();
        start.elapsed().as_secs_f64()
    };
    (0..case.rounds).map(round).collect()
}
