//! Configurations of kinds that other programs can add to.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A trait object that is written into files and read back, shared by its clones.
///
/// `T` is the object of a trait under `#[typetag::serde(tag = "kind")]`. Which kinds there are is known when a program
/// is linked: those of this library, and those of the program. A kind that is not among them is an error that names
/// those that are.
#[derive(Debug)]
pub struct OpenKind<T: ?Sized>(Arc<T>);

impl<T: ?Sized> OpenKind<T> {
    /// Of an object.
    pub fn new(object: Arc<T>) -> Self {
        Self(object)
    }
}

impl<T: ?Sized> Clone for OpenKind<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: ?Sized> Deref for OpenKind<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Equal if they are written alike.
impl<T: ?Sized + Serialize> PartialEq for OpenKind<T> {
    fn eq(&self, other: &Self) -> bool {
        let written = |object: &Self| serde_json::to_value(&**object).ok();
        Arc::ptr_eq(&self.0, &other.0) || written(self).is_some_and(|own| Some(own) == written(other))
    }
}

impl<T: ?Sized + Serialize> Serialize for OpenKind<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: ?Sized> Deserialize<'de> for OpenKind<T>
where
    Box<T>: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Box::deserialize(deserializer)?.into()))
    }
}
