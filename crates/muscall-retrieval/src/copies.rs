//! Recordings that an index has more than once: the same file under two names, another format, another loudness.

use crate::duplicates::{ROUNDING, SIDE, check_threshold, linked};
use crate::index::Segments;
use crate::{Embeddings, Index, RetrievalError, dot};

/// Of windows that follow a common course, so little may be alike.
const SAME_COURSE: (f32, f32) = (0.9, 0.8);
/// Windows that are alike need not follow a common course as strictly: a codec changes a steady sound as much as it
/// changes by itself.
const SAME_SOUND: (f32, f32) = (0.95, 0.4);
/// Tracks that have no course, since they have one window or never change, must be alike to this cosine.
const NO_COURSE: f32 = 0.999;
/// The part of two lengths by which they may differ.
pub(crate) const LENGTHS: f64 = 0.01;
/// Squared norm of what changes in a window, below which nothing does.
pub(crate) const STEADY: f64 = 1e-5;

/// When two tracks are looked at, and how far their lengths may differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CopiesConfig {
    /// The least cosine between the vectors of two tracks, for their windows to be compared.
    pub threshold: f32,
    /// Seconds by which the lengths of two tracks may differ; longer ones by one part in a hundred.
    pub apart_s: f64,
}

impl Default for CopiesConfig {
    fn default() -> Self {
        Self { threshold: 0.93, apart_s: 1.5 }
    }
}

/// Groups of tracks that are one recording.
///
/// Tracks of the same content are. Others are if they are about as long, and alike from window to window: all windows must
/// sound alike, and what changes from one to the next must change alike. So pieces for one instrument, which sound alike
/// throughout, are not taken for copies of each other. Copies at another speed or from another place of the recording are
/// not found. Vectors alone miss about one copy in ten that starts at another moment; where the files are there,
/// [`possible_copies`](crate::possible_copies) says which of them are worth hearing.
///
/// # Shapes
/// - returns groups of tracks by their first one, and in each its tracks in order.
/// # Errors
/// [`RetrievalError::OutOfRange`] if the threshold is not above 0 and at most 1, [`RetrievalError::Corrupt`].
pub fn copies(index: &Index, config: &CopiesConfig) -> Result<Vec<Vec<usize>>, RetrievalError> {
    check_threshold(config.threshold)?;
    let known = Known::read(index)?;
    let is_copy = |a: usize, b: usize| known.are_one_file(a, b) || known.are_alike(a, b, config.apart_s);
    let groups = linked(known.vectors()?, config.threshold - ROUNDING, SIDE, &is_copy);
    Ok(groups.into_iter().map(|group| group.into_iter().map(|row| known.tracks[row]).collect()).collect())
}

/// What is compared of the tracks of an index, by rows: a removed track has none.
pub(crate) struct Known<'a> {
    /// The track of each row.
    pub(crate) tracks: Vec<usize>,
    pub(crate) windows: Vec<Segments<'a>>,
    lengths_s: Vec<f64>,
    contents: Vec<u128>,
    dim: usize,
    /// `[rows, dim]`.
    values: Vec<f32>,
}

impl<'a> Known<'a> {
    pub(crate) fn read(index: &'a Index) -> Result<Self, RetrievalError> {
        let (tracks, windows, values) = (Vec::new(), Vec::new(), Vec::new());
        let (lengths_s, contents, dim) = (Vec::new(), Vec::new(), index.config().dim);
        let mut known = Self { tracks, windows, lengths_s, contents, dim, values };
        for track in index.tracks() {
            let record = index.track(track)?;
            let windows = index.segments(track)?;
            // Times of a part are those of its file.
            let start_s = windows.starts_s.first().map_or(0.0, |&start| f64::from(start));
            known.lengths_s.push(record.duration_s - start_s);
            known.contents.push(record.content);
            known.windows.push(windows);
            known.values.extend_from_slice(index.vector(track)?);
            known.tracks.push(track);
        }
        Ok(known)
    }

    pub(crate) fn vectors(&self) -> Result<Embeddings<'_>, RetrievalError> {
        Ok(Embeddings::new(&self.values, self.dim)?)
    }

    /// Whether two rows have the same bytes.
    pub(crate) fn are_one_file(&self, a: usize, b: usize) -> bool {
        self.contents[a] != 0 && self.contents[a] == self.contents[b]
    }

    /// The length of the longer of two rows, and by how much it is longer.
    pub(crate) fn lengths_s(&self, a: usize, b: usize) -> (f64, f64) {
        let (a, b) = (self.lengths_s[a], self.lengths_s[b]);
        (a.max(b), (a - b).abs())
    }

    /// Whether two rows are about as long, and alike from window to window.
    pub(crate) fn are_alike(&self, a: usize, b: usize, apart_s: f64) -> bool {
        let (length_s, by_s) = self.lengths_s(a, b);
        by_s <= apart_s.max(LENGTHS * length_s) && alike(&self.windows[a], &self.windows[b])
    }
}

