//! One run on several devices or machines.
//!
//! Every *rank* loads and embeds its share of each batch; the embeddings meet, so that a clip has
//! the whole batch as negatives; every rank takes the same loss, and goes back through its own clips; the
//! gradients are added up, and all ranks take the same step. It is the gradient cache with parts on
//! other devices: `N` ranks give the numbers of one with `N` micro-batches.
//!
//! What carries the numbers is a [`Communicator`]: [`Threads`] for the devices of one process, `Mpi`
//! (feature `mpi`) for processes, on one machine or many.

mod alone;
mod communicator;
mod gradients;
#[cfg(feature = "mpi")]
mod mpi;
mod norms;
mod notes;
mod parts;
mod ranks;
mod reduce;
mod threads;
mod world;

pub use alone::Alone;
pub use communicator::Communicator;
#[cfg(feature = "mpi")]
pub use mpi::Mpi;
pub use threads::Threads;
pub use world::world;

pub(crate) use norms::SharedNorms;
pub(crate) use notes::{ItemNote, ShareNote, SharedBatch};
pub(crate) use parts::Division;
pub(crate) use ranks::Ranks;
pub(crate) use reduce::reduce;
