//! Feature maps with a border of zeros.

use std::mem::MaybeUninit;
use std::ops::Range;

/// `[images, height, width, channels]`, each image with `border` pixels of zeros around it, so that
/// a 3×3 convolution reads beyond the edge without asking.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FeatureMap {
    pub(crate) data: Vec<f32>,
    pub(crate) images: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) border: usize,
}

impl FeatureMap {
    /// From `[images, height, width, channels]` without a border.
    ///
    /// # Panics
    /// If `data` has another length.
    pub fn new(data: &[f32], dims: [usize; 4], border: usize) -> Self {
        let mut map = Self::default();
        map.fill(data, dims, border);
        map
    }

    /// Without a border, in the memory of `data`, which has as many values.
    pub(crate) fn without_border(data: Vec<f32>, [images, height, width, channels]: [usize; 4]) -> Self {
        assert_eq!(data.len(), images * height * width * channels, "one value per pixel and channel");
        Self { data, images, height, width, channels, border: 0 }
    }

    /// The same in the memory of another map.
    ///
    /// # Panics
    /// If `data` has another length.
    pub fn fill(&mut self, data: &[f32], dims: [usize; 4], border: usize) {
        let [images, height, width, channels] = dims;
        assert_eq!(data.len(), images * height * width * channels, "one value per pixel and channel");
        self.reset(dims, border);
        for image in 0..images {
            for y in 0..height {
                let (from, to) = ((image * height + y) * width * channels, self.offset(image, y, 0));
                self.data[to..to + width * channels].copy_from_slice(&data[from..from + width * channels]);
            }
        }
    }

    /// Another shape in the same memory: the border is zero, what is inside is what was there before,
    /// since it is written next.
    pub fn reset(&mut self, dims: [usize; 4], border: usize) {
        self.reshape(dims, border);
        self.data.resize(self.images * self.image_len(), 0.0);
        each_border(&mut self.data, dims, border, |border| border.fill(0.0));
    }

    /// The same for memory that need not hold anything: gives all values, of which those of the border
    /// are written. The map is empty until [`assume_written`](Self::assume_written).
    pub(crate) fn unwritten(&mut self, dims: [usize; 4], border: usize) -> &mut [MaybeUninit<f32>] {
        self.reshape(dims, border);
        let len = self.images * self.image_len();
        self.data.clear();
        self.data.reserve_exact(len);
        let values = &mut self.data.spare_capacity_mut()[..len];
        each_border(values, dims, border, |border| border.fill(MaybeUninit::new(0.0)));
        values
    }

    /// Memory for `count` more rows below those of a map of one image, of which the borders at their sides are written.
    /// The map is not to be read until [`assume_written`](Self::assume_written).
    pub(crate) fn unwritten_rows(&mut self, count: usize) -> &mut [MaybeUninit<f32>] {
        assert_eq!(self.images, 1, "rows of one image");
        let (border, row) = (self.border, self.row_len());
        let end = (border + self.height) * row;
        self.height += count;
        self.data.truncate(end);
        let len = (count + border) * row;
        self.data.reserve_exact(len);
        let (rows, below) = self.data.spare_capacity_mut()[..len].split_at_mut(count * row);
        below.fill(MaybeUninit::new(0.0));
        if border > 0 {
            let side = border * self.channels;
            for row in rows.chunks_exact_mut(row) {
                let end = row.len() - side;
                row[..side].fill(MaybeUninit::new(0.0));
                row[end..].fill(MaybeUninit::new(0.0));
            }
        }
        rows
    }

    /// After [`unwritten`](Self::unwritten) or [`unwritten_rows`](Self::unwritten_rows).
    ///
    /// # Safety
    /// Every value that it gave has been written.
    pub(crate) unsafe fn assume_written(&mut self) {
        let len = self.images * self.image_len();
        // SAFETY: both have reserved as many and written the borders, and the caller has written the rest.
        unsafe { self.data.set_len(len) };
    }

    /// Adds rows of zeros below those of a map of one image, and gives them, from border to border.
    ///
    /// # Panics
    /// If there are several images.
    pub(crate) fn add_rows(&mut self, count: usize) -> &mut [f32] {
        assert_eq!(self.images, 1, "rows of one image");
        let (border, row) = (self.border, self.row_len());
        let end = (border + self.height) * row;
        self.height += count;
        self.data.truncate(end);
        self.data.resize(end + (count + border) * row, 0.0);
        &mut self.data[end..][..count * row]
    }

