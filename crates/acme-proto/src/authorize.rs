//! Getting all authorizations of an order.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::mem;

use crate::authorization::{Authorization, AuthorizationStatus};
use crate::challenge::{Challenge, ChallengeStatus, ChallengeType, OfferedChallenge};
use crate::checkpoint::Checkpoint;
use crate::error::{Delivery, Error, Misuse, Refusal, SolverError, Violation};
use crate::finalize::order_refusal;
use crate::flow::{Operation, Step};
use crate::identifier::Identifier;
use crate::limits;
use crate::order::{Order, OrderStatus};
use crate::part::{Cx, Progress, ready};
use crate::poll::Poll;
use crate::round::{Outcomes, Round, RoundEnd};
use crate::session::Respondent;

/// Takes a pending order to the point where it is pending no longer.
///
/// All authorizations are read, all challenges presented together, answered together, and then
/// the order is looked at: one request instead of one for each name.
pub(crate) struct Authorize {
    state: State,
    /// What is to be answered; the challenges that the CA already processes are not in it.
    to_answer: Vec<Challenge>,
    /// The authorizations that are pending, to be given up on a cancel.
    pending: Vec<String>,
    answers: u32,
    /// The generation of the account's key whose thumbprint is in the responses.
    key_generation: u64,
    presentations: u32,
    /// The looks at the order, with one budget for all of them.
    looks: Box<Poll<Order>>,
}

enum State {
    Read(Round<Authorization>),
    Save(Vec<Challenge>),
    Present(Vec<Challenge>),
    Answer(Round<OfferedChallenge>),
    /// Some answers were refused or lost: what do the authorizations say?
    Settle(Round<Authorization>, Vec<(Challenge, Error)>),
    Look,
    /// The order does not say why it failed, or why it stays pending.
    Diagnose(Round<Authorization>, Box<Order>),
}

/// Which challenge types may be used for which name, the best one first.
pub(crate) type Choices = [(Identifier, Vec<ChallengeType>)];

impl Authorize {
    pub(crate) fn new(order: &Order, width: usize) -> Self {
        Self {
            state: State::Read(read_all(&order.authorizations, width)),
            to_answer: Vec::new(),
            pending: Vec::new(),
            answers: 0,
            key_generation: 0,
            presentations: 0,
            looks: Box::new(Order::poll_pending(&order.url).pausing_after(limits::POLLS_BEFORE_DIAGNOSIS)),
        }
    }

    /// The authorizations that were pending when they were read.
    pub(crate) fn pending(&self) -> &[String] {
        &self.pending
    }

    pub(crate) fn poll(
        &mut self,
        cx: &mut Cx<'_>,
        checkpoint: &mut Checkpoint,
        choices: &Choices,
        confirmed: &[String],
    ) -> Result<Progress<Order>, Error> {
        loop {
            match &mut self.state {
                State::Read(round) => {
                    let authorizations = all_read(ready!(round.poll(cx)?))?;
                    let challenges = self.choose(cx, &authorizations, choices, confirmed)?;
                    if challenges.is_empty() {
                        self.state = State::Look;
                        continue;
                    }
                    remember(checkpoint, &challenges);
                    self.state = State::Save(challenges);
                    return Ok(Progress::Pending(Step::Save(Box::new(checkpoint.clone()))));
                }
                State::Save(challenges) => {
                    cx.take_saved()?;
                    let challenges = mem::take(challenges);
                    self.state = State::Present(challenges.clone());
                    return Ok(Progress::Pending(Step::Present(challenges)));
                }
                State::Present(challenges) => {
                    presented(challenges, cx.take_solver(challenges.len())?)?;
                    self.state = self.answer(cx);
                }
                State::Answer(round) => {
                    let outcomes = ready!(round.poll(cx)?);
                    self.state = self.answered(cx, outcomes)?;
                }
                State::Settle(round, failed) => {
                    let authorizations = all_read(ready!(round.poll(cx)?))?;
                    let failed = mem::take(failed);
                    self.state = self.settled(cx, &authorizations, failed)?;
                }
                State::Look => {
                    let order = ready!(self.looks.poll(cx)?);
                    if !matches!(order.status, OrderStatus::Invalid | OrderStatus::Pending) {
                        return Ok(Progress::Ready(order));
                    }
                    let round = read_all(&order.authorizations, cx.session.width());
                    self.state = State::Diagnose(round, Box::new(order));
                }
                State::Diagnose(round, order) => {
                    let authorizations = ready!(round.poll(cx)?);
                    let order = order.clone();
                    self.state = self.diagnosed(cx, authorizations, &order)?;
                }
            }
        }
    }

