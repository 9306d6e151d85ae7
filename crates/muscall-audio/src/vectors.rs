//! Loops with the vectors that this machine has.

use pulp::{Arch, Simd, WithSimd};

/// Runs a loop, compiled once for each instruction set, with the best one of this machine. Nothing but
/// the time depends on it: no sums are reordered and no products contracted.
#[inline(always)]
pub(crate) fn with_vectors<R>(run: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(Loop(run))
}

struct Loop<F>(F);

impl<R, F: FnOnce() -> R> WithSimd for Loop<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> R {
        (self.0)()
    }
}
