//! Whether a text tower tells captions apart.

use crate::{ModelError, Muscall};

/// Captions that have nothing to do with each other.
const UNLIKE: [&str; 12] = [
    "A solo piano plays a slow, sad melody",
    "Fast heavy metal with distorted guitars and screaming",
    "The sound of rain on a tin roof",
    "An upbeat salsa with trumpets and congas",
    "A woman reads the news on the radio",
    "Ambient synthesizer pads without a beat",
    "A dog barks in the distance",
    "Bagpipes and snare drums in a parade",
    "A string quartet from the eighteenth century",
    "Chiptune music from an old video game",
    "A man raps over a slow, dark beat",
    "Children sing a birthday song",
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
