//! The model of a student.

use muscall_model::MuscallConfig;

use crate::TrainError;
use crate::recipe::{Learns, Recipe};

impl Recipe {
    /// The recipe for a student of this teacher: the side that learns is the recipe's own, and the other one the teacher's,
    /// as are the joint space and the length of a clip.
    ///
    /// # Errors
    /// [`TrainError::Recipe`] if nothing of the recipe's model would stay the teacher's, or the teacher has no heads.
    pub fn with_teacher(mut self, teacher: &MuscallConfig) -> Result<Self, TrainError> {
        let expected = "\"audio\" or \"text\" for a student";
        let has_side = matches!(self.learns, Learns::Audio | Learns::Text);
        TrainError::check(has_side, "learns", format!("{:?}", self.learns), expected)?;
        let expected = "true: the student has a head into the teacher's space";
        TrainError::check(teacher.project, "model.project of the teacher", teacher.project, expected)?;
        let own = self.model;
        self.model = match self.learns {
            Learns::Audio => MuscallConfig {
                audio: own.audio,
                log_mel: own.log_mel,
                segments: own.segments,
                other_lengths: own.other_lengths,
                ..teacher.clone()
            },
            _ => MuscallConfig { text: own.text, ..teacher.clone() },
        };
        self.validate()?;
        Ok(self)
    }
}
