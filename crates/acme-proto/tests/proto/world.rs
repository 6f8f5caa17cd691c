//! A driver with a fake clock, which writes down what it was told to do.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use acme_proto::{
    Algorithm, Challenge, ChallengeType, Checkpoint, Error, Flow, Identifier, Input, Intent, Issue, Issued,
    Jwk, OpenAccount, Operation, Registration, SecretText, Session, SignError, Signer, SolverError, Step,
    StoreError, ToSign,
};
use http::Method;
use jiff::Timestamp;

use super::ca::{BASE, Ca, DIRECTORY, jws};
use super::der;
use super::sha256::sha256;

pub(crate) const CERTIFICATE_KEY: u8 = 0x22;
const ACCOUNT_KEY: u8 = 0x11;
const OTHER_KEY: u8 = 0x33;
const MAX_STEPS: usize = 20_000;

/// A session, a CA, a solver and a store.
pub(crate) struct World {
    pub(crate) session: Session,
    pub(crate) ca: Ca,
    pub(crate) now: Timestamp,
    pub(crate) saved: Option<Checkpoint>,
    pub(crate) waited: Duration,
    /// How long a step of exchanges takes.
    pub(crate) round_trip: Duration,
    /// How many exchanges there were, in how many steps.
    pub(crate) exchanges: usize,
    pub(crate) phases: usize,
    pub(crate) most_nonces_at_once: usize,
    /// Names for which the solver fails.
    pub(crate) unsolvable: Vec<&'static str>,
    /// Names whose response can't be taken away.
    pub(crate) stuck: Vec<&'static str>,
    /// The number of the save that fails, counted from one.
    pub(crate) failing_save: usize,
    saves: usize,
    /// The number of the message whose signing fails, counted from one.
    pub(crate) failing_signature: usize,
    pub(crate) sign_error_is_temporary: bool,
    signatures: usize,
    width: usize,
    transcript: String,
}

impl World {
    /// A session that knows nothing.
    pub(crate) fn cold() -> Self {
        Self::of_width(acme_proto::limits::DEFAULT_WIDTH)
    }

    pub(crate) fn of_width(width: usize) -> Self {
        Self {
            session: Session::new(DIRECTORY, "test/1", sha256, 1).expect("a session").with_width(width),
            ca: Ca::default(),
            now: "2026-01-15T00:00:00Z".parse().expect("a time"),
            saved: None,
            waited: Duration::ZERO,
            round_trip: Duration::ZERO,
            exchanges: 0,
            phases: 0,
            most_nonces_at_once: 0,
            unsolvable: Vec::new(),
            stuck: Vec::new(),
            failing_save: 0,
            saves: 0,
            failing_signature: 0,
            sign_error_is_temporary: false,
            signatures: 0,
            width,
            transcript: String::new(),
        }
    }

    /// A session that has just opened its account.
    pub(crate) fn warm() -> Self {
        let mut world = Self::cold();
        world.open_account();
        world
    }

    pub(crate) fn open_account(&mut self) {
        let mut flow = OpenAccount::new(Arc::new(ToySigner::account()), Registration::new());
        self.run(&mut flow).expect("an account");
        self.forget();
    }

    /// Begins the counts and the transcript anew.
    pub(crate) fn forget(&mut self) {
        self.transcript.clear();
        self.waited = Duration::ZERO;
        self.exchanges = 0;
        self.phases = 0;
        self.most_nonces_at_once = 0;
        self.saves = 0;
        self.signatures = 0;
    }

    /// A new process: nothing is left but what was saved, and what the CA and the solver have.
    pub(crate) fn restart(&mut self) {
        self.session =
            Session::new(DIRECTORY, "test/1", sha256, 2).expect("a session").with_width(self.width);
        self.open_account();
    }

    /// Issues for these names.
    pub(crate) fn issue(&mut self, names: &[&str]) -> Result<Issued, Error> {
        self.run(&mut issue(names))
    }

    /// Goes on from what was saved last.
    pub(crate) fn resume(&mut self) -> Result<Issued, Error> {
        let checkpoint = self.saved.clone().expect("a checkpoint");
        let names = checkpoint.intent.identifiers.clone();
        self.run(&mut Issue::resume_from(checkpoint, choices(&names)).expect("an issuance"))
    }

