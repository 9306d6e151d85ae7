//! The device, for every example that computes.

use muscall::device::{DeviceError, device_name};
use muscall::{Device, DeviceChoice};

/// `--device`, flattened into an example's arguments.
#[derive(Debug, Clone, clap::Args)]
pub struct DeviceArgument {
    /// Where to compute: cpu, cuda, cuda:N, vulkan, vulkan:N, wgpu, wgpu:N, or auto for the best GPU that is
    /// there, and otherwise the CPU. By default the variable BURN_DEVICE decides, and otherwise it is auto.
    #[arg(long, value_name = "DEVICE")]
    device: Option<DeviceChoice>,
}

impl DeviceArgument {
    fn choice(&self) -> Result<DeviceChoice, DeviceError> {
        self.device.map_or_else(DeviceChoice::from_env, Ok)
    }

    /// This device and those after it.
    #[allow(dead_code)]
    pub fn open_several(&self, count: usize) -> Result<Vec<Device>, DeviceError> {
        self.choice()?.open_several(count)
    }

    /// Opens the device, and says which one it is.
    pub fn open(&self) -> Result<Device, DeviceError> {
        let choice = self.choice()?;
        let device = choice.open()?;
        eprintln!("computing on: {} (--device {choice})", device_name(&device));
        Ok(device)
    }
}
