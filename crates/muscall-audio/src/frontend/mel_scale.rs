//! The scales on which mel bands are evenly spaced.

use serde::{Deserialize, Serialize};

/// The scale on which the corners of the mel bands are evenly spaced.
#[derive(Serialize, Deserialize, PartialEq, Eq, Clone, Copy, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub enum MelScale {
    /// `2595·log10(1 + f/700)`: torchaudio's default, and the paper's.
    #[default]
    Htk,
    /// Linear below 1000 Hz (`3·f/200`), logarithmic above (`15 + 27·ln(f/1000)/ln 6.4`): librosa's default, and
    /// that of LAION-CLAP.
    ///
    /// # Source
    /// M. Slaney, "Auditory Toolbox", 1998.
    Slaney,
}
