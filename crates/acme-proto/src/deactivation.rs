//! Ending an account.

use alloc::boxed::Box;
use alloc::string::ToString;
use core::fmt;
use core::mem;

use jiff::Timestamp;

use crate::account::{Account, AccountStatus};
use crate::call::Call;
use crate::error::{Error, Violation};
use crate::flow::{Flow, Input, Operation, Step};
use crate::json;
use crate::limits;
use crate::part::{Cx, Progress, ready};
use crate::problem::ProblemKind;
use crate::request::{Request, Target};
use crate::session::Session;

/// Ends the session's account, for good: no CA brings it back, and whatever the account asks for
/// afterwards is refused.
///
/// After a lost response the account is read: a CA refuses one that is deactivated, and only one
/// that is still valid is asked for again.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.6>
#[must_use = "a flow makes no progress until its driver resumes it"]
pub struct DeactivateAccount {
    state: State,
    tries: u32,
}

enum State {
    Send(Call<AccountStatus>),
    /// What became of a request without a useful answer?
    Settle(Call<Account>, Box<Error>),
}

impl DeactivateAccount {
    /// Prepares the flow.
    #[expect(clippy::new_without_default, reason = "an account is not ended by default")]
    pub fn new() -> Self {
        Self { state: State::Send(send()), tries: 1 }
    }

    fn poll(&mut self, cx: &mut Cx<'_>) -> Result<Progress<()>, Error> {
        loop {
            match &mut self.state {
                State::Send(call) => match call.poll(cx) {
                    Ok(progress) => return ended(&ready!(progress)).map(Progress::Ready),
                    Err(error) if error.leaves_open(Operation::Account) => {
                        self.state = State::Settle(Account::read(), Box::new(error));
                    }
                    Err(error) => return Err(error),
                },
                State::Settle(call, _) => match call.poll(cx) {
                    Ok(progress) => {
                        let account = ready!(progress);
                        if account.status == AccountStatus::Deactivated {
                            return Ok(Progress::Ready(()));
                        }
                        self.send_again()?;
                    }
                    Err(error) if error.is_kind(&ProblemKind::Unauthorized) => {
                        return Ok(Progress::Ready(()));
                    }
                    Err(error) => return Err(error),
                },
            }
        }
    }

    fn send_again(&mut self) -> Result<(), Error> {
        self.tries += 1;
        match mem::replace(&mut self.state, State::Send(send())) {
            State::Settle(_, error)
                if self.tries > limits::MAX_SETTLED_TRIES || error.retry_after().is_some() =>
            {
                Err(*error)
            }
            State::Settle(..) | State::Send(_) => Ok(()),
        }
    }
}

fn ended(status: &AccountStatus) -> Result<(), Error> {
    match status {
        AccountStatus::Deactivated => Ok(()),
        AccountStatus::Valid | AccountStatus::Revoked | AccountStatus::Other(_) => {
            Err(Error::protocol(Operation::Account, Violation::Status(status.to_string())))
        }
    }
}

fn send() -> Call<AccountStatus> {
    let payload = r#"{"status":"deactivated"}"#.to_string();
    Call::new(Request::post(Operation::Account, Target::Account, payload), |reply| {
        // A CA that answers with nothing has done as it was told.
        let document = reply.json().unwrap_or_default();
        Ok(AccountStatus::from_wire(json::string(&document, "status").unwrap_or("deactivated")))
    })
}

impl Flow for DeactivateAccount {
    type Context = Session;
    type Output = ();

    fn resume(&mut self, session: &mut Session, input: Input, now: Timestamp) -> Result<Step<()>, Error> {
        let mut cx = Cx::new(session, input, now)?;
        ready!(self.poll(&mut cx)?);
        Ok(Step::Done(()))
    }
}

impl fmt::Debug for DeactivateAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeactivateAccount")
    }
}
