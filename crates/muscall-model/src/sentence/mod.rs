//! Sentence-BERT: captions to vectors whose cosine is similarity of meaning.

mod encoder;
mod known;
mod minilm;
mod source;
mod word_piece;

pub use encoder::SentenceEncoder;
pub use minilm::{MiniLm, MiniLmConfig};
pub use source::{DEFAULT_MODEL, find};
pub use word_piece::WordPiece;
