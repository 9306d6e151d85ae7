//! The impulse response of a room that nobody built.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// First reflections, of walls, floor and ceiling.
const REFLECTIONS: usize = 6;
/// When the first reflection and the last of the early ones arrive, seconds.
const EARLY_S: [f32; 2] = [0.003, 0.04];
/// Where highs begin to fade sooner than the rest, Hz.
const DAMPED_HZ: f64 = 2000.0;
/// Amplitude after the reverberation time: −60 dB.
const END: f64 = 1e-3;

/// A room of noise: some reflections, and behind them noise that fades evenly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MadeRoom {
    /// Time in which the sound fades by 60 dB, seconds.
    pub rt60_s: f32,
    /// By which share of that time what is above 2 kHz fades sooner, 0 to below 1.
    pub damping: f32,
    /// Decides on reflections and noise.
    pub seed: u64,
}

impl MadeRoom {
    /// The response, at most `longest` samples, from the first reflection to −60 dB. Its scale is arbitrary.
    pub(super) fn response(&self, sample_rate: u32, longest: usize) -> Vec<f32> {
        let rate = f64::from(sample_rate.max(1));
        let length = ((f64::from(self.rt60_s) * rate) as usize).clamp(1, longest.max(1));
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let fading = |rt60_s: f64| END.powf(1.0 / (rt60_s * rate).max(1.0)) as f32;
        let rt60_s = f64::from(self.rt60_s);
        let low_fading = fading(rt60_s);
        let high_fading = fading(rt60_s * f64::from(1.0 - self.damping.clamp(0.0, 0.99)));
        // Two filters of the first order divide the noise.
        let divide = 1.0 - (-std::f64::consts::TAU * DAMPED_HZ / rate).exp() as f32;
        let (mut half_low, mut low, mut low_level, mut high_level) = (0.0, 0.0, 1f32, 1f32);
        let mut response: Vec<f32> = (0..length)
            .map(|_| {
                let noise = rng.random::<f32>() - 0.5;
                half_low += divide * (noise - half_low);
                low += divide * (half_low - low);
                low_level *= low_fading;
                high_level *= high_fading;
                low_level * low + high_level * (noise - low)
            })
            .collect();
        // The noise sets in while the reflections arrive, each as loud as some milliseconds of it.
        let early = ((f64::from(EARLY_S[1]) * rate) as usize).max(1);
        for (i, sample) in response.iter_mut().take(early).enumerate() {
            *sample *= i as f32 / early as f32;
        }
        for _ in 0..REFLECTIONS {
            let time_s = EARLY_S[0] * (EARLY_S[1] / EARLY_S[0]).powf(rng.random());
            let sign = if rng.random() { 1.0 } else { -1.0 };
            let strength = sign * (EARLY_S[0] / time_s).sqrt() * (0.5 + rng.random::<f32>());
            let at = (f64::from(time_s) * rate) as usize;
            if let Some(sample) = response.get_mut(at) {
                *sample += strength * low_fading.powi(at as i32);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When what is still to come has fallen to so many dB, seconds (Schroeder's integration).
    fn fallen(response: &[f32], by_db: f64) -> f64 {
        let mut left: Vec<f64> = response.iter().map(|x| f64::from(*x).powi(2)).collect();
        for i in (0..left.len() - 1).rev() {
            left[i] += left[i + 1];
        }
        let limit = left[0] * 10f64.powf(-by_db / 10.0);
        left.partition_point(|energy| *energy > limit) as f64 / 16_000.0
    }

    #[test]
    fn it_fades_in_the_time_that_is_asked_for() {
        for rt60_s in [0.3, 0.8, 1.5] {
            for seed in 0..4 {
                let response = MadeRoom { rt60_s, damping: 0.0, seed }.response(16_000, 160_000);
                // From −5 to −25 dB, as rooms are measured.
                let measured = 3.0 * (fallen(&response, 25.0) - fallen(&response, 5.0));
                let error = measured / f64::from(rt60_s) - 1.0;
                assert!(error.abs() < 0.15, "{rt60_s} s, seed {seed}: {measured} s");
            }
        }
    }

    #[test]
    fn highs_fade_sooner_in_a_damped_room() {
        let highs = |damping| {
            let response = MadeRoom { rt60_s: 1.0, damping, seed: 1 }.response(16_000, 160_000);
            let steps: Vec<f32> = response.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let energy = |x: &[f32]| x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
            energy(&steps[8000..]) / energy(&response[8000..])
        };
        assert!(highs(0.6) < 0.3 * highs(0.0), "{} {}", highs(0.6), highs(0.0));
    }
}
