//! Which tracks of an index hold a content.

/// Tracks by the hash of their content. Files of equal content may be known under several names.
#[derive(Debug, Default)]
pub(crate) struct Contents(Vec<(u128, usize)>);

impl Contents {
    /// From hashes and tracks; the hash 0 stands for an unknown content.
    pub(crate) fn new(mut tracks: Vec<(u128, usize)>) -> Self {
        tracks.retain(|entry| entry.0 != 0);
        tracks.sort_unstable();
        Self(tracks)
    }

    /// The tracks of a content, ascending.
    pub(crate) fn tracks(&self, content: u128) -> impl Iterator<Item = usize> + '_ {
        let start = self.0.partition_point(|entry| entry.0 < content);
        self.0[start..].iter().take_while(move |entry| entry.0 == content).map(|entry| entry.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_may_have_many_tracks_and_the_unknown_one_has_none() {
        let contents = Contents::new(vec![(7, 3), (0, 1), (9, 2), (7, 0), (0, 4)]);
        let tracks = |content| contents.tracks(content).collect::<Vec<_>>();
        assert_eq!((tracks(7), tracks(9)), (vec![0, 3], vec![2]));
        assert_eq!((tracks(0), tracks(8)), (vec![], vec![]));
        assert_eq!(Contents::default().tracks(7).count(), 0);
    }
}
