//! Words through the text encoder.

use burn::tensor::Tensor;

use crate::finite::{append, append_tensor};
use crate::inference::PackedText;
use crate::muscall::Muscall;
use crate::{ModelError, TextEmbedding};

/// Captions that go through the text encoder together.
const TEXT_BATCH: usize = 32;

impl Muscall {
    /// Mean of the embeddings of many short descriptions: where text lies in the joint space. Queries of
    /// words and music are centred by it. It is computed once; a bundle that is saved after that has it.
    ///
    /// # Shapes
    /// - returns `[projection_dim]`
    /// # Errors
    /// As [`embed_text`](Self::embed_text).
    pub fn text_centre(&self) -> Result<&[f32], ModelError> {
        if let Some(centre) = self.text_centre.get() {
            return Ok(centre);
        }
        let mean = {
            let texts = self.embed_text(crate::text::descriptions())?;
            let mut sum = vec![0.0_f64; self.config().projection_dim];
            for row in 0..texts.len() {
                sum.iter_mut().zip(texts.row(row)).for_each(|(sum, &x)| *sum += f64::from(x));
            }
            sum.into_iter().map(|x| (x / texts.len() as f64) as f32).collect()
        };
        // Two threads may have computed it, and the same.
        Ok(self.text_centre.get_or_init(|| mean))
    }

    /// Embeds captions or queries.
    ///
    /// # Shapes
    /// - returns `[texts, projection_dim]`, unit norm, in the order given.
    /// # Errors
    /// [`ModelError::NotFinite`] if the model has diverged, [`ModelError::Config`] if its text
    /// encoder is too small for the tokenizer.
    pub fn embed_text<S: AsRef<str>>(&self, texts: impl AsRef<[S]>) -> Result<TextEmbedding, ModelError> {
        let dim = self.config().projection_dim;
        let values = self.through_text(
            texts.as_ref(),
            dim,
            |packed, texts| packed.embed(texts, self.text_frontend()),
            |texts| {
                let batch = self.text_frontend().batch(texts, self.device());
                Ok(self.model()?.embed_text(batch))
            },
        )?;
        Ok(TextEmbedding::new(values, dim))
    }

    /// Rows of so many numbers for captions: by our own kernels where there are any, else by burn's operators.
    pub(crate) fn through_text<S: AsRef<str>>(
        &self,
        texts: &[S],
        width: usize,
        kernels: impl Fn(&PackedText, &[&str]) -> Option<Vec<f32>>,
        operators: impl Fn(&[&str]) -> Result<Tensor<2>, ModelError>,
    ) -> Result<Vec<f32>, ModelError> {
        if !texts.is_empty() {
            self.config().text.check_tokens()?;
        }
        let mut values = Vec::new();
        for texts in texts.chunks(TEXT_BATCH) {
            let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
            let packed = self.source().map(|source| self.packed.text(source)).transpose()?.flatten();
            match packed.and_then(|encoder| kernels(encoder, &texts)) {
                Some(embedded) => append(&mut values, &embedded, width, "text")?,
                None => append_tensor(&mut values, operators(&texts)?, "text")?,
            }
        }
        Ok(values)
    }
}
