//! Orders that few CAs know: renewed by the CA, by delegation, for onion services.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::authorization::Authorization;
use crate::authorize::Authorize;
use crate::call::Call;
use crate::challenge::{Challenge, ChallengeStatus, ChallengeType};
use crate::checkpoint::{Checkpoint, Intent};
use crate::directory::Directory;
use crate::error::{Error, Misuse, SolverError, Violation};
use crate::finalize::Finalize;
use crate::flow::{Flow, Input, Operation, Step};
use crate::identifier::Identifier;
use crate::json;
use crate::onion::{self, OnionChallenge, OnionService};
use crate::order::{Order, OrderStatus};
use crate::part::{Cx, Progress, ready};
use crate::poll::Poll;
use crate::reply::Reply;
use crate::request::{Request, Target};
use crate::session::Session;
use crate::star::AutoRenewal;
use crate::wish::Form;

/// Something that an order asks for and that the CA does not offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Extension {
    /// Orders that renew themselves (RFC 8739).
    AutoRenewal,
    /// Certificates that anybody may download (RFC 8739, RFC 9115).
    CertificateGet,
    /// Orders by delegation (RFC 9115).
    Delegation,
    /// Renewal for so long a time (RFC 8739).
    LongRenewal,
    /// Orders for onion services whose CAA records it has to find by itself (RFC 9799).
    OnionCaa,
    /// Certificates of so short a lifetime (RFC 8739).
    ShortLifetime,
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AutoRenewal => "orders that renew themselves (RFC 8739)",
            Self::CertificateGet => "certificates that anybody may download (RFC 9115)",
            Self::Delegation => "orders by delegation (RFC 9115)",
            Self::LongRenewal => "renewal for so long a time (RFC 8739)",
            Self::OnionCaa => "orders for onion services without their key (RFC 9799)",
            Self::ShortLifetime => "certificates of so short a lifetime (RFC 8739)",
        })
    }
}

/// What an order asks for that few CAs know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExtendedOrder {
    /// The names.
    pub identifiers: Vec<Identifier>,
    /// The certificate signing request, as DER.
    pub csr: Vec<u8>,
    /// When the CA is to renew the certificate by itself.
    pub auto_renewal: Option<AutoRenewal>,
    /// The URL of the delegation that the names are delegated by.
    pub delegation: Option<String>,
    /// Whether anybody who knows its URL may download the certificate, of an order by delegation that is
    /// not renewed.
    pub allow_certificate_get: bool,
    /// The keys of the onion services among the names.
    pub onion_services: Vec<Arc<dyn OnionService>>,
}

impl ExtendedOrder {
    /// Asks for nothing but names, with a CSR for them.
    #[must_use]
    pub fn new(identifiers: Vec<Identifier>, csr: Vec<u8>) -> Self {
        Self {
            identifiers,
            csr,
            auto_renewal: None,
            delegation: None,
            allow_certificate_get: false,
            onion_services: Vec::new(),
        }
    }

    /// Has it renewed by the CA.
    #[must_use]
    pub fn renewed(mut self, auto_renewal: AutoRenewal) -> Self {
        self.auto_renewal = Some(auto_renewal);
        self
    }

    /// Makes it by delegation.
    #[must_use]
    pub fn delegated(mut self, delegation_url: impl Into<String>) -> Self {
        self.delegation = Some(delegation_url.into());
        self
    }

    /// Lets anybody download the certificate.
    #[must_use]
    pub fn open_to_all(mut self) -> Self {
        self.allow_certificate_get = true;
        self
    }

    /// Proves control of an onion service by its key.
    #[must_use]
    pub fn onion_service(mut self, service: Arc<dyn OnionService>) -> Self {
        self.onion_services.push(service);
        self
    }

    /// Refuses what the CA does not offer, before it is asked.
    fn check(&self, directory: &Directory, now: Timestamp) -> Result<(), Error> {
        let meta = &directory.meta;
        let refuse = |extension: Extension| Err(Misuse::ExtensionNotOffered(extension).into());
        if self.delegation.is_some() && !meta.delegation_enabled {
            return refuse(Extension::Delegation);
        }
        if self.allow_certificate_get && !meta.allow_certificate_get {
            return refuse(Extension::CertificateGet);
        }
        let lacks_key = |name: &Identifier| {
            onion::is_onion(name) && onion::service_of(name, &self.onion_services).is_none()
        };
        if meta.in_band_onion_caa_required && self.identifiers.iter().any(lacks_key) {
            return refuse(Extension::OnionCaa);
        }
        self.auto_renewal.map_or(Ok(()), |renewal| renewal.check(meta, now))
    }