    /// Chooses a challenge for each pending authorization.
    fn choose(
        &mut self,
        cx: &mut Cx<'_>,
        authorizations: &[Authorization],
        choices: &Choices,
        confirmed: &[String],
    ) -> Result<Vec<Challenge>, Error> {
        let respondent = cx.session.respondent().ok_or(Misuse::NoAccount)?;
        let respondent = respondent.danger_confirm_account_uris(confirmed);
        self.key_generation = cx.session.key_generation();
        self.presentations += 1;
        self.pending.clear();
        self.to_answer.clear();
        let mut challenges = Vec::new();
        refused(authorizations)?;
        for authorization in authorizations {
            match &authorization.status {
                AuthorizationStatus::Valid => continue,
                AuthorizationStatus::Pending => {}
                AuthorizationStatus::Other(_)
                | AuthorizationStatus::Invalid
                | AuthorizationStatus::Deactivated
                | AuthorizationStatus::Expired
                | AuthorizationStatus::Revoked => {
                    let violation = Violation::Status(authorization.status.to_string());
                    return Err(Error::protocol(Operation::Authorization, violation));
                }
            }
            self.pending.push(authorization.url.clone());
            if authorization.challenges.iter().any(|challenge| challenge.status == ChallengeStatus::Valid) {
                continue;
            }
            let (offered, challenge) = choose_one(authorization, choices, &respondent)?;
            if offered.status != ChallengeStatus::Processing {
                self.to_answer.push(challenge.clone());
            }
            challenges.push(challenge);
        }
        Ok(challenges)
    }

    /// Tells the CA of the responses; where the account has another key by now, they are made and
    /// presented anew.
    fn answer(&mut self, cx: &Cx<'_>) -> State {
        let is_old = cx.session.key_generation() != self.key_generation;
        if is_old && self.presentations < limits::MAX_SETTLED_TRIES {
            return State::Read(read_all(&self.pending, cx.session.width()));
        }
        if self.to_answer.is_empty() {
            return State::Look;
        }
        self.answers += 1;
        let calls = self.to_answer.iter().map(|challenge| OfferedChallenge::answer(&challenge.url));
        State::Answer(Round::new(calls, cx.session.width(), RoundEnd::All))
    }

    fn answered(&mut self, cx: &mut Cx<'_>, outcomes: Outcomes<OfferedChallenge>) -> Result<State, Error> {
        let mut failed = Vec::new();
        let mut all_valid = true;
        let mut retry_after = None;
        for (challenge, outcome) in self.to_answer.iter().zip(outcomes.into_iter().flatten()) {
            match outcome {
                Ok(answered) => {
                    all_valid &= answered.status == ChallengeStatus::Valid;
                    retry_after = retry_after.max(answered.retry_after);
                }
                Err(error) if is_open(&error) => failed.push((challenge.clone(), error)),
                Err(error) => return Err(error),
            }
        }
        if failed.is_empty() {
            if !all_valid {
                // Looking at once would cost a request: the CA has just begun to validate.
                self.looks.plan_wait(cx.session, retry_after)?;
            }
            return Ok(State::Look);
        }
        let round = read_all(&self.pending, cx.session.width());
        Ok(State::Settle(round, failed))
    }

    /// Believes the authorizations: answers again what is still pending.
    fn settled(
        &mut self,
        cx: &mut Cx<'_>,
        authorizations: &[Authorization],
        failed: Vec<(Challenge, Error)>,
    ) -> Result<State, Error> {
        refused(authorizations)?;
        let mut again = Vec::new();
        let mut first_error = None;
        for (challenge, error) in failed {
            let is_pending = authorizations
                .iter()
                .flat_map(|authorization| &authorization.challenges)
                .any(|offered| offered.url == challenge.url && offered.status == ChallengeStatus::Pending);
            if is_pending {
                again.push(challenge);
                let is_worse = error.retry_after() > first_error.as_ref().and_then(Error::retry_after);
                first_error = if is_worse { Some(error) } else { first_error.or(Some(error)) };
            }
        }
        match first_error {
            // The CA wants to be left alone with this request (RFC 8555, section 6.6).
            Some(error) if error.retry_after().is_some_and(|wait| !wait.is_zero()) => Err(error),
            Some(error) if self.answers >= limits::MAX_SETTLED_TRIES => Err(error),
            Some(_) | None => {
                self.to_answer = again;
                Ok(self.answer(cx))
            }
        }
    }

