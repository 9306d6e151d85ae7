//! Weights by name: out of a module, into a module, and as safetensors.

mod released;
mod safetensors;
mod state;

pub use self::released::{from_released, to_released};
pub use self::safetensors::{read_safetensors, write_safetensors};
pub use self::state::{ParameterPath, StateDict, state_of, with_state};
