//! Event files for TensorBoard.
//!
//! Written here because the crates that do it want a protobuf compiler on the machine; what is
//! needed is four messages of two fields.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use muscall_files::FileError;

use crate::TrainError;

/// The version that TensorBoard looks for in the first record.
const VERSION: &str = "brain.Event:2";
/// `SessionLog.START`: what an earlier run wrote from this step on no longer counts.
const START: u64 = 1;

/// One event file; every start of a run has its own.
#[derive(Debug)]
pub(super) struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Creates a file in `dir` for a run that goes on from `step`.
    pub(super) fn create(dir: &Path, step: u64) -> Result<Self, TrainError> {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("events.out.tfevents.{}.{:09}.muscall", seconds.as_secs(), seconds.subsec_nanos());
        let path = dir.join(name);
        let file = fs::create_dir_all(dir).and_then(|()| File::create_new(&path));
        let file = file.map_err(FileError::writing(&path))?;
        let mut events = Self { path, file };
        let mut version = Message::default();
        version.bytes(3, VERSION.as_bytes());
        events.write(0, &version)?;
        let (mut session, mut event) = (Message::default(), Message::default());
        session.integer(1, START);
        event.bytes(7, &session.0);
        events.write(step, &event)?;
        Ok(events)
    }

    /// Numbers of one step.
    pub(super) fn scalars(&mut self, step: u64, values: &[(&str, f64)]) -> Result<(), TrainError> {
        let (mut summary, mut event) = (Message::default(), Message::default());
        for (tag, value) in values {
            let mut scalar = Message::default();
            scalar.bytes(1, tag.as_bytes());
            scalar.float(2, *value as f32);
            summary.bytes(1, &scalar.0);
        }
        event.bytes(5, &summary.0);
        self.write(step, &event)
    }

    fn write(&mut self, step: u64, what: &Message) -> Result<(), TrainError> {
        let mut event = Message::default();
        event.double(1, SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
        event.integer(2, step);
        event.0.extend_from_slice(&what.0);
        // A record is written at once: a reader never sees half of one.
        Ok(self.file.write_all(&record(&event.0)).map_err(FileError::writing(&self.path))?)
    }
}

/// TFRecord: length and data, each with a masked CRC-32C.
fn record(data: &[u8]) -> Vec<u8> {
    let masked = |bytes: &[u8]| crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes();
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), data, &masked(data)].concat()
}

/// The wire format of protocol buffers.
#[derive(Debug, Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn integer(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    fn double(&mut self, field: u64, value: f64) {
        self.varint(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    fn float(&mut self, field: u64, value: f32) {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_framed_and_encoded_as_tensorflow_does() {
        // As protobuf encodes it: time, step, version.
        let mut version = Message::default();
        version.double(1, 0.0);
        version.integer(2, 300);
        version.bytes(3, VERSION.as_bytes());
        let expected = b"\x09\0\0\0\0\0\0\0\0\x10\xac\x02\x1a\x0dbrain.Event:2";
        assert_eq!(version.0, expected);
        let record = record(&version.0);
        assert_eq!(record.len(), 8 + 4 + version.0.len() + 4);
        assert_eq!(record[..8], (version.0.len() as u64).to_le_bytes());
    }

    #[test]
    fn a_file_holds_whole_records() {
        let dir = tempfile::tempdir().unwrap();
        let mut events = EventFile::create(dir.path(), 7).unwrap();
        events.scalars(8, &[("train/loss", 2.5), ("train/scale", 14.0)]).unwrap();
        let bytes = fs::read(&events.path).unwrap();
        let mut rest = bytes.as_slice();
        let mut records = Vec::new();
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            let (head, tail) = rest.split_at(8 + 4 + length + 4);
            assert_eq!(record(&head[12..12 + length]), head);
            records.push(head[12..12 + length].to_vec());
            rest = tail;
        }
        assert_eq!(records.len(), 3);
        assert!(records[0].ends_with(VERSION.as_bytes()));
        assert_eq!(records[1][9..], [0x10, 7, 0x3a, 2, 0x08, 1]);
        let loss = [&b"\x0a\x0atrain/loss\x15"[..], &2.5_f32.to_le_bytes()].concat();
        assert!(records[2].windows(loss.len()).any(|window| window == loss));
    }
}