/// Whether two sequences of windows are of one recording. They are compared in order, since their lengths are alike.
fn alike(a: &Segments<'_>, b: &Segments<'_>) -> bool {
    let windows = a.rows.rows().min(b.rows.rows());
    if windows == 0 {
        return false;
    }
    let cosine = (0..windows).map(|i| dot(a.rows.row(i), b.rows.row(i))).fold(1.0_f32, f32::min);
    match course(&a.rows, &b.rows, windows) {
        Some(course) => [SAME_COURSE, SAME_SOUND].iter().any(|&(sound, least)| cosine >= sound && course >= least),
        None => cosine >= NO_COURSE,
    }
}

/// How much what changes in one changes in the other: the correlation over time of deviations from the mean. Nothing if
/// one of them doesn't change.
fn course(a: &Embeddings<'_>, b: &Embeddings<'_>, windows: usize) -> Option<f32> {
    let mean = |rows: &Embeddings<'_>| -> Vec<f64> {
        let mut sum = vec![0.0; rows.dim()];
        for window in 0..windows {
            sum.iter_mut().zip(rows.row(window)).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        sum.into_iter().map(|x| x / windows as f64).collect()
    };
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut own_a, mut own_b) = (0.0, 0.0, 0.0);
    for window in 0..windows {
        for (i, (&x, &y)) in a.row(window).iter().zip(b.row(window)).enumerate() {
            let (x, y) = (f64::from(x) - mean_a[i], f64::from(y) - mean_b[i]);
            both += x * y;
            own_a += x * x;
            own_b += y * y;
        }
    }
    let least = STEADY * windows as f64;
    (own_a > least && own_b > least).then(|| (both / (own_a * own_b).sqrt()) as f32)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::{Fingerprint, IndexConfig, IndexWriter, TrackRecord};

    const DIM: usize = 32;
    const WINDOWS: usize = 6;

    fn near(rng: &mut ChaCha8Rng, centre: &[f32], spread: f32) -> Vec<f32> {
        let row: Vec<f32> = centre.iter().map(|x| x + spread * rng.random_range(-1.0..1.0)).collect();
        let norm = dot(&row, &row).sqrt();
        row.iter().map(|x| x / norm).collect()
    }

    #[test]
    fn pieces_for_one_instrument_are_not_copies_but_copies_are() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.index");
        let config = IndexConfig::new(DIM, Fingerprint::new("space")).with_windows(10.0, 5.0);
        let mut writer = IndexWriter::create(&path, &config).unwrap();
        let timbre = near(&mut rng, &[0.0; DIM], 1.0);
        let starts: Vec<f32> = (0..WINDOWS).map(|window| 5.0 * window as f32).collect();
        let mut add = |name: &str, rows: &[f32], duration_s: f64, content: u128| {
            let record = TrackRecord { duration_s, content, ..TrackRecord::new(name) };
            writer.add(&record, &starts, rows).unwrap();
        };
        // Twenty pieces that sound alike, each of its own course.
        let pieces: Vec<Vec<f32>> =
            (0..20).map(|_| (0..WINDOWS).flat_map(|_| near(&mut rng, &timbre, 0.03)).collect()).collect();
        pieces.iter().enumerate().for_each(|(i, rows)| add(&format!("piece {i}"), rows, 35.0, 0));
        // Of the first there is a copy by a codec, and one of another length; of the second the same file.
        let coded: Vec<f32> = pieces[0].chunks(DIM).flat_map(|row| near(&mut rng, row, 0.005)).collect();
        add("coded", &coded, 34.5, 0);
        add("longer", &coded, 60.0, 0);
        add("one", &pieces[1], 35.0, 7);
        add("other", &pieces[2], 80.0, 7);
        writer.commit().unwrap();
        drop(writer);
        let index = Index::open(&path).unwrap();
        let found = copies(&index, &CopiesConfig::default()).unwrap();
        // "one" is a copy of piece 1, and "other" is the same file as "one".
        assert_eq!(found, [vec![0, 20], vec![1, 22, 23]]);
        let vectors: Vec<f32> = index.tracks().flat_map(|track| index.vector(track).unwrap().to_vec()).collect();
        let all = crate::duplicates(Embeddings::new(&vectors, DIM).unwrap(), 0.98).unwrap();
        assert_eq!(all.len(), 1, "by their mean vectors alone, all are one group");
    }

    #[test]
    fn a_threshold_that_cannot_be_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.index");
        drop(IndexWriter::create(&path, &IndexConfig::new(4, Fingerprint::new("space"))).unwrap());
        let index = Index::open(&path).unwrap();
        assert!(copies(&index, &CopiesConfig::default()).unwrap().is_empty());
        let wrong = CopiesConfig { threshold: 1.5, ..CopiesConfig::default() };
        assert!(matches!(copies(&index, &wrong), Err(RetrievalError::OutOfRange { .. })));
    }
}
