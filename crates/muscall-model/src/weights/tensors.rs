//! Named tensors, wherever they are.

use std::convert::Infallible;

use super::StateDict;

/// Tensors in memory or in a file, to be looked at one after the other.
pub(crate) trait Tensors {
    /// Why one cannot be looked at.
    type Error;

    /// In the order of the alphabet.
    fn names(&self) -> Vec<&str>;

    /// Shows the values of a tensor in 32 bits, in one or more pieces.
    fn visit(&self, name: &str, see: &mut dyn FnMut(&[f32])) -> Result<(), Self::Error>;
}

impl Tensors for StateDict {
    type Error = Infallible;

    fn names(&self) -> Vec<&str> {
        self.keys().map(String::as_str).collect()
    }

    fn visit(&self, name: &str, see: &mut dyn FnMut(&[f32])) -> Result<(), Infallible> {
        if let Some(data) = self.get(name) {
            see(data.as_slice().expect("a state is of f32"));
        }
        Ok(())
    }
}
