//! Where freed memory goes.

/// Lets this process keep the memory that it frees, where the system's allocator is glibc's; does
/// nothing elsewhere. Returns whether it did.
///
/// A training step allocates and frees buffers of many megabytes. By default each goes back to the
/// system at once, and every page of the next one is cleared and mapped anew. It is for a program to
/// decide, so no library function calls this.
pub fn keep_freed_memory() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: mallopt takes two integers and changes parameters of malloc; it may be called at any
        // time and returns zero for what it does not know.
        let set = |parameter, value| unsafe { libc::mallopt(parameter, value) == 1 };
        // Buffers come from the heap, and the heap's end is not given back.
        let own_heap = set(libc::M_MMAP_THRESHOLD, i32::MAX);
        own_heap && set(libc::M_TRIM_THRESHOLD, i32::MAX) && set(libc::M_TOP_PAD, 64 << 20)
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    false
}
