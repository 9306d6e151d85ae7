//! How near a student is to its teacher.

use std::path::Path;

use muscall_audio::Clip;
use muscall_model::Muscall;
use rayon::prelude::*;
use serde::Serialize;

use crate::TrainError;
use crate::known::{Cut, Stage, Windows, hear};
use crate::manifest::Manifest;

/// Nearest windows that are compared.
const NEAREST: usize = 10;
/// Tracks that are loaded together, to keep the threads busy.
const TOGETHER: usize = 8;
/// Windows whose nearest are looked for.
const QUERIES: usize = 2000;

/// What is compared, and on what.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Whose vectors are right.
    pub teacher: &'a Muscall,
    /// Tracks that the student has not learned from.
    pub manifest: &'a Manifest,
    /// Windows of each: see [`window_position`](muscall_data::dataset::window_position).
    pub windows: usize,
    /// Where the teacher's vectors are kept.
    pub vectors: &'a Path,
}

/// How near one is to the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Nearness {
    /// Tracks that could be heard.
    pub tracks: usize,
    /// Their windows.
    pub windows: usize,
    /// Which part of the teacher's variance around its mean the student explains: 1 is all of it, 0 what the mean alone
    /// would, and a student that is worse than the mean is below.
    pub explained: f64,
    /// How many of the ten windows of other tracks that are nearest to a window are the same for both, as a part.
    pub agreement_at_10: f64,
}

/// Compares what a student and its teacher make of the same windows.
///
/// `progress` is called with how many tracks of how many are heard.
///
/// # Errors
/// [`TrainError`] if vectors cannot be kept, or no track can be heard by both.
pub fn nearness(
    student: &Muscall,
    side: Side<'_>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Nearness, TrainError> {
    let right = side.teacher_windows(progress)?;
    let config = student.clip_config();
    let vectors =
        side.each_window(&right, &config, |clips| Ok(student.embed_loaded(clips)?.values().to_vec()), progress)?;
    vectors.compare(student.config().projection_dim)
}

/// Compares what a student of words and its teacher make of captions that the student has not learned from: windows and
/// tracks are captions here.
///
/// # Errors
/// [`TrainError::Model`] if a caption cannot be embedded, [`TrainError::NothingToEvaluate`] if there are none.
pub fn nearness_of_words(student: &Muscall, teacher: &Muscall, held: &Manifest) -> Result<Nearness, TrainError> {
    let captions: Vec<&str> = held.rows.iter().flat_map(|row| &row.captions).map(String::as_str).collect();
    let embed = |model: &Muscall| Ok::<_, TrainError>(model.embed_text(&captions)?.values().to_vec());
    let compared = Compared { owners: (0..captions.len()).collect(), found: embed(student)?, right: embed(teacher)? };
    if captions.is_empty() {
        let (path, reason) = (held.source.clone(), "there are no captions".to_owned());
        return Err(TrainError::NothingToEvaluate { path, rows: 0, reason });
    }
    compared.compare(student.config().projection_dim)
}

/// What two make of the same windows.
pub(super) struct Compared {
    /// The track of each window.
    owners: Vec<usize>,
    pub(super) found: Vec<f32>,
    pub(super) right: Vec<f32>,
}

