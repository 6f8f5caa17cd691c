//! What comes over a connection that we read ourselves.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::LazyLock;
use std::thread;

use acme_proto::{Challenge, ChallengeType, Identifier};
use acme_solver::{Dns01, Http01, SelfCheck};

/// Whatever a client sends, it gets an answer, or the connection is closed.
pub(crate) fn http01_request(data: &[u8]) {
    static SERVER: LazyLock<Http01> = LazyLock::new(|| Http01::bind("127.0.0.1:0").expect("a port"));
    let mut stream = TcpStream::connect(SERVER.local_addr()).expect("a connection");
    // The server may have seen enough, and be gone.
    let _ = stream.write_all(data);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
}

/// Whatever a client asks, it gets answers to less than it sent, or the connection is closed.
pub(crate) fn dns01_question(data: &[u8]) {
    static SERVER: LazyLock<Dns01> =
        LazyLock::new(|| Dns01::bind("127.0.0.1:0", "ns.example.net").expect("a port"));
    let mut stream = TcpStream::connect(SERVER.local_addr()).expect("a connection");
    // The server may have seen enough, and be gone.
    let _ = stream.write_all(data);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answers = Vec::new();
    let _ = stream.read_to_end(&mut answers);
    let mut rest = answers.as_slice();
    while let [high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        assert!(length >= 12, "no header of DNS");
        let Some((answer, others)) = after.split_at_checked(length) else { break };
        assert_eq!(answer[2] & 0x80, 0x80, "no response");
        rest = others;
    }
}

/// Whatever a server sends, the check ends with one finding.
pub(crate) fn self_check(data: &[u8]) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let data = data.to_vec();
    let serving = thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A connection without a request is the end.
            if !serve(stream, &data) {
                return;
            }
        }
    });
    let check = SelfCheck::new(port).resolve_all(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let findings = check.check(&[challenge()]);
    assert_eq!(findings.len(), 1);
    let _ = format!("{:?}", findings);
    drop(TcpStream::connect((Ipv4Addr::LOCALHOST, port)));
    serving.join().expect("a server");
}

fn serve(mut stream: TcpStream, data: &[u8]) -> bool {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return false,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
    }
    let _ = stream.write_all(data);
    let _ = stream.shutdown(Shutdown::Write);
    // Closed with something unread, a connection is reset, and what was sent may be lost.
    let _ = stream.read_to_end(&mut request);
    true
}

fn challenge() -> Challenge {
    let document = serde_json::json!({
        "identifier": Identifier::Dns("a.example".to_owned()),
        "wildcard": false,
        "kind": ChallengeType::Http01,
        "url": "https://ca.test/challenge/1",
        "token": "DGyRejmCefe7v4NfDGDKfA",
        "key_authorization": "DGyRejmCefe7v4NfDGDKfA.thumbprint",
        "digest": vec![0; 32],
    });
    serde_json::from_value(document).expect("a challenge")
}
