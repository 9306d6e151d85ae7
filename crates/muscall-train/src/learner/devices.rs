//! One run on several devices of this machine.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;

use burn::tensor::Device;

use super::{Learner, Outcome};
use crate::TrainError;
use crate::distributed::Threads;
use crate::event::Event;
use crate::manifest::Manifest;

impl Learner {
    /// As [`fit`](Self::fit), on several devices at once: each takes its share of every batch, and a clip has the
    /// whole batch as negatives. The learner's own device is not used, unless it is among them.
    ///
    /// The listener hears of the run as if it were on one device. See
    /// [`with_communicator`](Self::with_communicator) for what batch norms do, and for several machines.
    ///
    /// # Errors
    /// As [`fit`](Self::fit); what went wrong on another device is told as if it had happened on this one.
    pub fn fit_on_devices(
        &self,
        devices: &[Device],
        train: Manifest,
        validation: Option<Manifest>,
        listener: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Outcome, TrainError> {
        let rank = |(device, member): (&Device, Threads)| {
            let mut rank = self.clone().with_communicator(Arc::new(member));
            rank.options.device = device.clone().without_autodiff();
            rank
        };
        let mut ranks = devices.iter().zip(Threads::group(devices.len())).map(rank);
        let Some(first) = ranks.next() else {
            return self.fit(train, validation, listener);
        };
        let others: Vec<Self> = ranks.collect();
        thread::scope(|scope| {
            let others: Vec<_> = others
                .into_iter()
                .map(|rank| {
                    let (train, validation) = (train.clone(), validation.clone());
                    scope.spawn(move || rank.fit(train, validation, &mut |_| ControlFlow::Continue(())))
                })
                .collect();
            let mut outcome = first.fit(train, validation, listener);
            // Who still waits for this rank hears that it is gone.
            drop(first);
            for other in others {
                let is_second_hand = matches!(outcome, Err(TrainError::RankLost { .. } | TrainError::OnRank { .. }));
                // A thread that panicked has said so itself; here it is a rank that is gone.
                if let (Ok(Err(error)), true) = (other.join(), is_second_hand)
                    && !matches!(error, TrainError::RankLost { .. } | TrainError::OnRank { .. })
                {
                    outcome = Err(error);
                }
            }
            outcome
        })
    }
}
