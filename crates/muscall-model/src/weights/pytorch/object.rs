//! What a pickle may make: plain data, and what a closed list of constructors gives.

use super::value::{ElementType, Value};

/// The place of an object in the arena.
pub(super) type Id = usize;

/// An object of the machine. Containers hold places in the arena, so that sharing costs nothing.
#[derive(Debug, Clone)]
pub(super) enum Object {
    Plain(Value),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A number of numpy's, such as a learning rate, or a part of one, or a program's arguments: what it holds is not kept.
    Inert,
    /// One of the known constructors.
    Constructor(Constructor),
    Storage {
        entry: String,
        kind: ElementType,
    },
}

/// A place on the machine's stack.
pub(super) enum Slot {
    Mark,
    Object(Id),
}

/// The calls that a checkpoint may ask for; each makes data.
#[derive(Debug, Clone, Copy)]
pub(super) enum Constructor {
    OrderedDict,
    Tensor,
    Parameter,
    Size,
    /// What makes an inert object.
    Inert,
    Storage(ElementType),
}

impl Constructor {
    /// The closed list.
    pub(super) fn known(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Self::Tensor,
            ("torch._utils", "_rebuild_parameter") => Self::Parameter,
            ("torch", "Size") => Self::Size,
            ("numpy", "dtype") | ("_codecs", "encode") => Self::Inert,
            // The arguments of the program that saved it.
            ("argparse", "Namespace") | ("pathlib", "PosixPath" | "WindowsPath") => Self::Inert,
            ("pathlib._local", "PosixPath" | "WindowsPath") => Self::Inert,
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Self::Inert,
            ("torch" | "torch.storage", class) => Self::Storage(ElementType::of_storage(class)?),
            _ => return None,
        })
    }
}
