//! The numbers of a run.

use std::collections::VecDeque;

use super::{Diagnosis, Tower};
use crate::event::StepReport;

/// Steps over which numbers are averaged, or must stay the same.
const WINDOW: usize = 20;
/// A loss this near to chance, relative to it, is at chance.
const NEAR: f64 = 0.01;
/// Mean cosine above which a tower has collapsed.
const COLLAPSED: f64 = 0.99;

/// Watches the steps of a run; each rule speaks once.
#[derive(Debug)]
pub struct TrainingDoctor {
    /// Steps during which nothing is concluded.
    warm_up: u64,
    max_scale: f64,
    losses: VecDeque<f64>,
    cosines: [VecDeque<f64>; 2],
    scales: VecDeque<f64>,
    rates: VecDeque<f64>,
    said: Vec<&'static str>,
}

impl TrainingDoctor {
    /// For a run with so many steps of warm-up, whose 1/τ is at most `max_scale`.
    pub fn new(warm_up: u64, max_scale: f64) -> Self {
        Self {
            warm_up,
            max_scale,
            losses: VecDeque::new(),
            cosines: [VecDeque::new(), VecDeque::new()],
            scales: VecDeque::new(),
            rates: VecDeque::new(),
            said: Vec::new(),
        }
    }

    /// Looks at a step. `chance` is the loss of a model that tells nothing apart; `cosines` are
    /// the mean pairwise cosines of the batch's audio and text embeddings.
    pub fn step(&mut self, report: &StepReport, chance: Option<f64>, cosines: [f64; 2]) -> Vec<Diagnosis> {
        let step = report.step;
        push(&mut self.rates, report.learning_rate);
        let mut found = Vec::new();
        if is_full(&self.rates) && self.rates.iter().all(|&rate| rate == 0.0) {
            self.say("rate", Diagnosis::RateZero { step }, &mut found);
        }
        if step <= self.warm_up {
            return found;
        }
        push(&mut self.scales, report.scale);
        push(&mut self.losses, report.pair_loss);
        for (window, cosine) in self.cosines.iter_mut().zip(cosines) {
            push(window, cosine);
        }
        if is_full(&self.scales) && self.scales.iter().all(|&scale| scale >= 0.999 * self.max_scale) {
            self.say("scale", Diagnosis::ScaleAtClamp { step, scale: report.scale }, &mut found);
        }
        for (tower, name) in [(Tower::Audio, "audio"), (Tower::Text, "text")] {
            let window = &self.cosines[tower as usize];
            let cosine = mean(window);
            if is_full(window) && cosine > COLLAPSED {
                self.say(name, Diagnosis::Collapsed { tower, step, cosine }, &mut found);
            }
        }
        // A collapsed model is at chance too: the cause is said, not the symptom.
        let collapsed = self.said.contains(&"audio") || self.said.contains(&"text");
        if let Some(chance) = chance.filter(|_| is_full(&self.losses) && !collapsed) {
            let loss = mean(&self.losses);
            if (loss - chance).abs() <= NEAR * chance {
                self.say("chance", Diagnosis::LossAtChance { step, loss, chance }, &mut found);
            }
        }
        found
    }

    fn say(&mut self, rule: &'static str, diagnosis: Diagnosis, found: &mut Vec<Diagnosis>) {
        if !self.said.contains(&rule) {
            self.said.push(rule);
            found.push(diagnosis);
        }
    }
}

fn push(window: &mut VecDeque<f64>, value: f64) {
    if is_full(window) {
        window.pop_front();
    }
    window.push_back(value);
}

fn is_full(window: &VecDeque<f64>) -> bool {
    window.len() >= WINDOW
}

fn mean(window: &VecDeque<f64>) -> f64 {
    window.iter().sum::<f64>() / window.len().max(1) as f64
}

/// Mean cosine of two different rows, of rows of unit norm; zero for a single row.
pub fn mean_pairwise_cosine(rows: &[f32], dim: usize) -> f64 {
    let count = rows.len() / dim.max(1);
    if count < 2 {
        return 0.0;
    }
    let mut sum = vec![0.0_f64; dim];
    for row in rows.chunks_exact(dim) {
        sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    let squared = sum.iter().map(|x| x * x).sum::<f64>();
    (squared - count as f64) / (count * (count - 1)) as f64
}
