use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};

use acme_proto::{Challenge, ChallengeType, Identifier, OfferedChallenge, Solver};
use acme_solver::{BindError, Http01, ResponseError};

use super::challenge::{TOKEN, good, http, identifier, of_kind, token};
use super::peer::{get, read, send};

fn listening() -> (Http01, SocketAddr, Challenge) {
    let mut solver = Http01::bind("127.0.0.1:0").unwrap();
    let challenge = http("example.com", TOKEN);
    assert_eq!(good(&solver.present(std::slice::from_ref(&challenge))), [true]);
    let address = solver.local_addr();
    (solver, address, challenge)
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn the_response_is_the_key_authorization_and_nothing_else() {
    let (_solver, address, challenge) = listening();
    let expected = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 87\r\n\
         Connection: close\r\n\r\n{}",
        challenge.key_authorization()
    );
    assert_eq!(get(address, &challenge.http_path()), expected);
}

#[test]
fn head_gets_the_same_head_and_no_body() {
    let (_solver, address, challenge) = listening();
    let whole = get(address, &challenge.http_path());
    let head = send(address, format!("HEAD {} HTTP/1.1\r\n\r\n", challenge.http_path()));
    assert_eq!(head, whole.strip_suffix(challenge.key_authorization()).unwrap());
}

#[test]
fn host_version_and_form_of_the_target_do_not_matter() {
    let (_solver, address, challenge) = listening();
    let path = challenge.http_path();
    for request in [
        format!("GET {path} HTTP/1.0\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: [::1]:80\r\nAccept: */*\r\n\r\n"),
        format!("GET http://other.example{path} HTTP/1.1\r\nHost: x\r\n\r\nbody that nobody asked for"),
    ] {
        let answer = send(address, &request);
        assert!(answer.ends_with(challenge.key_authorization()), "{request} {answer}");
    }
}

#[test]
fn other_paths_are_not_found() {
    let (_solver, address, challenge) = listening();
    let path = challenge.http_path();
    let prefix = &path[..path.len() - 1];
    for path in [
        "/",
        "*",
        "/.well-known/acme-challenge/",
        "/.well-known/acme-challenge",
        "/.well-known/acme-challenge/../../etc/passwd",
        "/.well-known/acme-challenge/%2e%2e%2fpasswd",
        prefix,
        &format!("{path}0"),
        &format!("{path}/"),
        &format!("{path}?x"),
        &format!("/{path}"),
        &path.to_uppercase(),
    ] {
        let answer = get(address, path);
        assert_eq!(status(&answer), "404", "{path}");
        assert!(!answer.contains(challenge.key_authorization()));
        assert!(!answer.contains(TOKEN), "tokens are not echoed");
    }
}

#[test]
fn other_methods_are_refused() {
    let (_solver, address, challenge) = listening();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "GETS"] {
        let request = format!("{method} {} HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody", challenge.http_path());
        let answer = send(address, request);
        assert_eq!(status(&answer), "405", "{method}");
        assert!(answer.contains("\r\nAllow: GET, HEAD\r\n"));
    }
}

#[test]
fn what_is_not_http_is_a_bad_request() {
    let (_solver, address, _challenge) = listening();
    for request in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"\r\n\r\n",
        b"\0\0\0\0",
        b"GET\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1 x\r\n\r\n",
        b"GET / HTTP/9\r\n\r\n",
        b"GET ../../etc/passwd HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = send(address, request);
        assert_eq!(status(&answer), "400", "{:?}", String::from_utf8_lossy(request));
    }
}

#[test]
fn headers_may_be_as_long_as_the_limit_and_no_longer() {
    let (_solver, address, challenge) = listening();
    let request = |length: usize| {
        let start = format!("GET {} HTTP/1.1\r\nX: ", challenge.http_path());
        let fill = "x".repeat(length - start.len() - 4);
        format!("{start}{fill}\r\n\r\n")
    };
    assert_eq!(status(&send(address, request(Http01::MAX_REQUEST))), "200");
    assert_eq!(status(&send(address, request(Http01::MAX_REQUEST + 1))), "400");
    assert_eq!(status(&send(address, request(Http01::MAX_REQUEST * 4))), "400");
}

#[test]
fn a_request_may_come_in_pieces() {
    let (_solver, address, challenge) = listening();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in format!("GET {} HTTP/1.1\r\n\r\n", challenge.http_path()).as_bytes() {
        stream.write_all(&[*byte]).unwrap();
    }
    assert!(read(&mut stream).ends_with(challenge.key_authorization()));
}

#[test]
fn slow_clients_hold_up_nobody_and_end_with_the_listener() {
    let (solver, address, challenge) = listening();
    let mut slow = TcpStream::connect(address).unwrap();
    slow.write_all(b"GET /").unwrap();
    assert_eq!(status(&get(address, &challenge.http_path())), "200");
    drop(solver);
    assert_eq!(read(&mut slow), "");
}

#[test]
fn one_connection_too_many_closes_the_oldest() {
    let (_solver, address, challenge) = listening();
    let mut idle: Vec<TcpStream> =
        (0..Http01::MAX_CONNECTIONS).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert_eq!(status(&get(address, &challenge.http_path())), "200");
    assert_eq!(read(&mut idle[0]), "");
    idle[1].write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(status(&read(&mut idle[1])), "404", "the second oldest is still served");
}