    /// Adds rows below those of a map of one image.
    ///
    /// # Shapes
    /// - values: `[rows, width, channels]`.
    /// # Panics
    /// If there are several images, or no whole rows.
    pub fn append(&mut self, values: &[f32]) {
        let own = self.width * self.channels;
        assert!(own > 0 && values.len().is_multiple_of(own), "whole rows");
        let (side, row_len) = (self.border * self.channels, self.row_len());
        let rows = self.add_rows(values.len() / own);
        for (row, values) in rows.chunks_exact_mut(row_len).zip(values.chunks_exact(own)) {
            row[side..side + own].copy_from_slice(values);
        }
    }

    fn reshape(&mut self, [images, height, width, channels]: [usize; 4], border: usize) {
        (self.images, self.height, self.width) = (images, height, width);
        (self.channels, self.border) = (channels, border);
    }

    /// Borrowed.
    pub fn view(&self) -> FeatureView<'_> {
        FeatureView {
            data: &self.data,
            images: self.images,
            height: self.height,
            width: self.width,
            channels: self.channels,
            border: self.border,
            above: 0,
            below: 0,
        }
    }

    /// `[images, height, width, channels]`.
    pub fn dims(&self) -> [usize; 4] {
        [self.images, self.height, self.width, self.channels]
    }

    /// The values without the border.
    pub fn to_vec(&self) -> Vec<f32> {
        self.view().to_vec()
    }

    /// The same without a copy, if there is no border.
    pub fn into_vec(self) -> Vec<f32> {
        if self.border == 0 { self.data } else { self.to_vec() }
    }

    pub(crate) fn row_len(&self) -> usize {
        self.view().row_len()
    }

    pub(crate) fn image_len(&self) -> usize {
        self.view().image_len()
    }

    pub(crate) fn offset(&self, image: usize, y: usize, x: usize) -> usize {
        self.view().offset(image, y, x)
    }
}

/// A [`FeatureMap`] in memory that somebody else holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeatureView<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) images: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) border: usize,
    /// Rows of the map before the first of these, and behind the last: a convolution reads what is there.
    pub(crate) above: usize,
    pub(crate) below: usize,
}

impl<'a> FeatureView<'a> {
    /// `[images, height, width, channels]` without a border.
    ///
    /// # Panics
    /// If `data` has another length.
    pub fn new(data: &'a [f32], [images, height, width, channels]: [usize; 4]) -> Self {
        assert_eq!(data.len(), images * height * width * channels, "one value per pixel and channel");
        Self { data, images, height, width, channels, border: 0, above: 0, below: 0 }
    }

    /// Some rows of a map of one image. A convolution of them sees the rows around them, not zeros, where there are
    /// any.
    ///
    /// # Panics
    /// If there are several images, or fewer rows.
    #[must_use]
    pub fn rows(self, rows: Range<usize>) -> Self {
        assert_eq!(self.images, 1, "rows of one image");
        assert!(rows.start <= rows.end && rows.end <= self.height, "rows {rows:?} of {}", self.height);
        let (above, below) = (self.above + rows.start, self.below + self.height - rows.end);
        Self { height: rows.len(), above, below, ..self }
    }

    /// `[images, height, width, channels]`.
    pub fn dims(&self) -> [usize; 4] {
        [self.images, self.height, self.width, self.channels]
    }

    /// The values without the border.
    pub fn to_vec(&self) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.images * self.height * self.width * self.channels);
        for image in 0..self.images {
            for y in 0..self.height {
                values.extend_from_slice(&self.data[self.offset(image, y, 0)..][..self.width * self.channels]);
            }
        }
        values
    }

    /// A row of an image from its border to its border.
    pub(crate) fn row_len(&self) -> usize {
        (self.width + 2 * self.border) * self.channels
    }

    pub(crate) fn image_len(&self) -> usize {
        (self.above + self.height + self.below + 2 * self.border) * self.row_len()
    }

    /// Where a pixel begins.
    pub(crate) fn offset(&self, image: usize, y: usize, x: usize) -> usize {
        let row = self.above + y + self.border;
        image * self.image_len() + row * self.row_len() + (x + self.border) * self.channels
    }
}

impl<'a> From<&'a FeatureMap> for FeatureView<'a> {
    fn from(map: &'a FeatureMap) -> Self {
        map.view()
    }
}

/// The runs of values that the border of a map is made of.
fn each_border<T>(
    values: &mut [T],
    [_, height, width, channels]: [usize; 4],
    border: usize,
    mut then: impl FnMut(&mut [T]),
) {
    if border == 0 {
        return;
    }
    let row = (width + 2 * border) * channels;
    let (lines, side) = (border * row, border * channels);
    for image in values.chunks_exact_mut((height + 2 * border) * row) {
        let (above, image) = image.split_at_mut(lines);
        let (rows, below) = image.split_at_mut(height * row);
        then(above);
        then(below);
        for row in rows.chunks_exact_mut(row) {
            let end = row.len() - side;
            then(&mut row[..side]);
            then(&mut row[end..]);
        }
    }
}
