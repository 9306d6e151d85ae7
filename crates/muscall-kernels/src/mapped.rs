//! Files as memory.

use std::fs::File;
use std::io;

use memmap2::{Mmap, MmapOptions};

/// The first bytes of a file, mapped into memory to be read.
///
/// What is mapped must not be shortened or overwritten while it is in use: a file that is open here is replaced by
/// renaming another one over it, never by writing into it, as `cp` over it does. An index keeps to that: its
/// writer appends, changes nothing but the commits in the header, which are not read from here, and puts a new file
/// in the place of an old one.
#[derive(Debug)]
pub struct MappedFile(Mmap);

impl MappedFile {
    /// Maps `length` bytes from the start of a file.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] if the file is shorter, or what the system says.
    pub fn open(file: &File, length: usize) -> io::Result<Self> {
        if file.metadata()?.len() < length as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // SAFETY: the map is read-only and lies within the file, as was just checked. It stays valid as long
        // as nobody shortens the file, and its bytes stay the same as long as nobody writes there; both is
        // what the type's documentation demands of whoever writes the file. Should another program shorten
        // it all the same, the system ends this process (SIGBUS): no other memory is ever read.
        let map = unsafe { MmapOptions::new().len(length).map(file) }?;
        Ok(Self(map))
    }

    /// The bytes; they start at the start of a page.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}
