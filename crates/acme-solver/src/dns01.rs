//! dns-01 and dns-account-01 answered on a port of our own.

mod conversation;
#[cfg(feature = "tokio")]
mod tokio;
mod zones;

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError};

use crate::dns::Delegation;
use crate::listener::{self, BindError, Listener, TIME_LIMIT};
use crate::response::{ResponseError, check_dns, dns_types};
use conversation::Conversation;
use zones::Zones;

#[cfg(feature = "tokio")]
pub use self::tokio::AsyncDns01;

/// An authoritative DNS server for `_acme-challenge` names, and nothing else.
///
/// Who has no access to the DNS of `example.com` by a program delegates one name of it, once, to
/// where this listens:
///
/// ```text
/// _acme-challenge.example.com.  NS  acme-dns.example.net.
/// ```
///
/// Each name that begins with `_acme-challenge` is a zone of its own here, with its SOA and NS
/// records, and the TXT records of its challenges while they are presented. Names below it, as
/// dns-account-01 has them, belong to it. All other names are refused. It listens over UDP and TCP,
/// answers one question a packet, follows nothing, and signs nothing: the delegation must be
/// without a DS record.
///
/// A connection over TCP ends after [`Dns01::TIME_LIMIT`], and there are at most
/// [`Dns01::MAX_CONNECTIONS`]; one more closes the oldest.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-8.4> and
/// <https://datatracker.ietf.org/doc/html/draft-ietf-acme-dns-account-label-03>
#[must_use = "the port is free again when the listener is dropped"]
pub struct Dns01 {
    zones: Arc<Zones>,
    delegation: Option<Arc<dyn Delegation>>,
    address: SocketAddr,
    /// They end when they are dropped.
    listeners: Vec<[Listener; 2]>,
}

impl Dns01 {
    /// Most connections at a time.
    pub const MAX_CONNECTIONS: usize = listener::MAX_CONNECTIONS;
    /// Most bytes of a question.
    pub const MAX_QUESTION: usize = 4096;
    /// How long a connection lives at most.
    pub const TIME_LIMIT: std::time::Duration = TIME_LIMIT;

    /// Listens on the first address that can be had, such as `"0.0.0.0:53"` or `"127.0.0.1:0"`, as
    /// the server that delegations name, such as `"acme-dns.example.net"`.
    ///
    /// On a machine with several addresses, give the one that the server's name leads to: answers
    /// over UDP must come from where they were asked for.
    ///
    /// # Errors
    ///
    /// [`BindError`], for the last address tried; [`BindError::ServerName`] if the name is none, and
    /// [`BindError::ServerInZone`] if it has the label `_acme-challenge`.
    pub fn bind(addresses: impl ToSocketAddrs, server_name: &str) -> Result<Self, BindError> {
        let zones = Arc::new(Zones::new(server_name)?);
        let (address, listeners) = listen(addresses, &zones)?;
        Ok(Self { zones, delegation: None, address, listeners: vec![listeners] })
    }

    /// Listens on one more address, the first of these that can be had.
    ///
    /// # Errors
    ///
    /// [`BindError`], for the last address tried.
    pub fn listen_also(mut self, addresses: impl ToSocketAddrs) -> Result<Self, BindError> {
        let (_, listeners) = listen(addresses, &self.zones)?;
        self.listeners.push(listeners);
        Ok(self)
    }

    /// Answers for one more zone, to names in which `_acme-challenge` names are CNAMEs:
    ///
    /// ```text
    /// acme.example.net.             NS     acme-dns.example.net.
    /// _acme-challenge.example.com.  CNAME  example.com.acme.example.net.
    /// ```
    ///
    /// It needs a [`with_delegation`](Self::with_delegation) that finds out where they lead.
    ///
    /// # Errors
    ///
    /// [`BindError::ZoneName`] if the name is none; [`BindError::ServerInZone`] if the server's own
    /// name is in it.
    pub fn serve_zone(self, zone: &str) -> Result<Self, BindError> {
        self.zones.add(zone)?;
        Ok(self)
    }

    /// Puts records where the names lead.
    pub fn with_delegation(self, delegation: Arc<dyn Delegation>) -> Self {
        Self { delegation: Some(delegation), ..self }
    }

    /// The address it listens on, with the port that the system chose for port 0; the first of several.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

impl Solver for Dns01 {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        dns_types(identifier)
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        present(&self.zones, self.delegation.as_deref(), challenges)
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        withdraw(&self.zones, challenges)
    }
}

impl fmt::Debug for Dns01 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dns01").field("address", &self.local_addr()).finish_non_exhaustive()
    }
}

/// Answers over TCP and UDP at the first address that can be had.
fn listen(
    addresses: impl ToSocketAddrs,
    zones: &Arc<Zones>,
) -> Result<(SocketAddr, [Listener; 2]), BindError> {
    let (listener, socket, address) = listener::listen_both(addresses)?;
    let answers = Arc::clone(zones);
    let udp = Listener::run("acme-dns-01-udp", address, move |stopped| {
        conversation::serve_udp(&socket, &stopped, &answers);
    })?;
    let answers = Arc::clone(zones);
    let converse = move || Some(Conversation::new(Arc::clone(&answers)));
    let tcp = Listener::start("acme-dns-01", listener, TIME_LIMIT, converse)?;
    Ok((address, [tcp, udp]))
}

fn present(
    zones: &Zones,
    delegation: Option<&dyn Delegation>,
    challenges: &[Challenge],
) -> Vec<Result<(), SolverError>> {
    let present = |challenge: &Challenge| {
        check_dns(challenge)?;
        let name = challenge.dns_name();
        let canonical = match delegation {
            Some(delegation) => delegation.canonical(&name)?,
            None => name.clone(),
        };
        if !zones.insert(&canonical, challenge.dns_value()) {
            return Err(ResponseError::Elsewhere { name, canonical }.into());
        }
        tracing::debug!(identifier = %challenge.order_identifier(), kind = %challenge.kind, "TXT record presented");
        Ok(())
    };
    challenges.iter().map(present).collect()
}

fn withdraw(zones: &Zones, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
    let withdraw = |challenge: &Challenge| {
        check_dns(challenge)?;
        zones.remove(&challenge.dns_value());
        tracing::debug!(identifier = %challenge.order_identifier(), kind = %challenge.kind, "TXT record withdrawn");
        Ok(())
    };
    challenges.iter().map(withdraw).collect()
}
