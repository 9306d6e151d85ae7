//! What comes out of the parts of a network, for comparisons.

use burn::tensor::Tensor;

use crate::precision::full;

/// Outputs of the parts of both encoders, by name, in the order in which they are computed.
///
/// Parts are cut off from each other in the graph: the gradient of what comes out of a part is that of its own
/// parameters. So are rounding errors, which multiply along the whole network.
#[derive(Debug, Default)]
pub struct Activations(Vec<(String, Tensor<2>)>);

impl Activations {
    /// Each as `[batch, values]`, in 32 bits. Of captions without padding a row is a token.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor<2>)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Adds what comes out of a part: whoever goes on from it detaches it first.
    pub fn add<const D: usize>(&mut self, name: impl Into<String>, x: Tensor<D>) {
        let [rows, values] = [x.dims()[0], x.dims()[1..].iter().product()];
        self.0.push((name.into(), full(x).reshape([rows, values])));
    }
}
