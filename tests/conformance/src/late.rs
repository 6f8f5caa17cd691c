//! News of changes to a zone that reach a secondary late.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::primary::free_port;

/// Takes a primary's NOTIFY messages, over UDP or TCP, and passes each on after a while; it stops when
/// it is dropped.
#[derive(Debug)]
pub struct LateNotify {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl LateNotify {
    /// Passes news on to a secondary, late by this time.
    ///
    /// # Errors
    /// When there are no sockets to be had.
    pub fn start(secondary: SocketAddr, late_by: Duration) -> io::Result<Self> {
        let address: SocketAddr = (Ipv4Addr::LOCALHOST, free_port(1)?).into();
        let (socket, listener) = (UdpSocket::bind(address)?, TcpListener::bind(address)?);
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, also_stopped) = (Arc::clone(&stop), Arc::clone(&stop));
        let threads = vec![
            thread::spawn(move || serve(&socket, &stopped, secondary, late_by)),
            thread::spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    if also_stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    drop(take(stream, address));
                }
            }),
        ];
        Ok(Self { address, stop, threads })
    }

    /// Where it takes them.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for LateNotify {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // An empty packet and a connection wake the threads.
        if let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
            drop(socket.send_to(&[], self.address));
        }
        drop(TcpStream::connect(self.address));
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

/// Takes a message over TCP, and hands it over as if it came over UDP.
fn take(mut stream: TcpStream, address: SocketAddr) -> io::Result<()> {
    stream.set_read_timeout(Some(TIME_LIMIT))?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut packet = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut packet)?;
    stream.write_all(&[length.as_slice(), &receipt(&packet)].concat())?;
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.send_to(&packet, address)?;
    Ok(())
}

fn serve(socket: &UdpSocket, stop: &AtomicBool, secondary: SocketAddr, late_by: Duration) {
    let mut held: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
    let mut buffer = [0; 4096];
    while !stop.load(Ordering::SeqCst) {
        let due = held.front().map(|(due, _)| due.saturating_duration_since(Instant::now()));
        if due.is_some_and(|due| due.is_zero()) {
            if let Some((_, packet)) = held.pop_front() {
                drop(socket.send_to(&packet, secondary));
            }
            continue;
        }
        if socket.set_read_timeout(due).is_err() {
            return;
        }
        let Ok((length, peer)) = socket.recv_from(&mut buffer) else { continue };
        let packet = buffer.get(..length).unwrap_or_default().to_vec();
        if peer == secondary || packet.len() < HEADER {
            continue;
        }
        drop(socket.send_to(&receipt(&packet), peer));
        held.push_back((Instant::now() + late_by, packet));
    }
}

/// The answer to a NOTIFY message: the same with the mark of a response.
fn receipt(packet: &[u8]) -> Vec<u8> {
    let mut receipt = packet.to_vec();
    if let Some(flags) = receipt.get_mut(2) {
        *flags |= RESPONSE;
    }
    receipt
}

const HEADER: usize = 12;
const RESPONSE: u8 = 0x80;
/// How long a message may take over TCP.
const TIME_LIMIT: Duration = Duration::from_secs(5);
