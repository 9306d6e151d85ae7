//! Ranks that are threads of one process.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Communicator;
use super::communicator::sum_into;
use super::parts::share;
use crate::TrainError;

/// Numbers that are reduced at a time: the group holds two copies of them a rank.
const BUCKET: usize = 1 << 20;

/// A member of a group of threads. One that is dropped, also by a panic, leaves an error to those
/// that wait for it.
#[derive(Debug)]
pub struct Threads {
    rank: usize,
    group: Arc<Group>,
}

/// Where the members meet.
#[derive(Debug)]
struct Group {
    size: usize,
    meeting: Mutex<Meeting>,
    changed: Condvar,
}

/// What a member brings.
#[derive(Debug)]
enum Brought {
    Bytes(Vec<u8>),
    Values(Vec<f32>),
}

#[derive(Debug, Default)]
struct Meeting {
    /// Meetings that took place.
    held: u64,
    /// What those who are here have brought, by rank.
    brought: Vec<Option<Brought>>,
    /// What was brought to the last one, until everybody has it.
    all: Arc<Vec<Brought>>,
    /// Members that do not have it yet.
    leaving: usize,
    /// The first member that is gone.
    lost: Option<usize>,
}

impl Threads {
    /// The members of a new group, by rank; each goes to a thread of its own.
    pub fn group(size: usize) -> Vec<Self> {
        let brought = (0..size).map(|_| None).collect();
        let meeting = Mutex::new(Meeting { brought, ..Meeting::default() });
        let group = Arc::new(Group { size, meeting, changed: Condvar::new() });
        (0..size).map(|rank| Self { rank, group: group.clone() }).collect()
    }

    fn meeting(&self) -> MutexGuard<'_, Meeting> {
        // Nothing is half done where a panic could happen.
        self.group.meeting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while<'a>(
        &'a self,
        meeting: MutexGuard<'a, Meeting>,
        is_too_early: impl Fn(&Meeting) -> bool,
    ) -> MutexGuard<'a, Meeting> {
        let is_too_early = |meeting: &mut Meeting| meeting.lost.is_none() && is_too_early(meeting);
        self.group.changed.wait_while(meeting, is_too_early).unwrap_or_else(PoisonError::into_inner)
    }

    fn lost(&self, rank: usize) -> TrainError {
        TrainError::RankLost { rank, ranks: self.group.size }
    }

    /// Brings something, and gets what everybody has brought.
    fn meet(&self, own: Brought) -> Result<Arc<Vec<Brought>>, TrainError> {
        let mut meeting = self.wait_while(self.meeting(), |meeting| meeting.leaving > 0);
        if let Some(rank) = meeting.lost {
            return Err(self.lost(rank));
        }
        meeting.brought[self.rank] = Some(own);
        let held = meeting.held;
        if meeting.brought.iter().all(Option::is_some) {
            let all = meeting.brought.iter_mut().filter_map(Option::take).collect();
            meeting.all = Arc::new(all);
            meeting.held += 1;
            meeting.leaving = self.group.size;
            self.group.changed.notify_all();
        } else {
            meeting = self.wait_while(meeting, |meeting| meeting.held == held);
            // Who has everything needs nobody any more.
            if let Some(rank) = meeting.lost.filter(|_| meeting.held == held) {
                return Err(self.lost(rank));
            }
        }
        let all = meeting.all.clone();
        meeting.leaving -= 1;
        if meeting.leaving == 0 {
            meeting.all = Arc::default();
            self.group.changed.notify_all();
        }
        Ok(all)
    }
}

impl Brought {
    fn bytes(&self, rank: usize) -> Result<&[u8], TrainError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Values(_) => Err(TrainError::RanksDiffer { rank, what: "order of exchanges" }),
        }
    }

    fn values(&self, rank: usize, expected: Option<usize>) -> Result<&[f32], TrainError> {
        match self {
            Self::Values(values) if expected.is_none_or(|expected| values.len() == expected) => Ok(values),
            _ => Err(TrainError::RanksDiffer { rank, what: "order of exchanges" }),
        }
    }
}