    fn request(&self, intent: &Intent) -> Request {
        let mut request = Order::create_request(intent, Form::WHOLE);
        let mut members = Map::new();
        if let Some(renewal) = self.auto_renewal {
            members.insert("auto-renewal".to_string(), renewal.to_json());
        }
        if let Some(delegation) = &self.delegation {
            members.insert("delegation".to_string(), json!(delegation));
        }
        if self.allow_certificate_get {
            members.insert("allow-certificate-get".to_string(), json!(true));
        }
        request.add_members(members);
        request
    }
}

/// What came of an extended order.
#[derive(Debug)]
#[non_exhaustive]
pub struct ExtendedIssued {
    /// The order.
    pub order_url: String,
    /// Where the certificate is, the one of the moment if the order renews itself.
    pub certificate_url: String,
    /// How the CA renews it; it may have changed what was asked for.
    pub auto_renewal: Option<AutoRenewal>,
    /// Whether anybody may download the certificate.
    pub allow_certificate_get: bool,
    /// The responses that could not be taken away, and why: they have to be swept later.
    pub left_in_place: Vec<(Challenge, SolverError)>,
}

/// An order with the members that few CAs know.
struct Placed {
    order: Order,
    certificate_url: Option<String>,
    auto_renewal: Option<AutoRenewal>,
    delegation: Option<String>,
    allow_certificate_get: bool,
}

impl Placed {
    fn decode_new(reply: &Reply) -> Result<Self, Error> {
        Self::of(Order::decode_new(reply)?, reply)
    }

    fn decode(reply: &Reply) -> Result<Self, Error> {
        Self::of(Order::decode(reply)?, reply)
    }

    fn of(order: Order, reply: &Reply) -> Result<Self, Error> {
        let document = reply.json()?;
        let auto_renewal = document.get("auto-renewal").and_then(AutoRenewal::from_json);
        let star = reply.url_member(&document, "star-certificate").map(|url| url.to_string());
        let open = json::boolean(&document, "allow-certificate-get");
        Ok(Self {
            certificate_url: star.or_else(|| order.certificate.clone()),
            delegation: json::string(&document, "delegation").map(ToString::to_string),
            allow_certificate_get: open || auto_renewal.is_some_and(|one| one.allow_certificate_get),
            auto_renewal,
            order,
        })
    }

    /// Refuses to go on where the CA left out what makes the order another one.
    fn check(self, wanted: &ExtendedOrder) -> Result<Self, Error> {
        let missing = |member| Err(Error::protocol(Operation::NewOrder, Violation::Member(member)));
        if wanted.auto_renewal.is_some() && self.auto_renewal.is_none() {
            return missing("auto-renewal");
        }
        if wanted.delegation.is_some() && self.delegation.is_none() {
            return missing("delegation");
        }
        Ok(self)
    }
}

/// Obtains a certificate by an order that few CAs know: one that the CA renews by itself, one by
/// delegation, one for an onion service, or several of that together.
///
/// What the CA's directory does not offer is refused before the order is made. Unlike
/// [`Issue`](crate::Issue) it does not go on after a crash, and leaves authorizations that are pending
/// when it ends to expire; what is in place is in the checkpoints that it has saved, and in
/// [`Flow::presented`]. It ends with the URL of the certificate:
/// [`Chain::download`](crate::Chain::download) fetches it, and [`AutoRenewal::download_openly`].
#[must_use = "a flow makes no progress until its driver resumes it"]
pub struct IssueExtended {
    wanted: ExtendedOrder,
    choices: Vec<(Identifier, Vec<ChallengeType>)>,
    checkpoint: Checkpoint,
    outcome: Option<Result<Placed, Error>>,
    left_in_place: Vec<(Challenge, SolverError)>,
    state: State,
}

enum State {
    Start,
    Directory(Call<Directory>),
    Create(Call<Placed>),
    /// The authorizations that may be proven by the key of an onion service.
    Onion(Box<Order>, VecDeque<String>, OnionStep),
    Authorize(Box<Authorize>),
    Finalize(Box<Finalize>),
    Read(Call<Placed>),
    End(EndStage),
}

