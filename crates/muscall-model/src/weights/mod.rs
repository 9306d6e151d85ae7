//! Weights by name: out of a module, into a module, and as safetensors.

#[cfg(feature = "sentence")]
pub mod clap;
mod file;
mod format;
mod import;
mod named;
pub mod pytorch;
mod released;
mod released_config;
mod running;
mod safetensors;
mod state;
mod tensors;
mod wrappers;

pub(crate) use self::file::WeightsFile;
pub use self::file::{read_safetensors, weights_file};
pub use self::format::WeightFormat;
pub(crate) use self::format::{in_steps, step_of};
pub use self::import::{Import, import_released};
pub use self::named::{ParameterMapper, ParameterVisitor, map_parameters, visit_parameters};
pub use self::released::{from_released, to_released};
pub use self::released_config::read_released_config;
pub use self::running::{RunningStatistics, running_statistics, with_running_statistics};
pub use self::safetensors::write_safetensors;
pub(crate) use self::safetensors::{Rounded, write};
pub use self::state::{StateDict, shapes_of, state_of, state_where, with_state};
pub(crate) use self::state::{check_shapes, draw_all};
pub(crate) use self::tensors::Tensors;