impl Communicator for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.group.size
    }

    fn all_gather(&self, own: &[f32]) -> Result<Vec<Vec<f32>>, TrainError> {
        let all = self.meet(Brought::Values(own.to_vec()))?;
        all.iter().enumerate().map(|(rank, brought)| Ok(brought.values(rank, None)?.to_vec())).collect()
    }

    fn all_gather_bytes(&self, own: &[u8]) -> Result<Vec<Vec<u8>>, TrainError> {
        let all = self.meet(Brought::Bytes(own.to_vec()))?;
        all.iter().enumerate().map(|(rank, brought)| Ok(brought.bytes(rank)?.to_vec())).collect()
    }

    fn all_reduce(&self, values: &mut [f32]) -> Result<(), TrainError> {
        for bucket in values.chunks_mut(BUCKET) {
            // Each adds up a stripe of its own; then the stripes meet.
            let (len, ranks) = (bucket.len(), self.group.size);
            let stripe = |rank| share(len, rank, ranks);
            let own = stripe(self.rank);
            let all = self.meet(Brought::Values(bucket.to_vec()))?;
            let mut terms = Vec::with_capacity(all.len());
            for (rank, brought) in all.iter().enumerate() {
                terms.push(&brought.values(rank, Some(len))?[own.clone()]);
            }
            let mut sum = vec![0.0; own.len()];
            sum_into(&mut sum, terms.into_iter());
            drop(all);
            let sums = self.meet(Brought::Values(sum))?;
            for (rank, sum) in sums.iter().enumerate() {
                let place = stripe(rank);
                let sum = sum.values(rank, Some(place.len()))?;
                bucket[place].copy_from_slice(sum);
            }
        }
        Ok(())
    }

    fn broadcast(&self, values: &mut [f32]) -> Result<(), TrainError> {
        let own = if self.rank == 0 { values.to_vec() } else { Vec::new() };
        let all = self.meet(Brought::Values(own))?;
        if self.rank != 0 {
            values.copy_from_slice(all[0].values(0, Some(values.len()))?);
        }
        Ok(())
    }

    fn barrier(&self) -> Result<(), TrainError> {
        self.meet(Brought::Bytes(Vec::new())).map(|_| ())
    }

    fn abandon(&self, _: &TrainError) {
        self.meeting().lost.get_or_insert(self.rank);
        self.group.changed.notify_all();
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.meeting().lost.get_or_insert(self.rank);
        self.group.changed.notify_all();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    use super::*;

    /// What each rank returns, by rank.
    fn on_ranks<T: Send>(size: usize, work: impl Fn(Threads) -> T + Sync) -> Vec<T> {
        thread::scope(|scope| {
            let work = &work;
            let members = Threads::group(size).into_iter();
            let threads: Vec<_> = members.map(|member| scope.spawn(move || work(member))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn ranks_see_what_the_others_have() {
        for size in [1, 2, 5] {
            on_ranks(size, |member| {
                let rank = member.rank();
                for round in 0..50 {
                    let all = member.all_gather(&vec![rank as f32; (rank + round) % 4]).unwrap();
                    let expected: Vec<_> = (0..size).map(|other| vec![other as f32; (other + round) % 4]).collect();
                    assert_eq!(all, expected);
                    let all = member.all_gather_bytes(&[rank as u8, round as u8]).unwrap();
                    assert_eq!(all[size - 1], [size as u8 - 1, round as u8]);
                    let mut values = vec![(rank + round) as f32; 3];
                    member.broadcast(&mut values).unwrap();
                    assert_eq!(values, [round as f32; 3]);
                    member.barrier().unwrap();
                }
            });
        }
    }

    #[test]
    fn sums_are_taken_in_the_order_of_the_ranks() {
        // More than a bucket, and no multiple of the ranks.
        let len = BUCKET + 1001;
        let term = |rank: usize, i: usize| ((i * 7919 + rank * 104_729) % 1000) as f32 * 1e-3 + rank as f32 * 1e4;
        let sums = on_ranks(3, |member| {
            let mut values: Vec<f32> = (0..len).map(|i| term(member.rank(), i)).collect();
            member.all_reduce(&mut values).unwrap();
            values
        });
        let expected: Vec<f32> = (0..len).map(|i| (term(0, i) + term(1, i)) + term(2, i)).collect();
        assert!(sums.iter().all(|sum| *sum == expected));
        on_ranks(4, |member| member.all_reduce(&mut []).unwrap());
    }

    #[test]
    fn who_leaves_or_panics_keeps_nobody_waiting() {
        let leave: [fn(Threads); 3] = [
            |member| drop(member),
            |member| {
                let panic = catch_unwind(AssertUnwindSafe(move || {
                    let _member = member;
                    panic!("on purpose");
                }));
                assert!(panic.is_err());
            },
            |member| member.abandon(&TrainError::RankLost { rank: 1, ranks: 3 }),
        ];
        for leave in leave {
            let errors = on_ranks(3, |member| {
                member.barrier().unwrap();
                if member.rank() == 1 {
                    leave(member);
                    return None;
                }
                let mut values = vec![0.0; 10];
                let first = member.all_reduce(&mut values).unwrap_err();
                assert!(member.barrier().is_err());
                Some(first)
            });
            for error in [&errors[0], &errors[2]] {
                assert!(matches!(error, Some(TrainError::RankLost { rank: 1, ranks: 3 })), "{error:?}");
            }
        }
    }

    #[test]
    fn ranks_in_another_place_of_the_program_are_an_error() {
        let errors = on_ranks(2, |member| match member.rank() {
            0 => member.all_reduce(&mut [1.0; 4]).unwrap_err(),
            _ => member.all_reduce(&mut [1.0; 5]).unwrap_err(),
        });
        assert!(errors.iter().any(|error| matches!(error, TrainError::RanksDiffer { .. })), "{errors:?}");
    }
}
