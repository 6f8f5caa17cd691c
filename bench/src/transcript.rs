//! Issuances without I/O: what the test CA answered once is answered again.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;

use acme_keys::{AccountKey, CertificateKey, CertificateSigningRequest, KeyType};
use acme_proto::{
    Account, Algorithm, Challenge, ChallengeType, Exchange, Flow, Identifier, Input, Intent, Issue, Issued,
    OpenAccount, Registration, Session, Step, TransportError,
};
use acme_testca::{Ca, Config, Finalize};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use http::Method;
use jiff::Timestamp;

type Response = Result<http::Response<Vec<u8>>, TransportError>;

/// An issuance that a CA has seen, ready to be repeated without it.
#[derive(Debug)]
pub struct Transcript {
    session: Session,
    identifiers: Vec<Identifier>,
    csr: Vec<u8>,
    rounds: VecDeque<Vec<Response>>,
    signed_requests: usize,
}

impl Transcript {
    /// Has a certificate issued for so many names, and keeps what the CA answered.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn record(names: usize) -> Self {
        Self::try_record(names).unwrap_or_else(|error| panic!("nothing was issued: {error}"))
    }

    /// How many requests are signed; those for nonces are not.
    #[must_use]
    pub fn signed_requests(&self) -> usize {
        self.signed_requests
    }

    /// Does everything that a client does for a certificate, but for the I/O: makes a key and a
    /// CSR, signs the requests, reads the answers and checks the chain.
    ///
    /// The chain is for the key that the CA saw, so what is made here is not what is ordered.
    ///
    /// # Panics
    /// When the requests are others than those that were recorded.
    #[must_use]
    pub fn repeat(mut self) -> Issued {
        let key = CertificateKey::generate(KeyType::EcdsaP256).expect("a key");
        let csr = CertificateSigningRequest::new(&self.identifiers, &key).expect("a CSR");
        assert_eq!(csr.public_key_der(), key.public_key_der());
        let intent = Intent::new(self.identifiers.clone(), self.csr, Some(key.to_pem()));
        let flow = issue(self.identifiers, intent).expect("a flow");
        drive(flow, &mut self.session, |exchanges| {
            let responses = self.rounds.pop_front().expect("a request that was recorded");
            assert_eq!(exchanges.len(), responses.len());
            responses
        })
        .expect("a certificate")
    }

    fn try_record(names: usize) -> Result<Self, Box<dyn Error>> {
        let now = Timestamp::now();
        let mut config = Config::gentle();
        config.base_url = "https://ca.test".to_owned();
        config.always_valid = true;
        config.finalize = Finalize::AfterPolls(0);
        let mut ca = Ca::new(config, now)?;
        let mut ask = |exchanges: Vec<Exchange>| -> Vec<Response> {
            let mut answer = |exchange: &Exchange| ca.handle(&exchange.request, now).into_response();
            exchanges.iter().map(|exchange| Ok(answer(exchange).unwrap_or_default())).collect()
        };
        let key = Arc::new(AccountKey::generate(Algorithm::Es256)?);
        let mut session = Session::new("https://ca.test/directory", "bench/1", acme_keys::sha256, 1)?;
        let registration = Registration::new().agree_to_terms();
        drive(OpenAccount::new(key.clone(), registration), &mut session, &mut ask)?;
        let account_url = session.account_url().unwrap_or_default().to_owned();
        // Both issuances begin like this: with a directory and one nonce.
        let mut warm_up = |mut session: Session| -> Result<Session, Box<dyn Error>> {
            session.sign_in(&account_url, key.clone())?;
            drive(Account::read(), &mut session, &mut ask)?;
            Ok(session)
        };
        let repeated = warm_up(session.for_another_account(1))?;
        let mut recorded = warm_up(session.for_another_account(1))?;

        let identifiers: Vec<Identifier> = (0..names)
            .map(|number| format!("name-{number}.example.com").parse())
            .collect::<Result<_, _>>()?;
        let key = CertificateKey::generate(KeyType::EcdsaP256)?;
        let csr = CertificateSigningRequest::new(&identifiers, &key)?.into_der();
        let intent = Intent::new(identifiers.clone(), csr.clone(), Some(key.to_pem()));
        let mut rounds = VecDeque::new();
        let mut signed_requests = 0;
        drive(issue(identifiers.clone(), intent)?, &mut recorded, |exchanges| {
            signed_requests += exchanges.iter().filter(|one| one.request.method() == Method::POST).count();
            let responses = ask(exchanges);
            rounds.push_back(responses.iter().flatten().cloned().map(Ok).collect());
            responses
        })?;
        Ok(Self { session: repeated, identifiers, csr, rounds, signed_requests })
    }
}

/// The signatures and the key of an issuance, and nothing else.
#[derive(Debug)]
pub struct Signatures {
    key: EcdsaKeyPair,
    random: SystemRandom,
    count: usize,
}

impl Signatures {
    /// Those of an issuance for so many names: one for each signed request, and one for the CSR.
    ///
    /// # Panics
    /// When there is no key to be had.
    #[must_use]
    pub fn of(names: usize) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self { key, random: SystemRandom::new(), count: Transcript::record(names).signed_requests() + 1 }
    }

    /// Signs, and makes a key; returns the number of octets.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn make(self) -> usize {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let message = [0; 400]; // as long as a request with a short payload
        let sign = || self.key.sign(&self.random, &message).expect("a signature").as_ref().len();
        (0..self.count).map(|_| sign()).sum()
    }
}

fn issue(identifiers: Vec<Identifier>, intent: Intent) -> Result<Issue, acme_proto::Error> {
    Issue::new(intent, identifiers.into_iter().map(|name| (name, vec![ChallengeType::Http01])).collect())
}

/// Runs a flow; whatever is no exchange succeeds at once.
fn drive<F: Flow<Context = Session>>(
    mut flow: F,
    session: &mut Session,
    mut exchange: impl FnMut(Vec<Exchange>) -> Vec<Response>,
) -> Result<F::Output, acme_proto::Error> {
    let now = Timestamp::now();
    let solved = |challenges: Vec<Challenge>| Input::Solver(challenges.iter().map(|_| Ok(())).collect());
    let mut input = Input::Start;
    loop {
        input = match flow.resume(session, input, now)? {
            Step::Exchange(exchanges) => Input::Responses(exchange(exchanges)),
            Step::Sign(messages) => {
                let refuse = |_| Err(acme_proto::SignError::permanent("all keys are in memory"));
                Input::Signed(messages.iter().map(refuse).collect())
            }
            Step::Wait(_) => Input::Elapsed,
            Step::Save(_) => Input::Saved(Ok(())),
            Step::Present(challenges) | Step::Withdraw(challenges) => solved(challenges),
            Step::Done(output) => return Ok(output),
        };
    }
}
