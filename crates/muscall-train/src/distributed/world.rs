//! The processes that a program was started with.

use std::sync::Arc;

use super::{Alone, Communicator};
use crate::TrainError;

/// Where Open MPI's `mpirun`, those of MPICH and its relatives, and SLURM's `srun` say how many there are.
const SIZES: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"];

/// The processes that `mpirun` or `srun` has started together, or this one alone.
///
/// To be called once, when all that can fail on one machine alone has been done: a process that ends before takes
/// the others with it.
///
/// # Errors
/// [`TrainError::WithoutMpi`] if there are several processes and the feature `mpi` is not compiled in: each
/// would take itself for the only one. `TrainError::MpiStarted` if it is called again.
pub fn world() -> Result<Arc<dyn Communicator>, TrainError> {
    let size = SIZES.iter().find_map(|name| std::env::var(name).ok()?.parse::<usize>().ok()).unwrap_or(1);
    if size == 1 {
        return Ok(Arc::new(Alone));
    }
    #[cfg(feature = "mpi")]
    return Ok(Arc::new(super::Mpi::start()?));
    #[cfg(not(feature = "mpi"))]
    Err(TrainError::WithoutMpi { ranks: size })
}