enum OnionStep {
    Next,
    Read(Call<Option<OnionChallenge>>),
    Answer(String, Call<ChallengeStatus>),
    Wait(Box<Poll<Authorization>>),
}

enum EndStage {
    Begin,
    Withdraw,
    Save,
}

impl IssueExtended {
    /// Prepares an issuance. For each name, `choices` has the challenge types that may be used, the best
    /// one first; names that an onion service's key proves need none.
    pub fn new(wanted: ExtendedOrder, choices: Vec<(Identifier, Vec<ChallengeType>)>) -> Self {
        let intent = Intent::new(wanted.identifiers.clone(), wanted.csr.clone(), None);
        Self {
            wanted,
            choices,
            checkpoint: Checkpoint::new(intent),
            outcome: None,
            left_in_place: Vec::new(),
            state: State::Start,
        }
    }

    fn advance(&mut self, cx: &mut Cx<'_>) -> Result<Progress<Placed>, Error> {
        loop {
            match &mut self.state {
                State::Start => {
                    cx.take_nothing()?;
                    self.bind(cx)?;
                    self.state = self.create(cx)?;
                }
                State::Directory(call) => {
                    ready!(call.poll(cx)?);
                    self.state = self.create(cx)?;
                }
                State::Create(call) => {
                    let placed = ready!(call.poll(cx)?).check(&self.wanted)?;
                    self.checkpoint.order_url = Some(placed.order.url.clone());
                    let order = placed.order;
                    let authorizations = order.authorizations.iter().cloned();
                    let asked = authorizations.filter(|_| !self.wanted.onion_services.is_empty()).collect();
                    self.state = State::Onion(Box::new(order), asked, OnionStep::Next);
                }
                State::Onion(order, urls, step) => {
                    ready!(step.poll(cx, urls, &self.wanted.onion_services)?);
                    let order = (**order).clone();
                    self.state = if order.status == OrderStatus::Pending {
                        State::Authorize(Box::new(Authorize::new(&order, cx.session.width())))
                    } else {
                        self.finalize(order, cx.now)?
                    };
                }
                State::Authorize(authorize) => {
                    let order = ready!(authorize.poll(cx, &mut self.checkpoint, &self.choices, &[])?);
                    self.state = self.finalize(order, cx.now)?;
                }
                State::Finalize(finalize) => {
                    let order = ready!(finalize.poll(cx)?);
                    let request = Request::post_as_get(Operation::Order, Target::Text(order.url));
                    self.state = State::Read(Call::new(request, Placed::decode));
                }
                State::Read(call) => return Ok(Progress::Ready(ready!(call.poll(cx)?))),
                State::End(_) => return Err(Misuse::Input.into()),
            }
        }
    }

    /// Says in the checkpoints whose order it is.
    fn bind(&mut self, cx: &Cx<'_>) -> Result<(), Error> {
        let account = cx.session.account()?;
        self.checkpoint.intent.account_url = account.url.to_string();
        self.checkpoint.intent.directory_url = cx.session.directory_url.to_string();
        Ok(())
    }

    /// Makes the order, once it is known what the CA offers.
    fn create(&self, cx: &Cx<'_>) -> Result<State, Error> {
        let Some(directory) = cx.session.fresh_directory(cx.now) else {
            return Ok(State::Directory(Directory::fetch()));
        };
        self.wanted.check(directory, cx.now)?;
        let request = self.wanted.request(&self.checkpoint.intent);
        Ok(State::Create(Call::new(request, Placed::decode_new)))
    }

    fn finalize(&self, order: Order, now: Timestamp) -> Result<State, Error> {
        let mut members = Map::new();
        let caa = onion::signed_caa(&self.wanted.identifiers, &self.wanted.onion_services, now)?;
        if !caa.is_empty() {
            members.insert("onionCAA".to_string(), Value::Object(caa));
        }
        Ok(State::Finalize(Box::new(Finalize::new(order, &self.wanted.csr).with_members(members))))
    }

