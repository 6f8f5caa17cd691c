//! The main flow: from some names to a certificate, whatever happens on the way.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;
use core::mem;

use jiff::Timestamp;

use crate::alternates::{Alternates, ChainPreference};
use crate::authorization::Authorization;
use crate::authorize::Authorize;
use crate::call::Call;
use crate::chain::{Chain, CsrInfo};
use crate::challenge::{Challenge, ChallengeType};
use crate::checkpoint::{Checkpoint, Intent, LeftOut};
use crate::error::{Error, Misuse, SolverError, Violation};
use crate::finalize::{Finalize, order_refusal};
use crate::flow::{Flow, Input, Operation, Step};
use crate::identifier::Identifier;
use crate::limits;
use crate::open_order::OpenOrder;
use crate::order::{Order, OrderStatus};
use crate::part::{Cx, Progress, Relay, ready};
use crate::round::{Round, RoundEnd};
use crate::session::Session;

/// Obtains a certificate.
///
/// Everything that a crash must not lose goes out as [`Step::Save`] before the request that
/// needs it. With the last [`Checkpoint`] a later [`Issue::resume_from`] goes on where this one
/// was interrupted, at whatever instant: with the same order, the same key, and the challenges
/// that are still in place.
///
/// After a failure or a cancel what was presented is withdrawn, the checkpoint is saved as it
/// then is, and the first error is returned.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.4>
#[must_use = "a flow makes no progress until its driver resumes it"]
pub struct Issue {
    checkpoint: Checkpoint,
    choices: Vec<(Identifier, Vec<ChallengeType>)>,
    preferred_chain: Option<ChainPreference>,
    confirmed_account_uris: Vec<String>,
    requested_key: Vec<u8>,
    /// Whether an earlier process may have come as far as newOrder.
    is_resumed: bool,
    voided: bool,
    /// Whether somebody had sent a CSR before this flow looked at the order.
    was_finalized: bool,
    profile: Option<String>,
    pending: Vec<String>,
    state: State,
}

/// A certificate, issued and checked.
#[derive(Debug)]
#[non_exhaustive]
pub struct Issued {
    /// The chain, the leaf first; it is for the key and the names of the request.
    pub chain: Chain,
    /// The order that led to it.
    pub order_url: String,
    /// The profile of the order, where it has one.
    pub profile: Option<String>,
    /// The names that it is not for, since the CA refused them.
    pub left_out: Vec<LeftOut>,
    /// The responses that could not be taken away, and why: they have to be swept later.
    pub left_in_place: Vec<(Challenge, SolverError)>,
}

enum State {
    Start,
    SaveIntent,
    Open(OpenOrder),
    Reread(Call<Order>),
    SaveOrder(Order),
    Authorize(Authorize),
    Finalize(Finalize),
    Download(Call<Chain>),
    Alternates(Alternates),
    End(End),
}

/// What is left to do when the outcome is known.
struct End {
    outcome: Option<Result<Chain, Error>>,
    stage: EndStage,
    left_in_place: Vec<(Challenge, SolverError)>,
}

enum EndStage {
    Begin,
    Withdraw,
    Deactivate(Round<Authorization>),
    Save,
}

impl Issue {
    /// Prepares an issuance. For each name, `choices` has the challenge types that may be used,
    /// the best one first.
    ///
    /// # Errors
    /// [`Error::Misuse`] if there are no names or too many, or if the CSR is not for them.
    pub fn new(intent: Intent, choices: Vec<(Identifier, Vec<ChallengeType>)>) -> Result<Self, Error> {
        Self::begin(Checkpoint::new(intent), choices, false)
    }

    /// Prepares an issuance that also takes away what an earlier one, for something else, left in
    /// place: the checkpoint's `presented`.
    ///
    /// # Errors
    /// As [`Issue::new`].
    pub fn start_from(
        checkpoint: Checkpoint,
        choices: Vec<(Identifier, Vec<ChallengeType>)>,
    ) -> Result<Self, Error> {
        Self::begin(checkpoint, choices, false)
    }

    /// Goes on with an issuance that was interrupted.
    ///
    /// An order that is gone, expired, or of another account or CA voids the checkpoint: a new
    /// order is made with the same names and key.
    ///
    /// # Errors
    /// As [`Issue::new`].
    pub fn resume_from(
        checkpoint: Checkpoint,
        choices: Vec<(Identifier, Vec<ChallengeType>)>,
    ) -> Result<Self, Error> {
        Self::begin(checkpoint, choices, true)
    }

