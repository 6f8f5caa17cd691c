//! Giving an account another key.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::fmt;
use core::mem;

use jiff::Timestamp;

use crate::account::Account;
use crate::call::Call;
use crate::error::{Error, KeyInUse, Misuse};
use crate::flow::{Flow, Input, Operation, Step};
use crate::limits;
use crate::part::{Cx, Progress, Relay as _, ready};
use crate::problem::ProblemKind;
use crate::registration::find;
use crate::request::Request;
use crate::session::Session;
use crate::signer::SigningKey;

/// Gives the session's account another key; from then on the session signs with that.
///
/// The new key has to be durable before the flow begins, as an account's key has to be before
/// [`OpenAccount`](crate::OpenAccount): a flow knows keys as something that signs, and has nothing to
/// hand out in a step that would save one. The old key has to stay until the flow has ended with
/// success. Killed at any instant, [`OpenAccount::or_with`](crate::OpenAccount::or_with) finds out
/// which of the two is in force.
///
/// Other flows of the session may go on meanwhile: what they had signed with the old key is signed
/// again where it is refused, and challenges are presented anew, since their responses hold the
/// thumbprint of the key. One change at a time.
///
/// After a lost response or a refusal the CA is asked which of the two keys has the account; the
/// request is sent again only where the old one has. A cancel is settled the same way before the
/// flow ends.
///
/// # Errors
/// [`Error::KeyInUse`] when another account has the new key; [`Error::KeyUnsettled`] when the CA did
/// not tell which key is in force. After any other error it is the old one.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3.5>
#[must_use = "a flow makes no progress until its driver resumes it"]
pub struct RollOver {
    new_key: SigningKey,
    account_url: String,
    tries: u32,
    is_cancelled: bool,
    state: State,
}

enum State {
    Start,
    Change(Call<()>),
    /// The change failed, for this reason. Has the new key the account?
    AskNew(Call<Account>, Box<Error>),
    /// It has not. Has the old one?
    AskOld(Call<Account>, Box<Error>),
    End,
}

impl RollOver {
    /// Prepares the flow for a new key.
    pub fn new(new_key: impl Into<SigningKey>) -> Self {
        Self {
            new_key: new_key.into(),
            account_url: String::new(),
            tries: 0,
            is_cancelled: false,
            state: State::Start,
        }
    }

    fn poll(&mut self, cx: &mut Cx<'_>) -> Result<Progress<()>, Error> {
        loop {
            match &mut self.state {
                State::Start => {
                    cx.take_nothing()?;
                    let account = cx.session.account()?;
                    if account.key.public_key_der() == self.new_key.public_key_der() {
                        return Err(Misuse::KeyUnchanged.into());
                    }
                    self.account_url = account.url.to_string();
                    self.state = self.change();
                }
                State::Change(call) => match call.poll(cx) {
                    Ok(progress) => {
                        ready!(progress);
                        return Ok(Progress::Ready(()));
                    }
                    Err(error) => self.state = self.failed(error)?,
                },
                State::AskNew(call, _) => {
                    let outcome = match call.poll(cx) {
                        Ok(progress) => Ok(ready!(progress)),
                        Err(error) => Err(error),
                    };
                    if self.is_in_force(outcome)? {
                        return Ok(Progress::Ready(()));
                    }
                    self.ask_old(cx)?;
                }
                State::AskOld(call, _) => {
                    let outcome = match call.poll(cx) {
                        Ok(progress) => Ok(ready!(progress)),
                        Err(error) => Err(error),
                    };
                    self.state = self.old_key_asked(outcome)?;
                }
                State::End => return Err(Misuse::Input.into()),
            }
        }
    }

    fn change(&mut self) -> State {
        self.tries += 1;
        State::Change(Call::new(Request::change_key(self.new_key.clone()), |_| Ok(())))
    }

