//! In which numbers weights are stored.

/// The numbers that matrices of a bundle are stored in. Vectors (norms, biases, statistics) take little room and stay in 32 bits.
/// Whatever a bundle holds, it computes in 32.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WeightFormat {
    /// As they were trained.
    #[default]
    F32,
    /// Half the size; vectors differ from those of 32 bits in about the third digit.
    F16,
    /// A quarter: whole steps from -127 to 127, with the size of a step for each row of a matrix, or output channel of a
    /// convolution. The steps of `name` are the tensor `name.steps`.
    I8,
}

/// Ends the name of the tensor that holds the sizes of another one's steps.
pub(super) const STEPS: &str = ".steps";
/// Largest value of a row in steps.
const MOST: f32 = 127.0;

/// The size of a step for these values.
pub(crate) fn step_of(row: &[f32]) -> f32 {
    row.iter().fold(0f32, |most, value| most.max(value.abs())) / MOST
}

/// A value in steps, to the nearest.
pub(crate) fn in_steps(value: f32, step: f32) -> i8 {
    if step > 0.0 { (value / step).round() as i8 } else { 0 }
}

impl WeightFormat {
    /// What a row of values is once it has been stored.
    pub(super) fn rounded(self, row: &[f32]) -> Vec<f32> {
        match self {
            Self::F32 => row.to_vec(),
            Self::F16 => row.iter().map(|value| half::f16::from_f32(*value).to_f32()).collect(),
            Self::I8 => {
                let step = step_of(row);
                row.iter().map(|value| f32::from(in_steps(*value, step)) * step).collect()
            }
        }
    }

    /// Whether a value can be stored at all: the others lose digits, this one its meaning.
    pub(super) fn takes(self, value: f32) -> bool {
        match self {
            Self::F32 => true,
            Self::F16 => !value.is_finite() || half::f16::from_f32(value).is_finite(),
            Self::I8 => value.is_finite(),
        }
    }
}
