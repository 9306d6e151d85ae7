//! The calls that a checkpoint may ask for: a closed list, and each makes data.

use super::PytorchError;
use super::object::{Constructor, Id, Object, Slot};
use super::pickle::Machine;
use super::value::{TensorRef, Value};

/// Most dimensions of a tensor.
const MOST_DIMENSIONS: usize = 32;
/// Longest name of a storage or of a constructor, in bytes.
const LONGEST_NAME: usize = 1024;

impl Machine<'_> {
    pub(super) fn constructor(&mut self, module: &str, name: &str) -> Result<(), PytorchError> {
        let Some(constructor) = Constructor::known(module, name) else {
            return Err(PytorchError::Global { path: self.path.to_owned(), name: format!("{module}.{name}") });
        };
        self.push(Object::Constructor(constructor))
    }

    /// `('storage', class, key, device, elements)`.
    pub(super) fn persistent(&mut self) -> Result<(), PytorchError> {
        let id = self.pop()?;
        let items = self.tuple(id)?;
        let [tag, class, key, ..] = items[..] else {
            return Err(self.error("a reference that is not a storage"));
        };
        let Object::Constructor(Constructor::Storage(kind)) = self.arena[class] else {
            return Err(self.error("a storage without a type"));
        };
        if self.string(tag)? != "storage" {
            return Err(self.error("a reference that is not a storage"));
        }
        let entry = format!("data/{}", self.string(key)?);
        self.push(Object::Storage { entry, kind })
    }

    pub(super) fn reduce(&mut self) -> Result<(), PytorchError> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let arguments = self.tuple(arguments)?;
        let Object::Constructor(constructor) = self.arena[callee] else {
            return Err(self.error("something other than a constructor is called"));
        };
        match (constructor, &arguments[..]) {
            (Constructor::OrderedDict, []) => self.push(Object::Dict(Vec::new())),
            (Constructor::Parameter, [tensor, ..]) => {
                self.stack.push(Slot::Object(*tensor));
                Ok(())
            }
            (Constructor::Size, [sizes]) => {
                let sizes = self.dimensions(*sizes)?;
                self.push(Object::Tuple(sizes))
            }
            (Constructor::Tensor, [storage, offset, shape, strides, ..]) => {
                let Object::Storage { entry, kind } = self.arena[*storage].clone() else {
                    return Err(self.error("a tensor without a storage"));
                };
                let [shape, strides] = [self.sizes(*shape)?, self.sizes(*strides)?];
                let offset = self.size(*offset)?;
                self.push_plain(Value::Tensor(TensorRef { storage: entry, kind, offset, shape, strides }))
            }
            (Constructor::Inert, _) => self.push(Object::Inert),
            _ => Err(self.error("a constructor with other arguments than PyTorch's")),
        }
    }

    /// An object of a class, made without its constructor being called: of inert ones alone.
    pub(super) fn new_object(&mut self) -> Result<(), PytorchError> {
        let (arguments, class) = (self.pop()?, self.pop()?);
        self.tuple(arguments)?;
        match self.arena[class] {
            Object::Constructor(Constructor::Inert) => self.push(Object::Inert),
            _ => Err(self.error("an object of a class that makes no data")),
        }
    }

    /// `OrderedDict`s carry attributes, and numpy's types their byte order: neither is needed.
    pub(super) fn build(&mut self) -> Result<(), PytorchError> {
        self.pop()?;
        let object = self.top()?;
        match self.arena[object] {
            Object::Dict(_) | Object::Inert => Ok(()),
            _ => Err(self.error("attributes are set on something that is not a dictionary")),
        }
    }

    fn tuple(&self, id: Id) -> Result<Vec<Id>, PytorchError> {
        match &self.arena[id] {
            Object::Tuple(items) => Ok(items.clone()),
            _ => Err(self.error("arguments that are not a tuple")),
        }
    }

    /// What is copied is bounded: a long list may be recalled a thousand times.
    fn dimensions(&self, id: Id) -> Result<Vec<Id>, PytorchError> {
        match &self.arena[id] {
            Object::Tuple(items) | Object::List(items) if items.len() <= MOST_DIMENSIONS => Ok(items.clone()),
            _ => Err(self.error("a shape is missing or has too many dimensions")),
        }
    }

    pub(super) fn string(&self, id: Id) -> Result<String, PytorchError> {
        match &self.arena[id] {
            Object::Plain(Value::Text(text)) if text.len() <= LONGEST_NAME => Ok(text.clone()),
            _ => Err(self.error("a name is missing or too long")),
        }
    }

    fn size(&self, id: Id) -> Result<usize, PytorchError> {
        let size = match &self.arena[id] {
            Object::Plain(Value::Int(size)) => usize::try_from(*size).ok(),
            _ => None,
        };
        size.ok_or_else(|| self.error("a size that is not a natural number"))
    }

    fn sizes(&self, id: Id) -> Result<Vec<usize>, PytorchError> {
        self.dimensions(id)?.into_iter().map(|id| self.size(id)).collect()
    }
}
