//! The pictures of a report.

mod bars;
mod confusion;
mod curves;
mod density;
mod moments;
mod recall;
mod scatter;

pub use bars::{Bar, Bars};
pub use confusion::Confusion;
pub use curves::TrainingCurves;
pub use density::Densities;
pub use moments::Moments;
pub use recall::RecallCurve;
pub use scatter::Scatter;