    /// Takes away what is in place, writes down what could not be, and ends.
    fn end(&mut self, cx: &mut Cx<'_>) -> Result<Step<ExtendedIssued>, Error> {
        match &self.state {
            State::End(EndStage::Withdraw) => {
                let outcomes = cx.take_solver(self.checkpoint.presented.len())?;
                let presented = core::mem::take(&mut self.checkpoint.presented).into_iter().zip(outcomes);
                self.left_in_place =
                    presented.filter_map(|(one, outcome)| Some((one, outcome.err()?))).collect();
                self.checkpoint.presented =
                    self.left_in_place.iter().map(|(challenge, _)| challenge.clone()).collect();
                self.state = State::End(EndStage::Save);
                Ok(Step::Save(Box::new(self.checkpoint.clone())))
            }
            // Whether it could be saved or not: the outcome is what counts.
            State::End(EndStage::Save) => self.finish(),
            _ if self.checkpoint.presented.is_empty() => self.finish(),
            State::Start
            | State::Directory(_)
            | State::Create(_)
            | State::Onion(..)
            | State::Authorize(_)
            | State::Finalize(_)
            | State::Read(_)
            | State::End(EndStage::Begin) => {
                self.state = State::End(EndStage::Withdraw);
                Ok(Step::Withdraw(self.checkpoint.presented.clone()))
            }
        }
    }

    fn finish(&mut self) -> Result<Step<ExtendedIssued>, Error> {
        let placed = self.outcome.take().unwrap_or_else(|| Err(Misuse::Input.into()))?;
        let missing = || Error::protocol(Operation::Order, Violation::Member("certificate"));
        Ok(Step::Done(ExtendedIssued {
            order_url: placed.order.url,
            certificate_url: placed.certificate_url.ok_or_else(missing)?,
            auto_renewal: placed.auto_renewal,
            allow_certificate_get: placed.allow_certificate_get,
            left_in_place: core::mem::take(&mut self.left_in_place),
        }))
    }
}

impl OnionStep {
    /// Proves what the keys at hand prove, one authorization after the other.
    fn poll(
        &mut self,
        cx: &mut Cx<'_>,
        urls: &mut VecDeque<String>,
        services: &[Arc<dyn OnionService>],
    ) -> Result<Progress<()>, Error> {
        loop {
            match self {
                Self::Next => match urls.pop_front() {
                    Some(url) => *self = Self::Read(OnionChallenge::read(&url)),
                    None => return Ok(Progress::Ready(())),
                },
                Self::Read(call) => {
                    let challenge = ready!(call.poll(cx)?);
                    let service = challenge
                        .as_ref()
                        .and_then(|one| onion::service_of(&one.authorization.identifier, services));
                    *self = match (challenge.as_ref(), service) {
                        (Some(challenge), Some(service)) => {
                            Self::Answer(challenge.authorization.url.clone(), challenge.answer(service)?)
                        }
                        (_, _) => Self::Next,
                    };
                }
                Self::Answer(url, call) => {
                    ready!(call.poll(cx)?);
                    *self = Self::Wait(Box::new(Authorization::poll(url)));
                }
                Self::Wait(poll) => {
                    let authorization = ready!(poll.poll(cx)?);
                    if let Some(refusal) = authorization.refusal() {
                        return Err(refusal.into());
                    }
                    *self = Self::Next;
                }
            }
        }
    }
}

impl Flow for IssueExtended {
    type Context = Session;
    type Output = ExtendedIssued;

    fn resume(
        &mut self,
        session: &mut Session,
        input: Input,
        now: Timestamp,
    ) -> Result<Step<ExtendedIssued>, Error> {
        let mut cx = if matches!(input, Input::Cancel) {
            self.outcome.get_or_insert(Err(Error::Cancelled));
            self.state = State::End(EndStage::Begin);
            Cx::without_input(session, now)
        } else {
            Cx::new(session, input, now)?
        };
        if !matches!(self.state, State::End(_)) {
            let outcome = match self.advance(&mut cx) {
                Ok(Progress::Pending(step)) => return Ok(crate::part::Relay::relay(step)),
                Ok(Progress::Ready(placed)) => Ok(placed),
                Err(error) => Err(error),
            };
            self.outcome = Some(outcome);
            self.state = State::End(EndStage::Begin);
        }
        self.end(&mut cx)
    }

    fn presented(&self) -> &[Challenge] {
        &self.checkpoint.presented
    }
}

impl fmt::Debug for IssueExtended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssueExtended").field("order", &self.checkpoint.order_url).finish_non_exhaustive()
    }
}
