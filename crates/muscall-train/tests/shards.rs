//! A training on shards that is killed goes on at its place, without a buffer that was kept.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod small_run;
#[path = "../../muscall-data/tests/wav/mod.rs"]
mod wav;

use std::env;
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use muscall_train::{Manifest, Recipe, Split};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wav::write_wav;

const DIR: &str = "MUSCALL_SHARDS_TEST_DIR";
const KILLS: usize = 20;

/// Five shards of two or three clips, one of which is validated on.
fn write_shards(dir: &Path) {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for (name, clips) in [("train-000", 3), ("train-001", 2), ("train-002", 3), ("train-003", 2), ("val-000", 3)] {
        let mut builder = tar::Builder::new(File::create(dir.join(format!("{name}.tar"))).unwrap());
        for clip in 0..clips {
            let hz: f64 = rng.random_range(100.0..900.0);
            let wave = |i: u32| (9_000.0 * (std::f64::consts::TAU * hz * f64::from(i) / 16_000.0).sin()) as i16;
            let path = dir.join("clip.wav");
            write_wav(&path, (0..24_000).map(wave));
            builder.append_path_with_name(&path, format!("{clip}.wav")).unwrap();
            let caption = format!("a tone of {hz:.0} hertz");
            let mut header = tar::Header::new_gnu();
            header.set_size(caption.len() as u64);
            builder.append_data(&mut header, format!("{clip}.txt"), caption.as_bytes()).unwrap();
        }
        builder.finish().unwrap();
    }
    fs::remove_file(dir.join("clip.wav")).unwrap();
}

fn recipe() -> Recipe {
    let mut recipe = Recipe { epochs: 8, checkpoint_steps: Some(1), ..small_run::recipe() };
    recipe.data.shuffle_buffer = 4;
    recipe
}

/// Trains to the end, or goes on; the steps taken.
fn train(data: &Path, run: &Path) -> u64 {
    let (train, val) = (Manifest::read(data, Split::Train).unwrap(), Manifest::read(data, Split::Val).unwrap());
    assert_eq!((train.rows.len(), val.rows.len()), (10, 3));
    small_run::learner(&recipe(), run).fit(train, Some(val), &mut |_| ControlFlow::Continue(())).unwrap().steps
}

/// Not a test of its own: what the killed processes run.
#[test]
fn child() {
    if let Ok(dir) = env::var(DIR) {
        let dir = Path::new(&dir);
        train(&dir.join("shards"), &dir.join("killed"));
    }
}

fn spawn(dir: &Path) -> Child {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "child"]).env(DIR, dir).stdout(Stdio::null()).stderr(Stdio::null());
    child.spawn().unwrap()
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_as_an_undisturbed_one() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("shards")).unwrap();
    write_shards(&dir.join("shards"));
    let start = Instant::now();
    assert_eq!(train(&dir.join("shards"), &dir.join("whole")), 24);
    let whole_s = start.elapsed().as_secs_f64();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let (mut kills, mut lives) = (0, 0);
    while kills < KILLS {
        let mut child = spawn(dir);
        sleep(Duration::from_secs_f64(whole_s * rng.random_range(0.02..0.25)));
        kills += usize::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        child.wait().unwrap();
        // A run that has ended is begun anew.
        lives += 1;
        if kills < KILLS && lives % 8 == 0 {
            assert!(spawn(dir).wait().unwrap().success());
            same(dir);
            fs::remove_dir_all(dir.join("killed")).unwrap();
        }
    }
    println!("{kills} of {lives} lives were cut short");
    assert!(spawn(dir).wait().unwrap().success());
    same(dir);
}

/// The last checkpoint and the bundle, byte by byte.
fn same(dir: &Path) {
    let result = |run: &str| {
        let run = dir.join(run);
        let last = fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
        ["optimizer.safetensors", "model.safetensors"]
            .map(|file| fs::read(last.join(file)).unwrap())
            .into_iter()
            .chain([fs::read(run.join("weights.safetensors")).unwrap(), fs::read(run.join("validation.csv")).unwrap()])
            .collect::<Vec<_>>()
    };
    assert!(result("killed") == result("whole"), "a killed run differs from an undisturbed one");
}
