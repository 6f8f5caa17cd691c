//! Listeners of our own: on the sockets that were passed on, or else on new ones.

use std::net::{SocketAddr, TcpListener};

use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError};
use acme_solver::{BindError, Http01, TlsAlpn01};

use crate::inherited::{Inherited, Purpose};

/// A solver that listens.
pub(crate) trait Listener: Solver + Send + Sized + 'static {
    const PURPOSE: Purpose;
    fn bind(addresses: &[SocketAddr]) -> Result<Self, BindError>;
    fn from_listener(listener: TcpListener) -> Result<Self, BindError>;
    fn local_addr(&self) -> SocketAddr;
}

impl Listener for Http01 {
    const PURPOSE: Purpose = Purpose::Http;

    fn bind(addresses: &[SocketAddr]) -> Result<Self, BindError> {
        Self::bind(addresses)
    }

    fn from_listener(listener: TcpListener) -> Result<Self, BindError> {
        Self::from_listener(listener)
    }

    fn local_addr(&self) -> SocketAddr {
        self.local_addr()
    }
}

impl Listener for TlsAlpn01 {
    const PURPOSE: Purpose = Purpose::TlsAlpn;

    fn bind(addresses: &[SocketAddr]) -> Result<Self, BindError> {
        Self::bind(addresses)
    }

    fn from_listener(listener: TcpListener) -> Result<Self, BindError> {
        Self::from_listener(listener)
    }

    fn local_addr(&self) -> SocketAddr {
        self.local_addr()
    }
}

/// Listeners that answer the same.
pub(crate) struct Listeners<L> {
    all: Vec<L>,
    /// Where they listen; the first one's if there are several.
    pub(crate) address: SocketAddr,
    /// Where they listen, for people.
    pub(crate) places: String,
}

impl<L: Listener> Listeners<L> {
    /// Takes over what was passed on for this purpose or these addresses; else listens at the first
    /// of them that can be had.
    pub(crate) fn open(inherited: &Inherited, wanted: &[SocketAddr]) -> Result<Self, BindError> {
        let failed = |source| BindError::Io { address: place(wanted), source };
        let sockets = inherited.listeners(L::PURPOSE, wanted).map_err(failed)?;
        let is_new = sockets.is_empty();
        let mut all = sockets.into_iter().map(L::from_listener).collect::<Result<Vec<_>, _>>()?;
        if is_new {
            match L::bind(wanted) {
                Ok(one) => all.push(one),
                Err(error) => all.extend(beside(error)?),
            }
        }
        let addresses: Vec<SocketAddr> = all.iter().map(L::local_addr).collect();
        let places = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let places = if is_new { places } else { format!("{places}, passed on to this process") };
        Ok(Self { all, address: place(&addresses), places })
    }
}

/// Listens at each address at which others reach this machine, after all of them together could not
/// be had: who listens at 127.0.0.1 alone is in nobody's way.
///
/// Where somebody else has one of these addresses, the CA may come to it, and that is an error.
fn beside<L: Listener>(error: BindError) -> Result<Vec<L>, BindError> {
    let BindError::InUse { address } = error else { return Err(error) };
    if !address.ip().is_unspecified() {
        return Err(error);
    }
    let all = acme_solver::local_addresses().into_iter().map(|ip| L::bind(&[(ip, address.port()).into()]));
    match all.collect::<Result<Vec<_>, _>>() {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) | Err(_) => Err(error),
    }
}

/// The first address, of which there always is one.
fn place(addresses: &[SocketAddr]) -> SocketAddr {
    addresses.first().copied().unwrap_or_else(|| ([0, 0, 0, 0], 0).into())
}

impl<L: Listener> Solver for Listeners<L> {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        self.all.first().map(|one| one.challenge_types(identifier)).unwrap_or_default()
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        together(challenges, self.all.iter_mut().map(|one| one.present(challenges)))
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        together(challenges, self.all.iter_mut().map(|one| one.withdraw(challenges)))
    }
}

/// What came of each challenge everywhere: the first failure, if there is one.
fn together(
    challenges: &[Challenge],
    each: impl Iterator<Item = Vec<Result<(), SolverError>>>,
) -> Vec<Result<(), SolverError>> {
    each.fold(challenges.iter().map(|_| Ok(())).collect(), |before, results| {
        before.into_iter().zip(results).map(|(before, result)| before.and(result)).collect()
    })
}
