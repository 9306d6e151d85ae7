//! What is the same in all sizes of HTSAT.

/// Mel bands of a spectrogram.
pub(super) const BANDS: usize = 64;
/// Frames that a spectrogram is stretched to: four pieces of 256 become the rows of an image.
pub(super) const FRAMES: usize = 1024;
/// Rows and columns of that image.
pub(super) const IMAGE: usize = 256;
/// Pixels of a patch along each side.
pub(super) const PATCH: usize = 4;
/// Patches of an attention window along each side.
pub(super) const WINDOW: usize = 8;
