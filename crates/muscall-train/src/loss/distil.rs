//! A student that learns where its teacher puts things.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{PairBatch, PairLoss};
use crate::TrainError;

/// Least spread of a batch, so that a teacher that makes the same of everything divides nothing by zero.
const LEAST_SPREAD: f64 = 1e-9;

/// Which side of a pair is the teacher's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TeacherSide {
    /// What it makes of the same audio stands where captions do.
    #[default]
    Text,
    /// What it makes of the same captions stands where clips do.
    Audio,
}

/// Distillation: each vector of the student is to be that of its teacher, and the vectors of a batch are to lie towards each
/// other as the teacher's do.
///
/// Both are measured against the spread of the teacher's vectors around their mean in the batch: 0 is a perfect student, and
/// 1 one that gives the mean for everything.
///
/// # Source
/// Romero et al. 2015 (FitNets) for the vectors, Park et al. 2019 (relational knowledge distillation) for the relations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DistilLoss {
    /// Which side is the teacher's.
    pub teacher: TeacherSide,
    /// What relations count, where vectors count 1.
    pub relations: f64,
}

impl Default for DistilLoss {
    fn default() -> Self {
        Self { teacher: TeacherSide::default(), relations: 0.5 }
    }
}

#[typetag::serde(name = "distil")]
impl PairLoss for DistilLoss {
    fn validate(&self) -> Result<(), TrainError> {
        let valid = self.relations >= 0.0 && self.relations.is_finite();
        TrainError::check(valid, "loss.relations", self.relations, "at least 0")
    }

    fn forward(&self, batch: &PairBatch, _seed: u64) -> Tensor<1> {
        assert_eq!(batch.tracks(), batch.captions(), "one vector of the teacher for each of the student");
        let (student, teacher) = match self.teacher {
            TeacherSide::Text => (batch.audio.clone(), batch.text.clone()),
            TeacherSide::Audio => (batch.text.clone(), batch.audio.clone()),
        };
        let teacher = teacher.detach();
        let mean = teacher.clone().mean_dim(0); // [1, dim]
        let centred = teacher.clone() - mean.clone();
        let spread = (centred.clone().square()).sum() + LEAST_SPREAD;
        let vectors = (student.clone() - teacher).square().sum() / spread;
        if self.relations == 0.0 {
            return vectors;
        }
        let gram = |x: Tensor<2>| x.clone().matmul(x.transpose()); // [tracks, tracks]
        let right = gram(centred);
        let spread = right.clone().square().sum() + LEAST_SPREAD * LEAST_SPREAD;
        let relations = (gram(student - mean) - right).square().sum() / spread;
        vectors + relations * self.relations
    }

    /// What a student that gives the mean for everything has.
    fn at_chance(&self, _tracks: usize, _captions: usize) -> Option<f64> {
        Some(1.0 + self.relations)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn loss(student: [[f32; 2]; 3], teacher: [[f32; 2]; 3], how: DistilLoss) -> f32 {
        let rows = |rows: [[f32; 2]; 3]| Tensor::<2>::from_floats(rows, &Device::flex());
        let scale = Tensor::from_data([1.0_f32], &Device::flex());
        how.forward(&PairBatch::paired(rows(student), rows(teacher), scale), 0).into_scalar::<f32>()
    }

    const TEACHER: [[f32; 2]; 3] = [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]];

    #[test]
    fn a_perfect_student_has_none_and_one_that_gives_the_mean_is_at_chance() {
        let how = DistilLoss::default();
        assert!(loss(TEACHER, TEACHER, how).abs() < 1e-6);
        let mean = [[1.6 / 3.0, 1.8 / 3.0]; 3];
        let chance = how.at_chance(3, 3).unwrap_or_default() as f32;
        assert!((loss(mean, TEACHER, how) - chance).abs() < 1e-5);
        // The other way round it is the student that stands where captions do.
        let other = DistilLoss { teacher: TeacherSide::Audio, ..how };
        assert_eq!(loss(TEACHER, mean, other), loss(mean, TEACHER, how));
    }

    #[test]
    fn vectors_and_relations_count_as_the_recipe_says() {
        let student = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]];
        let [alone, both] =
            [0.0, 2.0].map(|relations| loss(student, TEACHER, DistilLoss { relations, ..DistilLoss::default() }));
        // By hand: 0.16 + 0.64 of a spread of 0.5067 + 0.5867 - …
        let mean = [1.6_f32 / 3.0, 1.8 / 3.0];
        let centred = TEACHER.map(|[x, y]| [x - mean[0], y - mean[1]]);
        let spread: f32 = centred.iter().flatten().map(|x| x * x).sum();
        assert!((alone - 0.8 / spread).abs() < 1e-5, "{alone}");
        let off = student.map(|[x, y]| [x - mean[0], y - mean[1]]);
        let gram = |rows: [[f32; 2]; 3], i: usize, j: usize| rows[i][0] * rows[j][0] + rows[i][1] * rows[j][1];
        let (mut apart, mut all) = (0.0, 0.0);
        for i in 0..3 {
            for j in 0..3 {
                apart += (gram(off, i, j) - gram(centred, i, j)).powi(2);
                all += gram(centred, i, j).powi(2);
            }
        }
        assert!((both - alone - 2.0 * apart / all).abs() < 1e-5, "{both}");
    }
}
