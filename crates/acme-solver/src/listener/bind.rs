//! Taking a port.

use std::io;
#[cfg(feature = "dns")]
use std::net::UdpSocket;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

/// Why a port could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Somebody else listens there; [`port_owner`](crate::port_owner()) may know who.
    #[error("{address} is in use")]
    InUse {
        /// The address.
        address: SocketAddr,
    },
    /// The text of the address could not be resolved.
    #[error("the address to listen on was not found")]
    Name(#[source] io::Error),
    /// The address is none of this machine's.
    #[error("{address} is not an address of this machine")]
    NotLocal {
        /// The address.
        address: SocketAddr,
    },
    /// The process may not listen there: ports below 1024 are for root and for those with
    /// `CAP_NET_BIND_SERVICE`.
    #[error("listening on {address} is not permitted")]
    NotPermitted {
        /// The address.
        address: SocketAddr,
    },
    /// A server was to have a name in a zone of its own. Who looks for it would have to ask it where
    /// it is.
    #[error("the server's name {server} is in the zone {zone}, which it serves itself")]
    ServerInZone {
        /// The server's name.
        server: String,
        /// The zone.
        zone: String,
    },
    /// A server was to have a name that is none.
    #[error("the server's name is no name")]
    ServerName(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A zone was to have a name that is none.
    #[error("the zone's name is no name")]
    ZoneName(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Anything else that the system reports.
    #[error("listening on {address} failed")]
    Io {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

impl BindError {
    /// For what the TLS library can't set up at an address, which no input brings about.
    pub(crate) fn tls(address: SocketAddr, error: rustls::Error) -> Self {
        Self::Io { address, source: io::Error::other(error) }
    }
}

/// Listens on the first address that can be had; says which, with the port the system chose.
pub(crate) fn listen(addresses: impl ToSocketAddrs) -> Result<(TcpListener, SocketAddr), BindError> {
    first(addresses, |address| {
        let listener = TcpListener::from(listen_on(address, SocketType::STREAM)?);
        let address = listener.local_addr().map_err(|source| BindError::Io { address, source })?;
        Ok((listener, address))
    })
}

/// Makes a socket that somebody else set up fit to be served; says where it listens.
pub(crate) fn take_over(listener: &TcpListener) -> Result<SocketAddr, BindError> {
    let address = listener.local_addr().map_err(BindError::Name)?;
    let failed = |source| BindError::Io { address, source };
    #[cfg(not(target_vendor = "apple"))]
    if !sockopt::socket_acceptconn(listener).map_err(|errno| failed(errno.into()))? {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "the socket does not listen")));
    }
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(address)
}

/// Takes a port over TCP and UDP at the first address that can be had.
#[cfg(feature = "dns")]
pub(crate) fn listen_both(
    addresses: impl ToSocketAddrs,
) -> Result<(TcpListener, UdpSocket, SocketAddr), BindError> {
    first(addresses, |wanted| {
        // A port that the system chose for TCP may be taken for UDP: another one is not.
        let tries = if wanted.port() == 0 { PORT_TRIES } else { 1 };
        let mut result = Err(BindError::InUse { address: wanted });
        for _ in 0..tries {
            let (listener, address) = listen(wanted)?;
            result = listen_on(address, SocketType::DGRAM).map(|socket| (listener, socket.into(), address));
            if !matches!(result, Err(BindError::InUse { .. })) {
                break;
            }
        }
        result
    })
}

fn first<T>(
    addresses: impl ToSocketAddrs,
    mut take: impl FnMut(SocketAddr) -> Result<T, BindError>,
) -> Result<T, BindError> {
    let mut last = BindError::Name(io::ErrorKind::InvalidInput.into());
    for address in addresses.to_socket_addrs().map_err(BindError::Name)? {
        match take(address) {
            Ok(taken) => return Ok(taken),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn listen_on(address: SocketAddr, kind: SocketType) -> Result<OwnedFd, BindError> {
    let stands_for_both_families = address.is_ipv6() && address.ip().is_unspecified();
    let (address, result) = match open(address, kind) {
        Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL) if stands_for_both_families => {
            let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
            (address, open(address, kind))
        }
        result => (address, result),
    };
    result.map_err(|errno| match errno {
        Errno::ADDRINUSE => BindError::InUse { address },
        Errno::ACCESS | Errno::PERM => BindError::NotPermitted { address },
        Errno::ADDRNOTAVAIL => BindError::NotLocal { address },
        _ => BindError::Io { address, source: errno.into() },
    })
}

fn open(address: SocketAddr, kind: SocketType) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = rustix::net::socket_with(family, kind, FLAGS, None)?;
    #[cfg(target_vendor = "apple")]
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        sockopt::set_ipv6_v6only(&socket, false)?;
    }
    if kind == SocketType::STREAM {
        // For UDP this would let two of us have one port.
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    if kind == SocketType::STREAM {
        rustix::net::listen(&socket, BACKLOG)?;
    }
    rustix::io::ioctl_fionbio(&socket, true)?;
    Ok(socket)
}

#[cfg(not(target_vendor = "apple"))]
const FLAGS: SocketFlags = SocketFlags::CLOEXEC;
#[cfg(target_vendor = "apple")]
const FLAGS: SocketFlags = SocketFlags::empty();

/// Connections that wait while all slots are taken.
const BACKLOG: i32 = 128;

/// How many ports of the system's choice are tried until one is free for TCP and UDP.
#[cfg(feature = "dns")]
const PORT_TRIES: usize = 16;
