//! The last feature map of a recording by burn's operators, in tiles with as much around them as they depend on.

use burn::tensor::{Device, Tensor, TensorData};

use crate::ModelError;
use crate::dual_encoder::DualEncoder;
use crate::tower::{TimeColumns, TimeMap};

/// Columns of a tile, besides those around it.
const COLUMNS: usize = 32;

/// Columns of a map as they become known.
pub(super) struct Tiles<'a> {
    model: &'a DualEncoder,
    encoder: &'a dyn TimeMap,
    device: &'a Device,
    n_mels: usize,
    columns: TimeColumns,
    /// Frames from that of column `origin` on: `[frames, n_mels]`.
    frames: Vec<f32>,
    origin: usize,
    /// Columns so far.
    done: usize,
    /// Height and channels of the map.
    size: [usize; 2],
}

impl std::fmt::Debug for Tiles<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tiles").field("origin", &self.origin).field("done", &self.done).finish_non_exhaustive()
    }
}

impl<'a> Tiles<'a> {
    pub(super) fn new(
        model: &'a DualEncoder,
        device: &'a Device,
        n_mels: usize,
        columns: TimeColumns,
    ) -> Result<Self, ModelError> {
        let Some(encoder) = model.audio.time_map() else {
            let found = "an encoder that has no map, although its configuration has columns of one";
            return Err(ModelError::Config { field: "segments", found: found.into(), expected: "a map, or separate" });
        };
        let (frames, origin, done, size) = (Vec::new(), 0, 0, [0, 0]);
        Ok(Self { model, encoder, device, n_mels, columns, frames, origin, done, size })
    }

    /// Columns around a tile.
    fn margin(&self) -> usize {
        self.columns.reach.div_ceil(self.columns.frames)
    }

    pub(super) fn push(&mut self, frames: &[f32], last: bool, out: &mut Vec<f32>) {
        self.frames.extend_from_slice(frames);
        loop {
            let end = self.done + COLUMNS;
            let frames = (end + self.margin() - self.origin) * self.columns.frames;
            if self.frames.len() < frames * self.n_mels {
                break;
            }
            self.tile(frames, end, out);
        }
        if last {
            let frames = self.frames.len() / self.n_mels;
            self.tile(frames, self.origin + self.columns.count(frames), out);
        }
    }

    /// Computes columns until `end` from as many frames as that takes.
    fn tile(&mut self, frames: usize, end: usize, out: &mut Vec<f32>) {
        if end <= self.done {
            return;
        }
        let data = TensorData::new(self.frames[..frames * self.n_mels].to_vec(), [1, frames, self.n_mels]);
        let mel = Tensor::<3>::from_data(data, self.device).swap_dims(1, 2);
        let map = self.encoder.map(mel).narrow(3, self.done - self.origin, end - self.done);
        let [_, channels, height, _] = map.dims();
        self.size = [height, channels];
        let data = map.permute([0, 3, 2, 1]).into_data().convert::<f32>(); // [1, columns, height, channels]
        out.extend_from_slice(data.as_slice::<f32>().expect("converted to f32"));
        self.done = end;
        let origin = end.saturating_sub(self.margin()).max(self.origin);
        self.frames.drain(..(origin - self.origin) * self.columns.frames * self.n_mels);
        self.origin = origin;
    }

    /// Values of a column; 1 before there is any.
    pub(super) fn column_len(&self) -> usize {
        (self.size[0] * self.size[1]).max(1)
    }

    /// # Shapes
    /// - columns: `[columns, height, channels]`; returns `[starts, projection_dim]`, unit norm.
    pub(super) fn embed(&self, columns: &[f32], starts: &[usize], width: usize) -> Vec<f32> {
        let [height, channels] = self.size;
        let a_column = height * channels;
        let windows = starts.iter().flat_map(|&start| &columns[start * a_column..][..width * a_column]);
        let data = TensorData::new(windows.copied().collect(), [starts.len(), width, height, channels]);
        let map = Tensor::<4>::from_data(data, self.device).permute([0, 3, 2, 1]);
        let embedded = self.model.project_audio(self.encoder.pool(map)).into_data().convert::<f32>();
        embedded.try_into_vec().expect("converted to f32")
    }
}
