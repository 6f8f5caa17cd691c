//! Taking a port.

use std::io;
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
    let mut last = BindError::Name(io::ErrorKind::InvalidInput.into());
    for address in addresses.to_socket_addrs().map_err(BindError::Name)? {
        match listen_on(address) {
            Ok(listener) => {
                return match listener.local_addr() {
                    Ok(address) => Ok((listener, address)),
                    Err(source) => Err(BindError::Io { address, source }),
                };
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn listen_on(address: SocketAddr) -> Result<TcpListener, BindError> {
    let stands_for_both_families = address.is_ipv6() && address.ip().is_unspecified();
    let (address, result) = match open(address) {
        Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL) if stands_for_both_families => {
            let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
            (address, open(address))
        }
        result => (address, result),
    };
    result.map(TcpListener::from).map_err(|errno| match errno {
        Errno::ADDRINUSE => BindError::InUse { address },
        Errno::ACCESS | Errno::PERM => BindError::NotPermitted { address },
        Errno::ADDRNOTAVAIL => BindError::NotLocal { address },
        _ => BindError::Io { address, source: errno.into() },
    })
}

fn open(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, FLAGS, None)?;
    #[cfg(target_vendor = "apple")]
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        sockopt::set_ipv6_v6only(&socket, false)?;
    }
    sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    Ok(socket)
}

#[cfg(not(target_vendor = "apple"))]
const FLAGS: SocketFlags = SocketFlags::CLOEXEC;
#[cfg(target_vendor = "apple")]
const FLAGS: SocketFlags = SocketFlags::empty();

/// Connections that wait while all slots are taken.
const BACKLOG: i32 = 128;