    fn begin(
        checkpoint: Checkpoint,
        choices: Vec<(Identifier, Vec<ChallengeType>)>,
        is_resumed: bool,
    ) -> Result<Self, Error> {
        let identifiers = &checkpoint.intent.identifiers;
        if identifiers.is_empty() || identifiers.len() > limits::MAX_IDENTIFIERS {
            return Err(Misuse::TooManyNames(identifiers.len()).into());
        }
        let csr = CsrInfo::from_der(&checkpoint.intent.csr)?;
        csr.check(identifiers)?;
        Ok(Self {
            checkpoint,
            choices,
            preferred_chain: None,
            confirmed_account_uris: Vec::new(),
            requested_key: csr.public_key_der,
            is_resumed,
            voided: false,
            was_finalized: false,
            profile: None,
            pending: Vec::new(),
            state: State::Start,
        })
    }

    /// Takes another chain than the CA's first one where it has one like this. Other chains are
    /// downloaded only where the first one is not like this, and one that can't be had costs
    /// nothing.
    pub fn preferring(self, chain: Option<ChainPreference>) -> Self {
        Self { preferred_chain: chain, ..self }
    }

    /// Takes the URIs of other accounts in dns-persist-01 challenges for right: whoever has these
    /// accounts will have certificates for the names.
    pub fn danger_confirm_account_uris(self, uris: Vec<String>) -> Self {
        Self { confirmed_account_uris: uris, ..self }
    }

