//! Word vectors in the formats of word2vec, and a caption as the mean of its words.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use muscall_files::{FileError, replace};
use muscall_vectors::Fingerprint;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::batch::TextBatch;
use super::frontend::TextProcessor;
use crate::ModelError;

/// In a bundle.
pub(super) const WORD_VECTORS: &str = "word_vectors.bin";

/// Longest word that a file may have, in bytes.
const LONGEST_WORD: usize = 1 << 16;
/// Largest dimension that a file may declare.
const LARGEST_DIM: usize = 1 << 14;

/// Frozen word vectors.
///
/// A word that has none gets one that is drawn around the mean of all, with their deviation a
/// dimension; the draw depends on the word alone.
///
/// # Source
/// Section 4.3 of the paper ("DCASE"): word2vec vectors of 300 dimensions, averaged.
#[derive(Debug, Clone)]
pub struct WordVectors {
    dim: usize,
    rows: BTreeMap<String, Vec<f32>>,
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl WordVectors {
    /// Reads a file in word2vec's text format (a header with count and dimension is optional) or
    /// binary format. The file is streamed: only the vectors of `vocabulary`, and of the first
    /// `keep` words of the file, which are the frequent ones, stay in memory.
    ///
    /// # Errors
    /// [`ModelError::WordVectors`] with the place in the file, or [`ModelError::Io`].
    pub fn read(path: &Path, vocabulary: &HashSet<String>, keep: usize) -> Result<Self, ModelError> {
        let io = FileError::reading(path);
        let mut reader = Reader {
            path: path.to_owned(),
            file: BufReader::with_capacity(1 << 20, File::open(path).map_err(io)?),
            row: 0,
        };
        let mut kept = Kept { vocabulary, keep, rows: BTreeMap::new() };
        let first = reader.line()?;
        let first =
            String::from_utf8(first).map_err(|_| reader.error("not text", "a header, or a word and its numbers"))?;
        let fields: Vec<&str> = first.split_whitespace().collect();
        let header = match fields.as_slice() {
            [count, dim] => count.parse::<u64>().ok().zip(dim.parse::<usize>().ok()),
            _ => None,
        };
        let dim = match header {
            Some((_, dim)) => dim,
            None => fields.len().saturating_sub(1),
        };
        if !(1..=LARGEST_DIM).contains(&dim) {
            return Err(reader.error(&format!("{dim} dimensions"), "from 1 to 16384, as in `3000000 300`"));
        }
        match header {
            Some((count, _)) if reader.is_binary(dim)? => reader.binary(count, dim, &mut kept)?,
            Some((count, _)) => {
                reader.text(dim, &mut kept)?;
                if reader.row != count {
                    let found = format!("the end of the file, after {} of {count} words", reader.row);
                    return Err(reader.error(&found, "as many words as the first line says; is the file whole?"));
                }
            }
            None => {
                reader.row = 1;
                reader.keep_text_row(&first, dim, &mut kept)?;
                reader.text(dim, &mut kept)?;
            }
        }
        if kept.rows.is_empty() {
            return Err(
                reader.error("none of the words of the captions", "word vectors in the language of the captions")
            );
        }
        Ok(Self::new(dim, kept.rows))
    }

    fn new(dim: usize, rows: BTreeMap<String, Vec<f32>>) -> Self {
        let count = rows.len() as f64;
        let moment = |power: i32| -> Vec<f64> {
            let sum = |i: usize| rows.values().map(|row| f64::from(row[i]).powi(power)).sum::<f64>();
            (0..dim).map(|i| sum(i) / count).collect()
        };
        let (mean, square) = (moment(1), moment(2));
        let deviation = mean.iter().zip(&square).map(|(mean, square)| (square - mean * mean).max(0.0).sqrt() as f32);
        Self { dim, deviation: deviation.collect(), mean: mean.into_iter().map(|x| x as f32).collect(), rows }
    }

    /// Dimensions of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Words that have a vector.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Never: a file without one of the words is refused.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether a word has a vector.
    pub fn contains(&self, word: &str) -> bool {
        self.rows.contains_key(word)
    }

    /// The mean of a caption's words, `[dim]`; of one without a word, the mean of all words.
    pub fn embed(&self, text: &str) -> Vec<f32> {
        let mut sum = vec![0.0_f64; self.dim];
        let mut count = 0.0;
        for word in words(text) {
            let add = |(sum, &x): (&mut f64, &f32)| *sum += f64::from(x);
            match self.rows.get(&word) {
                Some(row) => sum.iter_mut().zip(row).for_each(add),
                None => sum.iter_mut().zip(&self.unknown(&word)).for_each(add),
            }
            count += 1.0;
        }
        if count == 0.0 {
            return self.mean.clone();
        }
        sum.into_iter().map(|x| (x / count) as f32).collect()
    }

    /// A vector for a word that has none.
    fn unknown(&self, word: &str) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(xxh3_64(word.as_bytes()));
        // Box and Muller.
        let mut normal = || {
            let (u, v): (f64, f64) = (rng.random(), rng.random());
            ((-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()) as f32
        };
        self.mean.iter().zip(&self.deviation).map(|(mean, deviation)| mean + deviation * normal()).collect()
    }

    /// A hash of all words and their vectors.
    pub(super) fn content(&self) -> u64 {
        let mut hash = Xxh3::new();
        hash.update(&(self.dim as u64).to_le_bytes());
        for (word, row) in &self.rows {
            hash.update(word.as_bytes());
            hash.update(&[0]);
            let bytes: Vec<u8> = row.iter().flat_map(|x| x.to_le_bytes()).collect();
            hash.update(&bytes);
        }
        hash.digest()
    }

    /// Writes the vectors in word2vec's binary format.
    ///
    /// # Errors
    /// [`ModelError::Io`] with the path.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        let write = || {
            let mut file = BufWriter::new(File::create(path)?);
            writeln!(file, "{} {}", self.rows.len(), self.dim)?;
            for (word, row) in &self.rows {
                write!(file, "{word} ")?;
                for x in row {
                    file.write_all(&x.to_le_bytes())?;
                }
                file.write_all(b"\n")?;
            }
            file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
        };
        Ok(write().map_err(FileError::writing(path))?)
    }
}

