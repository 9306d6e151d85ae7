//! Apache Parquet, which DuckDB, Spark, pandas and the others read; written, and read back.
//!
//! Columns: `id` uint64, `path` utf8, `start_s` float32, `vector` fixed_size_list of float32; nothing
//! is ever null. The model's fingerprint is in the file's metadata under [`FINGERPRINT_KEY`].

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::schema::types::ColumnPath;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use muscall_files::{FileError, replace};
use muscall_retrieval::Fingerprint;

use crate::{EngineError, Row, Rows, rows};

/// The key of the fingerprint in the metadata of a file.
pub const FINGERPRINT_KEY: &str = "muscall.fingerprint";

/// Bytes of vectors in a row group, which is what a reader must hold at once.
const GROUP: usize = 32 << 20;
/// Bytes of vectors in a batch, between the rows and the writer.
const BATCH: usize = 2 << 20;
/// Rows in a group or a batch of short vectors.
const MOST_ROWS: usize = 1 << 16;

/// Writes the rows, a group of at most 32 MiB of vectors after the other; gives their number.
///
/// The vectors are not compressed, as unit vectors hardly can be; the other columns are, by Snappy.
/// The file appears whole or not at all.
///
/// # Errors
/// [`EngineError::Io`] or [`EngineError::Parquet`], or a row that does not fit; the file that was
/// there is then unchanged.
pub fn write_parquet(path: &Path, source: &dyn Rows) -> Result<u64, EngineError> {
    rows::check(source)?;
    let dim = source.dim();
    let most = i32::MAX as usize / MOST_ROWS;
    if dim > most {
        return Err(EngineError::Limit {
            what: "dim",
            value: dim as u64,
            engine: "Parquet",
            least: 1,
            most: most as u64,
        });
    }
    let failed = |source| EngineError::Parquet { path: path.to_owned(), source };
    let vectors = || ColumnPath::from(vec!["vector".to_owned(), "list".to_owned(), "element".to_owned()]);
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(rows_of(GROUP, dim)))
        .set_compression(Compression::SNAPPY)
        .set_column_compression(vectors(), Compression::UNCOMPRESSED)
        .set_column_dictionary_enabled(vectors(), false)
        .set_column_statistics_enabled(vectors(), EnabledStatistics::None)
        .set_key_value_metadata(Some(vec![KeyValue::new(FINGERPRINT_KEY.to_owned(), source.fingerprint().to_owned())]))
        .build();
    replace(path, |new| {
        let file = File::create(new).map_err(FileError::writing(path))?;
        let mut batch = Batch::new(dim, source.fingerprint());
        let mut writer = ArrowWriter::try_new(file, batch.schema.clone(), Some(properties)).map_err(failed)?;
        let count = rows::each(source, &mut |row| {
            batch.ids.push(row.id);
            batch.paths.push(row.path.to_owned());
            batch.starts.push(row.start_s);
            batch.values.extend_from_slice(row.vector);
            if batch.ids.len() < rows_of(BATCH, dim) { Ok(()) } else { batch.write(&mut writer).map_err(failed) }
        })?;
        batch.write(&mut writer).map_err(failed)?;
        writer.close().map_err(failed)?;
        Ok(count)
    })
}

/// How many rows hold so many bytes of vectors.
fn rows_of(bytes: usize, dim: usize) -> usize {
    (bytes / (4 * dim)).clamp(1, MOST_ROWS)
}

/// Columns that are being filled.
struct Batch {
    schema: SchemaRef,
    element: Arc<Field>,
    dim: i32,
    ids: Vec<u64>,
    paths: Vec<String>,
    starts: Vec<f32>,
    values: Vec<f32>,
}

impl Batch {
    fn new(dim: usize, fingerprint: &str) -> Self {
        let (element, dim) = (Arc::new(Field::new("element", DataType::Float32, false)), dim as i32);
        let columns = vec![
            Field::new("id", DataType::UInt64, false),
            Field::new("path", DataType::Utf8, false),
            Field::new("start_s", DataType::Float32, false),
            Field::new("vector", DataType::FixedSizeList(element.clone(), dim), false),
        ];
        // Arrow's readers look for it here, the others in the file's own metadata.
        let metadata = HashMap::from([(FINGERPRINT_KEY.to_owned(), fingerprint.to_owned())]);
        let schema = Arc::new(Schema::new_with_metadata(columns, metadata));
        Self { schema, element, dim, ids: vec![], paths: vec![], starts: vec![], values: vec![] }
    }

    /// Hands the columns to the writer and empties them.
    fn write(&mut self, writer: &mut ArrowWriter<File>) -> Result<(), ParquetError> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let values = Arc::new(Float32Array::from(std::mem::take(&mut self.values)));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from(std::mem::take(&mut self.ids))),
            Arc::new(StringArray::from(std::mem::take(&mut self.paths))),
            Arc::new(Float32Array::from(std::mem::take(&mut self.starts))),
            Arc::new(FixedSizeListArray::try_new(self.element.clone(), self.dim, values, None)?),
        ];
        writer.write(&RecordBatch::try_new(self.schema.clone(), columns)?)
    }
}

