//! Tunnels through a proxy.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use http::uri::Scheme;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stream::Duplex;
use crate::error::Error;
use crate::limits::MAX_RESPONSE_HEAD;
use crate::lookup::host_and_port;

/// An HTTP proxy.
pub(super) struct Proxy {
    pub(super) host: String,
    pub(super) port: u16,
    /// Whether the way to the proxy itself is TLS.
    pub(super) is_https: bool,
    /// The value of `Proxy-Authorization`.
    credentials: Option<String>,
}

impl Proxy {
    pub(super) fn parse(url: &str) -> Result<Self, Error> {
        let url: Uri = url.parse().map_err(|_| Error::Proxy)?;
        let is_https = url.scheme() == Some(&Scheme::HTTPS);
        if !is_https && url.scheme() != Some(&Scheme::HTTP) {
            return Err(Error::Proxy);
        }
        let (host, port) = host_and_port(&url).ok_or(Error::Proxy)?;
        let user = url.authority().and_then(|authority| authority.as_str().rsplit_once('@'));
        let credentials = user.map(|(user, _)| basic(user)).transpose()?;
        Ok(Self { host: host.to_owned(), port, is_https, credentials })
    }

    /// Asks for a tunnel. Nothing follows the response before the client speaks.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6>
    pub(super) async fn open_tunnel(&self, proxy: &mut dyn Duplex, host: &str, port: u16) -> io::Result<()> {
        let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let credentials = match &self.credentials {
            Some(credentials) => format!("Proxy-Authorization: {credentials}\r\n"),
            None => String::new(),
        };
        let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{credentials}\r\n");
        proxy.write_all(request.as_bytes()).await?;
        proxy.flush().await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() == MAX_RESPONSE_HEAD {
                return Err(io::Error::other("the proxy's response has no end"));
            }
            head.push(proxy.read_u8().await?);
        }
        let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
        match status.and_then(|status| status.parse().ok()) {
            Some(200..=299u16) => Ok(()),
            Some(_) | None => {
                let line: String = line.chars().filter(|c| !c.is_control()).take(MAX_EXCERPT).collect();
                Err(io::Error::other(format!("the proxy answered '{line}'")))
            }
        }
    }
}

/// <https://www.rfc-editor.org/rfc/rfc7617#section-2>
fn basic(user: &str) -> Result<String, Error> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let mut bytes = decode(name)?;
    bytes.push(b':');
    bytes.extend(decode(password)?);
    Ok(format!("Basic {}", STANDARD.encode(bytes)))
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Result<Vec<u8>, Error> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2).ok_or(Error::Proxy)?;
        bytes.push(u8::from_str_radix(code, 16).map_err(|_| Error::Proxy)?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Ok(bytes)
}

/// Most characters of a refusal that are shown.
const MAX_EXCERPT: usize = 100;
