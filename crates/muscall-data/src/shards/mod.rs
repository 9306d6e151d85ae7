//! Tar files of samples, as WebDataset writes them: members of one name, such as `0017.mp3` and `0017.json`, side by side.
//!
//! The headers of a tar file say where its members lie. So nothing is unpacked: a member is read where it is, and shards are
//! a manifest like any other, whose rows come in an order that goes through them shard by shard.

mod address;
mod archives;
#[cfg(feature = "s3")]
mod buckets;
#[cfg(test)]
pub(crate) mod elsewhere;
mod pattern;
mod read_ahead;
mod samples;
mod shuffle;
mod tar_name;

pub(crate) use address::is_in_bucket;
pub(crate) use archives::{Archives, together};
pub(crate) use pattern::{in_folder, is_folder, named};
pub(crate) use read_ahead::ReadAhead;
pub(crate) use samples::read;
pub(crate) use shuffle::shuffle;
