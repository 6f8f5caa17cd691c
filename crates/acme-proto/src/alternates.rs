//! Several chains for one certificate, and which of them is preferred.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use jiff::Timestamp;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use crate::call::Call;
use crate::chain::Chain;
use crate::error::{Error, Violation};
use crate::flow::{Flow, Input, Operation, Step};
use crate::limits;
use crate::order::Order;
use crate::part::{Cx, Progress, ready};
use crate::round::{Outcomes, Round, RoundEnd};
use crate::session::{Session, Sha256};

/// Which chain is wanted where a CA has several for the same certificate. It is not part of what
/// is ordered: where no chain is like this, the CA's first one is taken.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.4.2>
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChainPreference {
    /// The chain whose last certificate was issued under this common name: that of the root, as
    /// the `--preferred-chain` of other clients has it.
    IssuerName(String),
    /// The chain with a CA certificate for this key: the SHA-256 digest of its DER
    /// `SubjectPublicKeyInfo`. A root is found where the CA sends it, or a cross-signed form of it.
    IssuerKey([u8; 32]),
}

impl Chain {
    /// The common name of whoever issued the last certificate; none where it has no such name.
    #[must_use]
    pub fn issuer_name(&self) -> Option<String> {
        let last = Certificate::from_der(self.certificates.last()?).ok()?;
        let name = last.tbs_certificate().issuer().common_name().ok()??;
        Some(name.value().into_owned())
    }

    /// Tells whether this chain is the preferred one.
    #[must_use]
    pub fn is_preferred(&self, preference: &ChainPreference, sha256: Sha256) -> bool {
        match preference {
            ChainPreference::IssuerName(name) => self.issuer_name().as_ref() == Some(name),
            ChainPreference::IssuerKey(digest) => {
                let keys = self.certificates.iter().skip(1).filter_map(|der| public_key(der));
                keys.into_iter().any(|key| sha256(&key) == *digest)
            }
        }
    }
}

fn public_key(der: &[u8]) -> Option<Vec<u8>> {
    let certificate = Certificate::from_der(der).ok()?;
    certificate.tbs_certificate().subject_public_key_info().to_der().ok()
}

/// Downloads the other chains of a certificate, as far as they can be had, at most
/// [`limits::MAX_ALTERNATES`].
pub(crate) struct Alternates {
    first: Option<Box<Chain>>,
    round: Round<Chain>,
}

impl Alternates {
    pub(crate) fn of(first: Chain, width: usize) -> Self {
        let urls = first.alternates.iter().take(limits::MAX_ALTERNATES);
        let round = Round::new(urls.map(|url| Chain::download(url)), width, RoundEnd::All);
        Self { first: Some(Box::new(first)), round }
    }

    /// Gives the search up, and hands the first chain out.
    pub(crate) fn give_up(&mut self) -> Option<Chain> {
        self.first.take().map(|first| *first)
    }

    fn poll(&mut self, cx: &mut Cx<'_>) -> Result<Progress<Outcomes<Chain>>, Error> {
        self.round.poll(cx)
    }

    /// Ready with the preferred chain, or with the first one where there is none or it can't be had.
    pub(crate) fn poll_for(
        &mut self,
        cx: &mut Cx<'_>,
        preference: &ChainPreference,
    ) -> Result<Progress<Option<Chain>>, Error> {
        let outcomes = ready!(self.poll(cx)?);
        let first = self.give_up();
        let leaf = first.as_ref().and_then(|first| first.certificates.first());
        let sha256 = cx.session.sha256();
        // Only the first chain was checked, so that another one has to be for the same certificate.
        let preferred = outcomes
            .into_iter()
            .filter_map(|outcome| outcome?.ok())
            .filter(|chain| chain.certificates.first() == leaf)
            .find(|chain| chain.is_preferred(preference, sha256));
        Ok(Progress::Ready(preferred.or(first)))
    }
}

/// Downloads all chains that the CA has for the certificate of an order, its first one first.
///
/// At most [`limits::MAX_ALTERNATES`] beside the first one are downloaded; one that can't be had is
/// an error.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.4.2>
#[must_use = "a flow makes no progress until its driver resumes it"]
pub struct Chains {
    state: State,
}

enum State {
    Order(Box<Call<Order>>),
    First(Box<Call<Chain>>),
    Others(Alternates),
}

impl Chains {
    /// Prepares to download the chains of a finished order.
    pub fn of_order(order_url: &str) -> Self {
        Self { state: State::Order(Box::new(Order::read(order_url))) }
    }

    fn poll(&mut self, cx: &mut Cx<'_>) -> Result<Progress<Vec<Chain>>, Error> {
        loop {
            match &mut self.state {
                State::Order(call) => {
                    let order = ready!(call.poll(cx)?);
                    let missing = || Error::protocol(Operation::Order, Violation::Member("certificate"));
                    let url = order.certificate.ok_or_else(missing)?;
                    self.state = State::First(Box::new(Chain::download(&url)));
                }
                State::First(call) => {
                    let first = ready!(call.poll(cx)?);
                    self.state = State::Others(Alternates::of(first, cx.session.width()));
                }
                State::Others(others) => {
                    let outcomes = ready!(others.poll(cx)?);
                    let chains = others.give_up().map(Ok).into_iter().chain(outcomes.into_iter().flatten());
                    return chains.collect::<Result<_, _>>().map(Progress::Ready);
                }
            }
        }
    }
}

impl Flow for Chains {
    type Context = Session;
    type Output = Vec<Chain>;

    fn resume(
        &mut self,
        session: &mut Session,
        input: Input,
        now: Timestamp,
    ) -> Result<Step<Vec<Chain>>, Error> {
        let mut cx = Cx::new(session, input, now)?;
        Ok(Step::Done(ready!(self.poll(&mut cx)?)))
    }
}

impl fmt::Debug for Chains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chains").finish_non_exhaustive()
    }
}
