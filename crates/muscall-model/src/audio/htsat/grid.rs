//! What is the same in all sizes of HTSAT.

/// Mel bands of a spectrogram.
pub(crate) const BANDS: usize = 64;
/// Frames that a spectrogram is stretched to: four pieces of 256 become the rows of an image.
pub(crate) const FRAMES: usize = 1024;
/// Rows and columns of that image.
pub(crate) const IMAGE: usize = 256;
/// Pixels of a patch along each side.
pub(crate) const PATCH: usize = 4;
/// Patches of an attention window along each side.
pub(crate) const WINDOW: usize = 8;
/// Differences of rows, or of columns, within a window.
pub(crate) const OFFSETS: usize = 2 * WINDOW - 1;

/// The row of the table of relative positions for a query and a key of one window.
pub(crate) fn relative_index(query: usize, key: usize) -> usize {
    let offset = |query: usize, key: usize| query + WINDOW - 1 - key;
    offset(query / WINDOW, key / WINDOW) * OFFSETS + offset(query % WINDOW, key % WINDOW)
}

/// Along an axis of a rolled grid: what was together before, the last window's first half, and what came round from the
/// start.
pub(crate) fn region(place: usize, side: usize) -> usize {
    usize::from(place >= side - WINDOW) + usize::from(place >= side - WINDOW / 2)
}
