//! The audio branch: log-mel to one vector.

mod attention_pool;
mod batch;
mod crnn;
mod htsat;
mod interpolation;
mod resnet;
mod resnet_encoder;

pub use attention_pool::AttentionPool;
pub use batch::AudioBatch;
pub use crnn::{Crnn, CrnnConfig};
pub use htsat::{Htsat, HtsatConfig};
pub(crate) use interpolation::interpolation;
pub use resnet::ResNet;
pub use resnet_encoder::{Pooling, ResNetConfig, ResNetEncoder};

pub use crate::tower::{AudioEncoder, AudioEncoderConfig};
