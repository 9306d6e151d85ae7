//! What a checkpoint holds.

use std::ops::Range;

use half::{bf16, f16};

use super::PytorchError;
use super::archive::Archive;

/// Plain data.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// A float.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A dictionary, in its order.
    Dict(Vec<(Value, Value)>),
    /// A tensor, whose values are still in the file.
    Tensor(TensorRef),
}

impl Value {
    /// The value of a text key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries()?.iter().find(|(own, _)| own.as_str() == Some(key)).map(|(_, value)| value)
    }

    /// Keys and values of a dictionary.
    pub fn entries(&self) -> Option<&[(Self, Self)]> {
        match self {
            Self::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    /// Items of a list or a tuple.
    pub fn items(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) | Self::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// A text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// An integer.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// A number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// A tensor.
    pub fn as_tensor(&self) -> Option<&TensorRef> {
        match self {
            Self::Tensor(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// Checks that every tensor is in the file. Depth is bounded by how values are made.
    pub(super) fn check_tensors(&self, archive: &Archive) -> Result<(), PytorchError> {
        match self {
            Self::Tensor(tensor) => tensor.check(archive),
            Self::List(items) | Self::Tuple(items) => items.iter().try_for_each(|item| item.check_tensors(archive)),
            Self::Dict(entries) => {
                entries.iter().flat_map(|(key, value)| [key, value]).try_for_each(|value| value.check_tensors(archive))
            }
            _ => Ok(()),
        }
    }
}

/// Type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ElementType {
    F32,
    F64,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl ElementType {
    /// Of a storage class, such as `FloatStorage`.
    pub(super) fn of_storage(class: &str) -> Option<Self> {
        Some(match class {
            "FloatStorage" => Self::F32,
            "DoubleStorage" => Self::F64,
            "HalfStorage" => Self::F16,
            "BFloat16Storage" => Self::BF16,
            "LongStorage" => Self::I64,
            "IntStorage" => Self::I32,
            "ShortStorage" => Self::I16,
            "CharStorage" => Self::I8,
            "ByteStorage" => Self::U8,
            "BoolStorage" => Self::Bool,
            _ => return None,
        })
    }

    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Whether elements are floats.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::F16 | Self::BF16)
    }

    /// Elements from their bytes, one behind the other.
    pub(super) fn decode_all(self, bytes: &[u8], values: &mut Vec<f32>) {
        match self {
            Self::F32 => values.extend(bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word))),
            _ => values.extend(bytes.chunks_exact(self.size()).map(|word| self.decode(word))),
        }
    }

    /// An element from its bytes, of which there are [`size`](Self::size).
    fn decode(self, bytes: &[u8]) -> f32 {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        let low = |n: usize| u64::from_le_bytes(word) & (u64::MAX >> (64 - 8 * n));
        match self {
            Self::F32 => f32::from_bits(low(4) as u32),
            Self::F64 => f64::from_bits(low(8)) as f32,
            Self::F16 => f16::from_bits(low(2) as u16).to_f32(),
            Self::BF16 => bf16::from_bits(low(2) as u16).to_f32(),
            Self::I64 => low(8) as i64 as f32,
            Self::I32 => low(4) as i32 as f32,
            Self::I16 => f32::from(low(2) as i16),
            Self::I8 => f32::from(low(1) as i8),
            Self::U8 => f32::from(low(1) as u8),
            Self::Bool => f32::from(u8::from(low(1) != 0)),
        }
    }
}

/// Where a tensor's values are. Offset and strides are in elements.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorRef {
    /// Entry of the archive.
    pub storage: String,
    /// Of its elements.
    pub kind: ElementType,
    /// The first element.
    pub offset: usize,
    /// Size of each dimension.
    pub shape: Vec<usize>,
    /// Elements from one to the next, a dimension.
    pub strides: Vec<usize>,
}

impl TensorRef {
    /// The elements of the storage that the tensor is made of; none if it is empty.
    pub(super) fn span(&self) -> Option<Range<usize>> {
        if self.shape.contains(&0) {
            return None;
        }
        let reach = |sum: usize, (size, stride): (&usize, &usize)| sum.checked_add((size - 1).checked_mul(*stride)?);
        let last = self.shape.iter().zip(&self.strides).try_fold(self.offset, reach)?;
        Some(self.offset..last.checked_add(1)?)
    }

    pub(super) fn check(&self, archive: &Archive) -> Result<(), PytorchError> {
        let wrong = |reason: String| {
            let (path, storage, shape) = (archive.path().to_owned(), self.storage.clone(), self.shape.clone());
            Err(PytorchError::Tensor { path, storage, shape, reason })
        };
        if self.shape.len() != self.strides.len() {
            return wrong(format!("has {} strides", self.strides.len()));
        }
        if self.shape.contains(&0) {
            return Ok(());
        }
        let Some(bytes) = archive.size(&self.storage) else {
            return wrong("has no values in the file".to_owned());
        };
        let held = bytes / self.kind.size();
        let count = self.shape.iter().try_fold(1_usize, |count, size| count.checked_mul(*size));
        let fits = self.span().is_some_and(|span| span.end <= held) && count.is_some_and(|count| count <= held);
        if !fits {
            return wrong(format!("needs more than the {held} elements that are there"));
        }
        Ok(())
    }

    /// Whether the elements lie in the storage in the order in which they are read.
    pub(super) fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(&size, &stride)| {
            let fits = size == 1 || stride == expected;
            expected *= size;
            fits
        })
    }

    /// The elements in row-major order, from the bytes of the span.
    pub(super) fn gather(&self, bytes: &[u8]) -> Vec<f32> {
        let size = self.kind.size();
        let count = self.shape.iter().product();
        let mut place = vec![0; self.shape.len()];
        let mut at = 0;
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(self.kind.decode(&bytes[at * size..][..size]));
            // Counts up, the last dimension first.
            for axis in (0..place.len()).rev() {
                place[axis] += 1;
                at += self.strides[axis];
                if place[axis] < self.shape[axis] {
                    break;
                }
                at -= self.strides[axis] * self.shape[axis];
                place[axis] = 0;
            }
        }
        values
    }
}