#[test]
fn a_withdrawn_response_is_gone_and_withdrawing_again_is_no_error() {
    let (mut solver, address, challenge) = listening();
    let other = http("www.example.com", &token(30));
    assert_eq!(good(&solver.present(&[challenge.clone(), other.clone()])), [true, true]);
    for _ in 0..2 {
        assert_eq!(good(&solver.withdraw(std::slice::from_ref(&challenge))), [true]);
        assert_eq!(status(&get(address, &challenge.http_path())), "404");
        assert_eq!(status(&get(address, &other.http_path())), "200");
    }
}

#[test]
fn results_keep_the_order_and_what_is_not_ours_is_refused_for_good() {
    let (mut solver, ..) = listening();
    let challenges = [
        of_kind("dns-01", "example.com", TOKEN),
        http("example.com", TOKEN),
        of_kind("new-01", "example.com", TOKEN),
        http("example.com", &token(OfferedChallenge::MIN_TOKEN)),
        http("example.com", &token(OfferedChallenge::MIN_TOKEN - 1)),
        http("example.com", &token(OfferedChallenge::MAX_TOKEN)),
        http("example.com", &token(OfferedChallenge::MAX_TOKEN + 1)),
        http("example.com", "../../../etc/passwd-and-more"),
    ];
    let expected = [false, true, false, true, false, true, false, false];
    assert_eq!(good(&solver.present(&challenges)), expected);
    assert_eq!(good(&solver.withdraw(&challenges)), expected);
    let error = solver.present(&challenges[2..3]).remove(0).unwrap_err();
    let kind = ResponseError::Kind(ChallengeType::Other("new-01".to_owned()));
    assert_eq!(error.get_ref().downcast_ref(), Some(&kind));
}

#[test]
fn names_and_addresses_can_be_proved_and_wildcards_can_not() {
    let (solver, ..) = listening();
    assert_eq!(solver.challenge_types(&identifier("example.com")), [ChallengeType::Http01]);
    assert_eq!(solver.challenge_types(&identifier("192.0.2.1")), [ChallengeType::Http01]);
    assert_eq!(solver.challenge_types(&identifier("2001:db8::1")), [ChallengeType::Http01]);
    assert_eq!(solver.challenge_types(&identifier("*.example.com")), []);
    let other = Identifier::Other { kind: "TNAuthList".to_owned(), value: "x".to_owned() };
    assert_eq!(solver.challenge_types(&other), []);
}

#[test]
fn every_address_means_both_families() {
    let mut solver = Http01::bind_any(0).unwrap();
    let challenge = http("example.com", TOKEN);
    assert_eq!(good(&solver.present(std::slice::from_ref(&challenge))), [true]);
    let port = solver.local_addr().port();
    for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let answer = get(SocketAddr::new(address, port), &challenge.http_path());
        assert!(answer.ends_with(challenge.key_authorization()), "{address}");
    }
}

#[test]
fn one_address_means_that_one() {
    let solver = Http01::bind("[::1]:0").unwrap();
    assert_eq!(solver.local_addr().ip(), Ipv6Addr::LOCALHOST);
    assert_eq!(status(&get(solver.local_addr(), "/")), "404");
}

#[test]
fn a_port_in_use_is_said_to_be() {
    let (solver, address, _challenge) = listening();
    let error = Http01::bind(address).unwrap_err();
    assert!(matches!(error, BindError::InUse { address: at } if at == address));
    assert_eq!(error.to_string(), format!("{address} is in use"));
    let error = Http01::bind_any(address.port()).unwrap_err();
    assert!(matches!(error, BindError::InUse { .. }), "every address is one too many as well");
    drop(solver);
}

#[test]
fn a_dropped_listener_frees_its_port() {
    // An address that no other test uses, or one could take the port in between.
    let mut solver = Http01::bind("127.0.0.77:0").unwrap();
    let challenge = http("example.com", TOKEN);
    let address = solver.local_addr();
    assert_eq!(good(&solver.present(std::slice::from_ref(&challenge))), [true]);
    assert_eq!(status(&get(address, &challenge.http_path())), "200");
    drop(solver);
    let again = Http01::bind(address).unwrap();
    assert_eq!(again.local_addr(), address);
    assert_eq!(status(&get(address, &challenge.http_path())), "404", "the new one knows no old tokens");
}

#[test]
fn addresses_that_can_not_be_had_are_told_apart() {
    assert!(matches!(Http01::bind("no address").unwrap_err(), BindError::Name(_)));
    assert!(matches!(Http01::bind(&[][..]).unwrap_err(), BindError::Name(_)));
    // TEST-NET-1 is nobody's.
    assert!(matches!(Http01::bind("192.0.2.1:0").unwrap_err(), BindError::NotLocal { .. }));
    let second = ["192.0.2.1:0", "127.0.0.1:0"].map(|text| text.parse::<SocketAddr>().unwrap());
    assert_eq!(Http01::bind(&second[..]).unwrap().local_addr().ip(), Ipv4Addr::LOCALHOST);
}

#[test]
fn debug_shows_no_response() {
    let (solver, _address, challenge) = listening();
    let text = format!("{solver:?}");
    assert!(!text.contains(challenge.key_authorization()) && !text.contains(TOKEN), "{text}");
}
