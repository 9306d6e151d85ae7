//! The residual network over a recording of any length, as its spectrogram arrives.

use std::mem::swap;
use std::ops::Range;

use muscall_kernels::{Epilogue, FeatureMap, append_average2x2, average2x2};

use super::resnet::{FoldedBottleneck, FoldedResNet, Maps, RELU};

/// The last feature map of a whole recording, each moment of which is computed once. A moment is a row of every map,
/// and what a layer needs of earlier rows is all that is kept: the result is that of the recording as one image, to the
/// bit, however its frames arrive.
///
/// A 3×3 convolution gives an even number of rows at a time, as Winograd's transform computes them, and stays a row or
/// two behind its input until the recording ends.
#[derive(Debug)]
pub(super) struct ResNetStream<'a> {
    network: &'a FoldedResNet,
    n_mels: usize,
    /// Inputs of the convolutions of the stem.
    stem: [Tail; 3],
    blocks: Vec<BlockTails>,
}

/// What a block keeps.
#[derive(Debug, Clone, Default)]
struct BlockTails {
    /// Of its input, which is added to the output.
    shortcut: Tail,
    /// Of the input of its 3×3 convolution.
    inner: Tail,
}

/// The last rows of a map over time.
#[derive(Debug, Clone, Default)]
struct Tail {
    values: Vec<f32>,
    /// Which row of the recording the first of them is.
    first: usize,
    /// Rows of the convolution's output so far.
    done: usize,
}

impl Tail {
    /// A map that begins with these rows.
    fn begin(&self, map: &mut FeatureMap, [width, channels]: [usize; 2], border: usize) {
        map.fill(&self.values, [1, self.values.len() / (width * channels), width, channels], border);
    }

    /// Keeps the rows of a map that began with this tail, from a row of the recording on.
    fn keep(&mut self, map: &FeatureMap, from: usize) {
        self.values = map.view().rows(from - self.first..map.dims()[1]).to_vec();
        self.first = from;
    }

    /// Rows of a map that began with this tail which a 3×3 convolution with this stride takes next: those whose
    /// neighbours are there, or all if nothing follows.
    fn advance(&mut self, map: &FeatureMap, stride: usize, last: bool) -> Range<usize> {
        let end = self.first + map.dims()[1];
        let from = self.done;
        self.done = match (stride, last) {
            (_, true) => end.div_ceil(stride),
            (1, false) => (end.saturating_sub(1) & !1).max(from),
            (_, false) => end / stride,
        };
        from * stride - self.first..(self.done * stride).min(end) - self.first
    }

    /// Keeps what the outputs after those so far need: the row above their first one, and all below.
    fn keep_neighbours(&mut self, map: &FeatureMap, stride: usize) {
        self.keep(map, (self.done * stride).saturating_sub(1));
    }
}

impl<'a> ResNetStream<'a> {
    pub(super) fn new(network: &'a FoldedResNet, n_mels: usize) -> Self {
        Self { network, n_mels, stem: Default::default(), blocks: vec![BlockTails::default(); network.blocks.len()] }
    }

    /// Takes the next frames, and adds the rows of the last map that follow from all so far to `out`; if these are the
    /// last ones, all that are left.
    ///
    /// # Shapes
    /// - frames: `[frames, n_mels]`; out: `[rows, n_mels/32, 32 width]`.
    pub(super) fn push(&mut self, frames: &[f32], last: bool, out: &mut Vec<f32>) {
        let mut maps = self.network.maps();
        self.stem(frames, last, &mut maps);
        let mut tails = self.blocks.iter_mut().peekable();
        for block in &self.network.blocks {
            let Some(own) = tails.next() else { break };
            own.run(block, last, &mut maps, tails.peek().map(|next| &next.shortcut));
        }
        out.extend(maps.x.to_vec());
        self.network.give_back(maps);
    }

    /// To `maps.x`, which begins with what the first block has kept.
    fn stem(&mut self, frames: &[f32], last: bool, maps: &mut Maps) {
        let Maps { x, y, z, out, .. } = maps;
        let [conv1, conv2, conv3] = &self.network.stem;
        let [tail1, tail2, tail3] = &mut self.stem;
        let width = self.n_mels.div_ceil(2);
        tail1.begin(z, [self.n_mels, 1], conv1.border());
        z.append(frames);
        let rows = tail1.advance(z, 2, last);
        tail2.begin(y, [width, conv1.outputs()], conv2.border());
        conv1.append(z.view().rows(rows), RELU, y);
        tail1.keep_neighbours(z, 2);

        let rows = tail2.advance(y, 1, last);
        tail3.begin(z, [width, conv2.outputs()], conv3.border());
        conv2.append(y.view().rows(rows), RELU, z);
        tail2.keep_neighbours(y, 1);

        let rows = tail3.advance(z, 1, last);
        conv3.run(z.view().rows(rows), RELU, out, 0);
        tail3.keep_neighbours(z, 1);
        if let Some(first) = self.blocks.first() {
            first.shortcut.begin(x, [width / 2, conv3.outputs()], 0);
        }
        append_average2x2(&*out, x);
    }
}

impl BlockTails {
    /// From `maps.x` to `maps.x`, which both begin with what was kept of earlier rows.
    fn run(&mut self, block: &FoldedBottleneck, last: bool, maps: &mut Maps, next: Option<&Tail>) {
        let Self { shortcut: tail, inner } = self;
        let FoldedBottleneck { conv1, conv2, conv3, downsample, halves } = block;
        let Maps { x, y, z, pooled, shortcut, out } = maps;
        let [_, height, width, channels] = x.dims();
        let kept = tail.values.len() / (width * channels);
        inner.begin(y, [width, conv1.outputs()], conv2.border());
        conv1.append(x.view().rows(kept..height), RELU, y);
        let from = inner.done;
        let rows = inner.advance(y, 1, last);
        conv2.run(y.view().rows(rows), RELU, z, 0);
        inner.keep_neighbours(y, 1);

        let mut input = x.view().rows(0..inner.done - from);
        if *halves {
            average2x2(&*z, y, 0);
            swap(y, z);
            average2x2(input, pooled, 0);
            input = pooled.view();
        }
        if let Some(downsample) = downsample {
            downsample.run(input, Epilogue::default(), shortcut, 0);
            input = shortcut.view();
        }
        let dims = [z.dims()[2], conv3.outputs()];
        match next {
            Some(next) => next.begin(out, dims, 0),
            None => Tail::default().begin(out, dims, 0),
        }
        conv3.append(&*z, Epilogue { residual: Some(input), relu: true }, out);
        tail.keep(x, inner.done);
        swap(x, out);
    }
}
