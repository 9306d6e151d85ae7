//! A batch, cut into what goes through the network together.

use crate::batcher::LoadedItem;

/// Items that go through the network together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    /// In the batch, other ranks' parts included.
    pub(crate) number: usize,
    pub(crate) items: &'a [LoadedItem],
}

/// The captions of a batch, and the track of each.
#[derive(Debug, Clone)]
pub(crate) struct BatchText<'a> {
    pub(super) captions: Vec<&'a str>,
    pub(super) owners: Vec<usize>,
}

impl<'a> BatchText<'a> {
    /// From the captions of each track.
    pub(crate) fn new(tracks: impl Iterator<Item = &'a [String]>) -> Self {
        let pairs = tracks.enumerate().flat_map(|(track, captions)| captions.iter().map(move |c| (c.as_str(), track)));
        let (captions, owners) = pairs.unzip();
        Self { captions, owners }
    }
}
