//! What is mended in a container before a reader sees it, so that it goes on behind damage.
//!
//! symphonia 0.6.1 gives a file up at the first box, element or page that makes no sense. Here damage is given the form of
//! something that readers step over: a `free` box, a `Void`, a comment without tags.

mod fragment;
pub(super) mod matroska;
pub(super) mod mp4;
mod patch;

pub(super) use self::patch::{Patch, lay_over};
