//! BERT-like encoders: captions to vectors whose cosine is similarity of meaning.

mod byte_pairs;
mod config;
mod encoder;
mod known;
mod network;
mod published;
mod source;
mod tokenizer;

pub(crate) use byte_pairs::{MERGES, VOCABULARY};
pub use config::{BertConfig, BertPooling};
pub(in crate::text) use encoder::SENTENCE;
pub use encoder::SentenceEncoder;
pub use network::Bert;
pub(in crate::text) use published::published_config;
pub(crate) use published::to_published;
pub(in crate::text) use source::find_here;
pub use source::{DEFAULT_MODEL, find};
pub use tokenizer::SentenceTokenizer;