    pub(crate) fn run<F: Flow<Context = Session>>(&mut self, flow: &mut F) -> Result<F::Output, Error> {
        self.run_from(flow, Input::Start)
    }

    pub(crate) fn run_from<F: Flow<Context = Session>>(
        &mut self,
        flow: &mut F,
        mut input: Input,
    ) -> Result<F::Output, Error> {
        for _ in 0..MAX_STEPS {
            let step = flow.resume(&mut self.session, input, self.now)?;
            input = match self.perform(step) {
                Ok(input) => input,
                Err(output) => return Ok(output),
            };
        }
        panic!("the flow does not end:\n{}", self.transcript);
    }

    /// Carries out `count` steps; the flow's end comes back as `Err`.
    pub(crate) fn run_steps<F: Flow<Context = Session>>(
        &mut self,
        flow: &mut F,
        count: usize,
    ) -> Result<Input, Result<F::Output, Error>> {
        let mut input = Input::Start;
        for _ in 0..count {
            let step = flow.resume(&mut self.session, input, self.now).map_err(Err)?;
            input = self.perform(step).map_err(Ok)?;
        }
        Ok(input)
    }

    /// Carries out one step; the output of a flow that is done comes back as `Err`.
    pub(crate) fn perform<T>(&mut self, step: Step<T>) -> Result<Input, T> {
        Ok(match step {
            Step::Exchange(exchanges) => {
                assert!((1..=self.width).contains(&exchanges.len()), "{} exchanges", exchanges.len());
                self.exchanges += exchanges.len();
                self.phases += 1;
                let nonces =
                    exchanges.iter().filter(|exchange| exchange.operation == Operation::NewNonce).count();
                self.most_nonces_at_once = self.most_nonces_at_once.max(nonces);
                for exchange in &exchanges {
                    self.note(&describe(exchange));
                }
                self.now = self.now.checked_add(self.round_trip).expect("a time");
                Input::Responses(exchanges.iter().map(|exchange| self.ca.handle(exchange)).collect())
            }
            Step::Wait(wait) => {
                self.note(&format!("wait {wait:?}"));
                self.waited += wait;
                self.now = self.now.checked_add(wait).expect("a time");
                Input::Elapsed
            }
            Step::Save(checkpoint) => Input::Saved(self.save(*checkpoint)),
            Step::Present(challenges) => Input::Solver(challenges.iter().map(|c| self.present(c)).collect()),
            Step::Withdraw(challenges) => {
                Input::Solver(challenges.iter().map(|c| self.withdraw(c)).collect())
            }
            Step::Sign(messages) => {
                assert!((1..=self.width).contains(&messages.len()), "{} messages", messages.len());
                self.note(&format!("sign {}", messages.len()));
                Input::Signed(messages.iter().map(|message| self.sign(message)).collect())
            }
            Step::Done(output) => return Err(output),
        })
    }

    pub(crate) fn note(&mut self, line: &str) {
        writeln!(self.transcript, "{line}").expect("room");
    }

    /// What happened, and an end to it.
    pub(crate) fn transcript(&self) -> &str {
        self.transcript.trim_end()
    }

    /// How many lines of the transcript start like this.
    pub(crate) fn count(&self, start: &str) -> usize {
        self.transcript.lines().filter(|line| line.starts_with(start)).count()
    }

    fn save(&mut self, checkpoint: Checkpoint) -> Result<(), StoreError> {
        let order = checkpoint.order_url.as_deref().map_or("-", |url| url.trim_start_matches(BASE));
        self.note(&format!("save order={order} presented={}", checkpoint.presented.len()));
        self.saves += 1;
        if self.saves == self.failing_save {
            return Err(StoreError::permanent("the disk is full"));
        }
        let json = serde_json::to_string(&checkpoint).expect("JSON");
        let read: Checkpoint = serde_json::from_str(&json).expect("a checkpoint");
        assert_eq!(read, checkpoint, "a checkpoint survives being written");
        self.saved = Some(read);
        Ok(())
    }

    /// As a toy signer does: the name of a key that is elsewhere is its `x`.
    fn sign(&mut self, message: &ToSign) -> Result<Vec<u8>, SignError> {
        self.signatures += 1;
        if self.signatures != self.failing_signature {
            return Ok(message.key.clone().into_bytes());
        }
        match self.sign_error_is_temporary {
            true => Err(SignError::temporary("the token is busy")),
            false => Err(SignError::permanent("the token is locked")),
        }
    }

