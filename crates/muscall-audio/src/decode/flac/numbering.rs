//! Where frames belong, by the numbers that they have.
//!
//! Numbers are those of the file that was encoded first. A piece that was cut out of it starts late, and in a file that
//! was joined from pieces they start again or leave some out, without anything being lost. On the other hand a lost
//! frame shows in the numbers alone.

use super::header::Header;

/// Longest loss that is believed where there are damaged bytes, in seconds.
const DAMAGED_S: u64 = 60;
/// Where there are none, and the numbers do not lead to the length that the file declares: longer ones are joints.
const JOINED_S: u64 = 1;

pub(super) struct Numbering {
    pub(super) sample_rate: u32,
    /// Whether the numbers lead from 0 to the declared length, so that all that is missing is lost.
    pub(super) is_whole: bool,
    /// Declared length in samples, 0 if unknown.
    pub(super) total: u64,
    /// The last header, and the number that should follow.
    pub(super) last: Option<(Header, u64)>,
}

impl Numbering {
    /// Samples that were lost before a frame: its number is higher than expected, and the frame behind it confirms that.
    pub(super) fn lost_before(&mut self, header: &Header, after_damage: bool, behind: Option<&Header>) -> u64 {
        let same_kind = |other: &Header| other.is_variable == header.is_variable;
        let last = self.last.filter(|(last, _)| same_kind(last));
        let expected = match last {
            Some((_, number)) => number,
            // A damaged beginning is lost, too.
            None if self.last.is_none() && after_damage => 0,
            None => header.number,
        };
        let block = last.map_or(*header, |(last, _)| last).samples;
        let missing = header.number.saturating_sub(expected) * samples_of_number(header, block);
        let follows = |number: u64| behind.is_some_and(|behind| same_kind(behind) && behind.number == number);
        let is_confirmed = match behind {
            Some(_) => follows(header.next_number()),
            None => after_damage || self.end_of(header, block) == self.total,
        };
        let most = match (self.is_whole, after_damage) {
            (true, _) => u64::MAX,
            (_, true) => DAMAGED_S * u64::from(self.sample_rate),
            _ => JOINED_S * u64::from(self.sample_rate),
        };
        // If the frame behind goes on with the old numbers, the one between has a wrong one.
        let old = expected + header.next_number() - header.number;
        let next = if !is_confirmed && follows(old) { old } else { header.next_number() };
        self.last = Some((*header, next));
        if is_confirmed && missing <= most { missing } else { 0 }
    }

    /// Where a frame ends by its number, in samples, if all blocks before it have the length of `block`.
    pub(super) fn end_of(&self, header: &Header, block: u32) -> u64 {
        position(header, block) + u64::from(header.samples)
    }
}

/// Where a frame starts by its number, in samples.
pub(super) fn position(header: &Header, block: u32) -> u64 {
    header.number * samples_of_number(header, block)
}

fn samples_of_number(header: &Header, block: u32) -> u64 {
    if header.is_variable { 1 } else { u64::from(block) }
}
