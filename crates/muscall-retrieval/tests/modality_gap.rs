//! On made data with a modality gap, centred terms find what a query means better than plain sums.
//!
//! Items have a mood and an instrument, each a direction of a shared content. Their embeddings are this
//! content, some noise, and the offset of their modality, with unit norm. `--nocapture` shows the numbers.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use muscall_retrieval::{Centres, Embeddings, Query, top_k};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const DIM: usize = 64;
const MOODS: usize = 12;
const INSTRUMENTS: usize = 12;
/// Of each mood with each instrument.
const TRACKS: usize = 4;
const NOISE: f32 = 0.5;

/// A direction of about unit norm.
fn direction(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let scale = (3.0 / DIM as f32).sqrt();
    (0..DIM).map(|_| rng.random_range(-scale..scale)).collect()
}

/// Sum of weighted parts, with unit norm.
fn embedding(parts: &[(f32, &[f32])]) -> Vec<f32> {
    let mut sum = vec![0.0; DIM];
    for (weight, part) in parts {
        sum.iter_mut().zip(*part).for_each(|(sum, x)| *sum += weight * x);
    }
    let norm = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
    sum.iter().map(|x| x / norm).collect()
}

struct World {
    /// Their captions.
    moods: Vec<Vec<f32>>,
    /// Row `(mood · INSTRUMENTS + instrument) · TRACKS + n`.
    audio: Vec<f32>,
    centres: Centres,
}

/// `gap`: norms of the offsets of text and of audio beside content of about unit norm.
fn world(gap: [f32; 2], seed: u64) -> World {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let [text_offset, audio_offset] = [direction(&mut rng), direction(&mut rng)];
    let mood_contents: Vec<_> = (0..MOODS).map(|_| direction(&mut rng)).collect();
    let instrument_contents: Vec<_> = (0..INSTRUMENTS).map(|_| direction(&mut rng)).collect();
    let mut audio = Vec::new();
    for mood in &mood_contents {
        for instrument in &instrument_contents {
            for _ in 0..TRACKS {
                let noise = direction(&mut rng);
                audio.extend(embedding(&[(gap[1], &audio_offset), (0.7, mood), (0.7, instrument), (NOISE, &noise)]));
            }
        }
    }
    let mut caption = |content: &Vec<f32>| {
        let noise = direction(&mut rng);
        embedding(&[(gap[0], &text_offset), (1.0, content), (NOISE, &noise)])
    };
    let moods: Vec<_> = mood_contents.iter().map(&mut caption).collect();
    let instruments: Vec<_> = instrument_contents.iter().map(&mut caption).collect();
    let captions: Vec<f32> = moods.iter().chain(&instruments).flatten().copied().collect();
    let rows = |values| Embeddings::new(values, DIM).unwrap();
    let centres = Centres::of(rows(&captions), rows(&audio)).unwrap();
    World { moods, audio, centres }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Ask {
    /// Like this track, but in that mood.
    In,
    /// Like this track, without its mood.
    Without,
    /// Like this track, without its mood, in that one.
    Instead,
}

/// Share of the first hits that have the instrument of a track and the mood that was asked for.
fn precision(world: &World, items: &[f32], centres: &Centres, ask: Ask) -> f64 {
    let tracks = Embeddings::new(&world.audio, DIM).unwrap();
    let items = Embeddings::new(items, DIM).unwrap();
    let (mut found, mut shown) = (0, 0);
    for own in 0..MOODS {
        for instrument in 0..INSTRUMENTS {
            let mood = (own + 1 + instrument % (MOODS - 1)) % MOODS;
            let like = Query::new().audio(tracks.row((own * INSTRUMENTS + instrument) * TRACKS), 1.0);
            let (more, less) = (&world.moods[mood], &world.moods[own]);
            let (query, k) = match ask {
                Ask::In => (like.text(more, 1.0), TRACKS),
                Ask::Without => (like.text(less, -1.0), 20),
                Ask::Instead => (like.text(more, 1.0).text(less, -1.0), TRACKS),
            };
            let fits = |track: usize| {
                let its_mood = track / TRACKS / INSTRUMENTS;
                let mood_fits = if ask == Ask::Without { its_mood != own } else { its_mood == mood };
                mood_fits && track / TRACKS % INSTRUMENTS == instrument
            };
            let hits = top_k(&query.vector(centres).unwrap(), items, k).unwrap();
            found += hits.iter().filter(|hit| fits(hit.index)).count();
            shown += k;
        }
    }
    found as f64 / shown as f64
}

#[test]
fn centring_finds_what_matches_both_modalities() {
    let none = Centres { text: vec![0.0; DIM], audio: vec![0.0; DIM] };
    let worlds = 5;
    for gap in [[1.5, 1.5], [2.5, 1.0], [1.0, 2.5]] {
        for (ask, margin) in [(Ask::In, 0.1), (Ask::Without, 0.2), (Ask::Instead, 0.05)] {
            let mut mean = [0.0; 3];
            for seed in 0..worlds {
                let world = world(gap, seed);
                let centres = &world.centres;
                let centred = world.audio.chunks_exact(DIM);
                let centred: Vec<f32> =
                    centred.flat_map(|row| embedding(&[(1.0, row), (-1.0, &centres.audio)])).collect();
                mean[0] += precision(&world, &world.audio, &none, ask) / worlds as f64;
                mean[1] += precision(&world, &world.audio, centres, ask) / worlds as f64;
                mean[2] += precision(&world, &centred, centres, ask) / worlds as f64;
            }
            let [plain, query, items] = mean;
            println!("{gap:?} {ask:?}: plain {plain:.3}, centred query {query:.3}, centred items too {items:.3}");
            assert!(items > query - 0.01, "{gap:?} {ask:?}: {query} of the query, {items} of items too");
            // Offsets of one modality and of opposite weights cancel without centring: plain sums have no
            // disadvantage here, and gain from the audio offset, which makes up for lengths of contents.
            if (gap[0], ask) == (gap[1], Ask::Instead) {
                assert!(query > plain - 0.12 && items > plain - 0.02);
            } else {
                assert!(query > plain + margin, "{gap:?} {ask:?}: plain {plain}, centred {query}");
            }
        }
    }
}
