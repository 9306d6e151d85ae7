//! What decides the vectors of a tower, as a text that means the same in every version.

use bytemuck::cast_slice;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::weights::Tensors;

/// Lines of `name=value`, in the order in which they are written.
///
/// A description must not change unless the vectors do, so nothing in it comes from `Debug` or from a default of
/// today: a field that is always there is written by [`field`](Self::field); one that is added later is written by
/// [`unless`](Self::unless), with the value that vectors had before there was a choice, and moves no name at that value.
/// What only training looks at, or only says how fast or how precisely to compute, is not written at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description(String);

/// How a value is written.
pub trait Value: PartialEq {
    /// As a line of its own, without the line's end.
    fn write(&self) -> String;
}

impl Value for usize {
    fn write(&self) -> String {
        self.to_string()
    }
}

/// By its bits, which no library rounds or spells in another way.
impl Value for f64 {
    fn write(&self) -> String {
        format!("{:016x}", self.to_bits())
    }
}

/// Of a closed set, or a hash.
impl Value for &str {
    fn write(&self) -> String {
        debug_assert!(!self.contains('\n'), "`{self}` would be two lines");
        (*self).to_owned()
    }
}

impl Description {
    /// Of a part of this kind. A number behind the kind is raised when the same fields come to give other vectors.
    pub(crate) fn new(kind: &str) -> Self {
        Self(format!("muscall {kind}\n"))
    }

    /// Adds a field whatever its value.
    pub fn field(&mut self, name: &str, value: impl Value) {
        let start = format!("{name}=");
        debug_assert!(!self.0.lines().any(|line| line.starts_with(&start)), "two fields are called `{name}`");
        self.0.push_str(&start);
        self.0.push_str(&value.write());
        self.0.push('\n');
    }

    /// Adds a field unless it has the value that vectors had before there was such a field.
    pub fn unless<V: Value>(&mut self, usual: V, name: &str, value: V) {
        if value != usual {
            self.field(name, value);
        }
    }

    /// The text.
    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// A hash of this and of the tensors whose names are wanted.
    pub(crate) fn hash<T: Tensors>(&self, tensors: &T, is_wanted: impl Fn(&str) -> bool) -> Result<u64, T::Error> {
        let mut hash = Xxh3::new();
        hash.update(self.0.as_bytes());
        for name in tensors.names().into_iter().filter(|name| is_wanted(name)) {
            hash.update(name.as_bytes());
            hash.update(&[0]);
            tensors.visit(name, &mut |values| hash.update(cast_slice(values)))?;
        }
        Ok(hash.digest())
    }

    /// A hash of this alone.
    pub(crate) fn text_hash(&self) -> u64 {
        xxh3_64(self.0.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;
    use crate::weights::StateDict;

    fn hash(description: &Description) -> u64 {
        description.text_hash()
    }

    fn with_tensors(description: &Description, tensors: &[(&str, &[f32])]) -> u64 {
        let tensors: StateDict =
            tensors.iter().map(|(name, data)| ((*name).to_owned(), TensorData::from(*data))).collect();
        let Ok(hash) = description.hash(&tensors, |_| true);
        hash
    }

    #[test]
    fn the_text_and_its_hash_are_for_ever() {
        let mut space = Description::new("stand-in 1");
        space.field("width", 16);
        space.field("clip_s", 1.5);
        space.unless("mean", "pooling", "last");
        assert_eq!(space.text(), "muscall stand-in 1\nwidth=16\nclip_s=3ff8000000000000\npooling=last\n");
        assert_eq!(format!("{:016x}", hash(&space)), "688dee57c992070d");
        let hashed = with_tensors(&space, &[("a", &[1.0, 2.0]), ("b", &[0.5])]);
        assert_eq!(format!("{hashed:016x}"), "e39149190e580dfe");
    }

    /// A tower as it is today, and as it is when its configuration has gained a field.
    #[test]
    fn a_field_that_is_added_moves_no_name_at_its_default() {
        struct Today {
            width: usize,
        }
        struct Tomorrow {
            width: usize,
            scale: f64,
            pooling: &'static str,
        }
        let today = |tower: &Today| {
            let mut space = Description::new("stand-in 1");
            space.field("width", tower.width);
            space
        };
        let tomorrow = |tower: &Tomorrow| {
            let mut space = Description::new("stand-in 1");
            space.field("width", tower.width);
            space.unless(1.0, "scale", tower.scale);
            space.unless("mean", "pooling", tower.pooling);
            space
        };
        let before = hash(&today(&Today { width: 8 }));
        assert_eq!(hash(&tomorrow(&Tomorrow { width: 8, scale: 1.0, pooling: "mean" })), before);
        assert_ne!(hash(&tomorrow(&Tomorrow { width: 8, scale: 2.0, pooling: "mean" })), before);
        assert_ne!(hash(&tomorrow(&Tomorrow { width: 8, scale: 1.0, pooling: "last" })), before);
        assert_ne!(hash(&tomorrow(&Tomorrow { width: 9, scale: 1.0, pooling: "mean" })), before);
    }

    #[test]
    fn tensors_do_not_run_into_each_other() {
        let hash = |tensors: &[(&str, &[f32])]| with_tensors(&Description::new("a"), tensors);
        let whole = hash(&[("a", &[1.0, 2.0]), ("b", &[])]);
        assert_ne!(whole, hash(&[("a", &[1.0]), ("b", &[2.0])]));
        assert_ne!(whole, hash(&[("a", &[2.0, 1.0]), ("b", &[])]));
        assert_ne!(whole, hash(&[("b", &[1.0, 2.0]), ("a", &[])]));
    }
}
