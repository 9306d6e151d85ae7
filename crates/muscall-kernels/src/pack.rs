//! Weights in the order in which kernels read them.

use rayon::prelude::*;

use crate::Level;

/// Vectors side by side in a panel, where there are columns enough.
pub(crate) const VECTORS: usize = 2;
/// Bytes that a thread packs at least.
const PANELS_BYTES: usize = 64 << 10;
/// Rows that are packed together.
const ROWS: usize = 16;

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
    /// Column 0 of a row is at `row(depth)` in `values`, and each of the others `step` behind the one
    /// before.
    pub(crate) fn new(
        [depth, columns]: [usize; 2],
        level: Level,
        values: &[f32],
        row: impl Fn(usize) -> usize,
        step: usize,
    ) -> Self {
        let lanes = level.lanes();
        let vectors = if columns <= lanes { 1 } else { VECTORS };
        let width = vectors * lanes;
        let rows: Vec<usize> = (0..depth).map(row).collect();
        let mut panels = vec![0.0; columns.div_ceil(width) * depth * width];
        let pack = |(panel, packed): (usize, &mut [f32])| {
            let first = panel * width;
            let count = width.min(columns - first);
            if step == 1 {
                for (packed, row) in packed.chunks_exact_mut(width).zip(&rows) {
                    packed[..count].copy_from_slice(&values[row + first..][..count]);
                }
                return;
            }
            // Some rows at a time, so that what a column has of them is still in the cache for the next.
            for (packed, rows) in packed.chunks_mut(ROWS * width).zip(rows.chunks(ROWS)) {
                for column in 0..count {
                    let values = &values[(first + column) * step..];
                    for (packed, row) in packed.chunks_exact_mut(width).zip(rows) {
                        packed[column] = values[*row];
                    }
                }
            }
        };
        let size = (depth * width).max(1);
        // A matrix of a small layer is packed sooner than another thread has begun.
        let together = (PANELS_BYTES / (size * size_of::<f32>())).max(1);
        panels.par_chunks_exact_mut(size).enumerate().with_min_len(together).for_each(pack);
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
        assert!(bias.is_empty() || bias.len() == self.columns, "a bias has one value per column");
        let mut filled = bias.to_vec();
        filled.resize(self.columns.div_ceil(self.width()) * self.width(), 0.0);
        filled
    }
}