/// A file of [`write_parquet`] as a source of rows, read a batch at a time.
#[derive(Debug, Clone)]
pub struct ParquetRows {
    path: PathBuf,
    fingerprint: String,
    dim: usize,
    len: u64,
}

impl ParquetRows {
    /// Looks at what the file holds; the rows are read by [`Rows::each`].
    ///
    /// # Errors
    /// [`EngineError::Io`], [`EngineError::Parquet`], or [`EngineError::Layout`] for other columns.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        Ok(Self::read(path)?.0)
    }

    /// The same for a file that is to hold vectors of this space, under its name or a former one.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`EngineError::Fingerprint`] for another model.
    pub fn open_for(path: &Path, space: impl Into<Fingerprint>) -> Result<Self, EngineError> {
        let (rows, space) = (Self::open(path)?, space.into());
        if space.accepts(&rows.fingerprint) {
            return Ok(rows);
        }
        let place = path.display().to_string();
        Err(EngineError::Fingerprint { place, found: rows.fingerprint, expected: space.into() })
    }

    /// Number of rows.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Checks the columns and gives the reader of the rows.
    fn read(path: &Path) -> Result<(Self, ParquetRecordBatchReader), EngineError> {
        let failed = |source| EngineError::Parquet { path: path.to_owned(), source };
        let file = File::open(path).map_err(FileError::reading(path))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(failed)?;
        let (metadata, schema) = (reader.metadata().file_metadata(), reader.schema());
        let dim = ["id", "path", "start_s", "vector"].iter().try_fold(0, |dim, name| {
            let column =
                schema.field_with_name(name).map_err(|_| layout(path, format!("there is no column `{name}`")))?;
            match (*name, column.data_type()) {
                ("id", DataType::UInt64) | ("path", DataType::Utf8) | ("start_s", DataType::Float32) => Ok(dim),
                ("vector", DataType::FixedSizeList(element, dim)) if *element.data_type() == DataType::Float32 => {
                    Ok(*dim)
                }
                (_, other) => Err(layout(path, format!("the column `{name}` is {other}"))),
            }
        })?;
        let dim = usize::try_from(dim).unwrap_or(0);
        let keys = metadata.key_value_metadata().map(Vec::as_slice).unwrap_or_default();
        let fingerprint = keys.iter().find(|pair| pair.key == FINGERPRINT_KEY).and_then(|pair| pair.value.clone());
        let fingerprint = fingerprint.ok_or_else(|| layout(path, format!("there is no `{FINGERPRINT_KEY}`")))?;
        let len = u64::try_from(metadata.num_rows()).unwrap_or(0);
        let reader = reader.with_batch_size(rows_of(BATCH, dim.max(1))).build().map_err(failed)?;
        Ok((Self { path: path.to_owned(), fingerprint, dim, len }, reader))
    }
}

impl Rows for ParquetRows {
    fn dim(&self) -> usize {
        self.dim
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn each(&self, row: &mut dyn FnMut(Row<'_>) -> Result<(), EngineError>) -> Result<(), EngineError> {
        let path = &self.path;
        let failed = |source: ParquetError| EngineError::Parquet { path: path.clone(), source };
        let (now, reader) = Self::read(path)?;
        if (now.dim, now.len, &now.fingerprint) != (self.dim, self.len, &self.fingerprint) {
            return Err(layout(path, "another file was put in its place".into()));
        }
        for batch in reader {
            let batch = batch.map_err(|error| failed(error.into()))?;
            let column = |name| batch.column_by_name(name).ok_or_else(|| layout(path, format!("`{name}` is gone")));
            let (ids, paths) = (column("id")?.as_primitive::<UInt64Type>(), column("path")?.as_string::<i32>());
            let (starts, vectors) =
                (column("start_s")?.as_primitive::<Float32Type>(), column("vector")?.as_fixed_size_list());
            let values = vectors.values().as_primitive::<Float32Type>();
            let nulls =
                [ids as &dyn Array, paths, starts, vectors, values].iter().any(|column| column.null_count() > 0);
            if nulls || values.len() != batch.num_rows() * self.dim {
                return Err(layout(path, "a value is null".into()));
            }
            for at in 0..batch.num_rows() {
                let vector = &values.values()[at * self.dim..][..self.dim];
                row(Row { id: ids.value(at), path: paths.value(at), start_s: starts.value(at), vector })?;
            }
        }
        Ok(())
    }
}

fn layout(path: &Path, what: String) -> EngineError {
    EngineError::Layout { place: path.display().to_string(), what }
}
