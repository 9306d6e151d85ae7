#![doc = include_str!("README.md")]

/// `config.json` of the bundle.
pub const CONFIG: &[u8] = include_bytes!("config.json");
/// `weights.safetensors` of the bundle.
pub const WEIGHTS: &[u8] = include_bytes!("weights.safetensors");
/// The word vectors of the bundle.
pub const WORDS: &[u8] = include_bytes!("words.safetensors");
/// `scores.json` of the bundle.
pub const SCORES: &[u8] = include_bytes!("scores.json");
/// How their file is called.
pub const WORDS_NAME: &str = "words.safetensors";
