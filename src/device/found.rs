//! What devices there are.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use burn::tensor::Device;

use super::choice::DeviceChoice;
use super::error::DeviceError;

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// This program's own CPU backend.
    Cpu,
    /// A GPU.
    Gpu,
    /// A CPU that pretends to be a GPU, such as Mesa's lavapipe: for tests.
    Software,
}

/// A device of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundDevice {
    /// What chooses it.
    pub choice: DeviceChoice,
    /// What it is.
    pub kind: DeviceKind,
    /// What its driver calls it, without opening it.
    pub description: String,
}

impl Display for FoundDevice {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.choice, self.description)
    }
}

/// All devices that this program was built for and this machine has, the CPU first.
pub fn devices() -> Vec<FoundDevice> {
    let there = |family| present(family).unwrap_or_default();
    let mut all: Vec<Present> = [Family::Cpu, Family::Cuda, Family::Vulkan].into_iter().flat_map(there).collect();
    // A device that speaks Vulkan is listed once.
    if !all.iter().any(|one| matches!(one.found.choice, DeviceChoice::Vulkan(_))) {
        all.extend(there(Family::Wgpu));
    }
    all.into_iter().map(|one| one.found).collect()
}

/// What a device calls itself; a GPU is opened for that.
pub fn device_name(device: &Device) -> String {
    #[cfg(any(feature = "cuda-plain", feature = "wgpu-plain"))]
    if let Some(identity) = device.identity() {
        return identity.name;
    }
    if muscall_model::is_cpu(device) { "CPU".to_owned() } else { format!("{device:?}") }
}

/// Devices that are reached the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Cpu,
    Cuda,
    Vulkan,
    Wgpu,
}

impl Family {
    pub(super) fn feature(self) -> &'static str {
        match self {
            Self::Cpu => "flex",
            Self::Cuda => "cuda",
            Self::Vulkan | Self::Wgpu => "wgpu",
        }
    }

    /// What may be wrong if there is no device.
    pub(super) fn driver(self) -> &'static str {
        match self {
            Self::Cpu => "this program has no CPU backend",
            Self::Cuda => {
                "the NVIDIA driver's libcuda is not installed, or reports no GPU: see what `nvidia-smi` says, and \
                 CUDA_VISIBLE_DEVICES"
            }
            Self::Vulkan => {
                "the Vulkan loader (libvulkan) or a driver for it is not installed: see what `vulkaninfo --summary` says"
            }
            Self::Wgpu => "no driver for Vulkan, Metal or DirectX 12 is installed",
        }
    }
}

/// A device and what is known of it.
pub(super) struct Present {
    pub(super) found: FoundDevice,
    device: Device,
}

impl Present {
    pub(super) fn open(self) -> Result<Device, DeviceError> {
        if matches!(self.found.choice, DeviceChoice::Cuda(_)) && !has_libdevice() {
            return Err(DeviceError::NoLibdevice);
        }
        Ok(self.device)
    }
}

/// Whether burn's compiler will find what it links mathematical functions from: it looks in these places.
fn has_libdevice() -> bool {
    let given = std::env::var_os("CUDA_PATH").map(|path| vec![path.into()]);
    let usual = || ["/usr/local/cuda", "/opt/cuda", "/usr/lib/cuda", "/usr"].map(PathBuf::from).to_vec();
    given.unwrap_or_else(usual).iter().any(|root| root.join("nvvm/libdevice/libdevice.10.bc").is_file())
}

/// The devices of a family; nothing if it is not compiled in.
pub(super) fn present(family: Family) -> Option<Vec<Present>> {
    match family {
        Family::Cpu => cpu(),
        Family::Cuda => cuda(),
        Family::Vulkan => adapters(true),
        Family::Wgpu => adapters(false),
    }
}

#[cfg(feature = "flex")]
fn cpu() -> Option<Vec<Present>> {
    let found = FoundDevice { choice: DeviceChoice::Cpu, kind: DeviceKind::Cpu, description: "CPU".to_owned() };
    Some(vec![Present { found, device: Device::flex() }])
}

#[cfg(not(feature = "flex"))]
fn cpu() -> Option<Vec<Present>> {
    None
}

#[cfg(feature = "cuda-plain")]
fn cuda() -> Option<Vec<Present>> {
    use burn::tensor::DeviceType;

    // Enumerating loads libcuda if it is there; creating a device would panic if it is not.
    let all = Device::enumerate(DeviceType::Cuda).into_vec().into_iter().enumerate();
    let present = all.map(|(index, device)| {
        let description = format!("NVIDIA GPU {index}");
        Present { found: FoundDevice { choice: DeviceChoice::Cuda(index), kind: DeviceKind::Gpu, description }, device }
    });
    Some(present.collect())
}

#[cfg(not(feature = "cuda-plain"))]
fn cuda() -> Option<Vec<Present>> {
    None
}

/// Adapters of Vulkan, or of the graphics API that is best here; GPUs first.
#[cfg(feature = "wgpu-plain")]
fn adapters(vulkan: bool) -> Option<Vec<Present>> {
    use burn::backend::{CubeDevice, WgpuBackend, WgpuDevice, WgpuDeviceKind};

    let api = if vulkan { WgpuBackend::Vulkan } else { WgpuBackend::Auto };
    // An enumeration gives devices of one kind; within a kind they are numbered.
    let kinds = [
        (WgpuDeviceKind::DiscreteGpu(0), DeviceKind::Gpu, "discrete GPU"),
        (WgpuDeviceKind::IntegratedGpu(0), DeviceKind::Gpu, "integrated GPU"),
        (WgpuDeviceKind::VirtualGpu(0), DeviceKind::Gpu, "virtual GPU"),
        (WgpuDeviceKind::Other(0), DeviceKind::Gpu, "GPU of no known kind"),
        (WgpuDeviceKind::Cpu, DeviceKind::Software, "software, for tests"),
    ];
    let mut all = Vec::new();
    for (first, kind, name) in kinds {
        let seed = CubeDevice::Wgpu(WgpuDevice::new(first).on(api));
        for (number, id) in CubeDevice::enumerate(seed.to_id()).into_iter().enumerate() {
            let choice = if vulkan { DeviceChoice::Vulkan(all.len()) } else { DeviceChoice::Wgpu(all.len()) };
            let description = if number > 0 { format!("{name} {number}") } else { name.to_owned() };
            let found = FoundDevice { choice, kind, description };
            all.push(Present { found, device: Device::new(CubeDevice::from_id(id)) });
        }
    }
    Some(all)
}

#[cfg(not(feature = "wgpu-plain"))]
fn adapters(_: bool) -> Option<Vec<Present>> {
    None
}
