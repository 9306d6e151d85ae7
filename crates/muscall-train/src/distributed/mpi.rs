//! Ranks that are processes, on one machine or many.

use std::fmt;
use std::io::Write;
use std::thread;

use mpi::datatype::PartitionMut;
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator as _, CommunicatorCollectives as _, Equivalence, Root as _};
use mpi::{Count, Threading};

use super::Communicator;
use super::communicator::sum_into;
use crate::TrainError;

/// Numbers that a rank adds up at a time: they stay in a core's cache, and are enough for a message.
const STRIPE: usize = 1 << 15;

/// Numbers or bytes of a rank that are gathered or broadcast at a time: counts are 32 bits wide.
const PIECE: usize = 1 << 20;

/// All processes of an MPI program.
///
/// Sums are taken in the order of the ranks, whatever algorithms the MPI library picks: each rank gets its stripe of
/// a bucket from all others, adds it up, and the stripes meet again. That moves as many bytes as a ring does.
///
/// MPI ends all processes when one is killed or loses its connection. A process that panics, or gives up for a reason
/// of its own, ends the others in the same way.
pub struct Mpi {
    rank: usize,
    size: usize,
    /// Ends MPI when it is dropped.
    _universe: Universe,
}

impl Mpi {
    /// Starts MPI.
    ///
    /// # Errors
    /// [`TrainError::MpiStarted`] if it has been started in this process before.
    pub fn start() -> Result<Self, TrainError> {
        // Loader threads do not call MPI.
        let (universe, _) = mpi::initialize_with_threading(Threading::Serialized).ok_or(TrainError::MpiStarted)?;
        let world = universe.world();
        let [rank, size] = [world.rank(), world.size()].map(|number| usize::try_from(number).unwrap_or_default());
        Ok(Self { rank, size, _universe: universe })
    }

    /// A handle of the library is bound to a thread; this one is made when it is needed.
    fn world(&self) -> SimpleCommunicator {
        SimpleCommunicator::world()
    }

    fn gather<T: Equivalence + Clone + Default>(&self, own: &[T]) -> Vec<Vec<T>> {
        let world = self.world();
        let mut lengths = vec![0_u64; self.size];
        world.all_gather_into(&(own.len() as u64), &mut lengths[..]);
        let lengths: Vec<usize> = lengths.into_iter().map(|length| length as usize).collect();
        let mut all: Vec<Vec<T>> = lengths.iter().map(|&length| Vec::with_capacity(length)).collect();
        let longest = lengths.iter().copied().max().unwrap_or_default();
        for start in (0..longest).step_by(PIECE) {
            let piece = |length: usize| start.min(length)..(start + PIECE).min(length);
            let counts: Vec<usize> = lengths.iter().map(|&length| piece(length).len()).collect();
            let mut received = vec![T::default(); counts.iter().sum()];
            let starts: Vec<Count> = counts
                .iter()
                .scan(0, |next, &count| {
                    let start = *next;
                    *next += count as Count;
                    Some(start)
                })
                .collect();
            let sizes: Vec<Count> = counts.iter().map(|&count| count as Count).collect();
            let mut pieces = PartitionMut::new(&mut received[..], sizes, starts);
            world.all_gather_varcount_into(&own[piece(own.len())], &mut pieces);
            let mut rest = received.as_slice();
            for (all, count) in all.iter_mut().zip(counts) {
                let (piece, left) = rest.split_at(count);
                all.extend_from_slice(piece);
                rest = left;
            }
        }
        all
    }
}

impl fmt::Debug for Mpi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mpi").field("rank", &self.rank).field("size", &self.size).finish_non_exhaustive()
    }
}

impl Communicator for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn all_gather(&self, own: &[f32]) -> Result<Vec<Vec<f32>>, TrainError> {
        Ok(self.gather(own))
    }

    fn all_gather_bytes(&self, own: &[u8]) -> Result<Vec<Vec<u8>>, TrainError> {
        Ok(self.gather(own))
    }

    fn all_reduce(&self, values: &mut [f32]) -> Result<(), TrainError> {
        let world = self.world();
        let bucket = STRIPE * self.size;
        let [mut sent, mut terms] = [(); 2].map(|()| vec![0.0_f32; bucket]);
        let mut sum = vec![0.0_f32; STRIPE];
        for bucket in values.chunks_mut(bucket) {
            // Stripes of one length: the last is filled up with zeros.
            let stripe = bucket.len().div_ceil(self.size);
            let sent = &mut sent[..stripe * self.size];
            let (terms, sum) = (&mut terms[..stripe * self.size], &mut sum[..stripe]);
            let (own, padding) = sent.split_at_mut(bucket.len());
            own.copy_from_slice(bucket);
            padding.fill(0.0);
            world.all_to_all_into(sent, terms);
            sum_into(sum, terms.chunks_exact(stripe));
            world.all_gather_into(sum, sent);
            bucket.copy_from_slice(&sent[..bucket.len()]);
        }
        Ok(())
    }

    fn broadcast(&self, values: &mut [f32]) -> Result<(), TrainError> {
        let world = self.world();
        let first = world.process_at_rank(0);
        values.chunks_mut(PIECE).for_each(|piece| first.broadcast_into(piece));
        Ok(())
    }

    fn barrier(&self) -> Result<(), TrainError> {
        self.world().barrier();
        Ok(())
    }

    fn abandon(&self, error: &TrainError) {
        if self.size > 1 {
            // The process ends here, before its program could say why.
            let _ = writeln!(std::io::stderr(), "rank {} of {}: {error}", self.rank, self.size);
            self.world().abort(1);
        }
    }
}

impl Drop for Mpi {
    fn drop(&mut self) {
        // To end MPI one waits for all others, and they wait for this rank.
        if thread::panicking() && self.size > 1 {
            self.world().abort(101);
        }
    }
}
