//! One side of the comparison with PyTorch: answers cases, one JSON object per line, on standard
//! input. `benches/pytorch/compare.py` drives it; it is of no use alone.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::{Tensor, TensorData};
use muscall::audio::{ClipConfig, CropPosition, LogMelConfig, PitchShiftParams, load_clip};
use muscall::model::weights::{state_of, write_safetensors};
use muscall::model::{ClipTokenizer, TokenBatch};
use muscall::train::Row;
use muscall::{Device, Event, Learner, Manifest, Muscall, MuscallConfig, Recipe, Split};
use serde_json::{Value, json};

const RATE: usize = 16_000;
/// Of a run of whole steps.
const STEPS: usize = 8;

fn main() {
    // As the examples that train do.
    muscall::model::keep_freed_memory();
    if std::io::stdin().is_terminal() {
        println!("left out: benches/pytorch/compare.py runs this one, beside PyTorch");
        return;
    }
    for line in std::io::stdin().lock().lines() {
        let case: Value = serde_json::from_str(&line.unwrap()).unwrap();
        println!("{}", answer(&case));
    }
}

fn answer(case: &Value) -> Value {
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    let number = |key: &str, absent: u64| case[key].as_u64().unwrap_or(absent) as usize;
    let (rounds, batch) = (number("rounds", 1), number("batch", 1));
    let out = PathBuf::from(text("out"));
    let times = match text("case") {
        "export" => {
            export(&out, config(number("width", 16)), batch);
            Vec::new()
        }
        "log_mel" => {
            let (extractor, music) = (LogMelConfig::default().init().unwrap(), music(20));
            save(&out, "log_mel", extractor.extract(&music).unwrap().into_values());
            timed(rounds, || drop(extractor.extract(&music).unwrap()))
        }
        "load" => {
            let extractor = LogMelConfig::default().init().unwrap();
            let clip = ClipConfig::new(RATE as u32, 20 * RATE);
            let path = Path::new(text("path")).to_owned();
            let mut seed = 0;
            timed(rounds, || {
                seed += 1;
                let clip = load_clip(&path, CropPosition::Random { seed }, &clip).unwrap();
                drop(extractor.extract(&clip.samples).unwrap());
            })
        }
        "pitch_shift" => {
            let (music, shift) = (music(20), PitchShiftParams::new(4, 5).unwrap());
            timed(rounds, || {
                let mut samples = music.clone();
                shift.apply(&mut samples, RATE as u32);
            })
        }
        "audio" => audio(case, number("width", 16), batch, rounds, &out),
        "whole" => whole_steps(Path::new(text("path")), batch, number("threads", 1)),
        "text" => texts(case, batch, rounds, &out),
        other => panic!("no case is called {other}"),
    };
    json!({ "times": times, "peak_mb": peak_mb() })
}

fn config(width: usize) -> MuscallConfig {
    if width == 64 { MuscallConfig::resnet50() } else { MuscallConfig::released() }
}

/// Random weights, the same in every process; gains that are zero become one, so that blocks do
/// something.
fn model(config: &MuscallConfig, device: &Device) -> muscall::model::DualEncoder {
    device.seed(7);
    let model = config.init(device).unwrap();
    let state: BTreeMap<_, _> = state_of(&model)
        .into_iter()
        .map(|(name, data)| {
            let shape = data.shape().clone();
            let data = if name.ends_with("bn3.weight") {
                TensorData::new(vec![0.5_f32; shape.num_elements()], shape)
            } else {
                data
            };
            (name, data)
        })
        .collect();
    muscall::model::weights::with_state(model, state, "memory").unwrap()
}

/// Music, `seconds` long: clips of the demo, one after the other.
fn music(seconds: usize) -> Vec<f32> {
    let config = ClipConfig::new(RATE as u32, 12 * RATE);
    let rows = demo().rows;
    let mut samples = Vec::new();
    for row in rows.iter().cycle().take(seconds.div_ceil(12)) {
        samples.extend(load_clip(&row.audio, CropPosition::Central, &config).unwrap().samples);
    }
    samples.truncate(seconds * RATE);
    samples
}

fn demo() -> Manifest {
    Manifest::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/manifest.jsonl"), Split::Train).unwrap()
}

fn captions(count: usize) -> Vec<String> {
    demo().rows.iter().cycle().take(count).map(|row| row.captions[0].clone()).collect()
}

fn mels(config: &MuscallConfig, batch: usize) -> (Vec<f32>, [usize; 3]) {
    let extractor = config.log_mel.init().unwrap();
    let clips = music(20 * batch);
    let mels = clips.chunks_exact(20 * RATE).flat_map(|clip| extractor.extract(clip).unwrap().into_values()).collect();
    (mels, [batch, config.log_mel.n_mels, config.log_mel.frames(20 * RATE)])
}

