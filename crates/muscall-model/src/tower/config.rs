//! What every tower's configuration answers.

use std::any::Any;
use std::fmt::Debug;

use burn::tensor::Device;

use crate::ModelError;
use crate::space::Description;
use crate::weights::StateDict;

/// Largest size of a layer: nobody has wider ones, and products of several do not overflow.
pub(crate) const MOST_UNITS: usize = 1 << 16;

/// Which learning rate a parameter has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ParameterGroup {
    /// None: it stays what it is.
    Frozen,
    /// It has been trained elsewhere, and has a rate of its own (`optimizer.pretrained_rate`).
    Pretrained,
    /// The recipe's.
    #[default]
    Rest,
}

/// What both kinds of towers tell of themselves. Names of parameters are those within the encoder,
/// `resnet.conv1.weight` and so on.
pub trait TowerConfig: Debug + Send + Sync + Any {
    /// # Errors
    /// [`ModelError::Config`] with the first field out of range; [`ModelError::check`] makes one.
    fn validate(&self) -> Result<(), ModelError>;

    /// Dimensions of what the encoder gives, before the projection into the joint space.
    fn output_dim(&self) -> usize;

    /// About how many parameters it has, of the sizes that have been [validated](Self::validate): so that a model which
    /// nobody can train is refused before memory is asked for. One that does not say is not counted.
    fn parameters(&self) -> f64 {
        0.0
    }

    /// About how many numbers one input leaves behind for the backward pass, where all of the encoder learns or only its
    /// [top](Self::is_top): so that a run can say what memory it takes. Nothing where nobody has counted.
    fn activations(&self, _only_top: bool) -> Option<f64> {
        None
    }

    /// Writes what decides a vector besides weights, beginning with the field `encoder`. Fields that only training
    /// looks at, such as dropout, are not written: with them an index would have to be made again.
    fn describe(&self, space: &mut Description);

    /// Probability of dropping an activation in training.
    fn dropout(&self) -> f64 {
        0.0
    }

    /// How a parameter is trained.
    fn parameter_group(&self, _name: &str) -> ParameterGroup {
        ParameterGroup::default()
    }

    /// Whether a parameter is at the top of the encoder, near its vectors: what learns where the rest of a pretrained
    /// encoder stays as it is. Nothing for an encoder of which a part cannot stay, such as one whose norms keep
    /// statistics of what they see.
    fn is_top(&self, _name: &str) -> Option<bool> {
        None
    }

    /// Weights that training starts from instead of random ones: all of the encoder's, or some.
    ///
    /// # Errors
    /// [`ModelError`] with the file that cannot be read.
    fn pretrained(&self, _device: &Device) -> Result<StateDict, ModelError> {
        Ok(StateDict::new())
    }

    /// Whether a parameter is the gain of the last norm of a residual branch. Before the first training step these may
    /// be zero, so that nothing gets into the branches; a comparison of two devices sets them to something small.
    fn is_residual_gain(&self, _name: &str) -> bool {
        false
    }
}
