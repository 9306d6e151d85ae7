//! How loud a recording is around a moment.

use std::collections::VecDeque;
use std::ops::Range;

/// Energies of blocks of samples, a hop each, as they arrive.
#[derive(Debug)]
pub(super) struct Energy {
    hop: usize,
    /// Of whole blocks, from block `first` on.
    blocks: VecDeque<f64>,
    first: usize,
    /// Of the block that is not whole yet, and how many samples it has.
    last: (f64, usize),
}

impl Energy {
    pub(super) fn new(hop: usize) -> Self {
        Self { hop, blocks: VecDeque::new(), first: 0, last: (0.0, 0) }
    }

    pub(super) fn add(&mut self, samples: &[f32]) {
        for &sample in samples {
            let (sum, count) = &mut self.last;
            *sum += f64::from(sample).powi(2);
            *count += 1;
            if *count == self.hop {
                self.blocks.push_back(*sum);
                self.last = (0.0, 0);
            }
        }
    }

    /// Of a sample in these blocks, as far as they are there. What is before them is forgotten: the next ones start no
    /// earlier. 0 where there is none.
    pub(super) fn mean(&mut self, blocks: Range<usize>) -> f64 {
        let forgotten = blocks.start.saturating_sub(self.first).min(self.blocks.len());
        self.blocks.drain(..forgotten);
        self.first += forgotten;
        let wanted = blocks.end.saturating_sub(self.first);
        let whole = wanted.min(self.blocks.len());
        let mut sum: f64 = self.blocks.iter().take(whole).sum();
        let mut count = whole * self.hop;
        if wanted > whole {
            (sum, count) = (sum + self.last.0, count + self.last.1);
        }
        if count == 0 { 0.0 } else { sum / count as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_those_of_the_samples() {
        let samples: Vec<f32> = (0..105).map(|i| i as f32).collect();
        let mut energy = Energy::new(10);
        samples.chunks(7).for_each(|piece| energy.add(piece));
        let expected = |range: Range<usize>| {
            let count = range.len() as f64;
            samples[range].iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / count
        };
        assert_eq!(energy.mean(0..3), expected(0..30));
        assert_eq!(energy.mean(1..4), expected(10..40));
        assert_eq!(energy.mean(8..20), expected(80..105));
        assert_eq!(energy.mean(10..11), expected(100..105));
        assert_eq!(Energy::new(10).mean(0..5), 0.0);
    }
}
