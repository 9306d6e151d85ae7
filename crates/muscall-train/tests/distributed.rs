//! Several ranks give the numbers of one with micro-batches; what fails on one ends all.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[path = "../../../tests/golden/small_sentence_model.rs"]
mod small_sentence_model;
#[path = "../../muscall-data/tests/wav/mod.rs"]
mod wav;

use std::fs;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use burn::tensor::Device;
use muscall_model::MuscallConfig;
use muscall_model::audio::ResNetConfig;
use muscall_model::text::TransformerConfig;
use muscall_train::batcher::OnBadFile;
use muscall_train::distributed::Threads;
use muscall_train::loss::{ContrastiveLoss, Loss, SigmoidLoss, Weighting};
use muscall_train::recipe::{EmaRecipe, SslRecipe};
use muscall_train::{DataError, Event, Learner, Manifest, OnExisting, Outcome, Recipe, Split, TrainError};
use small_sentence_model::write_small_sentence_model;
use tempfile::TempDir;
use wav::write_wav;

/// Sixteen clips of a second: a tone each, with one or two captions.
struct Data {
    dir: TempDir,
    train: Manifest,
    validation: Manifest,
}

impl Data {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut manifest = String::new();
        for clip in 0..16 {
            let hz = 110.0 * f64::from(clip + 2);
            let tone =
                (0..16_000).map(|i| (9_000.0 * (std::f64::consts::TAU * hz * f64::from(i) / 16_000.0).sin()) as i16);
            write_wav(&dir.path().join(format!("{clip}.wav")), tone);
            let split = if clip < 12 { "train" } else { "val" };
            let second = if clip % 3 == 0 { String::new() } else { format!(", \"brass band {clip}\"") };
            manifest += &format!(
                "{{\"audio\": \"{clip}.wav\", \"captions\": [\"calm piano {clip}\"{second}], \"split\": \"{split}\"}}\n"
            );
        }
        let path = dir.path().join("manifest.jsonl");
        fs::write(&path, manifest).unwrap();
        let read = |split| Manifest::read(&path, split).unwrap();
        let (train, validation) = (read(Split::Train), read(Split::Val));
        Self { dir, train, validation }
    }

    fn run(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// Ten steps of six clips, with dropout and batch norms, which see three parts of two.
fn recipe() -> Recipe {
    let audio = ResNetConfig::new(2).with_hidden(16);
    let text = TransformerConfig::new(1).with_width(16, 2).with_dropout(0.2);
    let mut recipe =
        Recipe::new(MuscallConfig { audio: audio.into(), text: text.into(), clip_s: 1.0, ..MuscallConfig::tiny() });
    recipe.epochs = 5;
    recipe.batch_size = 6;
    recipe.micro_batch = Some(2);
    recipe.learning_rate = 1e-3;
    recipe.data.augment = Default::default();
    recipe.data.captions_per_track = 2;
    recipe.data.threads = 1;
    recipe
}

/// A run on so many devices, until a step; the losses of its steps.
fn fit(
    recipe: &Recipe,
    data: &Data,
    run: &Path,
    ranks: usize,
    stop_after: u64,
) -> Result<(Vec<f64>, Outcome), TrainError> {
    let learner = Learner::new(recipe.clone(), run, &Device::flex())?.with_on_existing(OnExisting::Resume);
    let devices = vec![Device::flex(); ranks];
    let mut losses = Vec::new();
    let (train, validation) = (data.train.clone(), Some(data.validation.clone()));
    let outcome = learner.fit_on_devices(&devices, train, validation, &mut |event| match event {
        Event::Step(step) => {
            losses.push(step.loss);
            if step.step == stop_after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
        _ => ControlFlow::Continue(()),
    })?;
    Ok((losses, outcome))
}

/// Largest difference of two runs' losses, relative where they are above one.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / a.max(1.0)).fold(0.0, f64::max)
}

#[test]
fn two_and_three_ranks_have_the_losses_of_one() {
    let data = Data::new();
    let model = data.run("sentence");
    write_small_sentence_model(&model);
    let weighting = Some(Weighting { model: model.display().to_string(), ..Weighting::default() });
    let weighted = Loss::from(ContrastiveLoss { weighting, ..ContrastiveLoss::default() });
    let mut recipes = vec![("plain", recipe())];
    recipes.push(("weighted", Recipe { loss: weighted, ..recipe() }));
    recipes.push(("ssl", Recipe { ssl: Some(SslRecipe::default()), ..recipe() }));
    // The offset of the loss is a parameter that counts once. Two batches a step are added up in another order, so that
    // larger steps would tell how chaotic training is.
    let loss = Loss::from(SigmoidLoss::default());
    recipes.push(("sigmoid", Recipe { loss, accumulate: 2, epochs: 10, learning_rate: 1e-4, ..recipe() }));
    for (name, recipe) in recipes {
        let run = |ranks: usize| fit(&recipe, &data, &data.run(&format!("{name}-{ranks}")), ranks, u64::MAX).unwrap();
        let (alone, _) = run(1);
        assert_eq!(alone.len(), 10);
        for ranks in [2, 3] {
            let worst = apart(&alone, &run(ranks).0);
            println!("{name}: {ranks} ranks, largest difference of a loss {worst:.1e}");
            assert!(worst < 1e-5, "{name}: {worst}");
        }
    }
}

#[test]
fn without_a_micro_batch_each_rank_takes_a_part() {
    let data = Data::new();
    let parts = Recipe { micro_batch: Some(3), ..recipe() };
    let (alone, _) = fit(&parts, &data, &data.run("parts"), 1, u64::MAX).unwrap();
    let whole = Recipe { micro_batch: None, ..recipe() };
    let (two, outcome) = fit(&whole, &data, &data.run("two"), 2, u64::MAX).unwrap();
    assert!(apart(&alone, &two) < 1e-5);
    // The averages of running statistics make a model that embeds as well as any.
    let bundle = muscall_model::Muscall::load(data.run("two"), &Device::flex()).unwrap();
    assert_eq!(bundle.fingerprint().unwrap(), outcome.model.fingerprint().unwrap());
}

#[test]
fn batch_norms_over_all_ranks_are_those_of_one_device_with_the_whole_batch() {
    let data = Data::new();
    // Of six ranks one has nothing to embed when this is in the batch.
    fs::write(data.run("5.wav"), b"RIFF, but not really").unwrap();
    let mut recipe = Recipe { micro_batch: None, learning_rate: 1e-4, ssl: Some(SslRecipe::default()), ..recipe() };
    // Each part of a batch drops other things, and each rank has a part of its own.
    recipe.model.text = TransformerConfig::new(1).with_width(16, 2).with_dropout(0.0).into();
    let together = Recipe { sync_batch_norm: true, ..recipe.clone() };
    let (alone, model) = fit(&together, &data, &data.run("alone"), 1, u64::MAX).unwrap();
    for ranks in [2, 4, 6] {
        let run = |recipe: &Recipe, name: &str| {
            fit(recipe, &data, &data.run(&format!("{name}-{ranks}")), ranks, u64::MAX).unwrap()
        };
        let (losses, found) = run(&together, "together");
        let worst = apart(&alone, &losses);
        let (apart_from_each, _) = run(&recipe, "each");
        let each = apart(&alone, &apart_from_each);
        println!("{ranks} ranks: largest difference of a loss {worst:.1e}, without {each:.1e}");
        assert!(worst < 1e-5 && each > 1e-2, "{worst} {each}");
        let state = |outcome: &Outcome| outcome.model.state().unwrap().into_owned();
        for ((name, right), found) in state(&model).iter().zip(state(&found).values()) {
            if name.contains("running") {
                let pairs = right.as_slice::<f32>().unwrap().iter().zip(found.as_slice::<f32>().unwrap());
                let worst = pairs.map(|(a, b)| (a - b).abs() / a.abs().max(1.0)).fold(0.0, f32::max);
                assert!(worst < 1e-4, "{name}: {worst}");
            }
        }
    }
}

#[test]
fn ranks_with_fewer_parts_keep_the_others_company() {
    let data = Data::new();
    // Three parts for two ranks, and all of it twice a step.
    let recipe = Recipe { sync_batch_norm: true, accumulate: 2, ..recipe() };
    let (once, first) = fit(&recipe, &data, &data.run("once"), 2, u64::MAX).unwrap();
    let (again, second) = fit(&recipe, &data, &data.run("again"), 2, u64::MAX).unwrap();
    assert_eq!((once.len(), &once), (5, &again));
    assert_eq!(first.model.fingerprint().unwrap(), second.model.fingerprint().unwrap());
}

#[test]
fn a_run_goes_on_with_another_number_of_ranks() {
    let data = Data::new();
    let recipe = Recipe { ema: Some(EmaRecipe { decay: 0.9 }), ..recipe() };
    let (whole, _) = fit(&recipe, &data, &data.run("whole"), 1, u64::MAX).unwrap();
    let mut losses = Vec::new();
    // Within an epoch and between two.
    for (ranks, stop_after) in [(1, 3), (3, 6), (2, 7), (1, u64::MAX)] {
        let (more, outcome) = fit(&recipe, &data, &data.run("changing"), ranks, stop_after).unwrap();
        assert_eq!(outcome.interrupted, stop_after < u64::MAX);
        assert!(outcome.ema.is_some());
        losses.extend(more);
    }
    let worst = apart(&whole, &losses);
    println!("1, 3, 2 and 1 ranks: largest difference of a loss {worst:.1e}");
    assert!(worst < 1e-5, "{worst}");
}

#[test]
fn a_file_that_cannot_be_read_is_left_out_wherever_it_was_loaded() {
    let data = Data::new();
    fs::write(data.run("5.wav"), b"RIFF, but not really").unwrap();
    let skipped = |ranks: usize| {
        let learner = Learner::new(recipe(), data.run(&format!("skip-{ranks}")), &Device::flex()).unwrap();
        let devices = vec![Device::flex(); ranks];
        let (mut skipped, mut losses) = (0, Vec::new());
        let outcome = learner.fit_on_devices(&devices, data.train.clone(), None, &mut |event| {
            match event {
                Event::Skipped(error) => {
                    assert!(error.to_string().contains("5.wav"), "{error}");
                    skipped += 1;
                }
                Event::Step(step) => losses.push(step.loss),
                _ => {}
            }
            ControlFlow::Continue(())
        });
        assert_eq!((outcome.unwrap().steps, skipped), (10, 5));
        losses
    };
    let alone = skipped(1);
    assert!(apart(&alone, &skipped(3)) < 1e-5);

    let mut stopping = recipe();
    stopping.data.on_bad_file = OnBadFile::Stop;
    let error = fit(&stopping, &data, &data.run("stop"), 3, u64::MAX).unwrap_err();
    // As it was on its rank, whichever that is.
    assert!(matches!(error, TrainError::Data(DataError::Audio(_))), "{error:?}");
}

#[test]
fn a_loss_that_is_not_finite_ends_all_ranks() {
    let data = Data::new();
    let wild = Recipe { learning_rate: 1e30, ..recipe() };
    let error = fit(&wild, &data, &data.run("run"), 3, u64::MAX).unwrap_err();
    assert!(matches!(&error, TrainError::NotFinite { ids, .. } if ids.len() == 6), "{error}");
    assert!(data.run("run").join("not_finite.json").exists());
}

#[test]
fn a_panic_ends_all_ranks() {
    let data = Data::new();
    let learner = Learner::new(recipe(), data.run("run"), &Device::flex()).unwrap();
    let devices = vec![Device::flex(); 3];
    let panic = catch_unwind(AssertUnwindSafe(|| {
        learner.fit_on_devices(&devices, data.train.clone(), None, &mut |event| match event {
            Event::Step(step) if step.step == 2 => panic!("the listener's own"),
            _ => ControlFlow::Continue(()),
        })
    }));
    assert!(panic.is_err());
}

/// What two ranks of one's own end with.
fn two_ranks(
    data: &Data,
    recipes: [Recipe; 2],
    work: impl Fn(usize, Learner, Manifest) -> Result<Outcome, TrainError> + Sync,
) -> Vec<Result<Outcome, TrainError>> {
    thread::scope(|scope| {
        let members = Threads::group(2).into_iter().zip(recipes).enumerate();
        let work = &work;
        let threads: Vec<_> = members
            .map(|(rank, (member, recipe))| {
                let learner = Learner::new(recipe, data.run("run"), &Device::flex()).unwrap();
                let learner = learner.with_communicator(Arc::new(member));
                let train = data.train.clone();
                scope.spawn(move || work(rank, learner, train))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn a_rank_that_fails_leaves_an_error_to_the_others() {
    let data = Data::new();
    // Rank 1 has other rows: it cannot take part, and both say why.
    let outcomes = two_ranks(&data, [recipe(), recipe()], |rank, learner, mut train| {
        train.rows.truncate(if rank == 1 { 11 } else { 12 });
        learner.fit(train, None, &mut |_| ControlFlow::Continue(()))
    });
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert!(matches!(error, TrainError::RanksDiffer { rank: 1, .. }), "{error}");
    }
    let other = Recipe { learning_rate: 0.5, ..recipe() };
    for outcome in two_ranks(&data, [recipe(), other], |_, learner, train| {
        learner.fit(train, None, &mut |_| ControlFlow::Continue(()))
    }) {
        let error = outcome.unwrap_err();
        assert!(matches!(error, TrainError::RanksDiffer { rank: 1, what: "recipe" }), "{error}");
    }
    // Rank 1 never comes.
    let outcomes = two_ranks(&data, [recipe(), recipe()], |rank, learner, train| {
        if rank == 1 {
            return Err(TrainError::MpiStarted);
        }
        learner.fit(train, None, &mut |_| ControlFlow::Continue(()))
    });
    let error = outcomes.into_iter().next().unwrap().unwrap_err();
    assert!(matches!(error, TrainError::RankLost { rank: 1, ranks: 2 }), "{error}");
    let error = fit(&recipe(), &data, &data.run("seven"), 7, u64::MAX).unwrap_err();
    assert!(matches!(error, TrainError::TooManyRanks { ranks: 7, batch_size: 6 }), "{error}");
}

#[test]
fn ranks_that_cannot_start_leave_the_directory_as_it_was() {
    let data = Data::new();
    let weighting = Some(Weighting { model: "no/such/encoder".to_owned(), ..Weighting::default() });
    let loss = Loss::from(ContrastiveLoss { weighting, ..ContrastiveLoss::default() });
    let without_encoder = Recipe { loss, ..recipe() };
    let mut without_cache = recipe();
    without_cache.data.cache = Some(data.run("manifest.jsonl"));
    for wrong in [without_encoder, without_cache] {
        for outcome in two_ranks(&data, [wrong.clone(), wrong], |_, learner, train| {
            let learner = learner.with_on_existing(OnExisting::Replace);
            learner.fit(train, None, &mut |_| ControlFlow::Continue(()))
        }) {
            let error = outcome.unwrap_err();
            assert!(!matches!(error, TrainError::RankLost { .. }), "{error}");
        }
        assert!(!data.run("run").exists());
    }
    let finish = || {
        two_ranks(&data, [recipe(), recipe()], |_, learner, train| {
            learner.fit(train, None, &mut |_| ControlFlow::Continue(()))
        })
    };
    finish().into_iter().for_each(|outcome| assert_eq!(outcome.unwrap().steps, 10));
    // Both hear that there is a run now.
    for (rank, outcome) in finish().into_iter().enumerate() {
        match (rank, outcome.unwrap_err()) {
            (0, TrainError::RunExists { .. }) | (1, TrainError::OnRank { rank: 0, .. }) => {}
            (_, error) => panic!("rank {rank}: {error}"),
        }
    }
}

#[test]
fn only_rank_0_speaks_and_all_end_with_its_model() {
    let data = Data::new();
    let outcomes = two_ranks(&data, [recipe(), recipe()], |rank, learner, train| {
        let validation = Some(data.validation.clone());
        learner.fit(train, validation, &mut |_| {
            assert_eq!(rank, 0);
            ControlFlow::Continue(())
        })
    });
    let states: Vec<_> =
        outcomes.into_iter().map(|outcome| outcome.unwrap().model.state().unwrap().into_owned()).collect();
    assert!(states[0] == states[1]);
    // One line a step, and a checkpoint that any number of ranks can go on from.
    let log = fs::read_to_string(data.run("run").join("steps.csv")).unwrap();
    assert_eq!(log.lines().count(), 11);
    assert_eq!(fs::read_dir(data.run("run").join("checkpoints")).unwrap().count(), 1);
}