    fn diagnosed(
        &mut self,
        cx: &mut Cx<'_>,
        authorizations: Outcomes<Authorization>,
        order: &Order,
    ) -> Result<State, Error> {
        let authorizations: Vec<_> = authorizations.into_iter().flatten().filter_map(Result::ok).collect();
        refused(&authorizations)?;
        if order.status == OrderStatus::Invalid {
            return Err(order_refusal(order).into());
        }
        self.looks.plan_wait(cx.session, order.retry_after)?;
        Ok(State::Look)
    }
}

/// Tells whether an error leaves open what became of an answer.
pub(crate) fn is_open(error: &Error) -> bool {
    match error {
        // A person has to do something: asking again is of no use.
        Error::Problem(refusal) => refusal.user_action.is_none(),
        Error::Transport { source, .. } => source.delivery == Delivery::Unknown && source.is_temporary(),
        Error::Protocol(_) => true,
        Error::Cancelled
        | Error::KeyInUse(_)
        | Error::KeyUnsettled(_)
        | Error::Misuse(_)
        | Error::Sign(_)
        | Error::Solver { .. }
        | Error::Store(_)
        | Error::Unfinished(_) => false,
    }
}

fn read_all(urls: &[String], width: usize) -> Round<Authorization> {
    Round::new(urls.iter().map(|url| Authorization::read(url)), width, RoundEnd::All)
}

fn all_read(outcomes: Outcomes<Authorization>) -> Result<Vec<Authorization>, Error> {
    outcomes.into_iter().flatten().collect()
}

/// The refusals of all names in one error.
fn refused(authorizations: &[Authorization]) -> Result<(), Error> {
    let mut refusals = authorizations.iter().filter_map(Authorization::refusal);
    match refusals.next() {
        None => Ok(()),
        Some(first) => Err(Refusal { others: refusals.collect(), ..first }.into()),
    }
}

pub(crate) fn choose_one<'a>(
    authorization: &'a Authorization,
    choices: &Choices,
    respondent: &Respondent,
) -> Result<(&'a OfferedChallenge, Challenge), Error> {
    let mut fault = None;
    for kind in types_for(authorization, choices) {
        for offered in authorization.challenges.iter().filter(|offered| offered.kind == *kind) {
            match Challenge::respond(authorization, offered, respondent) {
                Ok(challenge) => return Ok((offered, challenge)),
                Err(error) => fault = fault.or(Some(error)),
            }
        }
    }
    Err(fault.unwrap_or_else(|| authorization.no_challenge()))
}

/// The types that may be used for the authorization: those of its name, or of a name below it.
fn types_for<'a>(authorization: &Authorization, choices: &'a Choices) -> &'a [ChallengeType] {
    let wanted = authorization.order_identifier();
    let base = &authorization.identifier;
    choices
        .iter()
        .find(|(identifier, _)| *identifier == wanted)
        .or_else(|| choices.iter().find(|(identifier, _)| identifier.base() == *base))
        .or_else(|| choices.iter().find(|(identifier, _)| identifier.is_below(base)))
        .map_or(&[][..], |(_, types)| types.as_slice())
}

/// Notes what is to be taken away; a record that is to persist is not.
pub(crate) fn remember(checkpoint: &mut Checkpoint, challenges: &[Challenge]) {
    for challenge in challenges {
        if challenge.persist_record().is_none() && !checkpoint.presented.contains(challenge) {
            checkpoint.presented.push(challenge.clone());
        }
    }
}

pub(crate) fn presented(
    challenges: &[Challenge],
    outcomes: Vec<Result<(), SolverError>>,
) -> Result<(), Error> {
    for (challenge, outcome) in challenges.iter().zip(outcomes) {
        outcome.map_err(|source| Error::Solver {
            identifier: challenge.order_identifier(),
            kind: challenge.kind.clone(),
            source,
        })?;
    }
    Ok(())
}
