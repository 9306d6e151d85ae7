//! What a comparison of devices found.

use std::fmt::{self, Display, Formatter};

use super::quantity::Quantity;
use super::tolerance::{Numbers, Tolerance};

/// One of the things compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Its kind.
    pub quantity: Quantity,
    /// Which one: a part, a parameter, a batch.
    pub name: String,
    /// How far it is from what is right; infinite if it is not a number.
    pub found: f64,
    /// How far it may be.
    pub allowed: f64,
}

impl Difference {
    /// Whether it is within the tolerance.
    pub fn is_allowed(&self) -> bool {
        self.found <= self.allowed
    }
}

impl Display for Difference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { quantity, name, found, allowed } = self;
        write!(f, "{quantity} of {name} differs by {found:.1e}, {allowed:.0e} is allowed")
    }
}

/// All differences between a device and the CPU.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceReport {
    /// What was checked.
    pub device: String,
    /// What it computed in.
    pub numbers: Numbers,
    /// In the order in which they were computed.
    pub differences: Vec<Difference>,
}

impl DeviceReport {
    pub(super) fn new(device: String, numbers: Numbers) -> Self {
        Self { device, numbers, differences: Vec::new() }
    }

    pub(super) fn add(&mut self, quantity: Quantity, name: impl Into<String>, found: f64) {
        let found = if found.is_nan() { f64::INFINITY } else { found };
        let allowed = Tolerance::of(self.numbers).allows(quantity);
        self.differences.push(Difference { quantity, name: name.into(), found, allowed });
    }

    pub(super) fn add_all(&mut self, quantity: Quantity, all: impl IntoIterator<Item = (String, f64)>) {
        all.into_iter().for_each(|(name, found)| self.add(quantity, name, found));
    }

    /// Whether all differences are within their tolerances.
    pub fn agrees(&self) -> bool {
        self.differences.iter().all(Difference::is_allowed)
    }

    /// The first difference beyond its tolerance: what comes after it follows from it.
    pub fn first_beyond(&self) -> Option<&Difference> {
        self.differences.iter().find(|difference| !difference.is_allowed())
    }

    /// The largest of a kind, in parts of what is allowed.
    pub fn worst(&self, quantity: Quantity) -> Option<&Difference> {
        let all = self.differences.iter().filter(|difference| difference.quantity == quantity);
        all.max_by(|a, b| a.found.total_cmp(&b.found))
    }
}

/// A table with every difference.
impl Display for DeviceReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let width = self.differences.iter().map(|difference| difference.name.len()).max().unwrap_or(0);
        writeln!(f, "{:13}  {:width$}  {:>10}  {:>8}", "", "", "difference", "allowed")?;
        for difference in &self.differences {
            let Difference { quantity, name, found, allowed } = difference;
            let mark = if difference.is_allowed() { "" } else { "  <-- beyond" };
            writeln!(f, "{quantity:13}  {name:width$}  {found:>10.1e}  {allowed:>8.0e}{mark}")?;
        }
        Ok(())
    }
}
