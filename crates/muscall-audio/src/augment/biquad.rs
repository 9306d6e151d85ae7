//! Filters of the second order, one behind the other.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

/// Filters that a sample goes through before the next one comes: each waits for its own last output, so that four take
/// hardly longer than one.
const AT_ONCE: usize = 4;
/// Samples between two looks at the state.
const BLOCK: usize = 1024;

/// What a filter does to a sine, at any sample rate.
pub(super) struct Response {
    pub(super) shape: Shape,
    /// Centre of a peak, middle of a shelf's slope.
    pub(super) hz: f64,
    pub(super) gain_db: f64,
}

pub(super) enum Shape {
    /// `q` is above 0.
    Peak {
        q: f64,
    },
    LowShelf,
    HighShelf,
}

/// Coefficients, the first of the denominator being 1.
#[derive(Clone, Copy)]
pub(super) struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
}

/// Changes nothing.
const NOTHING: Biquad = Biquad { b: [1.0, 0.0, 0.0], a: [0.0, 0.0] };

impl Response {
    /// # Source
    /// R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients"; shelves with slope 1.
    pub(super) fn at(&self, sample_rate: u32) -> Biquad {
        let turn = TAU * (self.hz / f64::from(sample_rate.max(1))).clamp(1e-6, 0.49);
        let (sin, cos) = turn.sin_cos();
        let a = 10f64.powf(self.gain_db / 40.0);
        let (b, divisor) = match self.shape {
            Shape::Peak { q } => {
                let alpha = sin / (2.0 * q);
                let inner = -2.0 * cos;
                ([1.0 + alpha * a, inner, 1.0 - alpha * a], [1.0 + alpha / a, inner, 1.0 - alpha / a])
            }
            Shape::LowShelf => shelf(a, cos, sin),
            Shape::HighShelf => {
                // The other shelf with the frequency axis turned round.
                let (b, divisor) = shelf(a, -cos, sin);
                ([b[0], -b[1], b[2]], [divisor[0], -divisor[1], divisor[2]])
            }
        };
        let [first, second, third] = divisor;
        Biquad { b: b.map(|b| b / first), a: [second / first, third / first] }
    }
}

/// Numerator and denominator of a low shelf.
fn shelf(a: f64, cos: f64, sin: f64) -> ([f64; 3], [f64; 3]) {
    let side = 2.0 * a.sqrt() * sin * FRAC_1_SQRT_2;
    let (plus, minus) = (a + 1.0, a - 1.0);
    let b = [a * (plus - minus * cos + side), 2.0 * a * (minus - plus * cos), a * (plus - minus * cos - side)];
    let divisor = [plus + minus * cos + side, -2.0 * (minus + plus * cos), plus + minus * cos - side];
    (b, divisor)
}

/// Filters a clip with all of them, from silence on.
pub(super) fn filter(samples: &mut [f32], filters: &[Biquad]) {
    for filters in filters.chunks(AT_ONCE) {
        let mut cascade = [NOTHING; AT_ONCE];
        cascade[..filters.len()].copy_from_slice(filters);
        run(samples, &cascade);
    }
}

fn run(samples: &mut [f32], cascade: &[Biquad; AT_ONCE]) {
    let mut state = [[0f64; 2]; AT_ONCE];
    for block in samples.chunks_mut(BLOCK) {
        for sample in block {
            let mut x = f64::from(*sample);
            for (Biquad { b, a }, state) in cascade.iter().zip(&mut state) {
                let y = b[0] * x + state[0];
                state[0] = (b[1] * x + state[1]) - a[0] * y;
                state[1] = b[2] * x - a[1] * y;
                x = y;
            }
            *sample = x as f32;
        }
        // What rings on in silence would end in numbers that processors are slow with.
        for value in state.as_flattened_mut() {
            if value.abs() < 1e-30 {
                *value = 0.0;
            }
        }
    }
}
