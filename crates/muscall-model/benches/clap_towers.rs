//! Our side of the comparison of LAION-CLAP's towers: embeds what it is told to, one JSON object per line, on standard
//! input. `benches/clap/compare.py` drives it; it is of no use alone.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::io::{BufRead, IsTerminal};
use std::time::Instant;

use burn::tensor::Device;
use muscall_model::Muscall;
use serde_json::{Value, json};

fn main() {
    muscall_model::keep_freed_memory();
    if std::io::stdin().is_terminal() {
        println!("left out: benches/clap/compare.py runs this one, beside PyTorch and ONNX Runtime");
        return;
    }
    let mut model = None;
    for line in std::io::stdin().lock().lines() {
        let case: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let model =
            model.get_or_insert_with(|| Muscall::load(case["bundle"].as_str().unwrap(), &Device::flex()).unwrap());
        println!("{}", answer(model, &case));
    }
}

fn answer(model: &Muscall, case: &Value) -> Value {
    let mut vector = Vec::new();
    let mut embed: Box<dyn FnMut()> = if let Some(path) = case["log_mel"].as_str() {
        let bytes = std::fs::read(path).unwrap();
        let mel: Vec<f32> = bytes.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect();
        let vector = &mut vector;
        Box::new(move || *vector = model.embed_log_mels(&[&mel]).unwrap().row(0).to_vec())
    } else {
        let (text, vector) = (case["text"].as_str().unwrap(), &mut vector);
        Box::new(move || *vector = model.embed_text([text]).unwrap().row(0).to_vec())
    };
    let rounds = case["rounds"].as_u64().unwrap();
    let (start, cpu) = (Instant::now(), cpu_seconds());
    (0..rounds).for_each(|_| embed());
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    drop(embed);
    json!({ "wall": wall / rounds as f64, "cpu": cpu / rounds as f64, "vector": vector })
}

/// What all threads of this process have had of a core so far, as Linux counts it.
fn cpu_seconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let nanoseconds = |task: std::io::Result<std::fs::DirEntry>| -> f64 {
        let counts = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
        counts.split_whitespace().next().unwrap().parse().unwrap()
    };
    tasks.map(nanoseconds).sum::<f64>() * 1e-9
}
