//! Setting clients up.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::error::Error;
use crate::lookup::Lookup;
use crate::tls::Roots;

/// Sets a client up, for threads or for tokio.
///
#[cfg_attr(feature = "blocking", doc = "```")]
#[cfg_attr(not(feature = "blocking"), doc = "```text")]
/// let error = acme_http::Client::builder().root_pem("not PEM").build().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the root certificates are not PEM: there is no '-----BEGIN CERTIFICATE-----' line"
/// );
/// ```
#[derive(Default)]
#[must_use = "a builder does nothing until it builds"]
pub struct ClientBuilder {
    roots: Roots,
    proxy: Option<String>,
    lookup: Lookup,
    takes_plain: bool,
}

impl ClientBuilder {
    /// Trusts the certificates of a PEM text, and no others.
    ///
    /// Without it those of the system are trusted, or those in the file that the environment
    /// variable `SSL_CERT_FILE` names.
    pub fn root_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Roots::Pem(pem.into());
        self
    }

    /// Sends everything through a proxy: `http://[USER:PASSWORD@]HOST:PORT`, or the same with
    /// `https`. None is taken from the environment.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6>
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Some(url.into());
        self
    }

    /// Takes `http` URLs as well. What goes to them, credentials too, can be read and changed on the
    /// way: this is for services on the same machine or behind a tunnel.
    pub fn danger_allow_http(mut self) -> Self {
        self.takes_plain = true;
        self
    }

    /// Looks up host names (with their port) otherwise than the system does, to pin the address of
    /// a host. It runs on a thread of its own and may block.
    pub fn lookup(
        mut self,
        lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        self.lookup = Lookup::new(lookup);
        self
    }

    /// Builds a client for threads.
    ///
    /// # Errors
    /// [`Error::RootPem`] and [`Error::RootCertificate`] for damaged roots, [`Error::SystemRoots`]
    /// when the system has none, [`Error::Proxy`] for a URL that names no proxy.
    #[cfg(feature = "blocking")]
    pub fn build(self) -> Result<crate::Client, Error> {
        crate::blocking::build(&self.roots, self.proxy.as_deref(), self.lookup, self.takes_plain)
    }

    /// Builds a client for tokio. This needs no runtime; performing an exchange does.
    ///
    /// # Errors
    /// [`Error::RootPem`] and [`Error::RootCertificate`] for damaged roots, [`Error::SystemRoots`]
    /// when the system has none, [`Error::Proxy`] for a URL that names no proxy.
    #[cfg(feature = "tokio")]
    pub fn build_async(self) -> Result<crate::AsyncClient, Error> {
        crate::async_client::build(&self.roots, self.proxy.as_deref(), self.lookup, self.takes_plain)
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientBuilder")
    }
}
