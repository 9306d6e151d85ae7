//! Music that is away for a while in the middle of a training costs no step: the run ends, goes on when the music is
//! back, and has the weights of one that was never disturbed, to the byte.
#![allow(missing_docs, clippy::unwrap_used)]

mod small_run;
#[path = "../../muscall-data/tests/wav/mod.rs"]
mod wav;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use muscall_train::recipe::EmaRecipe;
use muscall_train::{DataError, Event, Recipe, TrainError};
use small_run::{assert_same, checkpoint, finish, fit, learner, recipe, steps, write_data};
use tempfile::TempDir;

/// A folder with data, and an undisturbed run on them.
struct Place(TempDir);

impl Place {
    fn new(recipe: &Recipe, ranks: usize) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        write_data(place.path());
        finish(&learner(recipe, &place.at("whole")), place.path(), ranks);
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}

/// A life of a run during which a folder goes after the first step from `after` on; what it ends with.
fn life(place: &Place, recipe: &Recipe, ranks: usize, folder: &str, after: u64) -> Result<u64, TrainError> {
    let mut has_gone = false;
    let outcome = fit(&learner(recipe, &place.at("run")), place.path(), ranks, &mut |event| {
        if let Event::Step(step) = event
            && step.step >= after
            && !has_gone
        {
            fs::rename(place.at(folder), place.at("away")).unwrap();
            has_gone = true;
        }
        ControlFlow::Continue(())
    });
    if has_gone {
        fs::rename(place.at("away"), place.at(folder)).unwrap();
    }
    outcome.map(|outcome| outcome.steps)
}

/// Lives that folders are taken from after these steps, and one in which they stay.
fn disturbed(place: &Place, recipe: &Recipe, ranks: usize, outages: &[(u64, &str)]) {
    for &(after, folder) in outages {
        let error = life(place, recipe, ranks, folder, after).unwrap_err();
        let message = error.to_string();
        let names_it = message.contains(&place.at(folder).display().to_string()) && message.contains("os error");
        match error {
            TrainError::Data(DataError::AudioAway { .. }) | TrainError::OnRank { .. } => {
                assert!(names_it && message.contains("--resume"), "{message}");
            }
            TrainError::NothingToEvaluate { .. } => assert!(names_it, "{message}"),
            _ => panic!("{message}"),
        }
        // No step that was told of is lost, and none was passed over.
        let told = steps(&place.at("run")).len() as u64 - 1;
        let name = checkpoint(&place.at("run")).file_name().unwrap().to_str().unwrap().to_owned();
        assert!(told >= after && name.starts_with(&format!("step-{told:09}-")), "{told} steps, {name}");
    }
    assert_eq!(life(place, recipe, ranks, "music", u64::MAX).unwrap(), 12);
    assert_same(&place.at("run"), &place.at("whole"));
}

#[test]
fn a_music_folder_that_is_away_costs_no_step() {
    let recipe = Recipe { ema: Some(EmaRecipe { decay: 0.9 }), batch_size: 2, epochs: 4, ..recipe() };
    let place = Place::new(&recipe, 1);
    // Within an epoch of three steps, and at the end of one, where a validation is to come.
    disturbed(&place, &recipe, 1, &[(1, "music/train"), (4, "music"), (6, "music"), (10, "music/train")]);
}

#[test]
fn a_step_is_not_taken_with_those_of_its_files_that_are_there() {
    // Two batches are loaded for a step, and a checkpoint could be written after each.
    let recipe = Recipe { checkpoint_steps: Some(1), accumulate: 2, epochs: 12, ..recipe() };
    let place = Place::new(&recipe, 1);
    disturbed(&place, &recipe, 1, &[(1, "music/train/two"), (5, "music/train/two")]);
}

#[test]
fn ranks_agree_on_what_is_away() {
    let recipe = Recipe { micro_batch: Some(1), ..recipe() };
    let place = Place::new(&recipe, 2);
    disturbed(&place, &recipe, 2, &[(1, "music/train/two"), (6, "music/train/two")]);
}

#[test]
fn a_gallery_of_which_a_part_is_away_gives_no_score() {
    let place = Place::new(&recipe(), 1);
    let lines = |name: &str| fs::read_to_string(place.at(name)).map_or(0, |text| text.lines().count());
    let error = life(&place, &recipe(), 1, "music/val/four", 4).unwrap_err();
    assert!(matches!(error, TrainError::Data(DataError::AudioAway { .. })), "{error}");
    assert!(error.to_string().contains("four/8.wav"), "{error}");
    assert_eq!(lines("run/validation.csv"), 1 + 1);
    disturbed(&place, &recipe(), 1, &[(7, "music/val/four")]);
}

#[test]
fn an_epoch_without_a_step_leaves_the_checkpoint_before_it() {
    let recipe = Recipe { checkpoint_steps: Some(1), ..recipe() };
    let place = Place::new(&recipe, 1);
    let broken = fit(&learner(&recipe, &place.at("run")), place.path(), 1, &mut |event| {
        // It is there, and can be read; but not as audio.
        if let Event::EpochEnded { epoch: 1, .. } = event {
            (0..7).for_each(|clip| {
                let folder = if clip < 5 { "one" } else { "two" };
                fs::write(place.at(&format!("music/train/{folder}/{clip}.wav")), "<html>404</html>").unwrap();
            });
        }
        ControlFlow::Continue(())
    });
    assert!(matches!(broken, Err(TrainError::NothingToTrainOn { .. })), "{broken:?}");
    assert!(checkpoint(&place.at("run")).ends_with("step-000000004-epoch-000002"));
    write_data(place.path());
    finish(&learner(&recipe, &place.at("run")), place.path(), 1);
    assert_same(&place.at("run"), &place.at("whole"));
}

