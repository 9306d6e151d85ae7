//! The rate at which recordings are compared.

/// In Hz. Every codec keeps the frequencies that are left.
pub(super) const RATE: u32 = 8000;
