//! Messages to the server that takes updates, and its replies.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, MessageType, OpCode};
use jiff::Timestamp;

use super::error::{TsigFault, UpdateError, word};
use super::tsig::{Signature, Signer};

/// A name server, and the key that it shares with us.
#[derive(Clone, Debug)]
pub(super) struct Server {
    host: String,
    port: u16,
    pub(super) signer: Option<Signer>,
    /// How long one exchange may take at one address.
    pub(super) time_limit: Duration,
    pub(super) clock: fn() -> Timestamp,
}

/// A message that is sent.
#[derive(Debug)]
pub(super) struct Request {
    octets: Vec<u8>,
    id: u16,
    operation: OpCode,
    mac: Vec<u8>,
}

/// Why octets are no reply that counts.
#[derive(Debug)]
pub(super) enum Unfit {
    /// It is to another message, or none.
    Foreign,
    Malformed,
    Tsig(TsigFault),
    Truncated,
}

impl Server {
    /// Reads `HOST`, `HOST:PORT`, or an address with or without a port.
    pub(super) fn parse(text: &str) -> Result<Self, UpdateError> {
        let text = text.trim();
        let (host, port) = match (text.parse::<IpAddr>(), text.rsplit_once(':')) {
            (Ok(_), _) | (Err(_), None) => (text, DNS_PORT),
            (Err(_), Some((host, port))) => {
                (host, port.parse().map_err(|_| UpdateError::Server(text.to_owned()))?)
            }
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() || host.contains(['[', ']', '/', ' ']) {
            return Err(UpdateError::Server(text.to_owned()));
        }
        let clock = Timestamp::now;
        Ok(Self { host: host.to_owned(), port, signer: None, time_limit: TIME_LIMIT, clock })
    }

    /// Its name for people.
    pub(super) fn title(&self) -> String {
        match self.port {
            DNS_PORT => format!("the name server {}", self.host),
            port => format!("the name server {} (port {port})", self.host),
        }
    }

    /// Sends a message to the first of the server's addresses that answers.
    pub(super) fn ask(&self, message: &Message) -> Result<Message, UpdateError> {
        let silent =
            |source: io::Error| UpdateError::Silent { server: self.title(), source: Arc::new(source) };
        let addresses = (self.host.as_str(), self.port).to_socket_addrs().map_err(silent)?;
        let octets = message.to_vec().map_err(|error| silent(io::Error::other(error)))?;
        let mut last = silent(io::Error::new(io::ErrorKind::NotFound, "its name has no address"));
        for address in addresses.take(MAX_ADDRESSES) {
            match self.ask_at(address, &self.request(message, &octets)) {
                Err(error @ UpdateError::Silent { .. }) => last = error,
                outcome => return outcome,
            }
        }
        Err(last)
    }

    fn request(&self, message: &Message, octets: &[u8]) -> Request {
        let (id, operation) = (message.metadata.id, message.metadata.op_code);
        match &self.signer {
            None => Request { octets: octets.to_vec(), id, operation, mac: Vec::new() },
            Some(signer) => {
                let signed = signer.sign(octets, self.now());
                Request { octets: signed.octets, id, operation, mac: signed.mac }
            }
        }
    }

    fn now(&self) -> u64 {
        u64::try_from((self.clock)().as_second()).unwrap_or_default()
    }

    /// Asks over UDP where the message is small, and over TCP where it is not, or where what comes
    /// over UDP does not settle it.
    fn ask_at(&self, address: SocketAddr, request: &Request) -> Result<Message, UpdateError> {
        let mut unfit = None;
        if request.octets.len() <= MAX_UDP {
            match self.by_udp(address, request) {
                Ok(Ok(reply)) => return Ok(reply),
                Ok(Err(fault)) => unfit = Some(fault),
                Err(error) => tracing::debug!(%address, %error, "no reply over UDP"),
            }
        }
        match (self.by_tcp(address, request), unfit) {
            (Ok(Ok(reply)), _) => Ok(reply),
            (Ok(Err(fault)), _) => Err(self.unfit(fault)),
            (Err(_), Some(fault @ Unfit::Tsig(_))) => Err(self.unfit(fault)),
            (Err(error), _) => Err(UpdateError::Silent { server: self.title(), source: Arc::new(error) }),
        }
    }

    fn unfit(&self, fault: Unfit) -> UpdateError {
        let server = self.title();
        match fault {
            Unfit::Foreign => UpdateError::Reply { server, what: "it belongs to another message" },
            Unfit::Malformed => UpdateError::Reply { server, what: "it can't be read" },
            Unfit::Truncated => UpdateError::Reply { server, what: "it is truncated, over TCP" },
            Unfit::Tsig(fault) => UpdateError::Tsig { server, fault },
        }
    }

    fn by_udp(&self, address: SocketAddr, request: &Request) -> io::Result<Result<Message, Unfit>> {
        let own: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((own, 0))?;
        // From here on the system passes on only what comes from there.
        socket.connect(address)?;
        for _ in 0..UDP_TRIES {
            socket.send(&request.octets)?;
            if let Some(outcome) = self.receive(&socket, request)? {
                return Ok(outcome);
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// Waits for a reply to the request; `None` where none comes in time.
    fn receive(&self, socket: &UdpSocket, request: &Request) -> io::Result<Option<Result<Message, Unfit>>> {
        let end = Instant::now() + self.time_limit / (2 * UDP_TRIES);
        let mut buffer = [0; MAX_UDP_REPLY];
        for _ in 0..MAX_STRAYS {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            socket.set_read_timeout(Some(left))?;
            let length = match socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if is_timeout(&error) => break,
                Err(error) => return Err(error),
            };
            match self.judge(buffer.get(..length).unwrap_or_default(), request) {
                // A late answer to something else, or made up.
                Err(Unfit::Foreign) => {}
                outcome => return Ok(Some(outcome)),
            }
        }
        Ok(None)
    }

    fn by_tcp(&self, address: SocketAddr, request: &Request) -> io::Result<Result<Message, Unfit>> {
        let end = Instant::now() + self.time_limit / 2;
        let mut stream = TcpStream::connect_timeout(&address, self.time_limit / 2)?;
        stream.set_write_timeout(Some(left(end)?))?;
        let length = u16::try_from(request.octets.len()).map_err(io::Error::other)?;
        stream.write_all(&[length.to_be_bytes().as_slice(), &request.octets].concat())?;
        let mut length = [0; 2];
        read_until(&mut stream, &mut length, end)?;
        let mut reply = vec![0; u16::from_be_bytes(length).into()];
        read_until(&mut stream, &mut reply, end)?;
        Ok(self.judge(&reply, request))
    }

    /// Reads a reply, and checks that it is one, and whose.
    pub(super) fn judge(&self, octets: &[u8], request: &Request) -> Result<Message, Unfit> {
        let Some(([a, b], _)) = octets.split_first_chunk::<2>() else { return Err(Unfit::Foreign) };
        if u16::from_be_bytes([*a, *b]) != request.id {
            return Err(Unfit::Foreign);
        }
        let reply = Message::from_vec(octets).map_err(|_| Unfit::Malformed)?;
        let metadata = &reply.metadata;
        if metadata.message_type != MessageType::Response || metadata.op_code != request.operation {
            return Err(Unfit::Foreign);
        }
        if metadata.truncation {
            return Err(Unfit::Truncated);
        }
        let Some(signer) = &self.signer else { return Ok(reply) };
        let Some(signature) = Signature::read(octets).map_err(|_| Unfit::Malformed)? else {
            let (key, code) = (signer.name_text(), word(metadata.response_code));
            return Err(Unfit::Tsig(TsigFault::Unsigned { key, code }));
        };
        signer.check(octets, &signature, &request.mac, self.now()).map_err(Unfit::Tsig)?;
        Ok(reply)
    }
}

/// Fills a buffer, however slowly it comes, until a moment.
fn read_until(stream: &mut TcpStream, buffer: &mut [u8], end: Instant) -> io::Result<()> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        stream.set_read_timeout(Some(left(end)?))?;
        match stream.read(rest) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_timeout(&error) => return Err(io::ErrorKind::TimedOut.into()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn left(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

const DNS_PORT: u16 = 53;
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// Addresses of a server that are tried.
const MAX_ADDRESSES: usize = 4;
/// Octets of a message over UDP (RFC 1035, section 2.3.4); a server need not take more.
const MAX_UDP: usize = 512;
const MAX_UDP_REPLY: usize = 4096;
/// How often a message is sent over UDP. All tries together have one half of the time, TCP the other.
const UDP_TRIES: u32 = 2;
/// Datagrams that are no reply, until the next try.
const MAX_STRAYS: u32 = 64;
