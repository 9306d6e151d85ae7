//! The device, for every program that computes.

use muscall::device::{DeviceError, device_name};
use muscall::{Device, DeviceChoice};

/// `--device`, flattened into a program's arguments.
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
    ///
    /// # Errors
    /// If one is not there.
    pub fn open_several(&self, count: usize) -> Result<Vec<Device>, DeviceError> {
        self.choice()?.open_several(count)
    }

    /// Opens the device, and says nothing.
    ///
    /// # Errors
    /// If it is not there.
    pub fn open_quietly(&self) -> Result<Device, DeviceError> {
        self.choice()?.open()
    }

    /// Opens the device, and says which one it is.
    ///
    /// # Errors
    /// If it is not there.
    pub fn open(&self) -> Result<Device, DeviceError> {
        let choice = self.choice()?;
        let device = choice.open()?;
        eprintln!("computing on: {} (--device {choice})", device_name(&device));
        Ok(device)
    }
}
