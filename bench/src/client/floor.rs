//! The least that obtains a certificate: one connection, one write for each request, and nothing
//! done that the protocol does not ask for. It is no client: it takes every answer for a good one.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use acme_proto::limits::{EXCHANGE_TIME_LIMIT, FIRST_POLL_WAIT};
use acme_proto::{Exchange, Operation};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use serde::Deserialize;

use super::Client;

pub(super) struct Floor {
    transport: Box<dyn Transport>,
    key: EcdsaKeyPair,
    random: SystemRandom,
    /// `"kid":"URL"`, once there is an account.
    signer: String,
    nonce: String,
    new_order: String,
}

impl Floor {
    /// Over one connection of its own.
    pub(super) fn connect(url: &str, root: &Path) -> Result<Self, Box<dyn Error>> {
        Self::over(Box::new(Connection::open(url, root)?), url)
    }

    /// Over the transport of acme-lib, to tell the cost of that from the cost of the rest.
    pub(super) fn connect_by_acme_http(url: &str, root: &Path) -> Result<Self, Box<dyn Error>> {
        let client = acme_http::Client::builder().root_pem(std::fs::read(root)?).build()?;
        Self::over(Box::new(client), url)
    }

    fn over(mut transport: Box<dyn Transport>, url: &str) -> Result<Self, Box<dyn Error>> {
        let directory = transport.exchange("GET", url, "")?;
        let directory: Directory = serde_json::from_slice(&directory.body)?;
        let nonce = transport.exchange("HEAD", &directory.new_nonce, "")?.nonce;
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let point = key.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        let mut floor = Self {
            transport,
            signer: format!(r#""jwk":{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
            key,
            random: SystemRandom::new(),
            nonce,
            new_order: directory.new_order,
        };
        let account = floor.post(&directory.new_account, r#"{"termsOfServiceAgreed":true}"#)?.location;
        floor.signer = format!(r#""kid":"{account}""#);
        Ok(floor)
    }

    fn post(&mut self, url: &str, payload: &str) -> Result<Response, Box<dyn Error>> {
        let protected =
            format!(r#"{{"alg":"ES256",{},"nonce":"{}","url":"{url}"}}"#, self.signer, self.nonce);
        let mut body = String::from(r#"{"protected":""#);
        let start = body.len();
        URL_SAFE_NO_PAD.encode_string(protected, &mut body);
        let middle = body.len();
        let payload = URL_SAFE_NO_PAD.encode(payload);
        let message = format!("{}.{payload}", &body[start..middle]);
        let signature = self.key.sign(&self.random, message.as_bytes())?;
        write!(body, r#"","payload":"{payload}","signature":""#)?;
        URL_SAFE_NO_PAD.encode_string(signature, &mut body);
        body.push_str("\"}");
        let response = self.transport.exchange("POST", url, &body)?;
        self.nonce.clone_from(&response.nonce);
        Ok(response)
    }

    fn read<T: for<'a> Deserialize<'a>>(&mut self, url: &str, payload: &str) -> Result<T, Box<dyn Error>> {
        Ok(serde_json::from_slice(&self.post(url, payload)?.body)?)
    }

    /// Looks at an order until it is no longer as it was.
    fn poll(&mut self, url: &str, status: &str) -> Result<Order, Box<dyn Error>> {
        loop {
            let order: Order = self.read(url, "")?;
            if order.status != status {
                return Ok(order);
            }
            thread::sleep(FIRST_POLL_WAIT);
        }
    }
}

impl Client for Floor {
    fn issue(&mut self, names: &[String]) -> Result<(), Box<dyn Error>> {
        let [name] = names else { return Err("one name only".into()) };
        let url = self.new_order.clone();
        let made = self.post(&url, &format!(r#"{{"identifiers":[{{"type":"dns","value":"{name}"}}]}}"#))?;
        let mut order: Order = serde_json::from_slice(&made.body)?;
        for url in &order.authorizations {
            let authorization: Authorization = self.read(url, "")?;
            let challenge = authorization.challenges.into_iter().find(|one| one.kind == "http-01");
            self.post(&challenge.ok_or("no http-01")?.url, "{}")?;
        }
        order = self.poll(&made.location, "pending")?;
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
        let csr = URL_SAFE_NO_PAD.encode(csr(name, &key, &self.random)?);
        order = self.read(&order.finalize, &format!(r#"{{"csr":"{csr}"}}"#))?;
        if order.certificate.is_none() {
            // As long as acme-lib waits: a processor that rested has cold caches, and is slower.
            thread::sleep(FIRST_POLL_WAIT);
            order = self.poll(&made.location, "processing")?;
        }
        let chain = self.post(&order.certificate.ok_or("no certificate")?, "")?.body;
        if !chain.starts_with(b"-----BEGIN CERTIFICATE-----") {
            return Err("no certificate".into());
        }
        key.to_pkcs8v1()?;
        Ok(())
    }
}

trait Transport {
    fn exchange(&mut self, method: &str, url: &str, body: &str) -> Result<Response, Box<dyn Error>>;
}

impl Transport for acme_http::Client {
    fn exchange(&mut self, method: &str, url: &str, body: &str) -> Result<Response, Box<dyn Error>> {
        let request = http::Request::builder()
            .method(method)
            .uri(url)
            .header("user-agent", "floor/1")
            .header("content-type", "application/jose+json")
            .body(body.as_bytes().to_vec())?;
        let exchange = Exchange::new(request, Operation::Order, 1 << 20, EXCHANGE_TIME_LIMIT);
        let (head, body) = self.perform(vec![exchange]).pop().ok_or("no response")??.into_parts();
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Response {
            location: header("location").to_owned(),
            nonce: header("replay-nonce").to_owned(),
            body,
        })
    }
}

struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    authority: String,
}

impl Connection {
    fn open(url: &str, root: &Path) -> Result<Self, Box<dyn Error>> {
        let uri: http::Uri = url.parse()?;
        let authority = uri.authority().ok_or("no authority")?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(root)?)?;
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(authority.host().to_owned())?;
        let socket = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(443)))?;
        socket.set_nodelay(true)?;
        let tls = ClientConnection::new(Arc::new(config), name)?;
        Ok(Self { stream: StreamOwned::new(tls, socket), authority: authority.to_string() })
    }

    fn receive(&mut self, input: &mut Vec<u8>) -> Result<(), Box<dyn Error>> {
        let mut buffer = [0; 8192];
        let count = self.stream.read(&mut buffer)?;
        if count == 0 {
            return Err("the connection was closed".into());
        }
        input.extend_from_slice(&buffer[..count]);
        Ok(())
    }
}

impl Transport for Connection {
    fn exchange(&mut self, method: &str, url: &str, body: &str) -> Result<Response, Box<dyn Error>> {
        let path = url.split_once(&self.authority).ok_or("another host")?.1;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nuser-agent: floor/1\r\n\
             content-type: application/jose+json\r\ncontent-length: {}\r\n\r\n{body}",
            self.authority,
            body.len()
        );
        self.stream.write_all(request.as_bytes())?;
        let mut input = Vec::with_capacity(4096);
        let head = loop {
            self.receive(&mut input)?;
            if let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let mut response = Response::default();
        let mut length = Some(0);
        for line in str::from_utf8(&input[..head])?.lines() {
            let (name, value) = line.split_once(": ").unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.parse()?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                length = None;
            } else if name.eq_ignore_ascii_case("location") {
                response.location = value.to_owned();
            } else if name.eq_ignore_ascii_case("replay-nonce") {
                response.nonce = value.to_owned();
            }
        }
        response.body = input.split_off(head);
        if method == "HEAD" {
            return Ok(response);
        }
        while !length
            .map_or_else(|| response.body.ends_with(b"\r\n0\r\n\r\n"), |length| response.body.len() >= length)
        {
            self.receive(&mut response.body)?;
        }
        if length.is_none() {
            response.body = dechunked(&response.body).ok_or("bad chunks")?;
        }
        Ok(response)
    }
}

/// Joins the chunks of a body (RFC 9112, section 7.1).
fn dechunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::with_capacity(rest.len());
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(str::from_utf8(rest.get(..end)?).ok()?, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        let start = end + 2;
        body.extend_from_slice(rest.get(start..start + length)?);
        rest = rest.get(start + length + 2..)?;
    }
}

#[derive(Default)]
struct Response {
    location: String,
    nonce: String,
    body: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Directory {
    new_nonce: String,
    new_account: String,
    new_order: String,
}

#[derive(Deserialize)]
struct Order {
    status: String,
    authorizations: Vec<String>,
    finalize: String,
    certificate: Option<String>,
}

#[derive(Deserialize)]
struct Authorization {
    challenges: Vec<OfferedChallenge>,
}

#[derive(Deserialize)]
struct OfferedChallenge {
    url: String,
    #[serde(rename = "type")]
    kind: String,
}

/// A certificate signing request for one name (RFC 2986).
fn csr(name: &str, key: &EcdsaKeyPair, random: &SystemRandom) -> Result<Vec<u8>, Box<dyn Error>> {
    let names = tlv(SEQUENCE, &[&tlv(DNS_NAME, &[name.as_bytes()])]);
    let extension = tlv(SEQUENCE, &[SUBJECT_ALT_NAME, &tlv(OCTET_STRING, &[&names])]);
    let extensions = tlv(SET, &[&tlv(SEQUENCE, &[&extension])]);
    let attributes = tlv(ATTRIBUTES, &[&tlv(SEQUENCE, &[EXTENSION_REQUEST, &extensions])]);
    let point = tlv(BIT_STRING, &[&[0], key.public_key().as_ref()]);
    let public_key = tlv(SEQUENCE, &[&tlv(SEQUENCE, &[EC_PUBLIC_KEY, P256]), &point]);
    let info = tlv(SEQUENCE, &[VERSION_0, EMPTY_SUBJECT, &public_key, &attributes]);
    let signature = key.sign(random, &info)?;
    let signature = tlv(BIT_STRING, &[&[0], signature.as_ref()]);
    Ok(tlv(SEQUENCE, &[&info, &tlv(SEQUENCE, &[ECDSA_WITH_SHA256]), &signature]))
}

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut der = vec![tag];
    match length.to_be_bytes() {
        [.., 0, low @ 0..128] => der.push(low),
        [.., 0, low] => der.extend([0x81, low]),
        [.., high, low] => der.extend([0x82, high, low]),
    }
    parts.iter().for_each(|part| der.extend_from_slice(part));
    der
}

const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const DNS_NAME: u8 = 0x82;
const ATTRIBUTES: u8 = 0xa0;
const VERSION_0: &[u8] = &[0x02, 1, 0];
const EMPTY_SUBJECT: &[u8] = &[SEQUENCE, 0];
const SUBJECT_ALT_NAME: &[u8] = &[0x06, 3, 0x55, 0x1d, 0x11];
const EXTENSION_REQUEST: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];
const EC_PUBLIC_KEY: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ECDSA_WITH_SHA256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