    fn present(&mut self, challenge: &Challenge) -> Result<(), SolverError> {
        let name = challenge.order_identifier().to_string();
        self.note(&format!("present {} {name}", challenge.kind));
        let saved = self.saved.as_ref().expect("a checkpoint");
        let is_known = saved.presented.contains(challenge) || challenge.persist_record().is_some();
        assert!(is_known, "a challenge is saved before it is put in place");
        if self.unsolvable.contains(&name.as_str()) {
            return Err(SolverError::permanent("the zone is not ours"));
        }
        self.ca.in_place.push(challenge.clone());
        Ok(())
    }

    fn withdraw(&mut self, challenge: &Challenge) -> Result<(), SolverError> {
        let name = challenge.order_identifier().to_string();
        self.note(&format!("withdraw {} {name}", challenge.kind));
        if self.stuck.contains(&name.as_str()) {
            return Err(SolverError::temporary("no connection"));
        }
        self.ca.in_place.retain(|other| other != challenge);
        Ok(())
    }
}

/// The line of a request: operation, method unless it is POST, path and payload.
fn describe(exchange: &acme_proto::Exchange) -> String {
    let request = &exchange.request;
    assert_eq!(request.uri().scheme_str(), Some("https"));
    assert_eq!(request.headers()["user-agent"], "test/1");
    assert_eq!(request.headers()["accept-language"], "en");
    let path = request.uri().path();
    if request.method() != Method::POST {
        assert!(request.body().is_empty());
        return format!("{} {} {path}", exchange.operation, request.method());
    }
    let (_, payload) = jws(request.body());
    let payload = if payload.contains(r#""csr""#) { "{csr}" } else { &payload };
    format!("{} {path} {payload}", exchange.operation).trim_end().to_string()
}

pub(crate) fn names(names: &[&str]) -> Vec<Identifier> {
    names.iter().map(|name| name.parse().expect("a name")).collect()
}

/// Many names.
pub(crate) fn many(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("host-{number}.example")).collect()
}

pub(crate) fn texts(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

pub(crate) fn issue(wanted: &[&str]) -> Issue {
    Issue::new(intent(wanted), choices(&names(wanted))).expect("an issuance")
}

pub(crate) fn intent(wanted: &[&str]) -> Intent {
    let wanted = names(wanted);
    let csr = der::csr(&wanted, &der::public_key(CERTIFICATE_KEY));
    Intent::new(wanted, csr, Some(SecretText::new("the certificate's private key".to_string())))
}

/// http-01 where it can be, dns-01 for wildcards.
pub(crate) fn choices(names: &[Identifier]) -> Vec<(Identifier, Vec<ChallengeType>)> {
    names
        .iter()
        .map(|name| {
            let kind = if name.is_wildcard() { ChallengeType::Dns01 } else { ChallengeType::Http01 };
            (name.clone(), vec![kind])
        })
        .collect()
}

/// A key that signs everything with its own `x`.
#[derive(Debug)]
pub(crate) struct ToySigner {
    jwk: Jwk,
    public_key: Vec<u8>,
}

impl ToySigner {
    pub(crate) fn account() -> Self {
        // The key of RFC 7517, appendix A.1.
        let x = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4".to_string();
        let y = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM".to_string();
        Self { jwk: Jwk::Ec { curve: "P-256", x, y }, public_key: der::public_key(ACCOUNT_KEY) }
    }

    /// The key that an account is to get.
    pub(crate) fn other() -> Self {
        let (x, y) = ("another-x".to_string(), "another-y".to_string());
        Self { jwk: Jwk::Ec { curve: "P-256", x, y }, public_key: der::public_key(OTHER_KEY) }
    }

    pub(crate) fn x(&self) -> &str {
        let Jwk::Ec { x, .. } = &self.jwk else { panic!("another kind of key") };
        x
    }

    pub(crate) fn with_public_key(self, public_key: Vec<u8>) -> Self {
        Self { public_key, ..self }
    }
}

impl Signer for ToySigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Es256
    }

    fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    fn public_key_der(&self) -> &[u8] {
        &self.public_key
    }

    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(self.x().as_bytes().to_vec())
    }
}
