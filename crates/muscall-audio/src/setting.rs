//! The check of one setting, told alike by all configurations.

use crate::AudioError;

/// `Ok` when `valid`, else the error that names the setting, its value and what it may be.
pub(crate) fn require(
    valid: bool,
    section: &'static str,
    field: &'static str,
    found: impl Into<f64>,
    expected: &'static str,
) -> Result<(), AudioError> {
    if valid {
        return Ok(());
    }
    Err(AudioError::InvalidSetting { section, field, found: found.into(), expected })
}
