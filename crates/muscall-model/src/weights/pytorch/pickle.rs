//! A pickle machine that can make data and nothing else.

use std::collections::HashMap;
use std::path::Path;

use super::PytorchError;
use super::object::{Id, Object, Slot};
use super::value::Value;

/// Most objects of a pickle: a checkpoint has some ten thousand.
const MOST_OBJECTS: usize = 400_000;
/// Most values of the result, in which an object that is referred to twice stands twice.
const MOST_VALUES: usize = 400_000;
/// Most bytes of text in the result.
const MOST_TEXT: usize = 16 << 20;
/// Deepest nesting.
const DEPTH: usize = 32;

/// Data from the bytes of a pickle.
pub(super) fn interpret(path: &Path, bytes: &[u8]) -> Result<Value, PytorchError> {
    let mut machine =
        Machine { path, bytes, at: 0, arena: Vec::new(), stack: Vec::new(), memo: HashMap::new(), values: 0, text: 0 };
    let root = machine.run()?;
    machine.value(root, 0)
}

pub(super) struct Machine<'a> {
    pub(super) path: &'a Path,
    bytes: &'a [u8],
    at: usize,
    pub(super) arena: Vec<Object>,
    pub(super) stack: Vec<Slot>,
    memo: HashMap<u32, Id>,
    values: usize,
    text: usize,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Id, PytorchError> {
        loop {
            let [opcode] = self.take()?;
            match opcode {
                // PROTO, FRAME.
                0x80 => drop(self.take::<1>()?),
                0x95 => drop(self.take::<8>()?),
                b'(' => self.stack.push(Slot::Mark),
                b'.' => return self.pop(),
                b'0' => drop(self.stack.pop()),
                b'N' => self.push_plain(Value::None)?,
                0x88 => self.push_plain(Value::Bool(true))?,
                0x89 => self.push_plain(Value::Bool(false))?,
                b'J' => {
                    let value = i32::from_le_bytes(self.take()?);
                    self.push_plain(Value::Int(value.into()))?;
                }
                b'K' => {
                    let [value] = self.take()?;
                    self.push_plain(Value::Int(value.into()))?;
                }
                b'M' => {
                    let value = u16::from_le_bytes(self.take()?);
                    self.push_plain(Value::Int(value.into()))?;
                }
                0x8a => self.long()?,
                b'G' => {
                    let value = f64::from_be_bytes(self.take()?);
                    self.push_plain(Value::Float(value))?;
                }
                b'X' => {
                    let length = u32::from_le_bytes(self.take()?) as usize;
                    self.text(length)?;
                }
                0x8c => {
                    let [length] = self.take()?;
                    self.text(length.into())?;
                }
                0x8d => {
                    let length = u64::from_le_bytes(self.take()?);
                    self.text(usize::try_from(length).unwrap_or(usize::MAX))?;
                }
                // Bytes: of one of numpy's numbers.
                b'C' => {
                    let [length] = self.take()?;
                    self.slice(length.into())?;
                    self.push(Object::Inert)?;
                }
                b'}' => self.push(Object::Dict(Vec::new()))?,
                b']' => self.push(Object::List(Vec::new()))?,
                b')' => self.push(Object::Tuple(Vec::new()))?,
                b't' => {
                    let items = self.pop_to_mark()?;
                    self.push(Object::Tuple(items))?;
                }
                0x85..=0x87 => {
                    let mut items: Vec<Id> = (0x85..=opcode).map(|_| self.pop()).collect::<Result<_, _>>()?;
                    items.reverse();
                    self.push(Object::Tuple(items))?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                b'e' => {
                    let items = self.pop_to_mark()?;
                    self.append(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set_items(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_to_mark()?;
                    self.set_items(&items)?;
                }
                b'q' => {
                    let [key] = self.take()?;
                    self.memoise(key.into())?;
                }
                b'r' => {
                    let key = u32::from_le_bytes(self.take()?);
                    self.memoise(key)?;
                }
                0x94 => self.memoise(self.memo.len() as u32)?,
                b'h' => {
                    let [key] = self.take()?;
                    self.recall(key.into())?;
                }
                b'j' => {
                    let key = u32::from_le_bytes(self.take()?);
                    self.recall(key)?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.constructor(&module, &name)?;
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (module, name) = (self.string(module)?, self.string(name)?);
                    self.constructor(&module, &name)?;
                }
                b'Q' => self.persistent()?,
                b'R' => self.reduce()?,
                0x81 => self.new_object()?,
                b'b' => self.build()?,
                other => return Err(self.error(format!("opcode {other:#04x}"))),
            }
        }
    }

    pub(super) fn error(&self, reason: impl Into<String>) -> PytorchError {
        PytorchError::Pickle { path: self.path.to_owned(), offset: self.at, reason: reason.into() }
    }

    fn slice(&mut self, length: usize) -> Result<&[u8], PytorchError> {
        let end = self.at.checked_add(length).filter(|&end| end <= self.bytes.len());
        let Some(end) = end else {
            return Err(self.error("the data ends too early"));
        };
        let slice = &self.bytes[self.at..end];
        self.at = end;
        Ok(slice)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], PytorchError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.slice(N)?);
        Ok(bytes)
    }

    fn text(&mut self, length: usize) -> Result<(), PytorchError> {
        let text = std::str::from_utf8(self.slice(length)?).map(str::to_owned);
        let text = text.map_err(|_| self.error("a text that is not UTF-8"))?;
        self.push_plain(Value::Text(text))
    }

    fn line(&mut self) -> Result<String, PytorchError> {
        let rest = &self.bytes[self.at..];
        let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
            return Err(self.error("a name without an end"));
        };
        let line = String::from_utf8_lossy(&rest[..length]).into_owned();
        self.at += length + 1;
        Ok(line)
    }

    fn long(&mut self) -> Result<(), PytorchError> {
        let [length] = self.take()?;
        if length > 8 {
            return Err(self.error("an integer of more than 64 bits"));
        }
        let bytes = self.slice(length.into())?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut word = [if negative { 0xff } else { 0 }; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        self.push_plain(Value::Int(i64::from_le_bytes(word)))
    }

    pub(super) fn push_plain(&mut self, value: Value) -> Result<(), PytorchError> {
        self.push(Object::Plain(value))
    }

    pub(super) fn push(&mut self, object: Object) -> Result<(), PytorchError> {
        if self.arena.len() >= MOST_OBJECTS {
            return Err(self.error(format!("more than {MOST_OBJECTS} objects")));
        }
        self.stack.push(Slot::Object(self.arena.len()));
        self.arena.push(object);
        Ok(())
    }

    pub(super) fn pop(&mut self) -> Result<Id, PytorchError> {
        match self.stack.pop() {
            Some(Slot::Object(id)) => Ok(id),
            _ => Err(self.error("an object is missing")),
        }
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, PytorchError> {
        let mut items = Vec::new();
        loop {
            match self.stack.pop() {
                Some(Slot::Object(id)) => items.push(id),
                Some(Slot::Mark) => break,
                None => return Err(self.error("a mark is missing")),
            }
        }
        items.reverse();
        Ok(items)
    }

    pub(super) fn top(&self) -> Result<Id, PytorchError> {
        match self.stack.last() {
            Some(Slot::Object(id)) => Ok(*id),
            _ => Err(self.error("an object is missing")),
        }
    }

    fn append(&mut self, new: Vec<Id>) -> Result<(), PytorchError> {
        let list = self.top()?;
        match &mut self.arena[list] {
            Object::List(items) => items.extend(new),
            _ => return Err(self.error("something is appended to a value that is not a list")),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[Id]) -> Result<(), PytorchError> {
        let dict = self.top()?;
        let (pairs, rest) = items.as_chunks::<2>();
        match &mut self.arena[dict] {
            Object::Dict(entries) if rest.is_empty() => entries.extend(pairs.iter().map(|[key, value]| (*key, *value))),
            _ => return Err(self.error("items are set in a value that is not a dictionary")),
        }
        Ok(())
    }

    fn memoise(&mut self, key: u32) -> Result<(), PytorchError> {
        let id = self.top()?;
        self.memo.insert(key, id);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<(), PytorchError> {
        let Some(&id) = self.memo.get(&key) else {
            return Err(self.error("something is recalled that was not memoised"));
        };
        if self.stack.len() >= MOST_OBJECTS {
            return Err(self.error(format!("more than {MOST_OBJECTS} objects")));
        }
        self.stack.push(Slot::Object(id));
        Ok(())
    }

    /// The object as a value, at a depth and in a number that are bounded: an object may refer to
    /// itself, or to another a thousand times.
    fn value(&mut self, id: Id, depth: usize) -> Result<Value, PytorchError> {
        self.values += 1;
        if depth > DEPTH || self.values > MOST_VALUES {
            return Err(self.error("objects are nested without end"));
        }
        if let Object::Plain(Value::Text(text)) = &self.arena[id] {
            self.text += text.len();
            if self.text > MOST_TEXT {
                return Err(self.error("more text than a checkpoint has"));
            }
        }
        Ok(match self.arena[id].clone() {
            Object::Plain(value) => value,
            Object::List(items) => Value::List(self.all(&items, depth)?),
            Object::Tuple(items) => Value::Tuple(self.all(&items, depth)?),
            Object::Dict(entries) => {
                let pair = |(key, value)| Ok((self.value(key, depth + 1)?, self.value(value, depth + 1)?));
                Value::Dict(entries.into_iter().map(pair).collect::<Result<_, PytorchError>>()?)
            }
            // Left over: the class of a storage, an attribute.
            Object::Constructor(_) | Object::Storage { .. } | Object::Inert => Value::None,
        })
    }

    fn all(&mut self, items: &[Id], depth: usize) -> Result<Vec<Value>, PytorchError> {
        items.iter().map(|&item| self.value(item, depth + 1)).collect()
    }
}
