//! Losses, gradients and optimizer steps against the released PyTorch implementation.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../../../tests/golden/fixture.rs"]
#[allow(dead_code)]
mod fixture;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor};
use fixture::{Golden, read_tensors, tensor};
use muscall_model::weights::{ParameterPath, StateDict, to_released};
use muscall_model::{DualEncoder, TextBatch};
use muscall_train::loss::{ContrastiveLoss, Directions};
use muscall_train::optimizer::AdamWConfig;
use muscall_train::schedule::Schedule;

fn read(folder: &str) -> Golden {
    Golden::read(folder, &Device::flex().autodiff())
}

fn scalar(tensor: &Tensor<1>) -> f64 {
    f64::from(tensor.clone().into_scalar::<f32>())
}

fn loss(model: &DualEncoder, mel: Tensor<3>, text: TextBatch) -> Tensor<1> {
    ContrastiveLoss::default().forward(model.embed_audio(mel), model.embed_text(text), model.scale())
}

struct Collect<'a> {
    path: ParameterPath,
    gradients: &'a Gradients,
    state: StateDict,
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.gradients) {
            self.state.insert(self.path.name(), gradient.into_data());
        }
    }
}

#[test]
fn training_loss_and_gradients_match() {
    let golden = read("attention");
    // The reference's own spectrogram: a ReLU at its kink turns 0.004 dB into 0.6 % of a gradient, and float32 in
    // PyTorch is that far from float64.
    let mel = tensor(&golden.tensors, "eval.log_mel", &golden.device);
    let loss = loss(&golden.model, mel, golden.text("input.tokens", 0));
    let expected = golden.tensors["train.clip_loss"].1[0];
    assert!((scalar(&loss) - expected).abs() < 1e-5, "{} {expected}", scalar(&loss));

    let gradients = loss.backward();
    let mut collect = Collect { path: ParameterPath::default(), gradients: &gradients, state: StateDict::new() };
    golden.model.visit(&mut collect);
    let ours = to_released(collect.state);
    let expected = read_tensors("attention/gradients.safetensors");
    assert_eq!(expected.len(), ours.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let mut relative = Vec::new();
    for (name, (_, expected)) in &expected {
        let name = name.strip_prefix("grad.").unwrap();
        let found = ours[name].clone().try_into_vec::<f32>().unwrap();
        assert_eq!(found.len(), expected.len(), "{name}");
        let difference = norm(&mut found.iter().zip(expected).map(|(&a, b)| f64::from(a) - b));
        if name.ends_with("k_proj.bias") {
            // Softmax does not see a shift of all keys: the true gradient is zero.
            assert!(difference < 1e-5, "{name}: {difference}");
        } else {
            relative.push((difference / norm(&mut expected.iter().copied()), name));
        }
    }
    relative.sort_by(|a, b| b.0.total_cmp(&a.0));
    println!("largest relative differences: {:?}", &relative[..5]);
    assert!(relative[0].0 < 1e-3, "{:?}", relative[0]);
}

fn steps_match(folder: &str) {
    let Golden { mut model, .. } = read(folder);
    let golden = read(folder);
    let steps = golden.tensors["steps.losses"].1.len();
    let config = AdamWConfig { decay_everything: true, ..AdamWConfig::default() };
    let mut optimizer = config.init();
    let schedule = Schedule::Cosine { warmup: 0.0 };
    for step in 0..steps {
        let loss = loss(&model, golden.mel("steps.audio", step), golden.text("steps.tokens", step));
        let difference = scalar(&loss) - golden.tensors["steps.losses"].1[step];
        println!("{folder}, step {step}: loss off by {difference:.1e}");
        assert!(difference.abs() < 1e-4, "step {step}: {difference}");
        let rate = 1e-3 * schedule.factor(step as u64, 2 * steps as u64);
        assert!((rate - golden.tensors["steps.learning_rates"].1[step]).abs() < 1e-12);
        (model, _) = optimizer.step(model, &loss.backward(), rate, &[]);
    }
    let golden = Golden::read(folder, &Device::flex());
    let model = model.valid();
    let audio = model.embed_audio(golden.mel("input.audio", 0));
    let text = model.embed_text(golden.text("input.tokens", 0));
    for (found, name) in [(audio, "steps.final_audio_embedding"), (text, "steps.final_text_embedding")] {
        let expected: Tensor<2> = tensor(&golden.tensors, name, &golden.device);
        let difference = (found - expected).abs().max().into_scalar::<f32>();
        println!("{folder}, {name}: off by {difference:.1e}");
        assert!(difference < 5e-4, "{name}: {difference}");
    }
}

#[test]
fn steps_with_attention_pooling_match() {
    steps_match("attention");
}

#[test]
fn steps_with_average_pooling_match() {
    steps_match("average");
}

#[test]
fn losses_match_in_training_and_evaluation() {
    for (name, device) in [("train.clip_loss", Device::flex().autodiff()), ("eval.clip_loss", Device::flex())] {
        for folder in ["attention", "average"] {
            let golden = Golden::read(folder, &device);
            let loss = loss(&golden.model, golden.mel("input.audio", 0), golden.text("input.tokens", 0));
            let difference = scalar(&loss) - golden.tensors[name].1[0];
            assert!(difference.abs() < 1e-5, "{folder} {name}: {difference}");
        }
    }
}

#[test]
fn contrastive_losses_match() {
    let device = Device::flex();
    let tensors = read_tensors("scores/losses.safetensors");
    for pairs in [2, 7, 32] {
        for (directions, name) in [(Directions::Mean, "mean_loss"), (Directions::Sum, "paper_eq2_sum")] {
            let audio = tensor(&tensors, &format!("clip.{pairs}.audio"), &device);
            let text = tensor(&tensors, &format!("clip.{pairs}.text"), &device);
            let scale = Tensor::<1>::from_data([14.285_714_f32], &device);
            let found = scalar(&ContrastiveLoss { directions }.forward(audio, text, scale));
            let expected = tensors[&format!("clip.{pairs}.{name}")].1[0];
            assert!((found - expected).abs() < 1e-5, "{pairs} {name}: {found} {expected}");
        }
    }
}
