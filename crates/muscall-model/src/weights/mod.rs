//! Weights by name: out of a module, into a module, and as safetensors.

mod import;
pub mod pytorch;
mod released;
mod released_config;
mod safetensors;
mod state;

pub use self::import::{Import, import_released};
pub use self::released::{from_released, to_released};
pub use self::released_config::read_released_config;
pub use self::safetensors::{read_safetensors, write_safetensors};
pub(crate) use self::state::fingerprint;
pub use self::state::{ParameterPath, StateDict, running_statistics, state_of, with_running_statistics, with_state};
