//! Flows that have no method of their own.

use acme_proto::{AsyncSolver, Flow, Session};

use super::Account;
use crate::driver::Hands;
use crate::error::Result;

impl Account {
    /// Runs a flow of [`acme_proto`] with this account: what few CAs offer has no method here, such as
    /// [`IssueExtended`](acme_proto::IssueExtended). A lone [`Call`](acme_proto::Call) is a flow as
    /// well; it needs no solver. When the future is dropped, a clone of the solver takes away what may
    /// be in place, as with [`issue`](Self::issue).
    ///
    /// # Errors
    /// Those of the flow.
    pub async fn run<F, S>(&self, flow: F, solver: &mut S) -> Result<F::Output>
    where
        F: Flow<Context = Session> + Send,
        F::Output: Send,
        S: AsyncSolver + Clone + 'static,
    {
        let solver = Box::new(solver.clone());
        Ok(self.driver().run(flow, Some(solver), Hands::default()).await?)
    }
}