#[test]
fn a_run_that_was_stopped_before_its_first_step_knows_its_files() {
    let place = Place::new(&recipe(), 1);
    let start = |stops: bool| {
        let outcome = fit(&learner(&recipe(), &place.at("run")), place.path(), 1, &mut |event| match event {
            Event::Started { .. } if stops => ControlFlow::Break(()),
            Event::Skipped(error) => panic!("{error}"),
            _ => ControlFlow::Continue(()),
        });
        outcome.map(|outcome| outcome.steps)
    };
    assert_eq!(start(true).unwrap(), 0);
    for folder in ["music/train/two", "music/val/four"] {
        fs::rename(place.at(folder), place.at("away")).unwrap();
        // It is not for those that start it again to find that out.
        assert_eq!(start(true).unwrap(), 0);
        let error = start(false).unwrap_err();
        assert!(matches!(error, TrainError::Data(DataError::AudioAway { .. })), "{error}");
        fs::rename(place.at("away"), place.at(folder)).unwrap();
    }
    assert_eq!(start(false).unwrap(), 12);
    assert_same(&place.at("run"), &place.at("whole"));
}

#[test]
fn a_checkpoint_of_an_older_version_does_not_know_its_files_and_is_gone_on_from() {
    let place = Place::new(&recipe(), 1);
    let outcome = fit(&learner(&recipe(), &place.at("run")), place.path(), 1, &mut |event| match event {
        Event::Step(step) if step.step == 3 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert_eq!(outcome.unwrap().steps, 3);
    let progress = checkpoint(&place.at("run")).join("progress.json");
    let mut fields: serde_json::Value = serde_json::from_slice(&fs::read(&progress).unwrap()).unwrap();
    assert!(fields.as_object_mut().unwrap().remove("absent").is_some());
    fs::write(&progress, fields.to_string()).unwrap();
    disturbed(&place, &recipe(), 1, &[(5, "music/train/two")]);
}

/// The names of files that a run leaves out, in the order in which it says so, until a step.
fn left_out(place: &Place, until: u64, mut then: impl FnMut(u64)) -> (Result<u64, TrainError>, Vec<String>) {
    let mut named = Vec::new();
    let outcome = fit(&learner(&recipe(), &place.at("run")), place.path(), 1, &mut |event| {
        match event {
            Event::Skipped(error) => named.push(error.to_string()),
            Event::Step(step) => {
                then(step.step);
                if step.step >= until {
                    return ControlFlow::Break(());
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    (outcome.map(|outcome| outcome.steps), named)
}

#[test]
fn a_file_that_goes_alone_is_left_out_by_name() {
    let place = Place(tempfile::tempdir().unwrap());
    write_data(place.path());
    let gone = place.at("music/train/two/5.wav");
    let (steps, named) = left_out(&place, 8, |step| {
        if step == 1 {
            fs::remove_file(&gone).unwrap();
        }
    });
    assert_eq!(steps.unwrap(), 8);
    assert!(!named.is_empty() && named.iter().all(|name| name.contains("two/5.wav")), "{named:?}");
    // A second one is alone as well, also for a process that has not seen the first one go.
    fs::remove_file(place.at("music/train/two/6.wav")).unwrap();
    let (steps, named) = left_out(&place, u64::MAX, |_| ());
    assert_eq!(steps.unwrap(), 12);
    assert!(named.iter().any(|name| name.contains("two/6.wav")), "{named:?}");
}

#[test]
fn a_folder_that_never_was_there_is_left_out_by_name() {
    let place = Place(tempfile::tempdir().unwrap());
    write_data(place.path());
    fs::remove_dir_all(place.at("music/train/two")).unwrap();
    for until in [3, u64::MAX] {
        let (steps, named) = left_out(&place, until, |_| ());
        assert!(steps.unwrap() >= until.min(12));
        assert!(named.iter().any(|name| name.contains("music/train/two")), "{named:?}");
    }
}

#[test]
fn what_is_gone_for_good_is_left_out_when_that_is_asked_for() {
    let place = Place(tempfile::tempdir().unwrap());
    write_data(place.path());
    let (steps, named) = left_out(&place, 2, |_| ());
    assert!(matches!((steps, named.len()), (Ok(2), 0)));
    fs::remove_dir_all(place.at("music/train/two")).unwrap();
    let (steps, _) = left_out(&place, u64::MAX, |_| ());
    assert!(matches!(steps, Err(TrainError::Data(DataError::AudioAway { .. }))), "{steps:?}");
    // Not even that leaves out everything.
    fs::rename(place.at("music"), place.at("away")).unwrap();
    let without = learner(&recipe(), &place.at("run")).with_missing_left_out(true);
    let nothing = fit(&without, place.path(), 1, &mut |_| ControlFlow::Continue(()));
    assert!(matches!(nothing, Err(TrainError::NothingToTrainOn { .. })), "{nothing:?}");
    fs::rename(place.at("away"), place.at("music")).unwrap();
    let mut named = 0;
    let without = learner(&recipe(), &place.at("run")).with_missing_left_out(true);
    let outcome = fit(&without, place.path(), 1, &mut |event| match event {
        Event::Skipped(_) => {
            named += 1;
            ControlFlow::Continue(())
        }
        Event::Step(step) if step.step == 6 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert!(outcome.unwrap().interrupted && named > 0);
    // It need not be asked for again.
    let (steps, _) = left_out(&place, u64::MAX, |_| ());
    assert_eq!(steps.unwrap(), 12);
}
