//! What the servers answer that take dynamic updates.

use std::net::{Ipv4Addr, UdpSocket};
use std::thread;
use std::time::Duration;

use acme_keys::{TsigAlgorithm, TsigKey};
use acme_proto::{Challenge, ChallengeType, Identifier, Solver as _};
use acme_solver::dns::DnsUpdate;

/// The first byte says whether there is a key; the rest is the answer to every message, without its
/// first two bytes, which have the message's identity.
pub(crate) fn replies(data: &[u8]) {
    let Some((mode, answer)) = data.split_first() else { return };
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = socket.local_addr().expect("an address");
    let solver = DnsUpdate::new(&address.to_string()).expect("an address");
    let mut solver = solver.with_time_limit(TIME_LIMIT);
    let is_signed = *mode == b's';
    if is_signed {
        let key = TsigKey::from_bytes(TsigAlgorithm::HmacSha256, b"the secret of both");
        solver = solver.with_key("acme-key", key).expect("a name");
    }
    thread::scope(|scope| {
        scope.spawn(|| serve(&socket, answer));
        let outcomes = solver.present(&[challenge()]);
        // Without the key nobody can answer in the server's name.
        assert!(outcomes.len() == 1 && !(is_signed && outcomes[0].is_ok()), "{outcomes:?}");
        let end = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        end.send_to(&[], address).expect("a server");
    });
}

/// Answers until an empty message comes.
fn serve(socket: &UdpSocket, answer: &[u8]) {
    let mut message = [0; 1024];
    while let Ok((length @ 3.., peer)) = socket.recv_from(&mut message) {
        let Some((first, rest)) = answer.split_first().filter(|_| length < message.len()) else {
            return;
        };
        // What is no response to the operation is not waited for again and again.
        let flags = 0x80 | message[2] & 0x78 | first & 0x07;
        let reply = [&message[..2], &[flags], rest].concat();
        let _ = socket.send_to(&reply, peer);
    }
}

fn challenge() -> Challenge {
    let document = serde_json::json!({
        "identifier": Identifier::Dns("a.example".to_owned()),
        "wildcard": false,
        "kind": ChallengeType::Dns01,
        "url": "https://ca.test/challenge/1",
        "token": "DGyRejmCefe7v4NfDGDKfA",
        "key_authorization": "",
        "digest": vec![0; 32],
    });
    serde_json::from_value(document).expect("a challenge")
}

/// Every message is answered at once, over UDP; nobody listens over TCP.
const TIME_LIMIT: Duration = Duration::from_millis(200);
