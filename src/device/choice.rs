//! The devices that a user can ask for.

use std::fmt::{self, Display, Formatter};

/// What a user asks for: `cpu`, `cuda`, `cuda:1`, `vulkan`, `wgpu` or `auto`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The best GPU that is compiled in and there, else the CPU. A software adapter does not count as a GPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The n-th NVIDIA GPU.
    Cuda(usize),
    /// The n-th device that speaks Vulkan; GPUs come before software.
    Vulkan(usize),
    /// The n-th device of whatever graphics API there is: Vulkan, Metal or DirectX 12.
    Wgpu(usize),
}

impl Display for DeviceChoice {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Vulkan(index) => write!(f, "vulkan:{index}"),
            Self::Wgpu(index) => write!(f, "wgpu:{index}"),
        }
    }
}
