//! Gradients of a batch in parts are those of the whole batch.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::sync::{Mutex, PoisonError};

use burn::tensor::Device;
use muscall_model::audio::ResNetConfig;
use muscall_model::text::TransformerConfig;
use muscall_model::{ClipTokenizer, MuscallConfig, TextFrontend};
use muscall_train::Recipe;
use muscall_train::batcher::LoadedItem;
use muscall_train::loss::{Impostors, Loss, SigmoidLoss, TripletLoss};
use muscall_train::recipe::SslRecipe;
use muscall_train::step::{StepContext, StepGradients};
use muscall_train::trainee::Trainee;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Dropout and initial weights draw from the state of the process.
static ONE_RUN: Mutex<()> = Mutex::new(());

/// `tiny` without dropout, on clips of a second.
fn recipe(frozen_norms: bool) -> Recipe {
    let audio = ResNetConfig::new(8).with_hidden(128).with_frozen_norms(frozen_norms);
    let text = TransformerConfig::new(1).with_width(64, 4).with_dropout(0.0);
    let tiny = MuscallConfig::tiny();
    Recipe::new(MuscallConfig { audio: audio.into(), text: text.into(), clip_s: 1.0, ..tiny })
}

fn items(recipe: &Recipe, tracks: usize, captions: usize) -> Vec<LoadedItem> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let values = recipe.model.log_mel.n_mels * recipe.model.log_mel.frames(recipe.model.clip_samples());
    let mut mel = || -> Vec<f32> { (0..values).map(|_| rng.random_range(-60.0..20.0)).collect() };
    let item = |index: usize| LoadedItem {
        index,
        window: 0,
        mel: mel(),
        valid_frames: 32,
        views: recipe.ssl.as_ref().map(|_| [mel(), mel()]),
        // Some tracks have fewer captions than others.
        captions: (0..1 + index % captions).map(|i| format!("caption {i} of track {index}, in some words")).collect(),
        faults: Vec::new(),
    };
    (0..tracks).map(item).collect()
}

fn gradients(recipe: &Recipe, items: &[LoadedItem], micro_batch: Option<usize>) -> (StepGradients, Trainee) {
    let recipe = Recipe { micro_batch, ..recipe.clone() };
    let device = Device::flex().autodiff();
    device.seed(4);
    let mut trainee = Trainee::new(&recipe, &device).unwrap();
    let captions = TextFrontend::from(ClipTokenizer::new().unwrap());
    let context = StepContext { recipe: &recipe, captions: &captions, device: &device, seed: 9, loss_scale: 1.0 };
    (context.gradients(&mut trainee, items), trainee)
}

/// Largest relative difference of a parameter's gradient, norm over norm, where it has one.
fn difference(a: &StepGradients, b: &StepGradients) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let whole = a.gradients.norm();
    let mut worst = 0.0_f64;
    for (name, expected) in a.gradients.iter() {
        let found = b.gradients.get(name).unwrap_or_else(|| panic!("{name} has no gradient"));
        let (expected, found) = (expected.host(), found.host());
        let size = norm(&mut expected.iter().map(|&x| f64::from(x)));
        let apart = norm(&mut expected.iter().zip(found.iter()).map(|(&a, &b)| f64::from(a) - f64::from(b)));
        // The keys' bias has a gradient of zero but for rounding.
        worst = worst.max(apart / size.max(1e-4 * whole));
    }
    assert_eq!(a.gradients.iter().count(), b.gradients.iter().count());
    worst
}

#[test]
fn a_batch_of_256_in_parts_of_8_has_the_gradients_of_the_whole() {
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let recipe = recipe(true);
    let items = items(&recipe, 256, 1);
    let (whole, _) = gradients(&recipe, &items, None);
    let (parts, _) = gradients(&recipe, &items, Some(8));
    let worst = difference(&whole, &parts);
    println!("256 in parts of 8: largest relative difference {worst:.1e}");
    assert!(worst < 1e-5, "{worst}");
    assert!((whole.loss.total - parts.loss.total).abs() < 1e-5);
}

#[test]
fn every_objective_can_be_cached() {
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let triplet = TripletLoss { impostors: Impostors::Random, ..TripletLoss::default() };
    for loss in [Loss::default(), SigmoidLoss::default().into(), triplet.into()] {
        for ssl in [None, Some(SslRecipe::default())] {
            let recipe = Recipe { loss: loss.clone(), ssl, ..recipe(true) };
            let items = items(&recipe, 7, 3);
            let (whole, _) = gradients(&recipe, &items, None);
            // Parts of one, and parts that do not divide the batch.
            for micro in [1, 3] {
                let worst = difference(&whole, &gradients(&recipe, &items, Some(micro)).0);
                // A hinge over nearly equal cosines cancels, hence the room.
                assert!(worst < 5e-4, "{:?} in parts of {micro}: {worst}", recipe.loss);
            }
        }
    }
}

#[test]
fn batch_norms_see_a_part_and_move_once() {
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let recipe = recipe(false);
    let items = items(&recipe, 32, 1);
    let (whole, _) = gradients(&recipe, &items, None);
    let (parts, after) = gradients(&recipe, &items, Some(8));
    let cosine = {
        let dot: f64 = whole
            .gradients
            .iter()
            .flat_map(|(name, a)| {
                let pairs =
                    a.host().into_owned().into_iter().zip(parts.gradients.get(name).unwrap().host().into_owned());
                pairs.map(|(a, b)| f64::from(a) * f64::from(b))
            })
            .sum();
        dot / (whole.gradients.norm() * parts.gradients.norm())
    };
    println!("with batch norms, 32 in parts of 8: cosine of the gradients {cosine:.3}");
    assert!(cosine > 0.5 && difference(&whole, &parts) > 1e-3, "{cosine}");
    // Four parts move the running statistics four times, not eight: 1 − 0.9⁴ of the way.
    let state = muscall_model::weights::running_statistics(&after.model);
    let mean = state["audio.resnet.bn1.running_mean"].clone().into_data().try_into_vec::<f32>().unwrap();
    let (direct, once) = gradients(&recipe, &items[..8], None);
    assert!(direct.loss.total.is_finite());
    let once = muscall_model::weights::running_statistics(&once.model);
    let once = once["audio.resnet.bn1.running_mean"].clone().into_data().try_into_vec::<f32>().unwrap();
    let ratio = mean[0] / once[0];
    assert!((f64::from(ratio) - (1.0 - 0.9_f64.powi(4)) / 0.1).abs() < 0.2, "{ratio}");
}

#[test]
fn recomputing_changes_nothing() {
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let recipe = recipe(false);
    let items = items(&recipe, 6, 1);
    let (kept, _) = gradients(&recipe, &items, None);
    let (again, _) = gradients(&Recipe { recompute: true, ..recipe }, &items, None);
    assert_eq!(kept.loss.total, again.loss.total);
    assert!(kept.gradients == again.gradients);
}
