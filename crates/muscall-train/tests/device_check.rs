//! A device against the CPU, where both are the CPU; and steps that are left out.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../muscall-data/tests/wav/mod.rs"]
mod wav;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::Device;
use muscall_model::audio::ResNetConfig;
use muscall_model::text::TransformerConfig;
use muscall_model::weights::StateDict;
use muscall_model::{ClipTokenizer, MuscallConfig, Precision, TextFrontend};
use muscall_train::batcher::LoadedItem;
use muscall_train::device_check::{DeviceCheck, DeviceReport, Quantity};
use muscall_train::recipe::OnNotFinite;
use muscall_train::trainee::Trainee;
use muscall_train::{CheckDevice, Event, Learner, Manifest, Outcome, Recipe, Split, TrainError};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wav::write_wav;

/// burn's random state belongs to the process: one run at a time.
static ONE_RUN: Mutex<()> = Mutex::new(());

fn one_run() -> MutexGuard<'static, ()> {
    ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn recipe() -> Recipe {
    let mut recipe = Recipe::new(MuscallConfig::tiny());
    recipe.batch_size = 4;
    recipe.epochs = 3;
    recipe.learning_rate = 1e-3;
    recipe.model.clip_s = 3.0;
    recipe.model.audio = ResNetConfig::new(4).with_hidden(16).into();
    recipe.model.text = TransformerConfig::new(2).with_width(32, 2).with_dropout(0.3).into();
    recipe.data.augment = muscall_audio::AugmentConfig::none();
    recipe
}

/// Three seconds of a tone that slides, with beats and some noise.
fn tone(clip: usize) -> impl Iterator<Item = f64> {
    let hz = 110.0 * (clip + 2) as f64;
    let mut rng = ChaCha8Rng::seed_from_u64(clip as u64);
    (0..48_000).map(move |i| {
        let t = f64::from(i) / 16_000.0;
        let wave = |hz: f64| (std::f64::consts::TAU * hz * t).sin();
        0.3 * wave(hz * (1.0 + 0.1 * t)) + 0.2 * wave(3.0) * wave(5.0 * hz) + rng.random_range(-0.05..0.05)
    })
}

fn batch(recipe: &Recipe, first: usize) -> Vec<LoadedItem> {
    let extractor = recipe.model.log_mel.init().unwrap();
    let item = |index: usize| {
        let samples: Vec<f32> = tone(index).map(|x| x as f32).collect();
        let mel = extractor.extract(&samples).unwrap().into_values();
        let valid_frames = mel.len() / recipe.model.log_mel.n_mels;
        let captions = vec![format!("tone {index} of a flute")];
        LoadedItem { index, window: 0, mel, valid_frames, views: None, captions, faults: Vec::new() }
    };
    (first..first + 4).map(item).collect()
}

fn check(recipe: &Recipe, weights: Option<&StateDict>) -> DeviceReport {
    let captions = TextFrontend::from(ClipTokenizer::new().unwrap());
    let (device, reference) = (&Device::flex(), &Device::flex());
    let check = DeviceCheck::new(recipe, &captions, device, reference).with_weights(weights).with_steps(3);
    check.run(&[batch(recipe, 0), batch(recipe, 4)]).unwrap()
}

#[test]
fn the_cpu_agrees_with_itself_to_the_bit() {
    let _one_run = one_run();
    let report = check(&recipe(), None);
    assert!(report.agrees());
    assert!(report.differences.iter().all(|difference| difference.found == 0.0), "{report}");
    let count = |quantity| report.differences.iter().filter(|difference| difference.quantity == quantity).count();
    // Stem and 16 blocks, two layers of text, two outputs, two embeddings.
    assert_eq!(count(Quantity::Activation), 17 + 2 + 2 + 2);
    assert_eq!((count(Quantity::Embedding), count(Quantity::Loss), count(Quantity::TrainedLoss)), (2, 1, 3));
    // The stem, 16 blocks and 4 shortcuts, the pool and its positions, two layers of text and what is around them,
    // two projections.
    assert_eq!(count(Quantity::Gradient), 1 + 16 + 4 + 2 + 2 + 1 + 2);
}

#[test]
fn sixteen_bits_are_within_their_tolerances_and_not_zero() {
    let _one_run = one_run();
    for precision in [Precision::BF16, Precision::F16] {
        let report = check(&Recipe { precision, ..recipe() }, None);
        assert!(report.agrees(), "{precision:?}\n{report}");
        for quantity in [Quantity::Activation, Quantity::Embedding, Quantity::Gradient] {
            assert!(report.worst(quantity).unwrap().found > 0.0);
        }
    }
}

#[test]
fn a_weight_that_is_not_a_number_is_found_where_it_is() {
    let _one_run = one_run();
    let recipe = recipe();
    let mut weights = Trainee::new(&recipe, &Device::flex().autodiff()).unwrap().state();
    let name = "audio.resnet.layer3.2.conv2.weight";
    weights.get_mut(name).unwrap().as_mut_slice::<f32>().unwrap()[0] = f32::NAN;
    let report = check(&recipe, Some(&weights));
    assert!(!report.agrees());
    assert_eq!(report.first_beyond().unwrap().name, "audio.resnet.layer3.2");
    assert!(report.to_string().contains("beyond"));
}

