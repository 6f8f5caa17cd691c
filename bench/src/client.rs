//! The clients that are compared.

mod acme_lib;
mod acme_tokio;
mod floor;
mod instant_acme;

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::server::Protocol;
use crate::tree::Package;

/// Something that obtains certificates, one after the other, over a session that it keeps.
pub trait Client {
    /// Obtains a certificate.
    ///
    /// # Errors
    /// When there is none in the end.
    fn issue(&mut self, names: &[String]) -> Result<(), Box<dyn Error>>;
}

/// Which client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The least that obtains a certificate: what nobody can go below.
    Floor,
    /// The same over the transport of acme-lib.
    FloorOverAcmeHttp,
    /// acme-lib, blocking.
    AcmeLib,
    /// acme-tokio over HTTP/1.1.
    AcmeTokioHttp1,
    /// acme-tokio over HTTP/2.
    AcmeTokio,
    /// instant-acme as it comes.
    InstantAcme,
    /// instant-acme that polls after 5 ms, and again after 5 ms.
    InstantAcmeFastPolls,
    /// The same, with an HTTP client of ours that sets TCP_NODELAY.
    InstantAcmeNoDelay,
}

impl Kind {
    /// All of them, the floor first.
    pub const ALL: [Self; 8] = [
        Self::Floor,
        Self::FloorOverAcmeHttp,
        Self::AcmeLib,
        Self::AcmeTokioHttp1,
        Self::AcmeTokio,
        Self::InstantAcme,
        Self::InstantAcmeFastPolls,
        Self::InstantAcmeNoDelay,
    ];

    /// The name in tables, and on command lines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::FloorOverAcmeHttp => "floor over acme-http",
            Self::AcmeLib => "acme-lib",
            Self::AcmeTokioHttp1 => "acme-tokio, HTTP/1.1",
            Self::AcmeTokio => "acme-tokio, HTTP/2",
            Self::InstantAcme => "instant-acme",
            Self::InstantAcmeFastPolls => "instant-acme, 5 ms polls",
            Self::InstantAcmeNoDelay => "instant-acme, 5 ms polls, TCP_NODELAY",
        }
    }

    /// What the server has to speak for it: what it speaks best, unless it is to be held back.
    #[must_use]
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Floor | Self::FloorOverAcmeHttp | Self::AcmeLib | Self::AcmeTokioHttp1 => Protocol::Http1,
            Self::AcmeTokio | Self::InstantAcme | Self::InstantAcmeFastPolls | Self::InstantAcmeNoDelay => {
                Protocol::Http2
            }
        }
    }

    /// The crate that it is.
    #[must_use]
    pub fn package(self) -> Option<Package> {
        match self {
            Self::AcmeLib => Some(Package::AcmeLib),
            Self::AcmeTokio => Some(Package::AcmeTokio),
            Self::InstantAcme => Some(Package::InstantAcme),
            Self::Floor
            | Self::FloorOverAcmeHttp
            | Self::AcmeTokioHttp1
            | Self::InstantAcmeFastPolls
            | Self::InstantAcmeNoDelay => None,
        }
    }

    /// Connects to a CA and registers an account.
    ///
    /// # Errors
    /// When the CA can't be reached, or refuses.
    pub fn connect(self, url: &str, root: &Path) -> Result<Box<dyn Client>, Box<dyn Error>> {
        Ok(match self {
            Self::Floor => Box::new(floor::Floor::connect(url, root)?),
            Self::FloorOverAcmeHttp => Box::new(floor::Floor::connect_by_acme_http(url, root)?),
            Self::AcmeLib => Box::new(acme_lib::AcmeLib::connect(url, root)?),
            Self::AcmeTokioHttp1 | Self::AcmeTokio => Box::new(acme_tokio::AcmeTokio::connect(url, root)?),
            Self::InstantAcme | Self::InstantAcmeFastPolls | Self::InstantAcmeNoDelay => {
                Box::new(instant_acme::InstantAcme::connect(self, url, root)?)
            }
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("'{text}' is no client"))
    }
}
