//! What somebody looks for.

use std::collections::BTreeSet;

use muscall_retrieval::TrackRecord;
use serde::{Deserialize, Serialize};

use crate::tag_query::TagQuery;
use crate::term::Like;
use crate::{LibraryError, Term};

/// Most terms of a request.
pub const MAX_TERMS: usize = 32;
/// Most answers.
pub const MAX_TOP: usize = 1000;
/// Most moments of an answer.
pub const MAX_MOMENTS: usize = 20;

/// What to look for, how much of it to show, and where.
///
/// In JSON, a field that is not known is an error:
/// ```
/// # use muscall_library::Request;
/// let json = r#"{"terms": [{"text": "calm piano"}, {"text": "drums", "weight": -0.5},
///                          {"track": 12, "start_s": 30, "weight": 0.5}],
///                "filter": {"path": "live/", "min_duration_s": 60}, "diversity": 0.3}"#;
/// let request: Request = serde_json::from_str(json)?;
/// request.validate()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Whole tracks are ranked instead of their best moments by a track weight of 1, here those most like track 12, without
/// itself:
/// ```
/// # use muscall_library::{Request, Stretch, Term};
/// let mut request = Request::new([Term::track(12, Stretch::default())]).with_top(20).with_track_weight(1.0);
/// request.filter.without.push(12);
/// request.validate()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What to look for; the terms are added up by their weights.
    pub terms: Vec<Term>,
    /// How many tracks to show.
    #[serde(default = "ten")]
    pub top: usize,
    /// How many moments of each.
    #[serde(default = "three")]
    pub moments: usize,
    /// How much the whole track counts beside its best moment: from 0, where one moment is enough, to 1, where it counts
    /// alone. 0.5 by default. At 1 the score of a track is the cosine of its own vector, and no search is approximate.
    #[serde(default = "half")]
    pub track_weight: f32,
    /// Which tracks come into question.
    #[serde(default)]
    pub filter: Filter,
    /// How much answers should differ from each other: from 0, where they are ordered by score alone, to
    /// 1, where hardly anything but variety counts. Maximal marginal relevance with λ = 1 − diversity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diversity: Option<f32>,
}

fn ten() -> usize {
    10
}

fn three() -> usize {
    3
}

fn half() -> f32 {
    0.5
}

/// Which tracks come into question: those for which all of it holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Stands somewhere in the path; case does not matter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The track has a tag for each of them: `genre=jazz` for one whose genre has the word, `genre=jazz|blues` for one of two,
    /// `jazz` for a word in any tag; case does not matter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// At least this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_duration_s: Option<f64>,
    /// At most this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_duration_s: Option<f64>,
    /// It is none of these, by their numbers in the index. One that is not there excludes nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<usize>,
}

impl Request {
    /// These terms, ten tracks, three moments of each.
    pub fn new(terms: impl Into<Vec<Term>>) -> Self {
        let (top, moments, track_weight) = (ten(), three(), half());
        Self { terms: terms.into(), top, moments, track_weight, filter: Filter::default(), diversity: None }
    }

    /// Replaces the number of tracks.
    #[must_use]
    pub fn with_top(mut self, top: usize) -> Self {
        self.top = top;
        self
    }

    /// Replaces the weight of the whole track: 0 ranks by the best moment, 1 by the whole track.
    #[must_use]
    pub fn with_track_weight(mut self, weight: f32) -> Self {
        self.track_weight = weight;
        self
    }

    /// Whether a term names a file on the disk. A server must refuse such a request: what files there
    /// are is nothing that its clients may find out.
    pub fn reads_files(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.like, Like::File { .. }))
    }

    /// # Errors
    /// For the first thing that makes no sense. Whether tracks and files are there is found out later.
    pub fn validate(&self) -> Result<(), LibraryError> {
        let found = self.terms.len();
        if found == 0 {
            return Err(LibraryError::NoTerms);
        }
        if found > MAX_TERMS {
            return Err(LibraryError::TooManyTerms { found, limit: MAX_TERMS });
        }
        for (i, term) in self.terms.iter().enumerate() {
            term.validate(i)?;
        }
        let top = self.top as f64;
        LibraryError::check((1..=MAX_TOP).contains(&self.top), || "top".to_owned(), Some(top), "from 1 to 1000")?;
        LibraryError::check(
            self.moments <= MAX_MOMENTS,
            || "moments".to_owned(),
            Some(self.moments as f64),
            "at most 20",
        )?;
        let weight = f64::from(self.track_weight);
        LibraryError::check((0.0..=1.0).contains(&weight), || "track_weight".to_owned(), Some(weight), "from 0 to 1")?;
        let diversity = self.diversity.map(f64::from);
        let valid = diversity.is_none_or(|x| (0.0..=1.0).contains(&x));
        LibraryError::check(valid, || "diversity".to_owned(), diversity, "from 0 to 1")?;
        self.filter.validate()
    }
}

impl Filter {
    /// What [`takes`](PreparedFilter::takes) need not do for each track.
    pub(crate) fn prepared(&self) -> PreparedFilter {
        let path = self.path.as_ref().map(|path| path.to_lowercase()).filter(|path| !path.is_empty());
        let tags = self.tags.iter().map(|tag| TagQuery::parse(tag)).collect();
        let without = self.without.iter().copied().collect();
        let (min_duration_s, max_duration_s) = (self.min_duration_s, self.max_duration_s);
        PreparedFilter { path, tags, min_duration_s, max_duration_s, without }
    }

