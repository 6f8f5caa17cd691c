//! What a driver is about to do, for whoever watches.

use core::time::Duration;

use crate::challenge::Challenge;
use crate::checkpoint::Checkpoint;
use crate::flow::Operation;

/// What an issuance is about to do, for whoever watches.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Responses are put in place.
    Presenting(&'a [Challenge]),
    /// Requests go out.
    Requesting {
        /// What they are for.
        operation: Operation,
        /// How many there are.
        count: usize,
    },
    /// Progress is made durable.
    Saving(&'a Checkpoint),
    /// Time has to pass.
    Waiting(Duration),
    /// Responses are taken away.
    Withdrawing(&'a [Challenge]),
}
