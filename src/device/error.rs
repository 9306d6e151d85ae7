//! Why a device cannot be had.

use super::choice::DeviceChoice;

/// Why a device is not available.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No device has this name.
    #[error("`{found}` is not a device; expected cpu, cuda, cuda:N, vulkan, vulkan:N, wgpu, wgpu:N or auto")]
    Unknown {
        /// What was given.
        found: String,
    },
    /// The program was built without what it takes.
    #[error("{device}: this program was built without it; build it with `--features {feature}`")]
    NotCompiled {
        /// What was asked for.
        device: DeviceChoice,
        /// The feature that brings it.
        feature: &'static str,
    },
    /// No device of that kind is on this machine.
    #[error("{device}: there is none; {driver}")]
    Missing {
        /// What was asked for.
        device: DeviceChoice,
        /// What may be absent.
        driver: &'static str,
    },
    /// There are fewer of them.
    #[error("{device}: there is no such device, only {}", there.join(", "))]
    TooFew {
        /// What was asked for.
        device: DeviceChoice,
        /// Those that are there.
        there: Vec<String>,
    },
    /// The CUDA toolkit's mathematical functions are missing: kernels would fail one by one.
    #[error(
        "cuda: nvvm/libdevice/libdevice.10.bc is missing; install NVIDIA's CUDA toolkit, or a package with that file, and set CUDA_PATH to the directory that holds nvvm"
    )]
    NoLibdevice,
    /// Neither a GPU nor a CPU backend.
    #[error(
        "there is no GPU that this program was built for, and it was built without the CPU; build it with `--features flex`"
    )]
    Nothing,
}
