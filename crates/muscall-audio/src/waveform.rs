//! Mono samples and their rate.

/// Mono audio.
#[derive(Debug, Clone, PartialEq)]
pub struct Waveform {
    samples: Vec<f32>,
    sample_rate: u32,
}

impl Waveform {
    /// Samples around ±1 at a rate of at least 1 Hz.
    pub fn new(samples: Vec<f32>, sample_rate: u32) -> Self {
        debug_assert!(sample_rate >= 1);
        Self { samples, sample_rate }
    }

    /// The samples.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// The samples, without a copy.
    pub fn into_samples(self) -> Vec<f32> {
        self.samples
    }

    /// In Hz.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// In seconds.
    pub fn duration_s(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.sample_rate)
    }

    /// Largest absolute sample; zero for no samples.
    pub fn peak(&self) -> f32 {
        self.samples.iter().fold(0.0, |peak, x| x.abs().max(peak))
    }

    /// Root mean square in dB relative to full scale; −∞ for silence.
    pub fn rms_db(&self) -> f32 {
        let squares: f64 = self.samples.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        (10.0 * (squares / self.samples.len().max(1) as f64).log10()) as f32
    }
}
