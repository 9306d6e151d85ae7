//! What the learner says to the other ranks: errors travel with everything, so that none waits for one that
//! has stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use burn::tensor::TensorData;
use muscall_model::weights::StateDict;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Communicator;
use crate::TrainError;

/// First byte of a message.
const FINE: u8 = 0;
const FAILED: u8 = 1;

/// The ranks of a run.
#[derive(Debug)]
pub(crate) struct Ranks {
    communicator: Arc<dyn Communicator>,
    nanoseconds: AtomicU64,
    all_know: AtomicBool,
}

impl Ranks {
    pub(crate) fn new(communicator: Arc<dyn Communicator>) -> Self {
        Self { communicator, nanoseconds: AtomicU64::new(0), all_know: AtomicBool::new(false) }
    }

    pub(crate) fn rank(&self) -> usize {
        self.communicator.rank()
    }

    pub(crate) fn size(&self) -> usize {
        self.communicator.size()
    }

    /// Whether this is the one that writes and speaks.
    pub(crate) fn is_first(&self) -> bool {
        self.rank() == 0
    }

    fn is_alone(&self) -> bool {
        self.size() == 1
    }

    /// How long this rank has exchanged and waited for others so far.
    pub(crate) fn exchanged(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }

    fn timed<T>(&self, exchange: impl FnOnce(&dyn Communicator) -> T) -> T {
        let start = Instant::now();
        let result = exchange(&*self.communicator);
        self.nanoseconds.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        result
    }

    /// This rank ends with an error. Those who do not have it from an exchange must hear of it.
    pub(crate) fn give_up(&self, error: &TrainError) {
        if !self.is_alone() && !self.all_know.load(Ordering::Relaxed) {
            self.communicator.abandon(error);
        }
    }

    /// The messages of all ranks; an error of one is an error of all.
    fn exchange(&self, own: &[u8]) -> Result<Vec<Vec<u8>>, TrainError> {
        let message = [&[FINE], own].concat();
        let all = self.timed(|communicator| communicator.all_gather_bytes(&message))?;
        if let Some(rank) = all.iter().position(|message| message.first() != Some(&FINE)) {
            self.all_know.store(true, Ordering::Relaxed);
            let message = String::from_utf8_lossy(all[rank].get(1..).unwrap_or_default()).into_owned();
            return Err(TrainError::OnRank { rank, message });
        }
        Ok(all.into_iter().map(|message| message[1..].to_vec()).collect())
    }

    /// Tells the others of an error, in place of the message that they wait for.
    fn tell(&self, error: TrainError) -> TrainError {
        let message = [&[FAILED], error.to_string().as_bytes()].concat();
        let told = self.timed(|communicator| communicator.all_gather_bytes(&message));
        self.all_know.store(told.is_ok(), Ordering::Relaxed);
        error
    }

    /// What all ranks say of their own, by rank.
    pub(crate) fn gather<T, N: Serialize + DeserializeOwned>(
        &self,
        own: Result<T, TrainError>,
        note: impl FnOnce(&T) -> N,
    ) -> Result<(T, Vec<N>), TrainError> {
        let own = match own {
            Ok(own) => own,
            Err(error) if self.is_alone() => return Err(error),
            Err(error) => return Err(self.tell(error)),
        };
        let note = note(&own);
        if self.is_alone() {
            return Ok((own, vec![note]));
        }
        let all = self.exchange(&encode(&note))?;
        let notes = all.iter().enumerate().map(|(rank, message)| decode(rank, message));
        Ok((own, notes.collect::<Result<_, _>>()?))
    }

    /// The value of rank 0.
    pub(crate) fn share<T: Serialize + DeserializeOwned>(&self, own: Result<T, TrainError>) -> Result<T, TrainError> {
        if self.is_alone() {
            return own;
        }
        let first = self.is_first();
        let own = match own {
            Ok(own) => own,
            Err(error) => return Err(self.tell(error)),
        };
        let all = self.exchange(&if first { encode(&own) } else { Vec::new() })?;
        if first { Ok(own) } else { decode(0, &all[0]) }
    }

    /// Goes on where all ranks can.
    pub(crate) fn agree<T>(&self, own: Result<T, TrainError>) -> Result<T, TrainError> {
        if self.is_alone() {
            return own;
        }
        match own {
            Ok(own) => self.exchange(&[]).map(|_| own),
            Err(error) => Err(self.tell(error)),
        }
    }

    /// What only rank 0 does, while the others wait for it.
    pub(crate) fn first<T>(&self, work: impl FnOnce() -> Result<T, TrainError>) -> Result<Option<T>, TrainError> {
        let done = if self.is_first() { work().map(Some) } else { Ok(None) };
        self.agree(done)
    }

    /// Fails unless all ranks have the same.
    pub(crate) fn check_same(&self, what: &'static str, own: &str) -> Result<(), TrainError> {
        let ((), all) = self.gather(Ok(()), |()| own.to_owned())?;
        match all.iter().position(|other| *other != all[0]) {
            None => Ok(()),
            Some(rank) => {
                self.all_know.store(true, Ordering::Relaxed);
                Err(TrainError::RanksDiffer { rank, what })
            }
        }
    }

    /// Numbers of all ranks, by rank.
    pub(crate) fn all_gather(&self, own: &[f32]) -> Result<Vec<Vec<f32>>, TrainError> {
        self.timed(|communicator| communicator.all_gather(own))
    }

    /// Sums over all ranks.
    pub(crate) fn all_reduce(&self, values: &mut [f32]) -> Result<(), TrainError> {
        self.timed(|communicator| communicator.all_reduce(values))
    }

    /// The tensors of rank 0. The other ranks need not know which there are.
    pub(crate) fn share_state(&self, own: Option<StateDict>) -> Result<StateDict, TrainError> {
        let own = own.unwrap_or_default();
        if self.is_alone() {
            return Ok(own);
        }
        let shapes: Vec<(String, Vec<usize>)> =
            own.iter().map(|(name, data)| (name.clone(), data.shape().as_slice().to_vec())).collect();
        let shapes = self.share(Ok(shapes))?;
        let mut shared = StateDict::new();
        for (name, shape) in shapes {
            let mut values = match own.get(&name).filter(|_| self.is_first()) {
                Some(data) => data.clone().convert::<f32>().try_into_vec::<f32>().expect("converted to f32"),
                None => vec![0.0; shape.iter().product()],
            };
            self.timed(|communicator| communicator.broadcast(&mut values))?;
            shared.insert(name, TensorData::new(values, shape));
        }
        Ok(shared)
    }
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("a message of ours has string keys")
}

fn decode<T: DeserializeOwned>(rank: usize, message: &[u8]) -> Result<T, TrainError> {
    serde_json::from_slice(message).map_err(|_| TrainError::RanksDiffer { rank, what: "version of the program" })
}
