#![doc = include_str!("../README.md")]

#[doc(inline)]
pub use muscall_audio as audio;
#[cfg(feature = "s3")]
#[doc(inline)]
pub use muscall_bucket as bucket;
#[doc(inline)]
pub use muscall_data as data;
#[doc(inline)]
pub use muscall_engines as engines;
#[doc(inline)]
pub use muscall_files as files;
#[doc(inline)]
pub use muscall_indexing as indexing;
#[doc(inline)]
pub use muscall_library as library;
#[doc(inline)]
pub use muscall_model as model;
#[doc(inline)]
pub use muscall_retrieval as retrieval;
#[doc(inline)]
pub use muscall_train as train;
#[doc(inline)]
pub use muscall_vectors as vectors;

pub mod device;

pub use burn::tensor::Device;
pub use device::DeviceChoice;
pub use muscall_data::{Columns, DataError, Examined, Manifest, Split};
pub use muscall_model::{Muscall, MuscallConfig};
pub use muscall_retrieval::Index;
pub use muscall_train::{Event, InitialWeights, Learner, OnExisting, Recipe, TrainError, evaluate};
