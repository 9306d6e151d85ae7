//! A file, or a part of one, as a row of a data set names it.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use crate::{AudioError, Place, RemoteFile};

/// How far the end of a part may lie beyond the end of its file: encoders and tables round. What is nearer is cut at
/// the end of the file.
const SLACK: Duration = Duration::from_millis(500);

/// From when to when a part of a file goes, to the microsecond.
///
/// It is written as a [media fragment](https://www.w3.org/TR/media-frags/) is: `#t=10,20`, or `#t=10` up to the end
/// of the file.
///
/// ```
/// use muscall_audio::Part;
/// let part = Part::new(10.0, Some(20.5)).expect("ends after its start");
/// assert_eq!(part.to_string(), "#t=10,20.5");
/// assert_eq!("#t=10,20.5".parse(), Ok(part));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Part {
    start: Duration,
    end: Option<Duration>,
}

/// Times that are no part of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected times in seconds, 0 or more, and an end after the start")]
pub struct NoPart;

impl Part {
    /// From `start_s` to `end_s` seconds, or to the end of the file.
    ///
    /// # Errors
    /// [`NoPart`] for times that are negative or not finite, or an end that is not after the start.
    pub fn new(start_s: f64, end_s: Option<f64>) -> Result<Self, NoPart> {
        let (start, end) = (time(start_s)?, end_s.map(time).transpose()?);
        if end.is_some_and(|end| end <= start) {
            return Err(NoPart);
        }
        Ok(Self { start, end })
    }

    /// Where it starts, in seconds from the start of the file.
    pub fn start_s(&self) -> f64 {
        self.start.as_secs_f64()
    }

    /// Where it ends, in seconds from the start of the file; `None` for the end of the file.
    pub fn end_s(&self) -> Option<f64> {
        self.end.map(|end| end.as_secs_f64())
    }

    /// Whether the two have audio in common, if they are of the same file.
    pub fn overlaps(&self, other: &Self) -> bool {
        let ends_after = |end: Option<Duration>, start| end.is_none_or(|end| end > start);
        ends_after(self.end, other.start) && ends_after(other.end, self.start)
    }

    /// Splits a name such as `song.flac#t=10,20` into that of the file and the part.
    pub fn split_name(name: &str) -> (&str, Option<Self>) {
        let part = |(at, _)| Some((&name[..at], name[at..].parse().ok()?));
        match name.rmatch_indices("#t=").next().and_then(part) {
            Some((file, part)) => (file, Some(part)),
            None => (name, None),
        }
    }

    /// Its frames, in a file of `total` frames.
    ///
    /// # Errors
    /// [`AudioError::PartBeyondFile`].
    pub(crate) fn frames(&self, path: &Path, sample_rate: u32, total: u64) -> Result<Range<u64>, AudioError> {
        let rate = f64::from(sample_rate);
        let frame = |time: Duration| (time.as_secs_f64() * rate).round() as u64;
        let (start, end) = (frame(self.start), self.end.map_or(total, frame));
        if start < total && end <= total.saturating_add(frame(SLACK)) {
            return Ok(start..end.min(total));
        }
        Err(AudioError::PartBeyondFile {
            path: path.to_owned(),
            start_s: self.start_s(),
            end_s: self.end_s(),
            length_s: total as f64 / rate,
            remedy: self.remedy(total as f64 / rate, rate),
        })
    }

    /// What to do about a part that lies beyond a file of `length_s` seconds.
    fn remedy(&self, length_s: f64, rate: f64) -> &'static str {
        let last = self.end_s().unwrap_or(self.start_s());
        let is_as_long = self.end.is_some_and(|end| (end - self.start).abs_diff(length(length_s)) <= SLACK);
        if is_as_long {
            "the file is as long as the part: if it was already cut out, remove the times from the table"
        } else if last / 1000.0 <= length_s && last >= 1000.0 {
            "the times look like milliseconds: divide them by 1000"
        } else if last / rate <= length_s && last >= rate {
            "the times look like samples: divide them by the sample rate"
        } else {
            "correct the times, or copy the whole file"
        }
    }
}

fn length(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// To the microsecond, as cutting tools take times.
fn time(seconds: f64) -> Result<Duration, NoPart> {
    let exact = Duration::try_from_secs_f64(seconds).map_err(|_| NoPart)?;
    let micros = exact.as_nanos().saturating_add(500) / 1000;
    u64::try_from(micros).map(Duration::from_micros).map_err(|_| NoPart)
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#t={}", self.start_s())?;
        self.end_s().map_or(Ok(()), |end_s| write!(f, ",{end_s}"))
    }
}

impl FromStr for Part {
    type Err = NoPart;

    fn from_str(text: &str) -> Result<Self, NoPart> {
        let times = text.strip_prefix("#t=").ok_or(NoPart)?;
        let seconds = |text: &str| text.parse::<f64>().map_err(|_| NoPart);
        match times.split_once(',') {
            Some((start, end)) => Self::new(seconds(start)?, Some(seconds(end)?)),
            None => Self::new(seconds(times)?, None),
        }
    }
}

