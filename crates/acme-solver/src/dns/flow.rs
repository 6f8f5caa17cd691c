//! The flows of DNS providers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use acme_proto::{Error, Flow, Input, Misuse, Step};
use jiff::Timestamp;

use super::api::Api;
use super::desk::Desk;
use super::error::DnsError;
use super::provider::Profile;

/// A flow whose body is a task: it is polled when the result of a step is there, and by nothing
/// else.
///
/// It asks for [`Step::Exchange`] and [`Step::Wait`] only. After [`Input::Cancel`] it ends at
/// once, and what it may have written is for another flow to take away.
pub struct DnsFlow<T> {
    desk: Arc<Desk>,
    body: Pin<Box<dyn Future<Output = Result<T, DnsError>> + Send>>,
}

impl<T> DnsFlow<T> {
    /// Makes a flow of a task for a service.
    pub fn new<F>(profile: Profile, body: impl FnOnce(Api) -> F) -> Self
    where
        F: Future<Output = Result<T, DnsError>> + Send + 'static,
    {
        let desk = Arc::new(Desk::default());
        let body = Box::pin(body(Api::new(Arc::clone(&desk), profile)));
        Self { desk, body }
    }
}

impl<T> Flow for DnsFlow<T> {
    type Context = ();
    type Output = Result<T, DnsError>;

    fn resume(
        &mut self,
        (): &mut (),
        input: Input,
        now: Timestamp,
    ) -> Result<Step<Result<T, DnsError>>, Error> {
        self.desk.set_now(now);
        let fits = match input {
            Input::Start => true,
            Input::Responses(outcomes) => self.desk.outcomes(outcomes),
            Input::Elapsed => self.desk.elapsed(),
            Input::Cancel => return Err(Error::Cancelled),
            Input::Signed(_) | Input::Saved(_) | Input::Solver(_) => false,
        };
        if !fits {
            return Err(Misuse::Input.into());
        }
        match self.body.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Ok(Step::Done(output)),
            Poll::Pending => self.desk.step(Api::WIDTH).ok_or_else(|| Misuse::Input.into()),
        }
    }
}

impl<T> fmt::Debug for DnsFlow<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DnsFlow")
    }
}
