//! A safetensors file whose tensors are read one by one, or where they lie.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use burn::tensor::TensorData;
use bytemuck::cast_slice_mut;
use half::{bf16, f16};
use muscall_files::FileError;
use muscall_kernels::{MappedFile, Rows, StoredAs};
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use super::StateDict;
use super::format::{STEPS, WeightFormat};
use super::tensors::Tensors;
use crate::{Differences, ModelError};

/// Longest header: what the library takes.
const MAX_HEADER_BYTES: u64 = 100_000_000;
/// Values that are read together, where a tensor need not be there as a whole.
const PIECE: usize = 1 << 18;

/// Where the weights of a bundle are.
pub fn weights_file(bundle: &Path) -> PathBuf {
    bundle.join("weights.safetensors")
}

/// An open file of float tensors. Opening it reads names and shapes alone.
#[derive(Debug)]
pub(crate) struct WeightsFile {
    path: PathBuf,
    /// Where to read from next is no state that anybody relies on.
    content: Mutex<Content>,
    bytes: usize,
    /// Where the first tensor begins.
    start: u64,
    map: OnceLock<Arc<MappedFile>>,
    tensors: BTreeMap<String, TensorInfo>,
    /// Of tensors in whole steps: the sizes of a step, by the name of the tensor.
    steps: BTreeMap<String, TensorInfo>,
    metadata: BTreeMap<String, String>,
}

/// What tensors are read from.
#[derive(Debug)]
enum Content {
    File(File),
    /// What came through a pipe, or is a part of the program.
    Bytes(Cursor<Cow<'static, [u8]>>),
}

impl Content {
    /// With its length.
    fn open(path: &Path) -> io::Result<(Self, u64)> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_file() {
            return Ok((Self::File(file), metadata.len()));
        }
        let mut bytes = Vec::new();
        let length = file.read_to_end(&mut bytes)?;
        Ok((Self::Bytes(Cursor::new(bytes.into())), length as u64))
    }

    fn read_at(&mut self, start: u64, bytes: &mut [u8]) -> io::Result<()> {
        fn read(mut content: impl Read + Seek, start: u64, bytes: &mut [u8]) -> io::Result<()> {
            content.seek(SeekFrom::Start(start))?;
            content.read_exact(bytes)
        }
        match self {
            Self::File(file) => read(file, start, bytes),
            Self::Bytes(content) => read(content, start, bytes),
        }
    }
}

impl WeightsFile {
    /// # Errors
    /// [`ModelError::Io`], [`ModelError::Weights`] if it is not a whole safetensors file, or [`ModelError::Mismatch`] with
    /// the tensors that are neither floats nor integers. Integer tensors, such as PyTorch's `num_batches_tracked`, are left
    /// out.
    pub(crate) fn open(path: &Path) -> Result<Self, ModelError> {
        let (content, bytes) = Content::open(path).map_err(FileError::reading(path))?;
        Self::of(path, content, bytes)
    }

    /// The same of a file that is a part of the program.
    ///
    /// # Errors
    /// The same, with `path` as its name.
    #[cfg(feature = "box")]
    pub(crate) fn of_bytes(path: &Path, bytes: &'static [u8]) -> Result<Self, ModelError> {
        Self::of(path, Content::Bytes(Cursor::new(bytes.into())), bytes.len() as u64)
    }

