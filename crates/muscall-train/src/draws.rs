//! Who draws random numbers on a device.

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::Device;

static DRAWS: Mutex<()> = Mutex::new(());

/// Seeds a device, and keeps others from seeding or drawing until the guard is dropped: burn has one
/// random state a backend in a process, however many threads and devices there are.
pub(crate) fn seeded(device: &Device, seed: u64) -> MutexGuard<'static, ()> {
    let guard = DRAWS.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(seed);
    guard
}
