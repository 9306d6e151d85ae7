//! Feature maps with a border of zeros.

use std::mem::MaybeUninit;

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

    /// After [`unwritten`](Self::unwritten).
    ///
    /// # Safety
    /// Every value that it gave has been written.
    pub(crate) unsafe fn assume_written(&mut self) {
        let len = self.images * self.image_len();
        // SAFETY: `unwritten` has reserved as many, and the caller has written them.
        unsafe { self.data.set_len(len) };
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
        }
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
}

impl<'a> FeatureView<'a> {
    /// `[images, height, width, channels]` without a border.
    ///
    /// # Panics
    /// If `data` has another length.
    pub fn new(data: &'a [f32], [images, height, width, channels]: [usize; 4]) -> Self {
        assert_eq!(data.len(), images * height * width * channels, "one value per pixel and channel");
        Self { data, images, height, width, channels, border: 0 }
    }

    /// A row of an image from its border to its border.
    pub(crate) fn row_len(&self) -> usize {
        (self.width + 2 * self.border) * self.channels
    }

    pub(crate) fn image_len(&self) -> usize {
        (self.height + 2 * self.border) * self.row_len()
    }

    /// Where a pixel begins.
    pub(crate) fn offset(&self, image: usize, y: usize, x: usize) -> usize {
        image * self.image_len() + (y + self.border) * self.row_len() + (x + self.border) * self.channels
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
