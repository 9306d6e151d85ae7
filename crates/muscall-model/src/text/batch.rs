//! Captions on the device.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// Captions, in the form that the text encoder reads.
// One of these lives as long as a step.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone)]
pub enum TextBatch {
    /// Token ids.
    Tokens(TokenBatch),
    /// One vector a caption, `[batch, dim]`, made by a frozen encoder.
    Vectors(Tensor<2>),
}

impl From<TokenBatch> for TextBatch {
    fn from(tokens: TokenBatch) -> Self {
        Self::Tokens(tokens)
    }
}

impl TextBatch {
    /// From rows of token ids, each with its end token.
    pub fn from_tokens(rows: &[Vec<u32>], device: &Device) -> Self {
        TokenBatch::new(rows, device).into()
    }

    /// From rows of vectors, one after the other.
    pub fn from_vectors(values: Vec<f32>, dim: usize, device: &Device) -> Self {
        let rows = values.len() / dim.max(1);
        Self::Vectors(Tensor::from_data(TensorData::new(values, [rows, dim]), device))
    }
}

/// Captions as token ids.
#[derive(Debug, Clone)]
pub struct TokenBatch {
    /// `[batch, length]`.
    pub ids: Tensor<2, Int>,
    /// Where each caption's last token stands, `[batch]`.
    pub ends: Tensor<1, Int>,
    /// Tokens of each caption that are no padding, if that is known here: a Transformer then computes
    /// nothing for the padding.
    pub lengths: Option<Vec<usize>>,
}

impl TokenBatch {
    /// Pads rows of ids, each ending with its end token, to the longest of them.
    pub fn new(rows: &[Vec<u32>], device: &Device) -> Self {
        let length = rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut ids = Vec::with_capacity(rows.len() * length);
        for row in rows {
            ids.extend(row.iter().map(|&id| id as i32));
            ids.resize(ids.len() + length - row.len(), 0);
        }
        let ends: Vec<i32> = rows.iter().map(|row| row.len() as i32 - 1).collect();
        Self {
            ids: Tensor::from_data(TensorData::new(ids, [rows.len(), length]), device),
            ends: Tensor::from_data(TensorData::new(ends, [rows.len()]), device),
            lengths: Some(rows.iter().map(Vec::len).collect()),
        }
    }
}
