//! A DNS server that answers 127.0.0.1 for every name, and passes `_acme-challenge` names on.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record, RecordType};

/// A DNS server on loopback; it stops when it is dropped.
#[derive(Debug)]
pub struct Dns {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Dns {
    /// Starts it on a free port. Questions for `_acme-challenge` names go to another server, as by
    /// a delegation, if there is one.
    ///
    /// # Errors
    /// When there is no socket to be had.
    pub fn start(challenges: Option<SocketAddr>) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = socket.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || serve(&socket, &stopped, challenges));
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // An empty packet wakes the thread.
        if let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
            drop(socket.send_to(&[], self.address));
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(socket: &UdpSocket, stop: &AtomicBool, challenges: Option<SocketAddr>) {
    let mut buffer = [0; 4096];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        if let Some(response) = buffer.get(..length).and_then(|query| answer(query, challenges)) {
            drop(socket.send_to(&response, peer));
        }
    }
}

/// The answer to a query: an address for A, nothing for any other type.
fn answer(packet: &[u8], challenges: Option<SocketAddr>) -> Option<Vec<u8>> {
    let query = Message::from_vec(packet).ok()?;
    let is_challenge = |question: &Query| question.name().iter().any(|label| label == CHALLENGE);
    if let Some(server) = challenges.filter(|_| query.queries.iter().any(is_challenge)) {
        return ask(server, packet).ok();
    }
    let mut response = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
    response.metadata.response_code = ResponseCode::NoError;
    response.metadata.authoritative = true;
    response.metadata.recursion_available = true;
    for question in &query.queries {
        response.add_query(question.clone());
        if question.query_type() == RecordType::A {
            let address = RData::A(A(Ipv4Addr::LOCALHOST));
            response.add_answer(Record::from_rdata(question.name().clone(), 1, address));
        }
    }
    response.to_vec().ok()
}

/// Asks another server over UDP.
fn ask(server: SocketAddr, packet: &[u8]) -> io::Result<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(TIME_LIMIT))?;
    socket.send_to(packet, server)?;
    let mut buffer = vec![0; 4096];
    let (length, _) = socket.recv_from(&mut buffer)?;
    buffer.truncate(length);
    Ok(buffer)
}

const CHALLENGE: &[u8] = b"_acme-challenge";

/// How long the other server may take.
const TIME_LIMIT: Duration = Duration::from_secs(5);
