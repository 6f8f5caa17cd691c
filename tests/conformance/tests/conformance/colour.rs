//! One name for what both libraries do, so that each scenario is written once.

#[path = "colour/blocking.rs"]
mod blocking;
#[path = "colour/tokio.rs"]
mod tokio;

use acme_conformance::pebble::{self, Pebble, Settings};
use acme_lib::{AccountKey, Certificate, Chain, HmacAlgorithm, IssueRequest, ProblemKind};

pub(crate) use blocking::Blocking;
pub(crate) use tokio::Tokio;

/// Which challenge proves control.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Method {
    Http,
    TlsAlpn,
    Dns,
}

/// How an account is opened.
#[derive(Default)]
pub(crate) struct Opening {
    /// The key; a new one, if there is none.
    pub(crate) key: Option<AccountKey>,
    pub(crate) only_existing: bool,
    /// Algorithm, key id, and the MAC key as text.
    pub(crate) binding: Option<(HmacAlgorithm, &'static str, &'static str)>,
}

/// What a call failed with.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the CA called it.
    pub(crate) kind: Option<ProblemKind>,
    pub(crate) text: String,
}

impl Failure {
    fn new(acme: Option<&acme_lib::proto::Error>, error: &dyn std::error::Error) -> Self {
        let kind = acme.and_then(|error| error.refusal()).map(|refusal| refusal.problem.kind.clone());
        Self { kind, text: error.to_string() }
    }
}

/// A library with a solver of each kind.
pub(crate) trait Colour: Clone + Send + 'static {
    type Account;

    /// Takes a port for each solver.
    fn listen() -> Self;
    /// The settings of a CA that looks at these ports.
    fn settings(&self) -> Settings;
    fn open(&self, pebble: &Pebble, opening: Opening) -> Result<Self::Account, Failure>;
    /// Obtains a certificate; says of which order.
    fn issue(
        &self,
        account: &Self::Account,
        request: &IssueRequest,
        method: Method,
    ) -> Result<(Certificate, String), Failure>;
    fn chains(&self, account: &Self::Account, order_url: &str) -> Result<Vec<Chain>, Failure>;
    fn change_key(&self, account: &Self::Account, key: AccountKey) -> Result<(), Failure>;
    fn revoke(&self, account: &Self::Account, certificate: &Certificate) -> Result<(), Failure>;
    /// Revokes with the certificate's own key, where possible without an account.
    fn revoke_with_key(
        &self,
        pebble: &Pebble,
        account: &Self::Account,
        certificate: &Certificate,
    ) -> Result<(), Failure>;
    fn deactivate(&self, account: &Self::Account) -> Result<(), Failure>;
    fn contact(&self, account: &Self::Account) -> Result<Vec<String>, Failure>;
    fn update_contact(&self, account: &Self::Account, contact: &[String]) -> Result<Vec<String>, Failure>;
    fn url(account: &Self::Account) -> String;
}

/// Runs a scenario against a fresh Pebble, with other settings than the usual ones.
pub(crate) fn with<C: Colour>(change: impl FnOnce(&mut Settings), scenario: fn(&C, &Pebble)) {
    let colour = C::listen();
    let mut settings = colour.settings();
    change(&mut settings);
    pebble::with(&settings, move |pebble| scenario(&colour, pebble));
}

/// Makes a test of each scenario for each library.
macro_rules! on_both_colours {
    ($($scenario:ident),+ $(,)?) => {
        mod blocking {
            $(#[test]
            fn $scenario() {
                super::$scenario::<crate::colour::Blocking>();
            })+
        }
        mod tokio {
            $(#[test]
            fn $scenario() {
                super::$scenario::<crate::colour::Tokio>();
            })+
        }
    };
}
pub(crate) use on_both_colours;
