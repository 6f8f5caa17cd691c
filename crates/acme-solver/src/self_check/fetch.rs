//! One GET over HTTP/1.1, no more of it than a challenge response needs.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use super::CheckError;
use super::stream::{self, Timed, in_time, time_left};
use super::target::Target;

/// An answer, its body cut at [`MAX_REPLY`].
pub(super) struct Reply {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// The first header of a name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// What says that somebody is in between, if anything does.
    pub(super) fn proxy(&self) -> Option<String> {
        let of_network = |(header, name): &(&str, &str)| self.header(header).map(|_| (*name).to_owned());
        let via = || self.header("via").map(|via| printable(via.as_bytes()));
        PROXIES.iter().find_map(of_network).or_else(via)
    }

    /// Where the answer sends us instead, if it does.
    pub(super) fn redirect(&self) -> Option<&str> {
        let redirects = [301, 302, 303, 307, 308].contains(&self.status);
        self.header("location").filter(|_| redirects)
    }

    /// Reads an answer; `None` if it is not HTTP/1, or there is more of it to come.
    fn parse(bytes: &[u8]) -> Parsed {
        let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let starts_well = b"HTTP/1.".iter().zip(bytes).all(|(expected, found)| expected == found);
        let Some(head_end) = head_end.filter(|_| starts_well) else {
            return if starts_well { Parsed::Partial(None) } else { Parsed::NotHttp };
        };
        let (head, rest) = bytes.split_at(head_end);
        let body = rest.get(4..).unwrap_or_default();
        let head = String::from_utf8_lossy(head);
        let mut lines = head.split("\r\n");
        let status =
            lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let Some(status) = status else { return Parsed::NotHttp };
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers =
            headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
        let reply = Self { status, headers, body: Vec::new() };
        let is_chunked = reply.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked"));
        let length = reply.header("content-length").and_then(|length| length.parse::<usize>().ok());
        let (body, is_whole) = match length {
            _ if is_chunked => unchunk(body),
            Some(length) => (body.get(..length).unwrap_or(body).to_vec(), body.len() >= length),
            None => (body.to_vec(), false),
        };
        let reply = Self { body, ..reply };
        if is_whole || reply.redirect().is_some() {
            Parsed::Whole(reply)
        } else {
            Parsed::Partial(Some(reply))
        }
    }
}

enum Parsed {
    NotHttp,
    /// What there is, if there is all of its head; the end of the stream may be its end.
    Partial(Option<Reply>),
    Whole(Reply),
}

/// Fetches from the first address that takes the connection.
pub(super) fn get_any(
    addresses: &[SocketAddr],
    target: &Target,
    deadline: Instant,
) -> Result<(SocketAddr, Reply), (Option<SocketAddr>, CheckError)> {
    let mut failure = (None, CheckError::Name(ErrorKind::NotFound.into()));
    for (tried, address) in addresses.iter().enumerate() {
        // What is left is shared by the addresses left, so that a silent one leaves time for the next.
        let share = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let connected = time_left(deadline).and_then(|left| Timed::connect(*address, left / share, deadline));
        match connected {
            Ok(stream) => {
                let reply = get(stream, target);
                return reply.map(|reply| (*address, reply)).map_err(|reason| (Some(*address), reason));
            }
            Err(reason) => failure = (Some(*address), reason),
        }
    }
    Err(failure)
}

fn get(mut stream: Timed, target: &Target) -> Result<Reply, CheckError> {
    if !target.is_tls() {
        return exchange(&mut stream, target);
    }
    let mut stream = stream::shake_hands(stream, target.host(), &[b"http/1.1"])?;
    exchange(&mut stream, target)
}

