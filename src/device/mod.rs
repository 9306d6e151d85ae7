//! Which device to compute on: what a user asks for, and what is there.
//!
//! ```
//! use muscall::DeviceChoice;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let choice: DeviceChoice = "cpu".parse()?;
//! let device = choice.open()?;
//! # Ok(())
//! # }
//! ```

mod choice;
mod error;
mod found;

use std::env::{self, VarError};
use std::str::FromStr;

use burn::tensor::Device;

pub use choice::DeviceChoice;
pub use error::DeviceError;
pub use found::{DeviceKind, FoundDevice, device_name, devices};

use found::{Family, Present, present};

/// The variable that decides where nothing else does; burn's `Device::default()` reads it, too.
const VARIABLE: &str = "BURN_DEVICE";

impl DeviceChoice {
    /// What the environment variable `BURN_DEVICE` says, or [`Auto`](Self::Auto).
    ///
    /// # Errors
    /// [`DeviceError::Unknown`] if it names no device.
    pub fn from_env() -> Result<Self, DeviceError> {
        match env::var(VARIABLE) {
            Ok(name) => name.parse(),
            Err(VarError::NotPresent) => Ok(Self::Auto),
            Err(VarError::NotUnicode(name)) => Err(DeviceError::Unknown { found: name.to_string_lossy().into_owned() }),
        }
    }

    /// The device that this stands for, which is never another one than that asked for.
    ///
    /// # Errors
    /// [`DeviceError::NotCompiled`] with the feature that is missing, [`DeviceError::Missing`] with the
    /// driver, [`DeviceError::TooFew`] with what there is, and [`DeviceError::NoLibdevice`].
    pub fn open(self) -> Result<Device, DeviceError> {
        let index = match self {
            Self::Auto => return best()?.open(),
            Self::Cpu => 0,
            Self::Cuda(index) | Self::Vulkan(index) | Self::Wgpu(index) => index,
        };
        let family = self.family();
        let all = present(family).ok_or(DeviceError::NotCompiled { device: self, feature: family.feature() })?;
        if all.is_empty() {
            return Err(DeviceError::Missing { device: self, driver: family.driver() });
        }
        let there = all.iter().map(|one| one.found.to_string()).collect();
        match all.into_iter().nth(index) {
            Some(present) => present.open(),
            None => Err(DeviceError::TooFew { device: self, there }),
        }
    }

    /// This device and those that follow it: of `cuda:1` and 3 they are `cuda:1`, `cuda:2` and `cuda:3`. The
    /// CPU follows itself.
    ///
    /// # Errors
    /// As [`open`](Self::open), for each.
    pub fn open_several(self, count: usize) -> Result<Vec<Device>, DeviceError> {
        let first = if self == Self::Auto { best()?.found.choice } else { self };
        let follow = |i| match first {
            Self::Auto | Self::Cpu => first,
            Self::Cuda(index) => Self::Cuda(index + i),
            Self::Vulkan(index) => Self::Vulkan(index + i),
            Self::Wgpu(index) => Self::Wgpu(index + i),
        };
        (0..count).map(|i| follow(i).open()).collect()
    }

    fn family(self) -> Family {
        match self {
            Self::Auto | Self::Cpu => Family::Cpu,
            Self::Cuda(_) => Family::Cuda,
            Self::Vulkan(_) => Family::Vulkan,
            Self::Wgpu(_) => Family::Wgpu,
        }
    }
}