/// A caption's words: lower case, letters and digits with apostrophes and hyphens inside.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    let is_inside = |c: char| c.is_alphanumeric() || c == '\'' || c == '-';
    let parts: Vec<String> = text
        .split(move |c: char| !is_inside(c))
        .map(|word| word.trim_matches(['\'', '-']).to_lowercase())
        .filter(|word| !word.is_empty())
        .collect();
    parts.into_iter()
}

/// What of a file stays in memory.
struct Kept<'a> {
    vocabulary: &'a HashSet<String>,
    keep: usize,
    rows: BTreeMap<String, Vec<f32>>,
}

impl Kept<'_> {
    /// Whether the vector of the file's `row`-th word (from 1) is wanted. The first spelling of a
    /// word wins, so that `Jazz` does not replace `jazz`.
    fn wants(&self, word: &str, row: u64) -> bool {
        let wanted = self.vocabulary.contains(word) || row <= self.keep as u64;
        wanted && !self.rows.contains_key(word)
    }
}

struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    row: u64,
}

impl Reader {
    fn error(&self, found: &str, expected: &'static str) -> ModelError {
        ModelError::WordVectors { path: self.path.clone(), row: self.row, found: found.to_owned(), expected }
    }

    fn io(&self, source: std::io::Error) -> ModelError {
        FileError::reading(&self.path)(source).into()
    }

