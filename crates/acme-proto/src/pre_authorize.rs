//! Proving control of a name ahead of an order.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::mem;

use jiff::Timestamp;

use crate::authorization::{Authorization, AuthorizationStatus};
use crate::authorize;
use crate::call::Call;
use crate::challenge::{Challenge, ChallengeStatus, ChallengeType, OfferedChallenge};
use crate::checkpoint::{Checkpoint, Intent};
use crate::error::{Error, Misuse, SolverError, Violation};
use crate::flow::{Flow, Input, Operation, Step};
use crate::identifier::Identifier;
use crate::limits;
use crate::part::{Cx, Progress, Relay as _, ready};
use crate::poll::Poll;
use crate::session::Session;

/// Gets an authorization valid ahead of an order; the next order for the name needs no challenge for
/// as long as it is valid.
///
/// The challenge is saved before it is put in place, as that of an order is, in a checkpoint without
/// a CSR: [`Issue::start_from`](crate::Issue::start_from) takes away what a crash left. After a
/// failure or a cancel what was presented is withdrawn; a cancel also gives the authorization up.
///
/// # Errors
/// [`Misuse::NotOffered`] before anything is sent to a CA without newAuthz, and
/// [`Misuse::WildcardPreAuthorization`] for a wildcard, which can't be authorized ahead.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.4.1>
#[must_use = "a flow makes no progress until its driver resumes it"]
pub struct PreAuthorize {
    choices: Vec<(Identifier, Vec<ChallengeType>)>,
    checkpoint: Checkpoint,
    url: Option<String>,
    /// The generation of the account's key whose thumbprint is in the response.
    key_generation: u64,
    presentations: u32,
    answers: u32,
    state: State,
}

/// An authorization that is valid before any order asks for it.
#[derive(Debug)]
#[non_exhaustive]
pub struct PreAuthorized {
    /// The authorization.
    pub authorization: Authorization,
    /// The responses that could not be taken away, and why: they have to be swept later.
    pub left_in_place: Vec<(Challenge, SolverError)>,
}

enum State {
    Start,
    /// It is made, or read again because the account has another key by now.
    Read(Call<Authorization>),
    Save(Challenge),
    Present(Challenge),
    Answer(Call<OfferedChallenge>, Challenge),
    /// The answer was refused or lost: what does the authorization say?
    Settle(Call<Authorization>, Challenge, Box<Error>),
    Look(Box<Poll<Authorization>>),
    Withdraw(Outcome),
    GiveUp(Call<Authorization>, Outcome),
    SaveEnd(Outcome),
    Over,
}

/// How the flow ends, once what is in place is taken away.
struct Outcome {
    result: Result<Box<Authorization>, Error>,
    left_in_place: Vec<(Challenge, SolverError)>,
}

impl PreAuthorize {
    /// Prepares the flow for a name, and the challenge types that may be used, the best one first.
    ///
    /// # Errors
    /// [`Misuse::WildcardPreAuthorization`].
    pub fn new(identifier: Identifier, choices: Vec<ChallengeType>) -> Result<Self, Error> {
        if identifier.is_wildcard() {
            return Err(Misuse::WildcardPreAuthorization(identifier).into());
        }
        Ok(Self {
            checkpoint: Checkpoint::new(Intent::new(vec![identifier.clone()], Vec::new(), None)),
            choices: vec![(identifier, choices)],
            url: None,
            key_generation: 0,
            presentations: 0,
            answers: 0,
            state: State::Start,
        })
    }

    fn advance(&mut self, cx: &mut Cx<'_>) -> Result<Progress<Box<Authorization>>, Error> {
        loop {
            match &mut self.state {
                State::Start => {
                    cx.take_nothing()?;
                    self.state = State::Read(self.create(cx)?);
                }
                State::Read(call) => {
                    let authorization = ready!(call.poll(cx)?);
                    self.url = Some(authorization.url.clone());
                    if authorization.status == AuthorizationStatus::Valid {
                        return Ok(Progress::Ready(Box::new(authorization)));
                    }
                    let challenge = self.choose(cx, &authorization)?;
                    authorize::remember(&mut self.checkpoint, core::slice::from_ref(&challenge));
                    self.state = State::Save(challenge);
                    return Ok(Progress::Pending(Step::Save(Box::new(self.checkpoint.clone()))));
                }
                State::Save(challenge) => {
                    cx.take_saved()?;
                    let challenge = challenge.clone();
                    self.state = State::Present(challenge.clone());
                    return Ok(Progress::Pending(Step::Present(vec![challenge])));
                }
                State::Present(challenge) => {
                    let challenge = challenge.clone();
                    authorize::presented(core::slice::from_ref(&challenge), cx.take_solver(1)?)?;
                    self.state = self.answer(cx, challenge);
                }
                State::Answer(call, challenge) => {
                    let challenge = challenge.clone();
                    let answered = match call.poll(cx) {
                        Ok(progress) => Ok(ready!(progress)),
                        Err(error) => Err(error),
                    };
                    self.state = self.answered(cx, challenge, answered)?;
                }
                State::Settle(call, ..) => {
                    let authorization = ready!(call.poll(cx)?);
                    self.state = self.settled(cx, &authorization)?;
                }
                State::Look(poll) => {
                    let authorization = ready!(poll.poll(cx)?);
                    check(&authorization)?;
                    return Ok(Progress::Ready(Box::new(authorization)));
                }
                State::Withdraw(_) | State::GiveUp(..) | State::SaveEnd(_) | State::Over => {
                    return Err(Misuse::Input.into());
                }
            }
        }
    }

