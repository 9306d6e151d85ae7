//! Somebody with music, who types commands.

// No test uses all of it.
#![allow(dead_code)]

use std::f32::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

pub const RATE: u32 = 16_000;

/// A user with a folder of music.
pub struct User {
    pub home: TempDir,
}

impl User {
    pub fn new() -> Self {
        let user = Self { home: tempfile::tempdir().unwrap() };
        fs::create_dir(user.music()).unwrap();
        user
    }

    pub fn music(&self) -> PathBuf {
        self.home.path().join("Music")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muscall"));
        command.args(arguments).env("HOME", self.home.path()).env("BURN_DEVICE", "cpu");
        for (name, folder) in [("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config")] {
            command.env(name, self.home.path().join(folder));
        }
        command
    }

    pub fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What it says to people who do it right.
    pub fn says(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code().is_some_and(|code| code < 2), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it says to people who don't.
    pub fn complains(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    pub fn index(&self) -> String {
        self.says(&["index", self.music().to_str().unwrap()])
    }
}

/// Twelve seconds of a chord that comes and goes, with title and artist in the file's own words.
pub fn record(path: &Path, pitch_hz: f32, pulse_hz: f32) {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut file = hound::WavWriter::create(path, spec).unwrap();
    for sample in 0..12 * RATE {
        let time = sample as f32 / RATE as f32;
        let chord: f32 = [1.0, 1.25, 1.5].iter().map(|ratio| (TAU * pitch_hz * ratio * time).sin()).sum();
        let loudness = 0.5 + 0.5 * (TAU * pulse_hz * time).sin();
        file.write_sample((chord * loudness * 8000.0) as i16).unwrap();
    }
    file.finalize().unwrap();
}
