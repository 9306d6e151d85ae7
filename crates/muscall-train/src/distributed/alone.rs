//! A group of one.

use super::Communicator;
use crate::TrainError;

/// One device in one process: nothing is exchanged.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Communicator for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn all_gather(&self, own: &[f32]) -> Result<Vec<Vec<f32>>, TrainError> {
        Ok(vec![own.to_vec()])
    }

    fn all_gather_bytes(&self, own: &[u8]) -> Result<Vec<Vec<u8>>, TrainError> {
        Ok(vec![own.to_vec()])
    }

    fn all_reduce(&self, _: &mut [f32]) -> Result<(), TrainError> {
        Ok(())
    }

    fn broadcast(&self, _: &mut [f32]) -> Result<(), TrainError> {
        Ok(())
    }

    fn barrier(&self) -> Result<(), TrainError> {
        Ok(())
    }

    fn abandon(&self, _: &TrainError) {}
}
