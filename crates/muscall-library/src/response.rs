//! What is said to a request.

use muscall_model::Verdict;
use muscall_retrieval::Answer;

/// The answers to a request, and what is known of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The direction that was looked in, `[dim]`, unit norm.
    pub query: Vec<f32>,
    /// The tracks that fit best, best first.
    pub answers: Vec<Answer>,
    /// How well the best one fits. None without answers, for a model that was not calibrated, and for requests of other
    /// things than one text.
    pub verdict: Option<Verdict>,
}
