//! Short descriptions of all sorts of music, whose mean says where text lies in the joint space.

const MOODS: [&str; 8] =
    ["a calm", "an energetic", "a sad", "a happy", "a dark", "a dreamy", "an aggressive", "a slow"];
const GENRES: [&str; 14] = [
    "rock",
    "pop",
    "jazz",
    "classical",
    "electronic",
    "hip hop",
    "folk",
    "country",
    "metal",
    "blues",
    "ambient",
    "reggae",
    "Latin",
    "soundtrack",
];
const SOUNDS: [&str; 12] = [
    "solo piano",
    "acoustic guitar",
    "distorted electric guitars",
    "a string orchestra",
    "a brass band",
    "heavy drums",
    "a deep bass line",
    "a female singer",
    "a male choir",
    "a synthesizer",
    "a flute melody",
    "an organ",
];

/// Every mood with every genre, and every sound.
pub(crate) fn descriptions() -> Vec<String> {
    let tracks = MOODS.iter().flat_map(|mood| GENRES.iter().map(move |genre| format!("{mood} {genre} track")));
    tracks.chain(SOUNDS.iter().map(|sound| format!("music with {sound}"))).collect()
}