    /// One line without its end, of at most some hundred kilobytes.
    fn line(&mut self) -> Result<Vec<u8>, ModelError> {
        let longest = (LONGEST_WORD + 32 * LARGEST_DIM) as u64;
        let mut line = Vec::new();
        let read = self.file.by_ref().take(longest).read_until(b'\n', &mut line);
        read.map_err(|source| self.io(source))?;
        if line.len() as u64 == longest {
            return Err(self.error("a line without an end", "a word and its numbers"));
        }
        while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r' | b' ')) {
            line.pop();
        }
        Ok(line)
    }

    /// Behind a header: text has as many numbers in a line as there are dimensions.
    fn is_binary(&mut self, dim: usize) -> Result<bool, ModelError> {
        let start = self.file.fill_buf().map_err(FileError::reading(&self.path))?;
        let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let text = match std::str::from_utf8(line) {
            Ok(text) => text,
            Err(_) => return Ok(true),
        };
        let numbers = text.split_whitespace().skip(1).filter(|field| field.parse::<f32>().is_ok()).count();
        Ok(numbers != dim)
    }

    fn text(&mut self, dim: usize, kept: &mut Kept<'_>) -> Result<(), ModelError> {
        loop {
            let line = self.line()?;
            if line.is_empty() {
                if self.file.fill_buf().map_err(FileError::reading(&self.path))?.is_empty() {
                    return Ok(());
                }
                continue;
            }
            self.row += 1;
            let line = String::from_utf8_lossy(&line).into_owned();
            self.keep_text_row(&line, dim, kept)?;
        }
    }

    fn keep_text_row(&self, line: &str, dim: usize, kept: &mut Kept<'_>) -> Result<(), ModelError> {
        let mut fields = line.split(' ').filter(|field| !field.is_empty());
        let word = fields.next().unwrap_or_default();
        if !kept.wants(word, self.row) {
            return Ok(());
        }
        let numbers: Option<Vec<f32>> =
            fields.map(|field| field.parse().ok().filter(|x: &f32| x.is_finite())).collect();
        let Some(numbers) = numbers else {
            return Err(self.error("something that is not a number", "finite numbers after the word"));
        };
        if numbers.len() != dim {
            let found = format!("{} numbers", numbers.len());
            return Err(self.error(&found, "a word and as many numbers as in the first line"));
        }
        kept.rows.insert(word.to_owned(), numbers);
        Ok(())
    }

    fn binary(&mut self, count: u64, dim: usize, kept: &mut Kept<'_>) -> Result<(), ModelError> {
        let mut bytes = vec![0; 4 * dim];
        for row in 1..=count {
            self.row = row;
            let mut word = Vec::new();
            let read = self.file.by_ref().take(LONGEST_WORD as u64).read_until(b' ', &mut word);
            read.map_err(|source| self.io(source))?;
            if word.pop() != Some(b' ') {
                let found = format!("the file's end after {} of {count} words", row - 1);
                return Err(self.error(&found, "the whole file: it is cut off, or not word2vec"));
            }
            let end = self.file.read_exact(&mut bytes);
            end.map_err(|_| self.error("the end of the file within a vector", "the whole file: it is cut off"))?;
            let word = String::from_utf8_lossy(&word).trim_start_matches('\n').to_owned();
            if !kept.wants(&word, row) {
                continue;
            }
            let numbers: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&word| f32::from_le_bytes(word)).collect();
            if numbers.iter().any(|x| !x.is_finite()) {
                return Err(self.error("a number that is not finite", "finite numbers after the word"));
            }
            kept.rows.insert(word, numbers);
        }
        Ok(())
    }
}

impl TextProcessor for WordVectors {
    fn batch(&self, captions: &[&str], device: &Device) -> TextBatch {
        let values = captions.iter().flat_map(|text| self.embed(text)).collect();
        TextBatch::from_vectors(values, self.dim(), device)
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.content())
    }

    fn place(&self) -> &'static str {
        WORD_VECTORS
    }

    fn save(&self, bundle: &Path) -> Result<(), ModelError> {
        replace(&bundle.join(WORD_VECTORS), |path| WordVectors::save(self, path))
    }
}
