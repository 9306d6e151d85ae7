// The clips of the golden data of LAION-CLAP that follow from whole numbers.

/// A tone, notes, a chirp and noise, from whole numbers alone: 16-bit samples.
pub fn synth(seed: u32, gain: i32, samples: u32) -> Vec<i32> {
    const STEPS: [u32; 8] =
        [9_841_133, 19_682_266, 29_523_399, 39_364_532, 78_729_064, 23_416_288, 31_243_016, 52_525_316];
    let triangle = |phase: u32| ((phase >> 15) as i32 - 65_536).abs() - 32_768;
    let first_sweep = 3_000_000 + 100_000 * seed;
    let (mut state, mut tone, mut note, mut chirp) = (seed, 0u32, 0u32, 0u32);
    let (mut step, mut sweep) = (STEPS[0], first_sweep);
    let sample = |n: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if n.is_multiple_of(12_000) {
            step = STEPS[(state >> 29) as usize];
        }
        if n.is_multiple_of(240_000) {
            sweep = first_sweep;
        }
        tone = tone.wrapping_add(7_000_000 + 100_000 * seed);
        note = note.wrapping_add(step);
        chirp = chirp.wrapping_add(sweep);
        sweep = sweep.wrapping_add(2500);
        let decay = 256 - (n % 12_000 * 256 / 12_000) as i32;
        let noise = (state >> 16) as i32 - 32_768;
        let notes = (triangle(note) * decay) >> 8;
        let value = (50 * triangle(tone) + 90 * notes + 40 * triangle(chirp) + 12 * noise) >> 8;
        (value * gain).clamp(-32_768, 32_767)
    };
    (0..samples).map(sample).collect()
}
