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

pub(in crate::decode) struct Numbering {
    pub(super) sample_rate: u32,
    /// Whether the numbers lead from 0 to the declared length, so that all that is missing is lost.
    pub(super) is_whole: bool,
    /// Declared length in samples, 0 if unknown.
    pub(super) total: u64,
    /// The last header, and the number that should follow.
    pub(in crate::decode) last: Option<(Header, u64)>,
}

impl Numbering {
    /// Of a stream of which only its rate is known, in Hz.
    pub(in crate::decode) fn new(sample_rate: u32) -> Self {
        Self { sample_rate, is_whole: false, total: 0, last: None }
    }

    /// Whether a frame comes as expected, so that nothing was lost before it.
    pub(in crate::decode) fn is_next(&self, header: &Header, after_damage: bool) -> bool {
        match &self.last {
            Some((last, next)) => last.is_variable == header.is_variable && *next == header.number,
            None => !after_damage,
        }
    }

    /// Samples that were lost before a frame: its number is higher than expected, and the frames behind it, as many as
    /// are looked at, confirm that.
    pub(in crate::decode) fn lost_before<'a>(
        &mut self,
        header: &Header,
        after_damage: bool,
        behind: impl Iterator<Item = &'a Header> + Clone,
    ) -> u64 {
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
        let first = behind.clone().next();
        let is_confirmed = match first {
            Some(_) => behind.clone().all(|behind| same_kind(behind) && behind.number >= header.next_number()),
            None => after_damage || self.end_of(header, block) == self.total,
        };
        let most = match (self.is_whole, after_damage) {
            (true, _) => u64::MAX,
            (_, true) => DAMAGED_S * u64::from(self.sample_rate),
            _ => JOINED_S * u64::from(self.sample_rate),
        };
        // If the frame behind goes on with the old numbers, the one between has a wrong one.
        let old = expected + header.next_number() - header.number;
        let is_wrong = !is_confirmed && first.is_some_and(|first| same_kind(first) && first.number == old);
        let next = if is_wrong { old } else { header.next_number() };
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

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 16_000;

    /// Silence before each of some frames of 1000 samples: numbers, and which of them stand after damaged bytes.
    fn lost(numbers: &[u64], after_damage: &[usize], is_whole: bool, is_variable: bool) -> Vec<u64> {
        let header =
            |number: &u64| Header::numbered(if is_variable { number * 1000 } else { *number }, is_variable, 1000);
        let headers: Vec<Header> = numbers.iter().map(header).collect();
        let mut numbering = Numbering { sample_rate: RATE, is_whole, total: 1_000_000, last: None };
        let before = headers.iter().enumerate().map(|(i, header)| {
            numbering.lost_before(header, after_damage.contains(&i), headers[i + 1..].iter()) / 1000
        });
        before.collect()
    }

    #[test]
    fn what_is_missing_is_lost_where_the_frames_behind_agree() {
        for variable in [false, true] {
            assert_eq!(lost(&[0, 1, 2, 3], &[], true, variable), [0; 4]);
            assert_eq!(lost(&[0, 1, 5, 6, 7], &[], false, variable), [0, 0, 3, 0, 0]);
            // One frame between two losses.
            assert_eq!(lost(&[0, 1, 5, 9, 10], &[], false, variable), [0, 0, 3, 3, 0]);
            // One wrong number.
            assert_eq!(lost(&[0, 1, 5, 3, 4], &[], true, variable), [0; 5]);
            // The last frame, by the declared length or by the damage before it.
            assert_eq!(lost(&[990, 999], &[], false, variable), [0, 8]);
            assert_eq!(lost(&[0, 9], &[], false, variable), [0, 0]);
            assert_eq!(lost(&[0, 9], &[1], false, variable), [0, 8]);
        }
    }

    #[test]
    fn a_late_start_and_a_new_one_are_no_loss() {
        for variable in [false, true] {
            assert_eq!(lost(&[500, 501, 502], &[], false, variable), [0; 3]);
            assert_eq!(lost(&[5, 6, 0, 1, 5, 6], &[], false, variable), [0, 0, 0, 0, 3, 0]);
            assert_eq!(lost(&[5, 6, 3, 4], &[], false, variable), [0; 4]);
            // A damaged beginning is lost.
            assert_eq!(lost(&[5, 6], &[0], false, variable), [5, 0]);
        }
    }

    #[test]
    fn long_gaps_need_more_evidence() {
        // 1.1, 17 and 61 s: a joint, unless bytes are damaged or the numbers lead to the declared length.
        assert_eq!(lost(&[0, 18, 19], &[], false, false), [0, 0, 0]);
        assert_eq!(lost(&[0, 280, 281], &[], false, false), [0, 0, 0]);
        assert_eq!(lost(&[0, 280, 281], &[1], false, false), [0, 279, 0]);
        assert_eq!(lost(&[0, 980, 981], &[1], false, false), [0, 0, 0]);
        assert_eq!(lost(&[0, 980, 981], &[], true, false), [0, 979, 0]);
    }
}
