//! Flows that have no method of their own.

use acme_proto::{Flow, Session, Solver};

use super::Account;
use crate::driver::Hands;
use crate::error::Result;
use crate::persist::Persist;

impl<P: Persist> Account<P> {
    /// Runs a flow of [`acme_proto`](crate::proto) with this account: what few CAs offer has no method
    /// here, such as [`IssueExtended`](crate::proto::IssueExtended). A lone
    /// [`Call`](crate::proto::Call) is a flow as well; it needs no solver.
    ///
    /// # Errors
    /// Those of the flow.
    pub fn run<F: Flow<Context = Session>>(&self, flow: F, solver: &mut dyn Solver) -> Result<F::Output> {
        let hands = Hands { solver: Some(solver), ..Hands::default() };
        Ok(self.parts.driver.run(flow, hands)?)
    }
}
