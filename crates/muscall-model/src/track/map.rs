//! The last feature map of a recording, by the kernels or by burn's operators.

use super::tiles::Tiles;
use crate::ModelError;
use crate::inference::PackedMap;
use crate::muscall::Muscall;
use crate::tower::TimeColumns;

/// Columns of a map as they become known, and embeddings of windows of them.
#[derive(Debug)]
pub(super) enum Map<'a> {
    Packed(PackedMap<'a>),
    Tiles(Tiles<'a>),
}

impl<'a> Map<'a> {
    pub(super) fn new(model: &'a Muscall, columns: TimeColumns) -> Result<Self, ModelError> {
        let n_mels = model.config().log_mel.n_mels;
        let packed = model.source().map(|source| model.packed.audio(source)).transpose()?.flatten();
        Ok(match packed.and_then(|audio| audio.map(n_mels)) {
            Some(map) => Self::Packed(map),
            None => Self::Tiles(Tiles::new(model.model()?, model.device(), n_mels, columns)?),
        })
    }

    /// Whether columns are the same to the bit if the map begins at a later one, but for those that depend on what is
    /// before it. Burn's operators work on tiles that are counted from the beginning.
    pub(super) fn may_begin_later(&self) -> bool {
        matches!(self, Self::Packed(_))
    }

    /// Adds the columns that follow from the next frames to `columns`, or all that are left.
    ///
    /// # Shapes
    /// - frames: `[frames, n_mels]`; columns: `[columns, height, channels]`.
    pub(super) fn push(&mut self, frames: &[f32], last: bool, columns: &mut Vec<f32>) {
        match self {
            Self::Packed(map) => map.push(frames, last, columns),
            Self::Tiles(tiles) => tiles.push(frames, last, columns),
        }
    }

    /// Values of a column, at least one.
    pub(super) fn column_len(&self) -> usize {
        match self {
            Self::Packed(map) => map.column_len(),
            Self::Tiles(tiles) => tiles.column_len(),
        }
    }

    /// Windows of `width` columns from each of `starts` on.
    ///
    /// # Shapes
    /// - returns `[starts, projection_dim]`, unit norm.
    pub(super) fn embed(&self, columns: &[f32], starts: &[usize], width: usize) -> Vec<f32> {
        match self {
            Self::Packed(map) => map.embed(columns, starts, width),
            Self::Tiles(tiles) => tiles.embed(columns, starts, width),
        }
    }
}
