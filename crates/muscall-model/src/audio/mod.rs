//! The audio branch: log-mel to one vector.

mod attention_pool;
mod batch;
mod crnn;
pub(crate) mod htsat;
mod interpolation;
mod resnet;
mod resnet_encoder;

pub(crate) use attention_pool::AttentionPool;
pub use batch::AudioBatch;
pub use crnn::CrnnConfig;
pub use htsat::HtsatConfig;
pub(crate) use interpolation::interpolation;
pub(crate) use resnet::ResNet;
pub use resnet_encoder::{Pooling, ResNetConfig};

pub use crate::tower::{AudioEncoder, AudioEncoderConfig};
