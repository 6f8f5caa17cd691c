//! Flows, and a CA that says whatever the bytes say.

use std::sync::{Arc, LazyLock};

use acme_keys::{CertificateKey, CertificateSigningRequest, KeyType};
use acme_proto::{
    Account, Algorithm, Authorization, Chain, ChallengeType, Delivery, Error, Exchange, Flow, Identifier,
    Input, Intent, Issue, Jwk, Misuse, OpenAccount, Operation, Order, Registration, RevocationReason, Revoke,
    Session, SignError, Signer, Step, TransportError, TransportErrorKind,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use jiff::Timestamp;

pub(crate) type Reply = Result<Response<Vec<u8>>, TransportError>;

/// A whole conversation: the first line names the flow, and the step at which it is cancelled, if
/// any; the parts after that, with NULs between them, are the responses. Each is the status and
/// header fields, a line each, then an empty line and the body. After the last the network is gone.
pub(crate) fn conversation(data: &[u8]) {
    let (first, rest) = split(data, b'\n');
    let mut words = first.split(|byte| *byte == b' ');
    let kind = words.next().unwrap_or_default();
    let cancel = words.next().and_then(|word| str::from_utf8(word).ok()?.parse().ok());
    let mut responses = rest.split(|byte| *byte == 0);
    let mut peer = |_: &Exchange| responses.next().map_or_else(gone, response);
    let mut session = session();
    match kind {
        b"account" => drop(drive(Account::read(), &mut session, cancel, &mut peer)),
        b"authorization" => drop(drive(Authorization::poll(URL), &mut session, cancel, &mut peer)),
        b"chain" => drop(drive(Chain::download(URL), &mut session, cancel, &mut peer)),
        b"issue" => {
            let issue = Issue::new(intent(), choices()).expect("an issuance");
            drop(drive(issue, &mut session, cancel, &mut peer));
        }
        b"open" => {
            let registration = Registration::new().agree_to_terms();
            drop(drive(
                OpenAccount::new(Arc::new(Toy::new()), registration),
                &mut session,
                cancel,
                &mut peer,
            ));
        }
        b"order" => drop(drive(Order::poll(URL), &mut session, cancel, &mut peer)),
        b"resume" => {
            let mut checkpoint = acme_proto::Checkpoint::new(intent());
            checkpoint.intent.directory_url = DIRECTORY.to_owned();
            checkpoint.intent.account_url = ACCOUNT.to_owned();
            let issue = Issue::resume_from(checkpoint, choices()).expect("an issuance");
            drop(drive(issue, &mut session, cancel, &mut peer));
        }
        b"revoke" => {
            let revoke = Revoke::by_account(b"certificate", RevocationReason::Superseded);
            drop(drive(revoke, &mut session, cancel, &mut peer));
        }
        _ => {}
    }
}

/// Runs a flow to its end; whatever is no exchange succeeds at once.
///
/// # Panics
/// When the flow does not end, takes the driver for the culprit, or leaves something in place.
pub(crate) fn drive<F: Flow>(
    mut flow: F,
    context: &mut F::Context,
    cancel: Option<usize>,
    peer: &mut dyn FnMut(&Exchange) -> Reply,
) -> Result<F::Output, Error> {
    let mut now = now();
    let mut input = Input::Start;
    for count in 0..MAX_STEPS {
        if cancel == Some(count) {
            input = Input::Cancel;
        }
        let step = match flow.resume(context, input, now) {
            Ok(Step::Done(output)) => {
                assert!(flow.presented().is_empty(), "something stays in place");
                return Ok(output);
            }
            Ok(step) => step,
            Err(error) => {
                assert!(flow.presented().is_empty(), "something stays in place");
                assert!(!matches!(error, Error::Misuse(Misuse::Input)), "{error}");
                assert!(!error.to_string().is_empty());
                return Err(error);
            }
        };
        if let Step::Wait(wait) = &step {
            now = now.checked_add(*wait).expect("a wait that is bounded");
        }
        input = perform(step, peer);
    }
    panic!("no end after {MAX_STEPS} steps");
}

fn perform<T>(step: Step<T>, peer: &mut dyn FnMut(&Exchange) -> Reply) -> Input {
    match step {
        Step::Exchange(exchanges) => Input::Responses(exchanges.iter().map(peer).collect()),
        Step::Sign(messages) => {
            Input::Signed(messages.iter().map(|_| Err(SignError::permanent("no key"))).collect())
        }
        Step::Wait(_) => Input::Elapsed,
        Step::Save(_) => Input::Saved(Ok(())),
        Step::Present(challenges) | Step::Withdraw(challenges) => {
            Input::Solver(challenges.iter().map(|_| Ok(())).collect())
        }
        Step::Done(_) => unreachable!("the caller has taken it"),
    }
}

/// Runs a flow of one request: what it takes before that is answered as it should be.
pub(crate) fn ask<F: Flow<Context = Session>>(
    flow: F,
    response: &Response<Vec<u8>>,
) -> Result<F::Output, Error> {
    drive(flow, &mut session(), None, &mut |exchange| {
        Ok(if exchange.operation == Operation::Directory {
            reply(200, b"", &[], DIRECTORY_BODY)
        } else if exchange.operation == Operation::NewNonce {
            reply(200, b"", &[("replay-nonce", "n")], b"")
        } else {
            response.clone()
        })
    })
}

/// A response with some header fields; one that can't be is left out.
pub(crate) fn reply(status: u16, location: &[u8], fields: &[(&str, &str)], body: &[u8]) -> Response<Vec<u8>> {
    let mut response = Response::new(body.to_vec());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    if let (false, Ok(value)) = (location.is_empty(), HeaderValue::from_bytes(location)) {
        response.headers_mut().insert("location", value);
    }
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        response.headers_mut().append(name, HeaderValue::from_str(value).expect("a value"));
    }
    response
}