/// An audio file, or a part of one; what takes it takes a path as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioSource<'a> {
    /// The file that holds it. A member of an archive is called like this, and lies elsewhere.
    pub path: &'a Path,
    /// Where it lies, if it is no file but a member of an archive.
    pub member: Option<Member<'a>>,
    /// The part that is meant, or all of the file. It is heard like a file that was cut out: nothing before or after
    /// it has any influence.
    pub part: Option<Part>,
}

impl<'a, P: AsRef<Path> + ?Sized> From<&'a P> for AudioSource<'a> {
    fn from(path: &'a P) -> Self {
        Self { path: path.as_ref(), member: None, part: None }
    }
}

/// A file in a file: a stretch of an archive that doesn't compress, such as tar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// The archive.
    pub archive: &'a Place,
    /// The first byte of the member.
    pub at: u64,
    /// How many it has.
    pub bytes: u64,
}

impl AudioSource<'_> {
    /// The frames that are meant, in a file of `total` frames.
    ///
    /// # Errors
    /// [`AudioError::PartBeyondFile`].
    pub(crate) fn frames(&self, sample_rate: u32, total: u64) -> Result<Range<u64>, AudioError> {
        match self.part {
            Some(part) => part.frames(self.path, sample_rate, total),
            None => Ok(0..total),
        }
    }

    /// The file that it is read from: itself, or the archive that it is a member of.
    pub(crate) fn file(&self) -> &Path {
        self.member.map_or(self.path, |member| member.archive.path())
    }

    /// That file, if it is not on this machine.
    pub(crate) fn remote(&self) -> Option<&dyn RemoteFile> {
        match self.member?.archive {
            Place::Remote(file) => Some(&**file),
            Place::Disk(_) => None,
        }
    }

    /// Whether it ends before its file may.
    pub(crate) fn has_end(&self) -> bool {
        self.part.is_some_and(|part| part.end.is_some())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn part(start_s: f64, end_s: impl Into<Option<f64>>) -> Part {
        Part::new(start_s, end_s.into()).unwrap()
    }

    #[test]
    fn names_are_read_back() {
        for (start_s, end_s) in [(0.0, Some(10.0)), (1.5, None), (0.1, Some(0.3)), (3_600.000_001, Some(1e6))] {
            let part = part(start_s, end_s);
            assert_eq!(part.to_string().parse(), Ok(part));
            assert_eq!(Part::split_name(&format!("a#t=b/c.mp3{part}")), ("a#t=b/c.mp3", Some(part)));
        }
        for whole in ["a.mp3", "a#t=.mp3", "a#t=x", "a#t=2,1", "a#t=1,2,3", "#t"] {
            assert_eq!(Part::split_name(whole), (whole, None));
        }
    }

    #[test]
    fn times_that_are_none_are_refused() {
        for (start_s, end_s) in [(-1.0, None), (f64::NAN, None), (1.0, Some(1.0)), (2.0, Some(1.0)), (1e300, None)] {
            assert_eq!(Part::new(start_s, end_s), Err(NoPart), "{start_s} {end_s:?}");
        }
        assert_eq!(Part::new(0.0, Some(f64::INFINITY)), Err(NoPart));
    }

    #[test]
    fn parts_that_touch_do_not_overlap() {
        assert!(!part(0.0, 10.0).overlaps(&part(10.0, 20.0)));
        assert!(part(0.0, 10.1).overlaps(&part(10.0, 20.0)));
        assert!(part(5.0, None).overlaps(&part(10.0, 20.0)) && !part(20.0, None).overlaps(&part(10.0, 20.0)));
    }

    #[test]
    fn what_lies_beyond_the_file_is_named() {
        let frames = |part: Part| part.frames(Path::new("a.wav"), 16_000, 30 * 16_000);
        assert_eq!(frames(part(10.0, 20.0)).unwrap(), 160_000..320_000);
        assert_eq!(frames(part(10.0, None)).unwrap(), 160_000..480_000);
        assert_eq!(frames(part(10.0, 30.4)).unwrap(), 160_000..480_000);
        let remedy = |part: Part| frames(part).unwrap_err().to_string();
        assert!(remedy(part(10.0, 31.0)).contains("from 10 to 31 s"), "{}", remedy(part(10.0, 31.0)));
        assert!(remedy(part(10.0, 31.0)).contains("30 s long"));
        assert!(remedy(part(30.0, None)).contains("correct the times"));
        assert!(remedy(part(10_000.0, 20_000.0)).contains("milliseconds"));
        assert!(remedy(part(160_000.0, 320_000.0)).contains("samples"));
        assert!(remedy(part(60.0, 90.0)).contains("already cut out"));
    }
}