    fn of(path: &Path, mut content: Content, bytes: u64) -> Result<Self, ModelError> {
        let reading = FileError::reading(path);
        let weights = |source| ModelError::Weights { path: path.to_owned(), source };
        let mut length = [0; 8];
        if bytes < 8 {
            return Err(weights(SafeTensorError::HeaderTooSmall));
        }
        content.read_at(0, &mut length).map_err(&reading)?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER_BYTES {
            return Err(weights(SafeTensorError::HeaderTooLarge));
        }
        if length > bytes - 8 {
            return Err(weights(SafeTensorError::InvalidHeaderLength));
        }
        let mut header = vec![0; length as usize];
        content.read_at(8, &mut header).map_err(&reading)?;
        let header = std::str::from_utf8(&header).map_err(|error| weights(SafeTensorError::InvalidHeader(error)))?;
        let parsed: Metadata = serde_json::from_str(header)
            .map_err(|error| weights(SafeTensorError::InvalidHeaderDeserialization(error)))?;
        let start = 8 + length;
        if start + parsed.data_len() as u64 != bytes {
            return Err(weights(SafeTensorError::MetadataIncompleteBuffer));
        }
        let (mut tensors, mut steps) = (BTreeMap::new(), BTreeMap::new());
        let mut differences = Differences::default();
        let all = parsed.tensors();
        for (name, info) in &all {
            let name = name.clone();
            match info.dtype {
                Dtype::F32 if name.strip_suffix(STEPS).is_some_and(|of| all.get(of).is_some_and(in_steps)) => {}
                Dtype::F32 | Dtype::F64 | Dtype::F16 | Dtype::BF16 => {
                    tensors.insert(name, (*info).clone());
                }
                Dtype::I64 | Dtype::I32 => {}
                Dtype::I8 => match all.get(&format!("{name}{STEPS}")) {
                    Some(sizes)
                        if sizes.dtype == Dtype::F32 && sizes.shape[..] == info.shape[..info.shape.len().min(1)] =>
                    {
                        steps.insert(name.clone(), (*sizes).clone());
                        tensors.insert(name, (*info).clone());
                    }
                    other => {
                        let found =
                            other.map_or("none".to_owned(), |sizes| format!("{:?} of {:?}", sizes.shape, sizes.dtype));
                        differences.misshapen.push((
                            name + STEPS,
                            "a F32 per row of the tensor of I8".to_owned(),
                            found,
                        ));
                    }
                },
                other => differences.misshapen.push((name, "a float tensor".to_owned(), format!("{other:?}"))),
            }
        }
        if !differences.is_empty() {
            differences.misshapen.sort();
            return Err(ModelError::Mismatch { origin: path.display().to_string(), differences });
        }
        let metadata = parsed.metadata().clone().unwrap_or_default().into_iter().collect();
        let (path, bytes) =
            (path.to_owned(), usize::try_from(bytes).map_err(|_| weights(SafeTensorError::ValidationOverflow))?);
        Ok(Self { path, content: Mutex::new(content), bytes, start, map: OnceLock::new(), tensors, steps, metadata })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the header says of the file as a whole.
    pub(crate) fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// What matrices are stored in.
    pub(crate) fn format(&self) -> WeightFormat {
        let has = |dtype| self.tensors.values().any(|info| info.dtype == dtype);
        match (has(Dtype::I8), has(Dtype::F16)) {
            (true, _) => WeightFormat::I8,
            (_, true) => WeightFormat::F16,
            _ => WeightFormat::F32,
        }
    }

    pub(crate) fn shapes(&self) -> impl Iterator<Item = (&String, &[usize])> {
        self.tensors.iter().map(|(name, info)| (name, info.shape.as_slice()))
    }

    /// The tensors whose names and shapes are wanted, in 32 bits.
    ///
    /// # Errors
    /// [`ModelError::Io`].
    pub(crate) fn read(&self, is_wanted: impl Fn(&str, &[usize]) -> bool) -> Result<StateDict, ModelError> {
        let wanted = self.tensors.iter().filter(|(name, info)| is_wanted(name, &info.shape));
        wanted.map(|(name, info)| Ok((name.clone(), self.tensor(name, info)?))).collect()
    }

    fn tensor(&self, name: &str, info: &TensorInfo) -> Result<TensorData, ModelError> {
        let mut values = Vec::new();
        self.for_each_piece(name, info, usize::MAX, &mut |piece| match values.is_empty() {
            true => values = std::mem::take(piece),
            false => values.extend_from_slice(piece),
        })?;
        Ok(TensorData::new(values, info.shape.clone()))
    }

    /// Reads a tensor, so many values at a time, and shows them in 32 bits.
    fn for_each_piece(
        &self,
        name: &str,
        info: &TensorInfo,
        most: usize,
        see: &mut dyn FnMut(&mut Vec<f32>),
    ) -> Result<(), ModelError> {
        let reading = FileError::reading(&self.path);
        let size = info.dtype.bitsize() / 8;
        let (begin, end) = info.data_offsets;
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        let mut start = self.start + begin as u64;
        let mut left = (end - begin) / size;
        let steps = self.sizes_of_steps(name, &mut content)?;
        let row = left.checked_div(steps.len()).unwrap_or(0).max(1);
        let mut place = 0;
        let (mut values, mut bytes) = (Vec::<f32>::new(), Vec::new());
        while left > 0 {
            let count = left.min(most);
            values.resize(count, 0.0);
            if info.dtype == Dtype::F32 {
                content.read_at(start, cast_slice_mut(&mut values)).map_err(&reading)?;
                if cfg!(target_endian = "big") {
                    values.iter_mut().for_each(|x| *x = f32::from_bits(x.to_bits().swap_bytes()));
                }
            } else {
                bytes.resize(count * size, 0);
                content.read_at(start, &mut bytes).map_err(&reading)?;
                widen(&bytes, info.dtype, &mut values);
            }
            if !steps.is_empty() {
                values.iter_mut().enumerate().for_each(|(i, value)| *value *= steps[(place + i) / row]);
            }
            place += count;
            left -= count;
            start += (count * size) as u64;
            see(&mut values);
        }
        Ok(())
    }

    /// Nothing for a tensor of floats.
    fn sizes_of_steps(&self, name: &str, content: &mut Content) -> Result<Vec<f32>, ModelError> {
        let Some(info) = self.steps.get(name) else { return Ok(Vec::new()) };
        let (begin, end) = info.data_offsets;
        let mut bytes = vec![0; end - begin];
        content.read_at(self.start + begin as u64, &mut bytes).map_err(FileError::reading(&self.path))?;
        Ok(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    /// A matrix, where it lies. Where that cannot be, it is read.
    ///
    /// # Errors
    /// [`ModelError::Io`].
    ///
    /// # Panics
    /// If there is no matrix of that name.
    pub(crate) fn rows(&self, name: &str) -> Result<Rows, ModelError> {
        let info = self.tensors.get(name).filter(|info| info.shape.len() == 2);
        let info = info.unwrap_or_else(|| panic!("the network has a matrix {name}"));
        let stored_as = match info.dtype {
            Dtype::F32 => Some(StoredAs::F32),
            Dtype::F16 => Some(StoredAs::F16),
            _ => None,
        };
        let place = self.start as usize + info.data_offsets.0;
        let mapped = stored_as
            .zip(self.map()?)
            .and_then(|(stored_as, map)| Rows::mapped(map.clone(), place, [info.shape[0], info.shape[1]], stored_as));
        match mapped {
            Some(rows) => Ok(rows),
            None => {
                let values = self.tensor(name, info)?.try_into_vec::<f32>().expect("read as f32");
                Ok(Rows::new(values, info.shape[1]))
            }
        }
    }

    /// Nothing for what is no file.
    fn map(&self) -> Result<Option<&Arc<MappedFile>>, ModelError> {
        if let Some(map) = self.map.get() {
            return Ok(Some(map));
        }
        let content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        let Content::File(file) = &*content else { return Ok(None) };
        let map = MappedFile::open(file, self.bytes).map_err(FileError::reading(&self.path))?;
        Ok(Some(self.map.get_or_init(|| Arc::new(map))))
    }
}

impl Tensors for WeightsFile {
    type Error = ModelError;

    fn names(&self) -> Vec<&str> {
        self.tensors.keys().map(String::as_str).collect()
    }

    fn visit(&self, name: &str, see: &mut dyn FnMut(&[f32])) -> Result<(), ModelError> {
        match self.tensors.get(name) {
            Some(info) => self.for_each_piece(name, info, PIECE, &mut |piece| see(piece)),
            None => Ok(()),
        }
    }
}

fn in_steps(info: &&TensorInfo) -> bool {
    info.dtype == Dtype::I8
}

/// Numbers of another size as 32 bits.
fn widen(bytes: &[u8], dtype: Dtype, values: &mut [f32]) {
    fn each<const N: usize>(bytes: &[u8], values: &mut [f32], value: impl Fn([u8; N]) -> f32) {
        let (bytes, _) = bytes.as_chunks::<N>();
        values.iter_mut().zip(bytes).for_each(|(x, bytes)| *x = value(*bytes));
    }
    match dtype {
        Dtype::F16 => {
            let halves: Vec<f16> = bytes.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes)).collect();
            half::slice::HalfFloatSliceExt::convert_to_f32_slice(halves.as_slice(), values);
        }
        Dtype::BF16 => each(bytes, values, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        Dtype::F64 => each(bytes, values, |bytes| f64::from_le_bytes(bytes) as f32),
        Dtype::I8 => each(bytes, values, |bytes| f32::from(i8::from_le_bytes(bytes))),
        other => unreachable!("{other:?} is no float that was let in"),
    }
}

/// Reads a file of float tensors; f16, bf16 and f64 become f32. Integer tensors, such as
/// PyTorch's `num_batches_tracked`, are left out.
///
/// # Errors
/// [`ModelError::Io`] or [`ModelError::Weights`], with the file's name.
pub fn read_safetensors(path: &Path) -> Result<StateDict, ModelError> {
    WeightsFile::open(path)?.read(|_, _| true)
}