/// Weights and inputs for the other side.
fn export(out: &Path, config: MuscallConfig, batch: usize) {
    std::fs::create_dir_all(out).unwrap();
    let mut state = state_of(&model(&config, &Device::default()));
    write_safetensors(&out.join("weights.safetensors"), &state).unwrap();
    state.clear();
    let (values, shape) = mels(&config, batch);
    state.insert("mel".to_owned(), TensorData::new(values, shape));
    let tokenizer = ClipTokenizer::new().unwrap();
    let rows: Vec<Vec<u32>> = captions(32).iter().map(|text| tokenizer.encode(text)).collect();
    let mut ids = Vec::new();
    for row in &rows {
        ids.extend(row.iter().map(|&id| id as f32));
        ids.resize(ids.len() + ClipTokenizer::CONTEXT - row.len(), 0.0);
    }
    state.insert("ids".to_owned(), TensorData::new(ids, [32, ClipTokenizer::CONTEXT]));
    let ends: Vec<f32> = rows.iter().map(|row| row.len() as f32 - 1.0).collect();
    state.insert("ends".to_owned(), TensorData::new(ends, [32]));
    state.insert("music".to_owned(), TensorData::new(music(20), [20 * RATE]));
    write_safetensors(&out.join("inputs.safetensors"), &state).unwrap();
}

fn audio(case: &Value, width: usize, batch: usize, rounds: usize, out: &Path) -> Vec<f64> {
    let config = config(width);
    if case["train"] == true {
        let device = Device::default().autodiff();
        let model = model(&config, &device);
        let (values, shape) = mels(&config, batch);
        let mel = Tensor::<3>::from_data(TensorData::new(values, shape), &device);
        return timed(rounds, || {
            let loss = model.embed_audio(mel.clone()).narrow(1, 0, 8).sum();
            let gradients = loss.backward();
            drop(gradients);
        });
    }
    let model = packed(&config);
    let clips: Vec<Vec<f32>> = music(20 * batch).chunks_exact(20 * RATE).map(<[f32]>::to_vec).collect();
    save(out, "audio", model.embed_clips(&clips).unwrap().values().to_vec());
    let (values, [_, n_mels, frames]) = mels(&config, batch);
    let mels: Vec<&[f32]> = values.chunks_exact(n_mels * frames).collect();
    timed(rounds, || drop(model.embed_log_mels(&mels).unwrap()))
}

fn texts(case: &Value, batch: usize, rounds: usize, out: &Path) -> Vec<f64> {
    let config = MuscallConfig::released();
    let captions = captions(batch);
    if case["train"] == true {
        let device = Device::default().autodiff();
        let model = model(&config, &device);
        let tokenizer = ClipTokenizer::new().unwrap();
        let rows: Vec<Vec<u32>> = captions.iter().map(|text| tokenizer.encode(text)).collect();
        let tokens = TokenBatch::new(&rows, &device);
        return timed(rounds, || {
            let loss = model.embed_text(tokens.clone()).narrow(1, 0, 8).sum();
            drop(loss.backward());
        });
    }
    let model = packed(&config);
    save(out, "text", model.embed_text(&captions).unwrap().values().to_vec());
    timed(rounds, || drop(model.embed_text(&captions).unwrap()))
}

/// Training steps of the released recipe from mp3 files: decoding, augmentation, both encoders, loss,
/// AdamW. The first two are not counted.
fn whole_steps(mp3: &Path, batch: usize, threads: usize) -> Vec<f64> {
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/released.toml");
    let settings = ["epochs=1".to_owned(), format!("batch_size={batch}"), format!("data.threads={threads}")];
    let recipe = Recipe::read_with(&recipe, &settings).unwrap();
    let mut train = demo();
    train.rows = (0..STEPS * batch)
        .map(|i| {
            let row = &train.rows[i % train.rows.len()];
            Row::new(i.to_string(), mp3.to_owned(), row.captions.clone())
        })
        .collect();
    let mut times = Vec::new();
    let dir = tempfile::tempdir().unwrap();
    let learner = Learner::new(recipe, dir.path().join("run"), &Device::default()).unwrap();
    let outcome = learner.fit(train, None, &mut |event| {
        if let Event::Step(report) = event {
            times.push(batch as f64 / report.clips_per_s);
        }
        ControlFlow::Continue(())
    });
    outcome.unwrap();
    times.split_off(2)
}

fn packed(config: &MuscallConfig) -> Muscall {
    let device = Device::default();
    let network = model(config, &device);
    Muscall::new(config.clone(), &network, ClipTokenizer::new().unwrap(), &device).unwrap()
}

/// Seconds of each round, after one that is not counted.
fn timed(rounds: usize, mut run: impl FnMut()) -> Vec<f64> {
    run();
    let round = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..rounds).map(round).collect()
}

/// What was computed, for the other side to compare with.
fn save(out: &Path, name: &str, values: Vec<f32>) {
    if out.as_os_str().is_empty() {
        return;
    }
    let shape = [values.len()];
    let state = BTreeMap::from([(name.to_owned(), TensorData::new(values, shape))]);
    write_safetensors(&out.join(format!("ours-{name}.safetensors")), &state).unwrap();
}

fn peak_mb() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<usize>().ok()? / 1024)
}