/// Reads a part of a conversation.
pub(crate) fn response(part: &[u8]) -> Reply {
    let (status, mut rest) = split(part, b'\n');
    let Some(status) = str::from_utf8(status).ok().and_then(|status| status.parse().ok()) else {
        return gone();
    };
    let mut response = reply(status, b"", &[("replay-nonce", "n")], b"");
    loop {
        let (line, after) = split(rest, b'\n');
        rest = after;
        if line.is_empty() {
            break;
        }
        let (name, value) = split(line, b':');
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            response.headers_mut().append(name, value);
        }
    }
    *response.body_mut() = rest.to_vec();
    Ok(response)
}

pub(crate) fn gone() -> Reply {
    Err(TransportError::new(Delivery::Unknown, TransportErrorKind::Io, "gone"))
}

/// What comes before a byte, and what comes after it.
pub(crate) fn split(data: &[u8], at: u8) -> (&[u8], &[u8]) {
    match data.iter().position(|byte| *byte == at) {
        Some(position) => (&data[..position], &data[position + 1..]),
        None => (data, &[]),
    }
}

/// A session that signs with an account, and knows nothing else.
pub(crate) fn session() -> Session {
    let mut session = Session::new(DIRECTORY, "fuzz/1", acme_keys::sha256, 1).expect("a session");
    session.sign_in(ACCOUNT, Arc::new(Toy::new())).expect("an account");
    session
}

pub(crate) fn choices() -> Vec<(Identifier, Vec<ChallengeType>)> {
    names().into_iter().map(|name| (name, vec![ChallengeType::Http01, ChallengeType::Dns01])).collect()
}

/// An intent, and the CSR that was made for the chain in the corpus.
pub(crate) fn intent() -> Intent {
    Intent::new(names(), CSR.clone(), None)
}

fn names() -> Vec<Identifier> {
    ["a.example", "*.a.example"].map(|name| name.parse().expect("a name")).to_vec()
}

static CSR: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let key = CertificateKey::from_pem(CERTIFICATE_KEY).expect("a key");
    debug_assert_eq!(key.key_type(), KeyType::EcdsaP256);
    CertificateSigningRequest::new(&names(), &key).expect("a CSR").into_der()
});

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_770_000_000).expect("a time")
}

/// A key that signs nothing: nobody verifies.
#[derive(Debug)]
pub(crate) struct Toy(Jwk);

impl Toy {
    pub(crate) fn new() -> Self {
        Self(Jwk::Okp { curve: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned() })
    }
}

impl Signer for Toy {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDsa
    }

    fn jwk(&self) -> &Jwk {
        &self.0
    }

    fn public_key_der(&self) -> &[u8] {
        b"a key that no certificate has"
    }

    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(b"signature".to_vec())
    }
}

pub(crate) const DIRECTORY: &str = "https://ca.test/directory";
pub(crate) const ACCOUNT: &str = "https://ca.test/account/1";
/// Whatever is asked for.
pub(crate) const URL: &str = "https://ca.test/thing/1";
const DIRECTORY_BODY: &[u8] =
    br#"{"newNonce":"/nonce","newAccount":"/account","newOrder":"/order","revokeCert":"/revoke","renewalInfo":"/ari"}"#;
const CERTIFICATE_KEY: &str = include_str!("certificate_key.pem");
/// More than the sum of what every bound permits one issuance.
const MAX_STEPS: usize = 20_000;
