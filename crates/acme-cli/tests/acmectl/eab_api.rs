//! What hands out external accounts for an e-mail address, as ZeroSSL's description has it: a POST of
//! a form with the field `email`, and JSON in return. It refuses what that one refuses.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use acme_testca::{Config, TestCa};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::world::World;

pub(super) const KID: &str = "GD-VvWydSVFuss_GhBwYQQ";
pub(super) const KEY: &str = "MjXU3MH-Z0WQ7piMAnVsCpD1shgMiWx6ggPWiTmydgUaj7dWWWfQfA";

/// Its thread ends with the test's process.
pub(super) struct EabApi {
    address: SocketAddr,
    root_pem: String,
    addresses: Arc<Mutex<Vec<String>>>,
}

impl EabApi {
    /// Starts it with a certificate for localhost.
    pub(super) fn start() -> Self {
        let (tls, root_pem) = certificate();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let addresses = Arc::new(Mutex::new(Vec::new()));
        let asked = Arc::clone(&addresses);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever hung up is not interested any more.
                let _ = serve(stream, &tls, &asked);
            }
        });
        Self { address, root_pem, addresses }
    }

    pub(super) fn url(&self) -> String {
        format!("https://localhost:{}/acme/eab-credentials-email", self.address.port())
    }

    pub(super) fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// The addresses for which an external account was handed out.
    pub(super) fn handed_out_to(&self) -> Vec<String> {
        self.addresses.lock().unwrap().clone()
    }
}

/// A certificate for localhost, and the root that it ends in.
fn certificate() -> (Arc<ServerConfig>, String) {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()));
    assert_eq!(world.run_at(&ca, &web, "issue localhost").code(), Some(0));
    let directory = world.path("state/certs/localhost/current");
    let chain = CertificateDer::pem_file_iter(directory.join("fullchain.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(directory.join("privkey.pem")).unwrap();
    let tls = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain.map(Result::unwrap).collect(), key)
        .unwrap();
    (Arc::new(tls), ca.root_pem().to_owned())
}

fn serve(stream: TcpStream, tls: &Arc<ServerConfig>, asked: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let connection = ServerConnection::new(Arc::clone(tls)).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_ascii_lowercase());
    }
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body)?;
    let answer = answer(&head, &String::from_utf8_lossy(&body), asked);
    let stream = stream.get_mut();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{answer}",
        answer.len()
    )?;
    stream.conn.send_close_notify();
    stream.flush()
}

fn answer(head: &[String], body: &str, asked: &Mutex<Vec<String>>) -> String {
    let refusal =
        |code: u32, kind: &str| format!(r#"{{"success":false,"error":{{"code":{code},"type":"{kind}"}}}}"#);
    let line = head.first().map(String::as_str).unwrap_or_default();
    if !line.starts_with("post /acme/eab-credentials-email ") {
        return refusal(103, "invalid_api_function");
    }
    if !head.contains(&"content-type: application/x-www-form-urlencoded".to_owned()) {
        return refusal(2817, "missing_email");
    }
    let Some(email) = body.strip_prefix("email=").and_then(form_decoded) else {
        return refusal(2817, "missing_email");
    };
    if !email.contains('@') || email.contains([' ', '&']) || email.ends_with("@nowhere.invalid") {
        return refusal(2818, "invalid_email");
    }
    let mut asked = asked.lock().unwrap();
    if asked.len() >= MOST {
        return refusal(2819, "daily_limit_reached");
    }
    asked.push(email);
    format!(r#"{{"success":1,"eab_kid":"{KID}","eab_hmac_key":"{KEY}"}}"#)
}

/// A value of a form; `None` where it is not encoded as one.
fn form_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            _ if byte.is_ascii_alphanumeric() || b"*-._".contains(&byte) => byte,
            _ => return None,
        });
    }
    String::from_utf8(decoded).ok()
}

/// So many are handed out.
const MOST: usize = 1;