impl Side<'_> {
    /// What the teacher makes of all tracks.
    pub(super) fn teacher_windows(&self, progress: &mut dyn FnMut(usize, usize)) -> Result<Windows, TrainError> {
        let cut = Cut { windows: self.windows, clip: self.teacher.clip_config() };
        let mut told = |_: &'static str, done: usize, all: usize| {
            progress(done, all);
            Ok(())
        };
        let file = |name: &str| self.vectors.join(name);
        hear(self.teacher, Stage::Embeddings, (self.manifest, &cut), &file, &mut told)
    }

    /// What somebody else makes of the windows that the teacher has heard, `compute` clips at a time.
    pub(super) fn each_window(
        &self,
        right: &Windows,
        config: &muscall_audio::ClipConfig,
        compute: impl Fn(&[Clip]) -> Result<Vec<f32>, TrainError>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Compared, TrainError> {
        let cut = Cut { windows: self.windows, clip: *config };
        let mut compared = Compared { owners: Vec::new(), found: Vec::new(), right: Vec::new() };
        let rows: Vec<usize> = (0..self.manifest.rows.len()).collect();
        for rows in rows.chunks(TOGETHER) {
            let load = |&row: &usize| right.get(row, 0).and_then(|_| cut.clips(&self.manifest.rows[row]).ok());
            let loaded: Vec<Option<Vec<Clip>>> = rows.par_iter().map(load).collect();
            let mut all = Vec::new();
            for (&row, clips) in rows.iter().zip(loaded) {
                for (window, clip) in clips.into_iter().flatten().enumerate() {
                    compared.owners.push(row);
                    compared.right.extend_from_slice(right.get(row, window).unwrap_or_default());
                    all.push(clip);
                }
            }
            if !all.is_empty() {
                compared.found.extend(compute(&all)?);
            }
            progress(rows.last().map_or(0, |last| last + 1), self.manifest.rows.len());
        }
        if compared.owners.is_empty() {
            return Err(TrainError::nothing_heard(self.manifest, &right.unheard()));
        }
        Ok(compared)
    }
}

impl Compared {
    pub(super) fn compare(&self, dim: usize) -> Result<Nearness, TrainError> {
        let tracks = self.owners.chunk_by(|a, b| a == b).count();
        let windows = self.owners.len();
        Ok(Nearness { tracks, windows, explained: self.explained(dim), agreement_at_10: self.agreement(dim) })
    }

    /// The part of the variance around the mean that is explained.
    pub(super) fn explained(&self, dim: usize) -> f64 {
        explained(&self.found, &self.right, dim)
    }

    fn agreement(&self, dim: usize) -> f64 {
        let queries = self.owners.len().min(QUERIES);
        let step = self.owners.len().div_ceil(queries).max(1);
        let same = |query: usize| {
            let [right, found] = [&self.right, &self.found].map(|vectors| self.nearest(vectors, dim, query));
            let all = right.len().max(1);
            right.iter().filter(|window| found.contains(window)).count() as f64 / all as f64
        };
        let queries: Vec<usize> = (0..self.owners.len()).step_by(step).collect();
        queries.par_iter().map(|&query| same(query)).sum::<f64>() / queries.len() as f64
    }

    /// The windows of other tracks that are nearest to one.
    fn nearest(&self, vectors: &[f32], dim: usize, query: usize) -> Vec<usize> {
        let own = &vectors[query * dim..][..dim];
        let mut scores: Vec<(f32, usize)> = vectors
            .chunks_exact(dim)
            .enumerate()
            .filter(|&(window, _)| self.owners[window] != self.owners[query])
            .map(|(window, row)| (-row.iter().zip(own).map(|(x, y)| x * y).sum::<f32>(), window))
            .collect();
        scores.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        scores.into_iter().take(NEAREST).map(|(_, window)| window).collect()
    }
}

/// Which part of the variance of some vectors around their mean others explain, which are to be the same.
///
/// # Shapes
/// - found, right: `[rows, dim]`
pub(crate) fn explained(found: &[f32], right: &[f32], dim: usize) -> f64 {
    let mut mean = vec![0.0_f64; dim];
    for row in right.chunks_exact(dim) {
        mean.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    let rows = (right.len() / dim).max(1) as f64;
    mean.iter_mut().for_each(|sum| *sum /= rows);
    let values = right.chunks_exact(dim).flat_map(|row| row.iter().zip(&mean));
    let spread: f64 = values.map(|(&x, mean)| (f64::from(x) - mean).powi(2)).sum();
    let off: f64 = right.iter().zip(found).map(|(&right, &found)| f64::from(right - found).powi(2)).sum();
    1.0 - off / spread.max(f64::MIN_POSITIVE)
}