fn train(
    dir: &Path,
    recipe: Recipe,
    check: CheckDevice,
    listen: &mut dyn FnMut(&Event<'_>),
) -> Result<Outcome, TrainError> {
    train_and_report(dir, recipe, check, false, listen)
}

fn train_and_report(
    dir: &Path,
    recipe: Recipe,
    check: CheckDevice,
    late: bool,
    listen: &mut dyn FnMut(&Event<'_>),
) -> Result<Outcome, TrainError> {
    let data = dir.join("data");
    fs::create_dir_all(&data).unwrap();
    let mut manifest = String::new();
    for clip in 0..8 {
        write_wav(&data.join(format!("{clip}.wav")), tone(clip).map(|x| (x * 32_767.0) as i16));
        manifest += &format!("{{\"audio\": \"{clip}.wav\", \"captions\": [\"tone {clip} of a flute\"]}}\n");
    }
    fs::write(data.join("manifest.jsonl"), manifest).unwrap();
    let manifest = Manifest::read(&data.join("manifest.jsonl"), Split::Train).unwrap();
    let learner = Learner::new(recipe, dir.join("run"), &Device::flex()).unwrap().with_check_device(check);
    let learner = learner.with_late_reports(late);
    learner.fit(manifest, None, &mut |event| {
        listen(&event);
        ControlFlow::Continue(())
    })
}

#[test]
fn the_learner_checks_before_the_first_step_and_trains_the_same() {
    let _one_run = one_run();
    let mut losses = Vec::new();
    for check in [CheckDevice::Always, CheckDevice::Gpu] {
        let dir = tempfile::tempdir().unwrap();
        let (mut checked, mut own) = (0, Vec::new());
        train(dir.path(), recipe(), check, &mut |event| match event {
            Event::DeviceChecked(report) => {
                assert!(report.agrees() && own.is_empty());
                checked += 1;
            }
            Event::Step(step) => own.push(step.loss),
            _ => {}
        })
        .unwrap();
        assert_eq!(checked, usize::from(check == CheckDevice::Always));
        losses.push(own);
    }
    assert_eq!(losses[0], losses[1], "a check must not change the run");
    assert_eq!(losses[0].len(), 6);
}

#[test]
fn losses_of_bf16_follow_those_of_32_bits_and_f16_scales_its_loss() {
    let _one_run = one_run();
    let losses = |precision| {
        let dir = tempfile::tempdir().unwrap();
        let (mut losses, mut skipped) = (Vec::new(), 0);
        let recipe = Recipe { precision, epochs: 5, ..recipe() };
        train(dir.path(), recipe, CheckDevice::Never, &mut |event| match event {
            Event::Step(step) => losses.push(step.loss),
            Event::StepSkipped(_) => skipped += 1,
            _ => {}
        })
        .unwrap();
        let checkpoint = muscall_train::checkpoint::Checkpoint::latest(&dir.path().join("run/checkpoints")).unwrap();
        let scale = checkpoint.unwrap().progress.loss_scale.map(|scale| scale.factor());
        (losses, skipped, scale)
    };
    let (right, _, none) = losses(Precision::F32);
    assert_eq!(none, None);
    let (bf16, skipped, none) = losses(Precision::BF16);
    assert_eq!((bf16.len(), skipped, none), (right.len(), 0, None));
    for (found, right) in bf16.iter().zip(&right) {
        assert!((found / right - 1.0).abs() < 0.05, "{found} for {right}");
    }
    // Some steps may be left out until the factor fits; each halves it.
    let (f16, skipped, scale) = losses(Precision::F16);
    assert_eq!(f16.len() + skipped, right.len());
    assert_eq!(scale, Some(65_536.0 / f64::from(1_u32 << skipped)));
}

#[test]
fn steps_that_are_not_finite_stop_the_run_or_are_left_out() {
    let _one_run = one_run();
    // With such a rate the weights are lost after the first step.
    let lost = |on_not_finite| Recipe { learning_rate: 1e30, epochs: 30, on_not_finite, ..recipe() };
    let stopped = [false, true].map(|late| {
        let dir = tempfile::tempdir().unwrap();
        let (mut told, mut skipped) = (0, 0);
        let error =
            train_and_report(dir.path(), lost(OnNotFinite::Stop), CheckDevice::Never, late, &mut |event| match event {
                Event::Step(report) => told = report.step,
                Event::StepSkipped(_) => skipped += 1,
                _ => {}
            });
        let Err(TrainError::NotFinite { ids, step, .. }) = error else { panic!("{error:?}") };
        assert_eq!((ids.len(), told, skipped), (4, step, 0), "steps before the lost one are told");
        assert!(step >= 1 && dir.path().join("run/not_finite.json").exists());
        (ids, step)
    });
    assert_eq!(stopped[0], stopped[1]);

    let dir = tempfile::tempdir().unwrap();
    let mut in_a_row = Vec::new();
    let error = train(dir.path(), lost(OnNotFinite::Skip), CheckDevice::Never, &mut |event| {
        if let Event::StepSkipped(skipped) = event {
            assert_eq!((skipped.ids.len(), skipped.loss_scale), (4, None));
            in_a_row.push(skipped.in_a_row);
        }
    });
    assert!(matches!(error, Err(TrainError::NotFinite { .. })), "{error:?}");
    assert_eq!(in_a_row, (1..=20).collect::<Vec<_>>(), "it gives up after twenty in a row");
}
