//! Sockets that listen already when this program starts, as systemd passes them on.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use listenfd::ListenFd;

/// The sockets that were passed on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inherited {
    sockets: Arc<[Socket]>,
}

#[derive(Debug)]
struct Socket {
    /// systemd's `FileDescriptorName=`.
    name: String,
    address: SocketAddr,
    listener: TcpListener,
}

impl Inherited {
    /// Takes what `LISTEN_FDS` speaks of, if `LISTEN_PID` says that it is for this process.
    ///
    /// It changes the environment, so it has to come before the first thread.
    pub(crate) fn take() -> Self {
        let count = variable("LISTEN_FDS").parse::<usize>().unwrap_or_default();
        // Without it, the variables may be an ancestor's.
        if variable("LISTEN_PID").is_empty() || !(1..=MAX_SOCKETS).contains(&count) {
            return Self::default();
        }
        let names = variable("LISTEN_FDNAMES");
        let names = names.split(':').chain(std::iter::repeat(""));
        let mut given = ListenFd::from_env();
        let sockets = (0..given.len()).zip(names).filter_map(|(index, name)| {
            // What is no TCP socket is not for us.
            let listener = given.take_tcp_listener(index).ok().flatten()?;
            let address = listener.local_addr().ok()?;
            Some(Socket { name: name.to_owned(), address, listener })
        });
        Self { sockets: sockets.collect() }
    }

    /// Those for a purpose: with its name, or without one of ours and at an address that is wanted.
    pub(crate) fn listeners(&self, purpose: Purpose, wanted: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
        let is_meant = |socket: &&Socket| match Purpose::of(&socket.name) {
            Some(named) => named == purpose,
            None => wanted.iter().any(|wanted| stands_for(socket.address, *wanted)),
        };
        self.sockets.iter().filter(is_meant).map(|socket| socket.listener.try_clone()).collect()
    }
}

/// What a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Http,
    Relay,
    TlsAlpn,
}

impl Purpose {
    fn of(name: &str) -> Option<Self> {
        match name {
            "http" => Some(Self::Http),
            "relay" => Some(Self::Relay),
            "tls-alpn" => Some(Self::TlsAlpn),
            _ => None,
        }
    }
}

/// Tells whether to listen at one address is to listen at another one, or at some of it.
fn stands_for(socket: SocketAddr, wanted: SocketAddr) -> bool {
    let is_part = wanted.ip().is_unspecified() && (wanted.is_ipv6() || socket.is_ipv4());
    socket.port() == wanted.port() && (socket.ip() == wanted.ip() || socket.ip().is_unspecified() || is_part)
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// Most sockets that are looked at.
const MAX_SOCKETS: usize = 64;

#[cfg(test)]
mod tests {
    #[test]
    fn sockets_stand_for_addresses() {
        let stands_for =
            |socket: &str, wanted: &str| super::stands_for(socket.parse().unwrap(), wanted.parse().unwrap());
        for (socket, wanted) in [
            ("[::]:80", "[::]:80"),
            ("0.0.0.0:80", "[::]:80"),
            ("192.0.2.1:80", "[::]:80"),
            ("[2001:db8::1]:80", "[::]:80"),
            ("192.0.2.1:80", "0.0.0.0:80"),
            ("[::]:8080", "127.0.0.1:8080"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
        ] {
            assert!(stands_for(socket, wanted), "{socket} for {wanted}");
        }
        for (socket, wanted) in
            [("[::]:81", "[::]:80"), ("192.0.2.1:80", "192.0.2.2:80"), ("[2001:db8::1]:80", "0.0.0.0:80")]
        {
            assert!(!stands_for(socket, wanted), "{socket} for {wanted}");
        }
    }
}
