//! Weights in the order in which kernels read them.

use crate::Level;

/// Vectors side by side in a panel, where there are columns enough.
pub(crate) const VECTORS: usize = 2;

/// A matrix `[depth, columns]` as panels of [`VECTORS`] vectors of columns (one vector, if that
/// holds all), each panel in the order of depth; the last one is filled up with zeros.
#[derive(Debug, Clone)]
pub(crate) struct PackedMatrix {
    pub(crate) level: Level,
    pub(crate) depth: usize,
    pub(crate) columns: usize,
    /// Vectors a panel.
    pub(crate) vectors: usize,
    panels: Vec<f32>,
}

impl PackedMatrix {
    /// `value(depth, column)` gives the matrix.
    pub(crate) fn new([depth, columns]: [usize; 2], level: Level, value: impl Fn(usize, usize) -> f32) -> Self {
        let lanes = level.lanes();
        let vectors = if columns <= lanes { 1 } else { VECTORS };
        let width = vectors * lanes;
        let mut panels = vec![0.0; columns.div_ceil(width) * depth * width];
        for (panel, values) in panels.chunks_exact_mut((depth * width).max(1)).enumerate() {
            for (row, values) in values.chunks_exact_mut(width).enumerate() {
                for (column, place) in (panel * width..columns).zip(values) {
                    *place = value(row, column);
                }
            }
        }
        Self { level, depth, columns, vectors, panels }
    }

    /// All of them.
    pub(crate) fn bytes(&self) -> usize {
        self.panels.len() * size_of::<f32>()
    }

    /// Columns a panel.
    pub(crate) fn width(&self) -> usize {
        self.vectors * self.level.lanes()
    }

    /// The panels, with the column that each begins at.
    pub(crate) fn panels(&self) -> impl Iterator<Item = (usize, &[f32])> {
        let width = self.width();
        self.panels.chunks_exact((self.depth * width).max(1)).enumerate().map(move |(i, panel)| (i * width, panel))
    }

    /// One of them.
    pub(crate) fn panel(&self, index: usize) -> &[f32] {
        let len = self.depth * self.width();
        &self.panels[index * len..(index + 1) * len]
    }

    /// A bias with a value for every column of every panel.
    pub(crate) fn filled_up(&self, bias: &[f32]) -> Vec<f32> {
        assert!(bias.is_empty() || bias.len() == self.columns, "a bias has one value a column");
        let mut filled = bias.to_vec();
        filled.resize(self.columns.div_ceil(self.width()) * self.width(), 0.0);
        filled
    }
}