    /// Binds the checkpoint to CA and account, and asks for the authorization.
    fn create(&mut self, cx: &Cx<'_>) -> Result<Call<Authorization>, Error> {
        let intent = &mut self.checkpoint.intent;
        intent.account_url = cx.session.account()?.url.to_string();
        intent.directory_url = cx.session.directory_url.to_string();
        let identifier = intent.identifiers.first().ok_or(Misuse::TooManyNames(0))?;
        Ok(Authorization::create(identifier))
    }

    fn choose(&mut self, cx: &Cx<'_>, authorization: &Authorization) -> Result<Challenge, Error> {
        if authorization.status != AuthorizationStatus::Pending {
            check(authorization)?;
        }
        if let Some(refusal) = authorization.refusal() {
            return Err(refusal.into());
        }
        let respondent = cx.session.respondent().ok_or(Misuse::NoAccount)?;
        self.key_generation = cx.session.key_generation();
        self.presentations += 1;
        authorize::choose_one(authorization, &self.choices, &respondent).map(|(_, challenge)| challenge)
    }

    /// Tells the CA of the response; where the account has another key by now, it is made anew.
    fn answer(&mut self, cx: &Cx<'_>, challenge: Challenge) -> State {
        let is_old = cx.session.key_generation() != self.key_generation;
        if let (true, Some(url)) = (is_old && self.presentations < limits::MAX_SETTLED_TRIES, &self.url) {
            return State::Read(Authorization::read(url));
        }
        self.answers += 1;
        State::Answer(OfferedChallenge::answer(&challenge.url), challenge)
    }

    fn answered(
        &mut self,
        cx: &mut Cx<'_>,
        challenge: Challenge,
        answered: Result<OfferedChallenge, Error>,
    ) -> Result<State, Error> {
        let url = self.url.as_deref().unwrap_or_default();
        match answered {
            Ok(answered) if answered.status == ChallengeStatus::Valid => {
                Ok(State::Look(Box::new(Authorization::poll(url))))
            }
            // Looking at once would cost a request: the CA has just begun to validate.
            Ok(answered) => {
                let looks = Authorization::poll(url).after(cx.session, answered.retry_after)?;
                Ok(State::Look(Box::new(looks)))
            }
            Err(error) if authorize::is_open(&error) => {
                Ok(State::Settle(Authorization::read(url), challenge, Box::new(error)))
            }
            Err(error) => Err(error),
        }
    }

    /// Believes the authorization: answers again what is still pending.
    fn settled(&mut self, cx: &Cx<'_>, authorization: &Authorization) -> Result<State, Error> {
        let State::Settle(_, challenge, error) = mem::replace(&mut self.state, State::Over) else {
            return Err(Misuse::Input.into());
        };
        if let Some(refusal) = authorization.refusal() {
            return Err(refusal.into());
        }
        let is_pending = authorization
            .challenges
            .iter()
            .any(|offered| offered.url == challenge.url && offered.status == ChallengeStatus::Pending);
        if !is_pending {
            return Ok(State::Look(Box::new(Authorization::poll(&authorization.url))));
        }
        if error.retry_after().is_some() || self.answers >= limits::MAX_SETTLED_TRIES {
            return Err(*error);
        }
        Ok(self.answer(cx, challenge))
    }

    fn end(&mut self, result: Result<Box<Authorization>, Error>) -> Option<Step<core::convert::Infallible>> {
        let outcome = Outcome { result, left_in_place: Vec::new() };
        if self.checkpoint.presented.is_empty() {
            self.after_withdrawal(outcome);
            return None;
        }
        self.state = State::Withdraw(outcome);
        Some(Step::Withdraw(self.checkpoint.presented.clone()))
    }

