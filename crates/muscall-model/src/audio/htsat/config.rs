//! Sizes of HTSAT.

use serde::{Deserialize, Serialize};

use super::grid::{IMAGE, PATCH, WINDOW};
use crate::ModelError;
use crate::space::Description;
use crate::tower::TowerConfig;

/// HTSAT: a hierarchical Transformer over the patches of a spectrogram, as in LAION-CLAP.
///
/// # Source
/// Chen et al. 2022, "HTS-AT"; Liu et al. 2021, "Swin Transformer".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HtsatConfig {
    /// Size of a patch's state in the first stage; it doubles from stage to stage. 96 is tiny, 128 base.
    pub width: usize,
    /// Blocks of each stage.
    pub depths: Vec<usize>,
    /// Attention heads of each stage.
    pub heads: Vec<usize>,
}

impl HtsatConfig {
    /// The smaller of the published sizes.
    pub fn tiny() -> Self {
        Self { width: 96, depths: vec![2, 2, 6, 2], heads: vec![4, 8, 16, 32] }
    }

    /// The larger one.
    pub fn base() -> Self {
        Self { width: 128, depths: vec![2, 2, 12, 2], heads: vec![4, 8, 16, 32] }
    }

    /// Patches along each side of a stage.
    pub(super) fn side(stage: usize) -> usize {
        (IMAGE / PATCH) >> stage
    }
}

impl TowerConfig for HtsatConfig {
    fn validate(&self) -> Result<(), ModelError> {
        ModelError::check((1..=4096).contains(&self.width), "audio.width", self.width, "from 1 to 4096")?;
        let stages = self.depths.len();
        // A last stage smaller than a window would have none.
        ModelError::check((1..=4).contains(&stages), "audio.depths", format!("{stages} stages"), "from 1 to 4 stages")?;
        let depths = self.depths.iter().all(|depth| (1..=64).contains(depth));
        ModelError::check(depths, "audio.depths", format!("{:?}", self.depths), "from 1 to 64 blocks each")?;
        let heads = self.heads.len() == stages;
        ModelError::check(heads, "audio.heads", format!("{} stages", self.heads.len()), "as many as audio.depths")?;
        let divides = |(stage, &heads): (usize, &usize)| heads >= 1 && (self.width << stage).is_multiple_of(heads);
        let fits = self.heads.iter().enumerate().all(divides);
        ModelError::check(fits, "audio.heads", format!("{:?}", self.heads), "divisors of the width of their stage")
    }

    fn output_dim(&self) -> usize {
        self.width << (self.depths.len() - 1)
    }

    fn parameters(&self) -> f64 {
        let stage = |(stage, &depth): (usize, &usize)| depth as f64 * 12.0 * ((self.width << stage) as f64).powi(2);
        self.depths.iter().enumerate().map(stage).sum()
    }

    /// Per patch and block, twenty states and three maps of attention: measured on the larger published size.
    fn activations(&self, only_top: bool) -> Option<f64> {
        let stage = |stage: usize| {
            let (side, width) = (Self::side(stage), (self.width << stage) as f64);
            let maps = 3.0 * (WINDOW * WINDOW * self.heads[stage]) as f64;
            self.depths[stage] as f64 * (side * side) as f64 * (20.0 * width + maps)
        };
        let first = if only_top { self.depths.len() - 1 } else { 0 };
        Some((first..self.depths.len()).map(stage).sum())
    }

    /// The last stage and the norm behind it.
    fn is_top(&self, name: &str) -> Option<bool> {
        let last = format!("stages.{}.", self.depths.len() - 1);
        Some(name.starts_with(&last) || name.starts_with("norm."))
    }

    fn describe(&self, space: &mut Description) {
        let Self { width, depths, heads } = self;
        space.field("encoder", "htsat");
        space.field("width", *width);
        let list = |values: &[usize]| values.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        space.field("depths", list(depths).as_str());
        space.field("heads", list(heads).as_str());
    }
}
