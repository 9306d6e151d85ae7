//! What a run tells while it goes on, and at its end.

use std::ops::ControlFlow;

use muscall_model::Muscall;

use crate::event::Event;

/// Hears what happens, and may stop the run.
pub(super) type Listener<'a> = dyn FnMut(Event<'_>) -> ControlFlow<()> + 'a;

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// The best model by validation, or the last one if there was none.
    pub model: Muscall,
    /// Steps taken in all.
    pub steps: u64,
    /// Whether the listener stopped it; it can be resumed.
    pub interrupted: bool,
    /// The averaged weights, if the recipe asks for them; the bundle is in `ema/`.
    pub ema: Option<Muscall>,
}
