//! Whether a text tower tells captions apart.

use crate::{ModelError, Muscall};

/// Captions that have nothing to do with each other, of one word to many.
const UNLIKE: [&str; 12] = [
    "guitar",
    "Rain",
    "bagpipes in a parade",
    "A solo piano plays a slow, sad melody, recorded in a large church at night",
    "heavy metal, screaming",
    "Children sing a birthday song",
    "upbeat salsa with trumpets and congas, 120 bpm, live recording from 1974",
    "a woman reads the news on the radio",
    "chiptune",
    "Ambient synthesizer pads without a beat",
    "a dog barks",
    "String quartet of the eighteenth century; two violins, a viola and a cello answer each other",
];

/// Mean cosine above which a text tower has collapsed: all captions find the same music. Healthy ones have 0.1 to 0.4.
pub const COLLAPSED: f32 = 0.98;

/// The mean cosine between a dozen captions that are unlike each other.
///
/// # Errors
/// [`ModelError::NotFinite`] if the model has diverged.
pub fn text_similarity(model: &Muscall) -> Result<f32, ModelError> {
    let embedded = model.embed_text(UNLIKE)?;
    let mut sum = 0.0;
    for i in 0..embedded.len() {
        for j in 0..i {
            sum += embedded.row(i).iter().zip(embedded.row(j)).map(|(a, b)| a * b).sum::<f32>();
        }
    }
    Ok(sum / (UNLIKE.len() * (UNLIKE.len() - 1) / 2) as f32)
}