fn best() -> Result<Present, DeviceError> {
    let families = [Family::Cuda, Family::Vulkan, Family::Wgpu, Family::Cpu];
    let all = families.into_iter().flat_map(|family| present(family).unwrap_or_default());
    let mut wanted = all.filter(|one| one.found.kind != DeviceKind::Software);
    wanted.next().ok_or(DeviceError::Nothing)
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown { found: name.to_owned() };
        let lower = name.trim().to_ascii_lowercase();
        let (family, index) = match lower.split_once(':') {
            // `+1` is a number to Rust, too.
            Some((family, index)) if index.bytes().all(|byte| byte.is_ascii_digit()) => {
                (family, Some(index.parse().map_err(|_| unknown())?))
            }
            Some(_) => return Err(unknown()),
            None => (lower.as_str(), None),
        };
        match (family, index) {
            ("auto", None) => Ok(Self::Auto),
            // burn's name for it in BURN_DEVICE.
            ("cpu" | "flex", None) => Ok(Self::Cpu),
            ("cuda", index) => Ok(Self::Cuda(index.unwrap_or(0))),
            ("vulkan", index) => Ok(Self::Vulkan(index.unwrap_or(0))),
            ("wgpu", index) => Ok(Self::Wgpu(index.unwrap_or(0))),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_the_same() {
        for (name, choice, written) in [
            ("auto", DeviceChoice::Auto, "auto"),
            ("CPU", DeviceChoice::Cpu, "cpu"),
            ("flex", DeviceChoice::Cpu, "cpu"),
            ("cuda", DeviceChoice::Cuda(0), "cuda:0"),
            ("cuda:3", DeviceChoice::Cuda(3), "cuda:3"),
            (" vulkan:1 ", DeviceChoice::Vulkan(1), "vulkan:1"),
            ("wgpu", DeviceChoice::Wgpu(0), "wgpu:0"),
        ] {
            assert_eq!(name.parse::<DeviceChoice>().unwrap(), choice, "{name}");
            assert_eq!(choice.to_string(), written);
            assert_eq!(written.parse::<DeviceChoice>().unwrap(), choice);
        }
    }

    #[test]
    fn other_names_are_errors_that_say_what_there_is() {
        for name in ["", "gpu", "cuda:", "cuda:-1", "cuda:+1", "cuda:x", "cpu:1", "auto:0", "cuda:99999999999999999999"]
        {
            let error = name.parse::<DeviceChoice>().unwrap_err();
            assert!(matches!(&error, DeviceError::Unknown { .. }), "{name}: {error}");
            assert!(error.to_string().contains("cuda:N"), "{error}");
        }
    }

    #[cfg(feature = "flex")]
    #[test]
    fn the_cpu_is_always_there() {
        let cpu = DeviceChoice::Cpu.open().unwrap();
        assert!(muscall_model::is_cpu(&cpu) && muscall_model::is_cpu(&cpu.clone().autodiff()));
        assert!(!muscall_model::is_cuda(&cpu) && !muscall_model::is_cuda(&cpu.autodiff()));
        assert!(devices().iter().any(|found| found.choice == DeviceChoice::Cpu));
        assert_eq!(device_name(&DeviceChoice::Cpu.open().unwrap()), "CPU");
        assert_eq!(DeviceChoice::Cpu.open_several(3).unwrap().len(), 3);
    }

    #[cfg(not(feature = "cuda-plain"))]
    #[test]
    fn what_is_not_compiled_in_is_an_error_with_the_feature() {
        let error = DeviceChoice::Cuda(1).open().unwrap_err().to_string();
        assert!(error.contains("cuda:1") && error.contains("--features cuda"), "{error}");
    }

    #[cfg(not(feature = "wgpu-plain"))]
    #[test]
    fn without_wgpu_there_is_neither_vulkan_nor_metal() {
        for choice in [DeviceChoice::Vulkan(0), DeviceChoice::Wgpu(0)] {
            let error = choice.open().unwrap_err().to_string();
            assert!(error.contains("--features wgpu"), "{error}");
        }
    }

    #[cfg(all(feature = "flex", not(feature = "cuda-plain"), not(feature = "wgpu-plain")))]
    #[test]
    fn without_gpus_auto_is_the_cpu() {
        assert!(muscall_model::is_cpu(&DeviceChoice::Auto.open().unwrap()));
    }
}
