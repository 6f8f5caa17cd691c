//! DNS servers on loopback: each on an address of its own, all on one port.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecoder, Restrict};

/// Some servers, on 127.0.0.1, 127.0.0.2 and so on.
pub(crate) struct Servers {
    pub(crate) port: u16,
    pub(crate) each: Vec<NameServer>,
}

pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    pub(crate) content: Arc<Mutex<Content>>,
    threads: Vec<JoinHandle<()>>,
}

/// What a server has, and how it behaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    records: BTreeMap<(String, RecordType), Vec<RData>>,
    pub(crate) is_silent: bool,
    pub(crate) is_lame: bool,
    /// Whether answers by UDP are cut.
    pub(crate) is_cutting: bool,
    pub(crate) code: Option<ResponseCode>,
    /// Names and types for which it fails, as a resolver does that can't get at an answer.
    failing: Vec<(String, RecordType)>,
    /// Whether what fails is answered where DNSSEC is not to be validated.
    is_bogus: bool,
    pub(crate) asked: usize,
    is_over: bool,
}

impl Servers {
    pub(crate) fn start(count: u8) -> Self {
        for _ in 0..50 {
            let first = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = first.local_addr().unwrap().port();
            drop(first);
            let each: Option<Vec<_>> =
                (1..=count).map(|last| NameServer::start(Ipv4Addr::new(127, 0, 0, last), port)).collect();
            if let Some(each) = each {
                return Self { port, each };
            }
        }
        panic!("no port is free on all addresses");
    }

    pub(crate) fn change(&self, at: usize, change: impl FnOnce(&mut Content)) {
        change(&mut self.each[at].content.lock().unwrap());
    }

    /// The same zone on the servers from `first` on, which it names `ns<number>`; the server 0
    /// knows everything, as a resolver does.
    pub(crate) fn serve(&self, zone: &str, first: usize) {
        let names: Vec<_> = (first..self.each.len()).map(|at| format!("ns{at}.{zone}")).collect();
        for at in std::iter::once(0).chain(first..self.each.len()) {
            self.change(at, |content| {
                content.add_soa(zone);
                for (at, server) in (first..).zip(&names) {
                    content.add(zone, RData::NS(NS(name(server))));
                    let IpAddr::V4(address) = self.each[at].address.ip() else { continue };
                    content.add(server, RData::A(A(address)));
                }
            });
        }
    }
}

