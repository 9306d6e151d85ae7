//! Hashes of files too large for the memory.

use std::io::{self, ErrorKind, Read};

use xxhash_rust::xxh3::Xxh3;

/// Bytes that are read at once.
const BUFFER: usize = 1 << 20;

/// Length and XXH3 of all that a reader gives.
///
/// # Example
/// ```
/// use muscall_files::Digest;
///
/// # fn main() -> std::io::Result<()> {
/// let digest = Digest::of(&b"some bytes"[..])?;
/// assert_eq!(digest.bytes(), 10);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Digest {
    bytes: u64,
    hash: Xxh3,
}

impl Digest {
    /// Reads to the end, a megabyte at a time.
    ///
    /// # Errors
    /// Those of the reader, except for interrupted reads, which are tried again.
    pub fn of(mut reader: impl Read) -> io::Result<Self> {
        let (mut bytes, mut hash, mut buffer) = (0, Xxh3::new(), vec![0; BUFFER]);
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(Self { bytes, hash }),
                Ok(count) => {
                    hash.update(&buffer[..count]);
                    bytes += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// How many bytes were read.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The hash in 64 bits.
    pub fn hash_64(&self) -> u64 {
        self.hash.digest()
    }

    /// The hash in 128 bits, for where two files must never be taken for one.
    pub fn hash_128(&self) -> u128 {
        self.hash.digest128()
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digest {{ bytes: {}, hash: {:032x} }}", self.bytes, self.hash_128())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

    use super::*;

    /// Gives a few bytes at a time, and is interrupted in between.
    struct Hesitant<'a>(&'a [u8], bool);

    impl Read for Hesitant<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::Interrupted.into());
            }
            let count = self.0.len().min(buffer.len()).min(70_001);
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn it_is_the_hash_of_the_whole() {
        for length in [0, 1, 240, 241, 1 << 20, (1 << 21) + 17] {
            let content: Vec<u8> = (0..length).map(|i: u32| (i % 251) as u8).collect();
            for digest in [Digest::of(&content[..]).unwrap(), Digest::of(Hesitant(&content, false)).unwrap()] {
                assert_eq!(digest.bytes(), u64::from(length));
                assert_eq!((digest.hash_64(), digest.hash_128()), (xxh3_64(&content), xxh3_128(&content)));
            }
        }
    }

    #[test]
    fn a_reader_that_fails_has_no_digest() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::UnexpectedEof.into())
            }
        }
        assert_eq!(Digest::of(Broken).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
