//! Numbers of things, in words.

/// `1 track`, `2 tracks`.
pub fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
