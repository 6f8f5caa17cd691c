//! The protocol against the CA as a value: no socket, and a clock that only waits and round trips move.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use acme_keys::{AccountKey, CertificateKey, CertificateSigningRequest, KeyType};
use acme_proto::{
    Algorithm, Challenge, ChallengeType, Checkpoint, Delivery, Error, Exchange, Flow, Identifier, Input,
    Intent, Issue, Issued, OpenAccount, Registration, Session, Step, TransportError, TransportErrorKind,
};
use acme_testca::{Ca, Config, Operation, Problem, Reply};
use jiff::{SignedDuration, Timestamp};

pub(crate) const BASE: &str = "https://ca.test";

/// A CA, a clock, and somebody who answers its validations.
pub(crate) struct World {
    pub(crate) ca: Ca,
    pub(crate) now: Timestamp,
    pub(crate) waited: Duration,
    pub(crate) round_trips: usize,
    pub(crate) saved: Option<Checkpoint>,
    /// The key authorizations that are in place.
    pub(crate) in_place: BTreeSet<String>,
    steps: usize,
}

impl World {
    pub(crate) fn new(mut config: Config) -> Self {
        config.base_url = BASE.to_owned();
        let now = start();
        Self::with(Ca::new(config, now).unwrap(), now)
    }

    /// Takes a CA that is there; its clock and this world's go together from here on.
    pub(crate) fn with(ca: Ca, now: Timestamp) -> Self {
        Self {
            ca,
            now,
            waited: Duration::ZERO,
            round_trips: 0,
            saved: None,
            in_place: BTreeSet::new(),
            steps: 0,
        }
    }

    pub(crate) fn session(&self) -> Session {
        Session::new(&self.ca.directory_url(), "test/1.0", acme_keys::sha256, 7).unwrap()
    }

    pub(crate) fn open(
        &mut self,
        session: &mut Session,
        key: &Arc<AccountKey>,
    ) -> Result<acme_proto::Account, Error> {
        self.run(session, OpenAccount::new(key.clone(), Registration::new().agree_to_terms()))
    }

    pub(crate) fn issue(&mut self, session: &mut Session, names: &[String]) -> Result<Issued, Error> {
        let identifiers: Vec<Identifier> = names.iter().map(|name| name.parse().unwrap()).collect();
        let flow = Issue::new(intent(&identifiers), choices(&identifiers)).unwrap();
        self.run(session, flow)
    }

    /// Goes on with what was saved last.
    pub(crate) fn resume(&mut self, session: &mut Session, checkpoint: Checkpoint) -> Result<Issued, Error> {
        let choices = choices(&checkpoint.intent.identifiers);
        self.run(session, Issue::resume_from(checkpoint, choices).unwrap())
    }

    pub(crate) fn run<F: Flow<Context = Session>>(
        &mut self,
        session: &mut Session,
        mut flow: F,
    ) -> Result<F::Output, Error> {
        let mut input = Input::Start;
        loop {
            self.steps += 1;
            assert!(self.steps < MAX_STEPS, "the flow does not end");
            input = match flow.resume(session, input, self.now)? {
                Step::Exchange(exchanges) => {
                    self.round_trips += 1;
                    let responses = exchanges.into_iter().map(|exchange| self.exchange(exchange)).collect();
                    self.validate();
                    self.pass(ROUND_TRIP);
                    Input::Responses(responses)
                }
                Step::Sign(_) => panic!("all keys are in memory"),
                Step::Wait(time) => {
                    self.waited += time;
                    self.pass(time);
                    Input::Elapsed
                }
                Step::Save(checkpoint) => {
                    self.saved = Some(*checkpoint);
                    Input::Saved(Ok(()))
                }
                Step::Present(challenges) => {
                    self.in_place
                        .extend(challenges.iter().map(Challenge::key_authorization).map(String::from));
                    Input::Solver(challenges.iter().map(|_| Ok(())).collect())
                }
                Step::Withdraw(challenges) => {
                    for challenge in &challenges {
                        self.in_place.remove(challenge.key_authorization());
                    }
                    Input::Solver(challenges.iter().map(|_| Ok(())).collect())
                }
                Step::Done(output) => return Ok(output),
            };
        }
    }

    /// How many requests for an operation the CA saw, from the nth on.
    pub(crate) fn count(&self, operation: Operation, from: usize) -> usize {
        self.ca.requests().iter().skip(from).filter(|request| request.operation == operation).count()
    }

    fn exchange(&mut self, exchange: Exchange) -> Result<http::Response<Vec<u8>>, TransportError> {
        let lost = |kind| Err(TransportError::new(Delivery::Unknown, kind, "as the script says"));
        if !exchange.request.uri().to_string().starts_with(BASE) {
            return lost(TransportErrorKind::Resolve);
        }
        let Reply { delay, delivery, .. } = self.ca.handle(&exchange.request, self.now);
        let delay = delay.unwrap_or_default();
        self.pass(delay.min(exchange.time_limit));
        if delay > exchange.time_limit {
            return lost(TransportErrorKind::Timeout);
        }
        if matches!(delivery, acme_testca::Delivery::Endless(_)) {
            return lost(TransportErrorKind::BodyTooLarge);
        }
        let acme_testca::Delivery::Respond(response) = delivery else {
            return lost(TransportErrorKind::Io);
        };
        if response.body().len() > exchange.max_body {
            return lost(TransportErrorKind::BodyTooLarge);
        }
        Ok(response)
    }

    /// Validates as the CA would: what is in place now counts.
    fn validate(&mut self) {
        while let Some(validation) = self.ca.poll_validation() {
            let outcome = match self.in_place.contains(&validation.key_authorization) {
                true => Ok(()),
                false => Err(Problem::new("incorrectResponse", 403, "nothing is in place")),
            };
            self.ca.validated(validation.id, outcome, self.now);
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.saturating_add(SignedDuration::try_from(time).unwrap()).unwrap();
    }
}

pub(crate) fn start() -> Timestamp {
    "2026-11-24T08:00:00Z".parse().unwrap()
}

pub(crate) fn account_key() -> Arc<AccountKey> {
    Arc::new(AccountKey::generate(Algorithm::Es256).unwrap())
}

pub(crate) fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("n{n}.example.test")).collect()
}

pub(crate) fn intent(identifiers: &[Identifier]) -> Intent {
    let key = CertificateKey::generate(KeyType::EcdsaP256).unwrap();
    let csr = CertificateSigningRequest::new(identifiers, &key).unwrap();
    Intent::new(identifiers.to_vec(), csr.into_der(), Some(key.to_pem()))
}

fn choices(identifiers: &[Identifier]) -> Vec<(Identifier, Vec<ChallengeType>)> {
    identifiers.iter().map(|identifier| (identifier.clone(), vec![ChallengeType::Http01])).collect()
}

/// How long requests and their responses are on their way.
const ROUND_TRIP: Duration = Duration::from_millis(50);

/// More steps than any run of these tests has.
const MAX_STEPS: usize = 20_000;
