//! Servers on loopback that answer what a test wants.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::{A, NS, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// An HTTP/1.1 server.
pub(super) struct HttpServer {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What it is asked.
pub(super) struct HttpRequest {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) body: Vec<u8>,
    head: String,
}

impl HttpServer {
    /// Answers each request with a status and a body.
    pub(super) fn start(
        answer: impl Fn(&HttpRequest) -> (&'static str, String) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let (ends, answer) = (Arc::clone(&is_over), Arc::new(answer));
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let answer = Arc::clone(&answer);
                // Whoever hung up is not interested any more.
                thread::spawn(move || drop(converse(stream, &*answer)));
            }
        });
        Self { address, is_over, thread: Some(thread) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        TcpStream::connect(self.address).unwrap();
        let result = self.thread.take().unwrap().join();
        assert!(thread::panicking() || result.is_ok());
    }
}

impl HttpRequest {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

fn converse(
    stream: TcpStream,
    answer: &dyn Fn(&HttpRequest) -> (&'static str, String),
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let mut words = head.split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let mut request = HttpRequest { method, target, body: Vec::new(), head };
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        request.body = vec![0; length];
        reader.read_exact(&mut request.body)?;
        let (status, body) = answer(&request);
        write!(writer, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    }
}

/// A resolver that is the only server of a zone, too.
pub(super) struct NameServer {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    /// Has the records that `find` finds for a name, which is without a dot at its end, and a type.
    pub(super) fn start(
        zone: &'static str,
        find: impl Fn(&str, RecordType) -> Vec<RData> + Send + 'static,
    ) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut buffer = [0; 1500];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).unwrap();
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let question = Message::from_vec(&buffer[..length]).unwrap();
                socket.send_to(&resolve(&question, zone, &find).to_vec().unwrap(), from).unwrap();
            }
        });
        Self { address, is_over, thread: Some(thread) }
    }

    pub(super) fn options(&self) -> String {
        format!("--resolver {} --dns-port {}", self.address, self.address.port())
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[], self.address).unwrap();
        let result = self.thread.take().unwrap().join();
        assert!(thread::panicking() || result.is_ok());
    }
}

fn resolve(question: &Message, zone: &str, find: &dyn Fn(&str, RecordType) -> Vec<RData>) -> Message {
    let query = &question.queries[0];
    let (name, kind) = (query.name(), query.query_type());
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.add_query(query.clone());
    answer.metadata.authoritative = true;
    let (zone, server) = (fqdn(zone), fqdn(&format!("ns.{zone}")));
    let soa = SOA::new(server.clone(), zone.clone(), 1, 60, 60, 60, 60);
    answer.add_authority(Record::from_rdata(zone.clone(), 60, RData::SOA(soa)));
    let data = if kind == RecordType::A {
        vec![RData::A(A::new(127, 0, 0, 1))]
    } else if kind == RecordType::NS && *name == zone {
        vec![RData::NS(NS(server))]
    } else {
        find(name.to_ascii().to_lowercase().trim_end_matches('.'), kind)
    };
    for data in data {
        answer.add_answer(Record::from_rdata(name.clone(), 60, data));
    }
    answer
}

pub(super) fn fqdn(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}
