//! Clips of very different loudness: an encoder without a setting for it hears quiet music as other music.

use std::path::{Path, PathBuf};

use super::Diagnosis;

/// Quieter clips are silence, or nearly so, and no matter of loudness.
const QUIET_DB: f64 = -70.0;
/// Fewer clips say little about a spread.
const LEAST_CLIPS: usize = 20;
/// From here on it is told: to quickstart's model, which has no loudness, a clip 12 dB quieter is its own nearest clip in two of
/// three cases.
const SPREAD_DB: f64 = 12.0;
/// The parts of the clips that the spread lies between.
const PARTS: [f64; 2] = [0.05, 0.95];

/// Levels of clips.
#[derive(Debug, Default)]
pub(super) struct Levels(Vec<(f64, PathBuf)>);

impl Levels {
    /// The root mean square of the part that is no padding.
    pub(super) fn of(samples: &[f32]) -> f64 {
        let power = samples.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / samples.len().max(1) as f64;
        10.0 * power.log10()
    }

    pub(super) fn add(&mut self, audio: &Path, level_db: f64) {
        if level_db >= QUIET_DB {
            self.0.push((level_db, audio.to_owned()));
        }
    }

    pub(super) fn diagnosis(mut self) -> Option<Diagnosis> {
        if self.0.len() < LEAST_CLIPS {
            return None;
        }
        self.0.sort_by(|a, b| a.0.total_cmp(&b.0));
        let [quiet, loud] = PARTS.map(|part| &self.0[(part * (self.0.len() - 1) as f64).round() as usize]);
        let spread_db = loud.0 - quiet.0;
        (spread_db >= SPREAD_DB).then(|| Diagnosis::Loudness {
            spread_db,
            clips: self.0.len(),
            quiet: quiet.1.clone(),
            loud: loud.1.clone(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn diagnosis(levels_db: impl IntoIterator<Item = f64>) -> Option<Diagnosis> {
        let mut levels = Levels::default();
        for (number, level_db) in levels_db.into_iter().enumerate() {
            let amplitude = 10_f64.powf(level_db / 20.0) as f32;
            let samples: Vec<f32> = (0..1000).map(|at| if at % 2 == 0 { amplitude } else { -amplitude }).collect();
            levels.add(Path::new(&format!("{number}.ogg")), Levels::of(&samples));
        }
        levels.diagnosis()
    }

    #[test]
    fn a_wide_spread_is_told_with_both_ends() {
        let told = diagnosis((0..100).map(|clip| -30.0 + 0.2 * f64::from(clip))).unwrap();
        let Diagnosis::Loudness { spread_db, clips, ref quiet, ref loud } = told else { panic!("{told:?}") };
        assert!((spread_db - 18.0).abs() < 0.3 && clips == 100, "{spread_db}");
        assert!(quiet.to_str() == Some("5.ogg") && loud.to_str() == Some("94.ogg"), "{quiet:?} {loud:?}");
        let text = told.to_string();
        assert!(text.contains("18 dB") && text.contains("model.log_mel.loudness"), "{text}");
    }

    #[test]
    fn alike_few_or_silent_clips_are_no_matter() {
        assert_eq!(diagnosis((0..100).map(|clip| -20.0 + 0.05 * f64::from(clip))), None);
        assert_eq!(diagnosis((0..10).map(|clip| -60.0 + 5.0 * f64::from(clip))), None);
        assert_eq!(diagnosis((0..100).map(|clip| if clip < 20 { -90.0 } else { -20.0 })), None);
    }
}
