//! How answers are told.

use muscall::model::Verdict;

/// A line of its own above the answers, if they don't fit well.
pub fn warning(verdict: Option<Verdict>) -> Option<&'static str> {
    match verdict? {
        Verdict::Nothing => Some("nothing here fits these words well; the nearest is:"),
        Verdict::Fair => Some("these match only partly:"),
        Verdict::Good => None,
    }
}

/// Minutes and seconds, or hours, minutes and seconds.
pub fn clock(time_s: f64) -> String {
    let seconds = time_s.round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_hours_where_they_need_them() {
        assert_eq!([0.0, 67.4, 3599.6, 3792.0].map(clock), ["0:00", "1:07", "1:00:00", "1:03:12"]);
    }
}