    /// A request that can't have been carried out needs no question.
    fn failed(&self, error: Error) -> Result<State, Error> {
        let was_refused =
            matches!(&error, Error::Problem(refusal) if refusal.operation == Operation::KeyChange);
        if was_refused || error.leaves_open(Operation::KeyChange) {
            return Ok(State::AskNew(find(&self.new_key), Box::new(error)));
        }
        Err(error)
    }

    /// Whether the account has the new key.
    fn is_in_force(&mut self, outcome: Result<Account, Error>) -> Result<bool, Error> {
        match outcome {
            Ok(account) if account.url == self.account_url => Ok(true),
            Ok(account) => {
                let refusal = self.take_reason().and_then(|reason| reason.refusal().cloned());
                Err(Error::KeyInUse(Box::new(KeyInUse { account_url: account.url, refusal })))
            }
            Err(error) if error.is_kind(&ProblemKind::AccountDoesNotExist) => Ok(false),
            Err(error) => Err(self.unsettled(error)),
        }
    }

    fn ask_old(&mut self, cx: &Cx<'_>) -> Result<(), Error> {
        let old_key = cx.session.account()?.key.clone();
        let reason = self.take_reason().unwrap_or(Error::Cancelled);
        self.state = State::AskOld(find(&old_key), Box::new(reason));
        Ok(())
    }

    /// The new key has no account: the change may be asked for again where the old one still has.
    fn old_key_asked(&mut self, outcome: Result<Account, Error>) -> Result<State, Error> {
        match outcome {
            Ok(account) if account.url == self.account_url => {}
            Ok(_) => return Err(self.unsettled(Error::Cancelled)),
            Err(error) => return Err(self.unsettled(error)),
        }
        let reason = self.take_reason().unwrap_or(Error::Cancelled);
        let may_try_again = reason.leaves_open(Operation::KeyChange)
            && reason.retry_after().is_none()
            && self.tries < limits::MAX_SETTLED_TRIES;
        if self.is_cancelled || !may_try_again {
            return Err(reason);
        }
        Ok(self.change())
    }

    /// The first reason is the one to tell, where there is one.
    fn unsettled(&mut self, error: Error) -> Error {
        Error::KeyUnsettled(Box::new(self.take_reason().unwrap_or(error)))
    }

    fn take_reason(&mut self) -> Option<Error> {
        match mem::replace(&mut self.state, State::End) {
            State::AskNew(_, reason) | State::AskOld(_, reason) => Some(*reason),
            State::Start | State::Change(_) | State::End => None,
        }
    }

    /// What was asked for may be done: the CA is asked, once.
    fn cancel(&mut self) -> Result<(), Error> {
        let may_be_done = !matches!(self.state, State::Start | State::End);
        if !may_be_done {
            return Err(Error::Cancelled);
        }
        let reason = Box::new(Error::Cancelled);
        if self.is_cancelled {
            return Err(Error::KeyUnsettled(reason));
        }
        self.is_cancelled = true;
        self.state = State::AskNew(find(&self.new_key), reason);
        Ok(())
    }

    fn advance(
        &mut self,
        session: &mut Session,
        input: Input,
        now: Timestamp,
    ) -> Result<Progress<()>, Error> {
        let mut cx = if matches!(input, Input::Cancel) {
            self.cancel()?;
            Cx::without_input(session, now)
        } else {
            Cx::new(session, input, now)?
        };
        self.poll(&mut cx)
    }
}

impl Flow for RollOver {
    type Context = Session;
    type Output = ();

    fn resume(&mut self, session: &mut Session, input: Input, now: Timestamp) -> Result<Step<()>, Error> {
        session.begin_key_change();
        match self.advance(session, input, now) {
            Ok(Progress::Pending(step)) => Ok(step.relay()),
            Ok(Progress::Ready(())) => {
                session.end_key_change();
                session.sign_in(&self.account_url, self.new_key.clone())?;
                Ok(Step::Done(()))
            }
            Err(error) => {
                session.end_key_change();
                Err(error)
            }
        }
    }
}

impl fmt::Debug for RollOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RollOver").field("account_url", &self.account_url).finish_non_exhaustive()
    }
}
