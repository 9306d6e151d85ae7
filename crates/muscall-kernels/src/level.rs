//! Which instructions are used.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use pulp::{Simd, WithSimd};

/// An instruction set that a kernel is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Level {
    /// What every machine has.
    Portable,
    /// AVX2 and FMA: eight numbers at once.
    Avx2,
    /// AVX-512: sixteen.
    Avx512,
    /// Four, on every 64-bit ARM.
    Neon,
}

impl Level {
    /// All levels of this machine, the best one last.
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self::Portable];
        #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
        {
            levels.extend(pulp::x86::V3::try_new().map(|_| Self::Avx2));
            levels.extend(pulp::x86::V4::try_new().map(|_| Self::Avx512));
        }
        #[cfg(target_arch = "aarch64")]
        levels.extend(pulp::aarch64::Neon::try_new().map(|_| Self::Neon));
        levels
    }

    /// The best level of this machine, or the one that the environment variable `MUSCALL_SIMD`
    /// names (`portable`, `avx2`, `avx512`, `neon`), if the machine has it. Chosen once.
    pub fn best() -> Self {
        static CHOSEN: OnceLock<Level> = OnceLock::new();
        *CHOSEN.get_or_init(|| {
            let levels = Self::available();
            let best = levels.last().copied().unwrap_or(Self::Portable);
            let forced = std::env::var("MUSCALL_SIMD").ok().and_then(|name| name.parse().ok());
            forced.filter(|level| levels.contains(level)).unwrap_or(best)
        })
    }

    /// Runs a loop that the compiler vectorises, with the instructions of this level. Nothing but the
    /// time depends on them: no sums are reordered and no products contracted. What the closure calls
    /// must be inlined into it, and so must the closure: `#[inline(always)]`.
    #[inline(always)]
    pub fn vectorise<R>(self, run: impl FnOnce() -> R) -> R {
        struct Loop<F>(F);
        impl<R, F: FnOnce() -> R> WithSimd for Loop<F> {
            type Output = R;
            #[inline(always)]
            fn with_simd<S: Simd>(self, _: S) -> R {
                (self.0)()
            }
        }
        self.run(Loop(run))
    }

    /// Numbers in a vector.
    pub(crate) fn lanes(self) -> usize {
        struct Lanes;
        impl WithSimd for Lanes {
            type Output = usize;
            #[inline(always)]
            fn with_simd<S: Simd>(self, _: S) -> usize {
                S::F32_LANES
            }
        }
        self.run(Lanes)
    }

    /// Runs an operation with the instructions of this level; portably if the machine lacks them.
    pub(crate) fn run<Op: WithSimd>(self, operation: Op) -> Op::Output {
        #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
        match self {
            Self::Avx2 => {
                if let Some(simd) = pulp::x86::V3::try_new() {
                    return Simd::vectorize(simd, operation);
                }
            }
            Self::Avx512 => {
                if let Some(simd) = pulp::x86::V4::try_new() {
                    return Simd::vectorize(simd, operation);
                }
            }
            _ => {}
        }
        #[cfg(target_arch = "aarch64")]
        if self == Self::Neon
            && let Some(simd) = pulp::aarch64::Neon::try_new()
        {
            return Simd::vectorize(simd, operation);
        }
        Simd::vectorize(pulp::Scalar::new(), operation)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
        })
    }
}

impl FromStr for Level {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        let all = [Self::Portable, Self::Avx2, Self::Avx512, Self::Neon];
        all.into_iter().find(|level| level.to_string() == name.to_ascii_lowercase()).ok_or(())
    }
}
