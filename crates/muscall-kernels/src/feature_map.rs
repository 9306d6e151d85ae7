//! Feature maps with a border of zeros.

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
        assert_eq!(data.len(), images * height * width * channels, "one value a pixel and channel");
        Self { data, images, height, width, channels, border: 0 }
    }

    /// The same in the memory of another map.
    ///
    /// # Panics
    /// If `data` has another length.
    pub fn fill(&mut self, data: &[f32], dims: [usize; 4], border: usize) {
        let [images, height, width, channels] = dims;
        assert_eq!(data.len(), images * height * width * channels, "one value a pixel and channel");
        self.reset(dims, border);
        for image in 0..images {
            for y in 0..height {
                let (from, to) = ((image * height + y) * width * channels, self.offset(image, y, 0));
                self.data[to..to + width * channels].copy_from_slice(&data[from..from + width * channels]);
            }
        }
    }

    /// Another shape in the same memory. The border is zero; what is inside is what was there
    /// before, since it is written next.
    pub fn reset(&mut self, [images, height, width, channels]: [usize; 4], border: usize) {
        (self.images, self.height, self.width) = (images, height, width);
        (self.channels, self.border) = (channels, border);
        self.data.resize(images * self.image_len(), 0.0);
        if border == 0 {
            return;
        }
        let (row, image_len) = (self.row_len(), self.image_len());
        let side = border * channels;
        for image in self.data.chunks_exact_mut(image_len) {
            image[..border * row].fill(0.0);
            image[image_len - border * row..].fill(0.0);
            for row in image.chunks_exact_mut(row) {
                row[..side].fill(0.0);
                let end = row.len() - side;
                row[end..].fill(0.0);
            }
        }
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
        assert_eq!(data.len(), images * height * width * channels, "one value a pixel and channel");
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