fn exchange(stream: &mut (impl Read + Write), target: &Target) -> Result<Reply, CheckError> {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: acme-solver self-check\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        target.path(),
        target.authority()
    );
    stream.write_all(request.as_bytes()).map_err(in_time)?;
    let mut bytes = Vec::with_capacity(MAX_REPLY);
    let mut buffer = [0; 2048];
    loop {
        let end = match stream.read(&mut buffer) {
            Ok(read) => {
                bytes.extend_from_slice(&buffer[..read]);
                read == 0 || bytes.len() >= MAX_REPLY
            }
            // A server that closes too early resets what it has sent, and many end TLS without a word:
            // that may be all we need.
            Err(error) if is_end(error.kind()) && !bytes.is_empty() => true,
            Err(error) if error.kind() == ErrorKind::Interrupted => false,
            Err(error) => return Err(in_time(error)),
        };
        match Reply::parse(&bytes) {
            Parsed::Whole(reply) => return Ok(reply),
            Parsed::NotHttp if is_tls(&bytes) => return Err(CheckError::Tls),
            Parsed::NotHttp => return Err(CheckError::NotHttp),
            Parsed::Partial(Some(reply)) if end => return Ok(reply),
            Parsed::Partial(None) if end => return Err(CheckError::NotHttp),
            Parsed::Partial(_) => {}
        }
    }
}

/// Tells whether an answer is a TLS record: an alert, to who speaks something else.
fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x15 | 0x16, 3, ..])
}

/// The data of a chunked body as far as it goes, and whether it has its end.
///
/// <https://www.rfc-editor.org/rfc/rfc9112#section-7.1>
fn unchunk(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut data = Vec::new();
    while let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
        let (line, rest) = bytes.split_at(end);
        let size = line.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        let size = str::from_utf8(size).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let chunk = rest.get(2..).unwrap_or_default();
        match size {
            Some(0) => return (data, true),
            Some(size) => data.extend_from_slice(chunk.get(..size).unwrap_or(chunk)),
            None => break,
        }
        let Some(next) = size.and_then(|size| size.checked_add(2)).and_then(|next| chunk.get(next..)) else {
            break;
        };
        bytes = next;
    }
    (data, false)
}

/// A text of the peer's that can be shown: short, and without control characters.
pub(super) fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().filter(|c| !c.is_control()).take(MAX_SHOWN).collect()
}

fn is_end(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof)
}

/// Headers that content delivery networks add, and whose they are.
const PROXIES: [(&str, &str); 6] = [
    ("cf-ray", "Cloudflare"),
    ("x-akamai-request-id", "Akamai"),
    ("x-amz-cf-id", "CloudFront"),
    ("x-fastly-request-id", "Fastly"),
    ("x-sucuri-id", "Sucuri"),
    ("x-vercel-id", "Vercel"),
];

/// Most bytes of an answer that are looked at.
const MAX_REPLY: usize = 16 * 1024;

/// Most characters of a peer's text that are shown.
const MAX_SHOWN: usize = 120;

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use acme_proto::Identifier;

    use super::*;

    #[test]
    fn a_silent_server_costs_the_time_limit_and_no_more() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let target = Target::new(&Identifier::Ip(address.ip()), address.port(), "/".to_owned()).unwrap();
        let deadline = Instant::now() + Duration::from_millis(50);
        let failure = get_any(&[address], &target, deadline).map(|_| ()).unwrap_err();
        assert!(matches!(failure, (Some(at), CheckError::TimeLimit) if at == address));
    }

    #[test]
    fn chunks_are_joined_as_far_as_they_came() {
        assert_eq!(unchunk(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"), (b"abcde".to_vec(), true));
        assert_eq!(unchunk(b"3\r\nabc\r\n5\r\nde"), (b"abcde".to_vec(), false));
        assert_eq!(unchunk(b"3\r\nabc\r\nno chunk\r\n"), (b"abc".to_vec(), false));
        assert_eq!(unchunk(b"ffffffffffffffff\r\nab"), (b"ab".to_vec(), false));
    }

    #[test]
    fn shown_text_has_no_control_characters_and_an_end() {
        assert_eq!(printable(b"a\x1b[31mb\r\x00c"), "a[31mbc");
        assert_eq!(printable(&[b'x'; MAX_SHOWN + 1]).len(), MAX_SHOWN);
    }
}