    /// The state to go on from, as it was last handed out with [`Step::Save`] or is now.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    fn advance(&mut self, cx: &mut Cx<'_>) -> Result<Progress<Chain>, Error> {
        loop {
            match &mut self.state {
                State::Start => {
                    cx.take_nothing()?;
                    self.state = self.start(cx)?;
                    if matches!(self.state, State::SaveIntent) {
                        return Ok(Progress::Pending(Step::Save(Box::new(self.checkpoint.clone()))));
                    }
                }
                State::SaveIntent => {
                    cx.take_saved()?;
                    self.state = State::Open(match self.is_resumed && !self.voided {
                        true => OpenOrder::find(),
                        false => OpenOrder::create(cx, &self.checkpoint.intent)?,
                    });
                }
                State::Open(open) => {
                    let order = ready!(open.poll(cx, &self.checkpoint.intent)?);
                    self.checkpoint.order_url = Some(order.url.clone());
                    self.state = State::SaveOrder(order);
                    return Ok(Progress::Pending(Step::Save(Box::new(self.checkpoint.clone()))));
                }
                State::Reread(call) => {
                    let outcome = match call.poll(cx) {
                        Ok(progress) => Ok(ready!(progress)),
                        Err(error) => Err(error),
                    };
                    self.state = self.reread(cx, outcome)?;
                    if matches!(self.state, State::SaveIntent) {
                        return Ok(Progress::Pending(Step::Save(Box::new(self.checkpoint.clone()))));
                    }
                }
                State::SaveOrder(order) => {
                    cx.take_saved()?;
                    let order = order.clone();
                    self.state = self.next_for(cx, order)?;
                }
                State::Authorize(authorize) => {
                    let progress =
                        authorize.poll(cx, &mut self.checkpoint, &self.choices, &self.confirmed_account_uris);
                    self.pending = authorize.pending().to_vec();
                    let order = ready!(progress?);
                    self.pending.clear();
                    self.state = self.next_for(cx, order)?;
                }
                State::Finalize(finalize) => {
                    let order = ready!(finalize.poll(cx)?);
                    self.state = self.next_for(cx, order)?;
                }
                State::Download(call) => {
                    let chain = ready!(call.poll(cx)?);
                    if let Some(progress) = self.downloaded(cx, chain)? {
                        return Ok(progress);
                    }
                }
                State::Alternates(alternates) => {
                    let Some(preference) = &self.preferred_chain else { return Err(Misuse::Input.into()) };
                    let chain = ready!(alternates.poll_for(cx, preference)?);
                    return chain.map(Progress::Ready).ok_or_else(|| Misuse::Input.into());
                }
                State::End(_) => return Err(Misuse::Input.into()),
            }
        }
    }

    /// What a chain is: the end, a reason to look for others, or that of another order.
    fn downloaded(&mut self, cx: &Cx<'_>, chain: Chain) -> Result<Option<Progress<Chain>>, Error> {
        if !self.accepts(&chain)? {
            self.state = self.void();
            return Ok(Some(Progress::Pending(Step::Save(Box::new(self.checkpoint.clone())))));
        }
        if self.is_content_with(cx, &chain) {
            return Ok(Some(Progress::Ready(chain)));
        }
        self.state = State::Alternates(Alternates::of(chain, cx.session.width()));
        Ok(None)
    }

    /// Whether no other chain may be better.
    fn is_content_with(&self, cx: &Cx<'_>, chain: &Chain) -> bool {
        let preference = self.preferred_chain.as_ref();
        chain.alternates.is_empty()
            || preference.is_none_or(|preference| chain.is_preferred(preference, cx.session.sha256()))
    }

    /// Whether a certificate is for what was asked for. If not, and if the CSR was not sent by this
    /// flow, the order is none of ours.
    fn accepts(&self, chain: &Chain) -> Result<bool, Error> {
        match chain.check(&self.checkpoint.intent.identifiers, &self.requested_key) {
            Ok(()) => Ok(true),
            Err(_) if self.was_finalized && !self.voided => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Binds the intent to CA and account, and decides where to begin.
    fn start(&mut self, cx: &mut Cx<'_>) -> Result<State, Error> {
        let account = cx.session.account()?;
        if account.key.public_key_der() == self.requested_key {
            return Err(Misuse::AccountKeyInCsr.into());
        }
        let intent = &mut self.checkpoint.intent;
        let account_url = account.url.as_str();
        let directory_url = cx.session.directory_url.as_str();
        if intent.account_url != account_url || intent.directory_url != directory_url {
            self.is_resumed = false;
            self.checkpoint.order_url = None;
            intent.account_url = account_url.to_string();
            intent.directory_url = directory_url.to_string();
        }
        Ok(match &self.checkpoint.order_url {
            Some(url) => State::Reread(Order::read(url)),
            None => State::SaveIntent,
        })
    }

    /// What an interrupted issuance's order says; where it is of no more use, a new one follows.
    fn reread(&mut self, cx: &mut Cx<'_>, outcome: Result<Order, Error>) -> Result<State, Error> {
        match outcome {
            Ok(order) if order.fits(&self.checkpoint.intent, cx.now) => {
                self.was_finalized = matches!(order.status, OrderStatus::Processing | OrderStatus::Valid);
                self.next_for(cx, order)
            }
            Ok(_) => Ok(self.void()),
            Err(error) => match error.refusal().and_then(|refusal| refusal.problem.status) {
                Some(403 | 404 | 410) => Ok(self.void()),
                _ => Err(error),
            },
        }
    }

    fn void(&mut self) -> State {
        self.voided = true;
        self.checkpoint.order_url = None;
        State::SaveIntent
    }

    /// What an order's status asks for.
    fn next_for(&mut self, cx: &mut Cx<'_>, order: Order) -> Result<State, Error> {
        self.profile.clone_from(&order.profile);
        match &order.status {
            OrderStatus::Pending => Ok(State::Authorize(Authorize::new(&order, cx.session.width()))),
            OrderStatus::Ready | OrderStatus::Processing => {
                if !order.is_for(&self.checkpoint.intent.identifiers) {
                    return Err(Error::protocol(Operation::Order, Violation::Member("identifiers")));
                }
                Ok(State::Finalize(Finalize::new(order, &self.checkpoint.intent.csr)))
            }
            OrderStatus::Valid => match &order.certificate {
                Some(url) => Ok(State::Download(Chain::download(url))),
                None => Err(Error::protocol(Operation::Order, Violation::Member("certificate"))),
            },
            OrderStatus::Invalid => Err(order_refusal(&order).into()),
            OrderStatus::Other(status) => {
                Err(Error::protocol(Operation::Order, Violation::Status(status.clone())))
            }
        }
    }

    fn end(&mut self, outcome: Result<Chain, Error>) {
        if let Err(error) = &outcome {
            self.forget_dead_order(error);
        }
        self.state =
            State::End(End { outcome: Some(outcome), stage: EndStage::Begin, left_in_place: Vec::new() });
    }

    /// A failed authorization kills its order (RFC 8555, section 7.1.6), and an order that says
    /// why it failed is dead.
    fn forget_dead_order(&mut self, error: &Error) {
        let is_dead = error.refusal().is_some_and(|refusal| {
            let is_authorization =
                refusal.operation == Operation::Authorization && refusal.identifier.is_some();
            is_authorization || (refusal.operation == Operation::Order && !refusal.is_temporary())
        });
        if is_dead {
            self.checkpoint.order_url = None;
        }
    }

    fn finish(&mut self, cx: &mut Cx<'_>) -> Result<Progress<Issued>, Error> {
        loop {
            let State::End(end) = &mut self.state else { return Err(Misuse::Input.into()) };
            match &mut end.stage {
                EndStage::Begin if !self.checkpoint.presented.is_empty() => {
                    end.stage = EndStage::Withdraw;
                    return Ok(Progress::Pending(Step::Withdraw(self.checkpoint.presented.clone())));
                }
                EndStage::Begin => self.after_withdrawal(cx),
                EndStage::Withdraw => {
                    let outcomes = cx.take_solver(self.checkpoint.presented.len());
                    self.withdrawn(outcomes.unwrap_or_default());
                    self.after_withdrawal(cx);
                }
                EndStage::Deactivate(round) => {
                    ready!(round.poll(cx)?);
                    self.checkpoint.order_url = None;
                    end.stage = EndStage::Save;
                    return Ok(Progress::Pending(Step::Save(Box::new(self.checkpoint.clone()))));
                }
                EndStage::Save if end.outcome.is_some() => match end.outcome.take() {
                    Some(Ok(chain)) => return Ok(Progress::Ready(self.issued(chain))),
                    Some(Err(error)) => return Err(error),
                    None => return Err(Misuse::Input.into()),
                },
                EndStage::Save => return Err(Misuse::Input.into()),
            }
            if let Some(step) = self.closing_step() {
                return Ok(Progress::Pending(step));
            }
        }
    }

    /// Keeps what could not be taken away, for the next start; what no outcome came for, too.
    fn withdrawn(&mut self, outcomes: Vec<Result<(), SolverError>>) {
        let State::End(end) = &mut self.state else { return };
        let presented = mem::take(&mut self.checkpoint.presented);
        let mut outcomes = outcomes.into_iter();
        for challenge in presented {
            let outcome = outcomes.next().unwrap_or_else(|| Err(SolverError::permanent(Misuse::Input)));
            if let Err(error) = outcome {
                self.checkpoint.presented.push(challenge.clone());
                end.left_in_place.push((challenge, error));
            }
        }
    }

    /// After a cancel the pending authorizations are given up, with one attempt.
    fn after_withdrawal(&mut self, cx: &mut Cx<'_>) {
        let State::End(end) = &mut self.state else { return };
        let is_cancelled = matches!(end.outcome, Some(Err(Error::Cancelled)));
        end.stage = if is_cancelled && !self.pending.is_empty() {
            let pending = mem::take(&mut self.pending);
            let calls = pending.iter().map(|url| Authorization::deactivate(url));
            EndStage::Deactivate(Round::new(calls, cx.session.width(), RoundEnd::All))
        } else {
            EndStage::Save
        };
    }

    /// A failure is saved as it is; a success is for the driver to publish.
    fn closing_step(&self) -> Option<Step<Infallible>> {
        let State::End(end) = &self.state else { return None };
        let failed = matches!(end.outcome, Some(Err(_)));
        (matches!(end.stage, EndStage::Save) && failed).then(|| Step::Save(Box::new(self.checkpoint.clone())))
    }

    fn issued(&mut self, chain: Chain) -> Issued {
        let mut left_in_place = Vec::new();
        if let State::End(end) = &mut self.state {
            left_in_place = mem::take(&mut end.left_in_place);
        }
        Issued {
            chain,
            order_url: self.checkpoint.order_url.clone().unwrap_or_default(),
            profile: self.profile.take(),
            left_out: self.checkpoint.intent.left_out.clone(),
            left_in_place,
        }
    }

    /// Nothing was changed, and there is nothing to take away.
    fn has_not_begun(&self) -> bool {
        matches!(self.state, State::Start) && self.checkpoint.presented.is_empty()
    }

    /// Ends early, from any state; what is in place is taken away first, once. A certificate that
    /// is there already is handed out all the same.
    fn cancel(&mut self) -> Result<(), Error> {
        if self.has_not_begun() {
            return Err(Error::Cancelled);
        }
        if let State::Alternates(alternates) = &mut self.state {
            let chain = alternates.give_up().ok_or(Error::Cancelled);
            self.end(chain);
        }
        let State::End(end) = &mut self.state else {
            self.end(Err(Error::Cancelled));
            return Ok(());
        };
        match end.outcome.take() {
            Some(Ok(chain)) => {
                let interrupted = |challenge| (challenge, SolverError::temporary("interrupted"));
                end.left_in_place = self.checkpoint.presented.iter().cloned().map(interrupted).collect();
                end.outcome = Some(Ok(chain));
                end.stage = EndStage::Save;
                Ok(())
            }
            Some(Err(error)) => Err(error),
            None => Err(Error::Cancelled),
        }
    }
}

impl Flow for Issue {
    type Context = Session;
    type Output = Issued;

    fn resume(&mut self, session: &mut Session, input: Input, now: Timestamp) -> Result<Step<Issued>, Error> {
        let mut cx = if matches!(input, Input::Cancel) {
            self.cancel()?;
            Cx::without_input(session, now)
        } else {
            Cx::new(session, input, now)?
        };
        if !matches!(self.state, State::End(_)) {
            match self.advance(&mut cx) {
                Ok(Progress::Pending(step)) => return Ok(step.relay()),
                Ok(Progress::Ready(chain)) => self.end(Ok(chain)),
                Err(error) if self.has_not_begun() => return Err(error),
                Err(error) => self.end(Err(error)),
            }
        }
        Ok(Step::Done(ready!(self.finish(&mut cx)?)))
    }

    fn presented(&self) -> &[Challenge] {
        &self.checkpoint.presented
    }
}

impl fmt::Debug for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issue").field("checkpoint", &self.checkpoint).finish_non_exhaustive()
    }
}