impl NameServer {
    fn start(ip: Ipv4Addr, port: u16) -> Option<Self> {
        let udp = UdpSocket::bind((ip, port)).ok()?;
        let tcp = TcpListener::bind((ip, port)).ok()?;
        let content = Arc::<Mutex<Content>>::default();
        let address = udp.local_addr().ok()?;
        let (by_udp, by_tcp) = (Arc::clone(&content), Arc::clone(&content));
        let threads = vec![
            thread::spawn(move || serve_udp(&udp, &by_udp)),
            thread::spawn(move || serve_tcp(&tcp, &by_tcp)),
        ];
        Some(Self { address, content, threads })
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.content.lock().unwrap().is_over = true;
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().send_to(&[], self.address).unwrap();
        drop(TcpStream::connect(self.address));
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

impl Content {
    pub(crate) fn add(&mut self, owner: &str, data: RData) {
        self.records.entry((owner.to_ascii_lowercase(), data.record_type())).or_default().push(data);
    }

    pub(crate) fn add_soa(&mut self, zone: &str) {
        self.add(zone, RData::SOA(SOA::new(name(zone), name(zone), 1, 60, 60, 60, 60)));
    }

    pub(crate) fn add_text(&mut self, owner: &str, parts: &[&str]) {
        self.add(owner, RData::TXT(TXT::new(parts.iter().map(|part| (*part).to_string()).collect())));
    }

    pub(crate) fn add_alias(&mut self, owner: &str, target: &str) {
        self.add(owner, RData::CNAME(CNAME(name(target))));
    }

    pub(crate) fn add_caa(&mut self, owner: &str, flags: u8, tag: &str, value: &str) {
        let octets = [&[flags, tag.len() as u8], tag.as_bytes(), value.as_bytes()].concat();
        let mut decoder = BinDecoder::new(&octets);
        let length = Restrict::new(octets.len() as u16);
        self.add(owner, RData::read(&mut decoder, RecordType::CAA, length).unwrap());
    }

    pub(crate) fn add_address(&mut self, owner: &str, address: &str) {
        self.add(
            owner,
            match address.parse().unwrap() {
                IpAddr::V4(address) => RData::A(A(address)),
                IpAddr::V6(address) => RData::AAAA(AAAA(address)),
            },
        );
    }

    pub(crate) fn fail(&mut self, owner: &str, kind: RecordType, is_bogus: bool) {
        self.failing.push((owner.to_string(), kind));
        self.is_bogus = is_bogus;
    }

    fn fails(&self, query: &Query, checking_disabled: bool) -> bool {
        let asked = (key(query.name()), query.query_type());
        self.failing.contains(&asked) && !(self.is_bogus && checking_disabled)
    }

    fn answer(&mut self, octets: &[u8]) -> Option<Message> {
        let question = Message::from_vec(octets).ok()?;
        self.asked += 1;
        if self.is_silent {
            return None;
        }
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        answer.add_queries(question.queries.clone());
        answer.metadata.authoritative = !self.is_lame;
        let query = question.queries.first()?;
        if self.fails(query, question.metadata.checking_disabled) {
            answer.metadata.response_code = ResponseCode::ServFail;
            return Some(answer);
        }
        let mut owner = query.name().clone();
        while let Some(aliases) = self.of(&owner, RecordType::CNAME) {
            let RData::CNAME(target) = &aliases[0] else { return None };
            answer.add_answer(Record::from_rdata(owner, 60, aliases[0].clone()));
            owner = target.0.clone();
            if answer.answers.len() > 20 {
                break;
            }
        }
        for data in self.of(&owner, query.query_type()).unwrap_or_default() {
            answer.add_answer(Record::from_rdata(owner.clone(), 60, data.clone()));
        }
        let below = format!(".{}", key(&owner));
        let is_known = self.records.keys().any(|(known, _)| *known == key(&owner) || known.ends_with(&below));
        if !is_known {
            answer.metadata.response_code = ResponseCode::NXDomain;
        }
        let mut zone = owner.clone();
        while !zone.is_root() {
            if let Some(soa) = self.of(&zone, RecordType::SOA) {
                answer.add_authority(Record::from_rdata(zone.clone(), 60, soa[0].clone()));
                break;
            }
            zone = zone.base_name();
        }
        answer.metadata.response_code = self.code.unwrap_or(answer.metadata.response_code);
        Some(answer)
    }

    fn of(&self, owner: &Name, kind: RecordType) -> Option<&[RData]> {
        self.records.get(&(key(owner), kind)).map(Vec::as_slice)
    }
}

fn serve_udp(socket: &UdpSocket, content: &Mutex<Content>) {
    let mut buffer = [0; 4096];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        let mut content = content.lock().unwrap();
        if content.is_over {
            return;
        }
        let Some(mut answer) = content.answer(&buffer[..length]) else { continue };
        if content.is_cutting {
            answer.answers.clear();
            answer.metadata.truncation = true;
        }
        socket.send_to(&answer.to_vec().unwrap(), from).unwrap();
    }
}

fn serve_tcp(listener: &TcpListener, content: &Mutex<Content>) {
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        if content.lock().unwrap().is_over {
            return;
        }
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut octets = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut octets).unwrap();
        let Some(answer) = content.lock().unwrap().answer(&octets) else { continue };
        let octets = answer.to_vec().unwrap();
        let length = u16::try_from(octets.len()).unwrap();
        stream.write_all(&[&length.to_be_bytes(), octets.as_slice()].concat()).unwrap();
    }
}

fn key(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}

pub(crate) fn name(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}