    fn validate(&self) -> Result<(), LibraryError> {
        let (start_s, end_s) = (self.min_duration_s, self.max_duration_s);
        for (name, value) in [("min_duration_s", start_s), ("max_duration_s", end_s)] {
            let valid = value.is_none_or(|x| x.is_finite() && x >= 0.0);
            LibraryError::check(valid, || format!("filter.{name}"), value, "at least 0")?;
        }
        match (start_s, end_s) {
            (Some(start_s), Some(end_s)) if end_s < start_s => {
                Err(LibraryError::Reversed { what: "filter: durations".to_owned(), start_s, end_s })
            }
            _ => Ok(()),
        }
    }
}

/// A filter that looks at many tracks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PreparedFilter {
    /// In lower case.
    path: Option<String>,
    tags: Vec<TagQuery>,
    min_duration_s: Option<f64>,
    max_duration_s: Option<f64>,
    without: BTreeSet<usize>,
}

impl PreparedFilter {
    /// Whether a track may be an answer by its number alone.
    pub(crate) fn takes_number(&self, number: usize) -> bool {
        !self.without.contains(&number)
    }

    /// Whether a track comes into question by what is known of it.
    pub(crate) fn takes(&self, track: &TrackRecord) -> bool {
        self.min_duration_s.is_none_or(|min| track.duration_s >= min)
            && self.max_duration_s.is_none_or(|max| track.duration_s <= max)
            && self.path.as_ref().is_none_or(|path| track.path.to_lowercase().contains(path))
            && self.tags.iter().all(|query| track.tags.iter().any(|tag| query.is_met_by(tag)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Stretch;

    fn error(json: &str) -> String {
        serde_json::from_str::<Request>(json).unwrap_err().to_string()
    }

    #[test]
    fn json_has_defaults_and_no_surprises() {
        let request: Request = serde_json::from_str(r#"{"terms": [{"text": "a"}, {"track": 3, "end_s": 9}]}"#).unwrap();
        let stretch = Stretch { start_s: None, end_s: Some(9.0) };
        assert_eq!(request, Request::new([Term::text("a"), Term::track(3, stretch)]));
        assert!(error(r#"{"terms": [], "tpo": 3}"#).contains("`tpo`"));
        assert!(error(r#"{"terms": [{"text": "a", "wieght": 3}]}"#).contains("`wieght`"));
        assert!(error(r#"{"terms": [{"text": "a", "track": 3}]}"#).contains("exactly one"));
        assert!(error(r#"{"terms": [{"text": "a", "start_s": 3}]}"#).contains("neither"));
        assert!(error(r#"{"terms": [{"track": -1}]}"#).contains("invalid value"));
        assert!(error(r#"{"filter": {"paht": "x"}, "terms": []}"#).contains("`paht`"));
    }

    #[test]
    fn each_misfit_is_named() {
        let with = |change: fn(&mut Request)| {
            let mut request = Request::new([Term::text("calm")]);
            change(&mut request);
            request.validate().unwrap_err().to_string()
        };
        assert!(with(|r| r.terms.clear()).contains("no terms"));
        assert!(with(|r| r.terms = vec![Term::text("a"); 33]).contains("33 terms"));
        assert!(
            with(|r| r.terms[0] = Term::text(
                " 
"
            ))
            .contains("empty")
        );
        assert!(with(|r| r.terms[0] = Term::text("a".repeat(1001))).contains("1001 characters"));
        assert!(with(|r| r.terms[0].weight = f32::NAN).contains("terms[0].weight"));
        assert!(with(|r| r.terms[0].weight = 0.0).contains("not 0"));
        assert!(with(|r| r.terms[0] = Term::track(0, Stretch::new(9.0, 3.0))).contains("after the start"));
        assert!(with(|r| r.terms[0] = Term::track(0, Stretch::new(-1.0, 3.0))).contains("terms[0].start_s"));
        assert!(with(|r| r.top = 0).contains("`top`"));
        assert!(with(|r| r.top = 1001).contains("from 1 to 1000"));
        assert!(with(|r| r.moments = 21).contains("`moments`"));
        assert!(with(|r| r.diversity = Some(1.5)).contains("`diversity`"));
        assert!(with(|r| r.track_weight = -0.5).contains("`track_weight`"));
        assert!(with(|r| r.track_weight = f32::NAN).contains("`track_weight`"));
        assert!(with(|r| r.filter.min_duration_s = Some(f64::INFINITY)).contains("filter.min_duration_s"));
        let reversed = |r: &mut Request| {
            r.filter.min_duration_s = Some(9.0);
            r.filter.max_duration_s = Some(3.0);
        };
        assert!(with(reversed).contains("durations"));
    }

    #[test]
    fn a_filter_takes_what_all_of_it_fits() {
        let mut track = TrackRecord::new("Live/Blues in A.flac");
        (track.duration_s, track.tags) = (90.0, vec!["genre=Blues".to_owned(), "year=1999".to_owned()]);
        let takes = |change: fn(&mut Filter)| {
            let mut filter = Filter::default();
            change(&mut filter);
            filter.prepared().takes(&track)
        };
        assert!(takes(|_| ()));
        assert!(takes(|f| f.path = Some("live/BLUES".to_owned())) && !takes(|f| f.path = Some("studio".to_owned())));
        assert!(takes(|f| f.tags = vec!["Genre=blues".to_owned()]) && !takes(|f| f.tags = vec!["blue".to_owned()]));
        assert!(takes(|f| f.tags = vec!["jazz|blues".to_owned(), "year=1999".to_owned()]));
        assert!(!takes(|f| f.tags = vec!["blues".to_owned(), "year=1998".to_owned()]));
        let without = Filter { without: vec![3, 1, 3], ..Filter::default() }.prepared();
        assert_eq!([0, 1, 2, 3].map(|number| without.takes_number(number)), [true, false, true, false]);
        assert!(takes(|f| f.min_duration_s = Some(90.0)) && !takes(|f| f.max_duration_s = Some(89.9)));
    }
}
