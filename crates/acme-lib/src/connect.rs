//! How a CA is reached.

use std::fmt;
use std::sync::Arc;

use acme_http::{Client, Transport};
use acme_proto::{DirectoryUrl, Session};

use crate::driver::Driver;
use crate::error::{Error, Result};

/// Where a CA is, whom to trust for it, and how to get there.
#[derive(Clone)]
pub(crate) struct Connect {
    pub(crate) url: String,
    pub(crate) transport: Option<Arc<dyn Transport>>,
    pub(crate) root_pem: Option<Vec<u8>>,
    pub(crate) proxy: Option<String>,
    pub(crate) user_agent: String,
}

impl Connect {
    pub(crate) fn new(url: DirectoryUrl<'_>) -> Self {
        Self {
            url: url.as_str().to_string(),
            transport: None,
            root_pem: None,
            proxy: None,
            user_agent: concat!("acme-lib/", env!("CARGO_PKG_VERSION"), " ureq/3").to_string(),
        }
    }

    pub(crate) fn driver(&self) -> Result<Driver> {
        let session = Session::new(&self.url, &self.user_agent, acme_keys::sha256, seed()?)?;
        if let Some(transport) = &self.transport {
            return Ok(Driver::new(Arc::clone(transport), session));
        }
        let mut client = Client::builder();
        if let Some(pem) = &self.root_pem {
            client = client.root_pem(pem.clone());
        }
        if let Some(proxy) = &self.proxy {
            client = client.proxy(proxy);
        }
        Ok(Driver::new(Arc::new(client.build()?), session))
    }
}

impl fmt::Debug for Connect {
    /// The URL of a proxy may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").field("url", &self.url).finish_non_exhaustive()
    }
}

/// 64 bits of the system's randomness.
pub(crate) fn seed() -> Result<u64> {
    getrandom::u64().map_err(Error::Random)
}