    /// After a cancel the authorization is given up, with one attempt.
    fn after_withdrawal(&mut self, outcome: Outcome) {
        let is_cancelled = matches!(outcome.result, Err(Error::Cancelled));
        self.state = match (is_cancelled, self.url.take()) {
            (true, Some(url)) => State::GiveUp(Authorization::deactivate(&url), outcome),
            (true, None) | (false, _) => State::SaveEnd(outcome),
        };
    }

    /// Keeps what could not be taken away, for the next start.
    fn withdrawn(&mut self, outcomes: Vec<Result<(), SolverError>>, outcome: &mut Outcome) {
        let presented = mem::take(&mut self.checkpoint.presented);
        let mut outcomes = outcomes.into_iter();
        for challenge in presented {
            let withdrawal = outcomes.next().unwrap_or_else(|| Err(SolverError::permanent(Misuse::Input)));
            if let Err(error) = withdrawal {
                self.checkpoint.presented.push(challenge.clone());
                outcome.left_in_place.push((challenge, error));
            }
        }
    }

    fn finish(&mut self, cx: &mut Cx<'_>) -> Result<Progress<PreAuthorized>, Error> {
        loop {
            match mem::replace(&mut self.state, State::Over) {
                State::Withdraw(mut outcome) => {
                    let outcomes = cx.take_solver(self.checkpoint.presented.len());
                    self.withdrawn(outcomes.unwrap_or_default(), &mut outcome);
                    self.after_withdrawal(outcome);
                    if matches!(self.state, State::SaveEnd(_)) {
                        return Ok(Progress::Pending(Step::Save(Box::new(self.checkpoint.clone()))));
                    }
                }
                State::GiveUp(mut call, outcome) => {
                    if let Ok(Progress::Pending(step)) = call.poll(cx) {
                        self.state = State::GiveUp(call, outcome);
                        return Ok(Progress::Pending(step));
                    }
                    self.state = State::SaveEnd(outcome);
                    return Ok(Progress::Pending(Step::Save(Box::new(self.checkpoint.clone()))));
                }
                State::SaveEnd(Outcome { result, left_in_place }) => {
                    return result.map(|authorization| {
                        Progress::Ready(PreAuthorized { authorization: *authorization, left_in_place })
                    });
                }
                State::Start
                | State::Read(_)
                | State::Save(_)
                | State::Present(_)
                | State::Answer(..)
                | State::Settle(..)
                | State::Look(_)
                | State::Over => return Err(Misuse::Input.into()),
            }
        }
    }

    fn is_ending(&self) -> bool {
        matches!(self.state, State::Withdraw(_) | State::GiveUp(..) | State::SaveEnd(_) | State::Over)
    }
}

impl Flow for PreAuthorize {
    type Context = Session;
    type Output = PreAuthorized;

    fn resume(
        &mut self,
        session: &mut Session,
        input: Input,
        now: Timestamp,
    ) -> Result<Step<PreAuthorized>, Error> {
        let is_cancel = matches!(input, Input::Cancel);
        let mut cx = if is_cancel { Cx::without_input(session, now) } else { Cx::new(session, input, now)? };
        if !self.is_ending() {
            let outcome = if is_cancel { Err(Error::Cancelled) } else { self.advance(&mut cx) };
            let result = match outcome {
                Ok(Progress::Pending(step)) => return Ok(step.relay()),
                Ok(Progress::Ready(authorization)) => Ok(authorization),
                Err(error) => Err(error),
            };
            if let Some(step) = self.end(result) {
                return Ok(step.relay());
            }
        } else if is_cancel {
            // What is in place is as it was last known: the next start takes it away.
            return Err(Error::Cancelled);
        }
        Ok(Step::Done(ready!(self.finish(&mut cx)?)))
    }

    fn presented(&self) -> &[Challenge] {
        &self.checkpoint.presented
    }
}

impl fmt::Debug for PreAuthorize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreAuthorize").field("checkpoint", &self.checkpoint).finish_non_exhaustive()
    }
}

/// Refuses an authorization that is not valid.
fn check(authorization: &Authorization) -> Result<(), Error> {
    if let Some(refusal) = authorization.refusal() {
        return Err(refusal.into());
    }
    match &authorization.status {
        AuthorizationStatus::Valid => Ok(()),
        AuthorizationStatus::Pending
        | AuthorizationStatus::Invalid
        | AuthorizationStatus::Deactivated
        | AuthorizationStatus::Expired
        | AuthorizationStatus::Revoked
        | AuthorizationStatus::Other(_) => {
            let violation = Violation::Status(authorization.status.to_string());
            Err(Error::protocol(Operation::Authorization, violation))
        }
    }
}
