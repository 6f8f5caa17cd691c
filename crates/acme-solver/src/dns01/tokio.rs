//! dns-01 answered from tokio.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use acme_proto::{AsyncSolver, Challenge, ChallengeType, Identifier, SolverError, SolverFuture};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::conversation::framed;
use super::zones::{Way, Zones};
use super::{Dns01, present, withdraw};
use crate::dns::Delegation;
use crate::listener::BindError;
use crate::listener::tokio::{Bound, Listening};
use crate::response::dns_types;

/// [`Dns01`] on tokio: an authoritative DNS server for `_acme-challenge` names, and nothing else.
///
/// The port is free again soon after the last clone is dropped, and at the end of the runtime.
/// Clones share the port and the records. The limits are those of [`Dns01`].
#[derive(Clone)]
#[must_use = "the port is free again when the listener is dropped"]
pub struct AsyncDns01 {
    address: SocketAddr,
    zones: Arc<Zones>,
    delegation: Option<Arc<dyn Delegation>>,
    _listening: [Arc<Listening>; 2],
}

impl AsyncDns01 {
    /// Listens, as [`Dns01::bind`] does.
    ///
    /// # Errors
    ///
    /// [`BindError`], for the last address tried; [`BindError::ServerName`] if the name is none, and
    /// [`BindError::ServerInZone`] if it has the label `_acme-challenge`.
    pub async fn bind(
        addresses: impl ToSocketAddrs + Send + 'static,
        server_name: &str,
    ) -> Result<Self, BindError> {
        let zones = Arc::new(Zones::new(server_name)?);
        let (bound, socket) = Bound::both_at(addresses).await?;
        let address = bound.address;
        let udp = Listening::run(serve_udp(socket, Arc::clone(&zones)));
        let answers = Arc::clone(&zones);
        let tcp = bound.serve(move |socket| converse(socket, Arc::clone(&answers)));
        Ok(Self { address, zones, delegation: None, _listening: [udp, tcp] })
    }

    /// Answers for one more zone, as [`Dns01::serve_zone`] does; all clones do.
    ///
    /// # Errors
    ///
    /// [`BindError::ZoneName`] if the name is none; [`BindError::ServerInZone`] if the server's own
    /// name is in it.
    pub fn serve_zone(self, zone: &str) -> Result<Self, BindError> {
        self.zones.add(zone)?;
        Ok(self)
    }

    /// Puts records where the names lead. The look-ups may block: they are done on a thread of their own.
    pub fn with_delegation(self, delegation: Arc<dyn Delegation>) -> Self {
        Self { delegation: Some(delegation), ..self }
    }

    /// The address it listens on, with the port that the system chose for port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

impl AsyncSolver for AsyncDns01 {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        dns_types(identifier)
    }

    fn present<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        Box::pin(async {
            let Some(delegation) = self.delegation.clone() else {
                return present(&self.zones, None, challenges);
            };
            let (zones, own) = (Arc::clone(&self.zones), challenges.to_vec());
            let presenting = tokio::task::spawn_blocking(move || present(&zones, Some(&*delegation), &own));
            match presenting.await {
                Ok(results) => results,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => {
                    let ended = |_: &Challenge| Err(SolverError::temporary("the runtime ended"));
                    challenges.iter().map(ended).collect()
                }
            }
        })
    }

    fn withdraw<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        Box::pin(async { withdraw(&self.zones, challenges) })
    }
}

impl fmt::Debug for AsyncDns01 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncDns01").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn serve_udp(socket: UdpSocket, zones: Arc<Zones>) {
    let mut buffer = [0; Dns01::MAX_QUESTION];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, peer)) => {
                if let Some(answer) = buffer.get(..length).and_then(|packet| zones.answer(packet, Way::Udp)) {
                    // Who does not get it asks again.
                    let _ = socket.send_to(&answer, peer).await;
                }
            }
            // An answer that could not be delivered is reported at the next read.
            Err(error) => tracing::debug!(%error, "no packet read"),
        }
    }
}

/// Questions and their answers, one after another.
async fn converse(mut socket: TcpStream, zones: Arc<Zones>) -> io::Result<()> {
    loop {
        let length = usize::from(socket.read_u16().await?);
        if !(1..=Dns01::MAX_QUESTION).contains(&length) {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut question = vec![0; length];
        socket.read_exact(&mut question).await?;
        let answer = zones.answer(&question, Way::Tcp).and_then(|answer| framed(&answer));
        socket.write_all(&answer.ok_or(ErrorKind::InvalidData)?).await?;
    }
}
