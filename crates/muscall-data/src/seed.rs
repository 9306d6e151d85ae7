//! Seeds of what is drawn: none is stored, each follows from a place.

/// The seed of an item: a function of the run's seed, the epoch and the item alone, so that
/// neither the number of loader threads nor a restart changes what is drawn.
pub fn item_seed(seed: u64, epoch: u64, index: u64) -> u64 {
    // `mix(word)` here would make seed and epoch exchangeable.
    [epoch, index].into_iter().fold(mix(seed), |state, word| mix(state ^ word))
}

/// The finaliser of SplitMix64.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
