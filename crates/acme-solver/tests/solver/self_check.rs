use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc;

use acme_proto::{Challenge, Solver};
use acme_solver::{CheckError, Checked, Detour, Finding, Http01, Outcome, SelfCheck, TlsAlpn01};

use super::challenge::{TOKEN, good, http, identifier, of_kind, token};
use super::peer::{TlsServer, WebServer, banner};

fn local(address: SocketAddr) -> SelfCheck {
    SelfCheck::new(address.port()).resolve_all(address.ip())
}

/// The outcome for one name with a web server that answers so.
fn look(answer: impl Fn(&str, &str) -> Vec<u8> + Send + 'static) -> (SocketAddr, Finding) {
    let server = WebServer::start(answer);
    let findings = local(server.address).check(&[http("example.com", TOKEN)]);
    let [finding] = findings.try_into().unwrap();
    (server.address, finding)
}

/// The outcome of an answer that is always the same.
fn look_at(answer: impl Into<Vec<u8>>) -> Outcome {
    let answer = answer.into();
    look(move |_, _| answer.clone()).1.outcome
}

fn key_authorization() -> String {
    http("example.com", TOKEN).key_authorization().to_owned()
}

/// Redirects so many times before it gives the response.
fn redirecting(times: usize) -> impl Fn(&str, &str) -> Vec<u8> + Send + 'static {
    move |path, _| {
        let hop = path.strip_prefix("/hop/").map_or(0, |hop| hop.parse().unwrap());
        if hop == times {
            return format!("HTTP/1.1 200 OK\r\n\r\n{}", key_authorization()).into_bytes();
        }
        format!("HTTP/1.1 302 Found\r\nLocation: /hop/{}\r\n\r\n", hop + 1).into_bytes()
    }
}

#[test]
fn our_own_listener_gives_the_same() {
    let mut solver = Http01::bind("127.0.0.1:0").unwrap();
    let challenges: Vec<Challenge> =
        (0..100).map(|n| http(&format!("n{n}.example.com"), &token(30 + n))).collect();
    assert!(solver.present(&challenges).iter().all(Result::is_ok));
    let findings = local(solver.local_addr()).check(&challenges);
    assert_eq!(findings.len(), 100);
    for (finding, challenge) in findings.iter().zip(&challenges) {
        assert_eq!(finding.identifier, challenge.identifier);
        assert!(matches!(finding.outcome, Outcome::Same), "{finding}");
        assert!(!finding.is_warning());
    }
}

#[test]
fn addresses_are_looked_at_too() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let mut solver = Http01::bind(address).unwrap();
        let address = solver.local_addr();
        let challenge = http(&address.ip().to_string(), TOKEN);
        assert_eq!(good(&solver.present(std::slice::from_ref(&challenge))), [true]);
        // Nothing to override: an address needs no resolver.
        let findings = SelfCheck::new(address.port()).check(&[challenge]);
        assert!(matches!(findings[0].outcome, Outcome::Same), "{}", findings[0]);
    }
}

#[test]
fn names_have_addresses_of_their_own() {
    let server =
        WebServer::start(|_, _| format!("HTTP/1.1 200 OK\r\n\r\n{}", key_authorization()).into_bytes());
    let elsewhere = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
    let check = local(server.address).resolve(&identifier("b.example.com"), elsewhere);
    let findings = check.check(&[http("a.example.com", TOKEN), http("b.example.com", TOKEN)]);
    assert!(matches!(findings[0].outcome, Outcome::Same));
    assert!(
        matches!(&findings[1].outcome, Outcome::Unreachable { address: Some(at), .. } if at.ip() == elsewhere)
    );
}

#[test]
fn the_request_is_a_cas() {
    let (asked, requests) = mpsc::channel();
    let (address, _) = look(move |path, host| {
        asked.send(format!("{path} {host}")).unwrap();
        b"HTTP/1.1 404 Not Found\r\n\r\n".to_vec()
    });
    let expected = format!("/.well-known/acme-challenge/{TOKEN} example.com:{}", address.port());
    assert_eq!(requests.iter().collect::<Vec<_>>(), [expected]);
}

#[test]
fn another_answer_is_shown() {
    let (at, finding) = look(|_, _| {
        b"HTTP/1.1 404 Not Found\r\nserver: nginx\x1b\r\nContent-Length: 30\r\n\r\n\n<html>\x1b[31m\r\n<head>...........".to_vec()
    });
    let Outcome::Different { status: 404, first_line, server, address, .. } = &finding.outcome else {
        panic!("{finding}");
    };
    assert_eq!((first_line.as_str(), server.as_deref(), *address), ("<html>[31m", Some("nginx"), at));
    assert!(finding.is_warning());
    assert_eq!(
        finding.to_string(),
        format!("example.com at {at} (nginx) answers 404 '<html>[31m' instead of the challenge response")
    );
}

#[test]
fn the_body_has_to_be_the_same_but_for_space_at_its_end() {
    let expected = key_authorization();
    let answer = |status: &str, body: &str| look_at(format!("HTTP/1.1 {status}\r\n\r\n{body}"));
    assert!(matches!(answer("200 OK", &format!("{expected}\r\n \t")), Outcome::Same));
    assert!(matches!(answer("200", &expected), Outcome::Same));
    assert!(matches!(answer("200 OK", &format!(" {expected}")), Outcome::Different { status: 200, .. }));
    assert!(matches!(answer("200 OK", &format!("{expected}x")), Outcome::Different { .. }));
    assert!(matches!(answer("200 OK", &expected[1..]), Outcome::Different { .. }));
    assert!(matches!(answer("200 OK", ""), Outcome::Different { .. }));
    assert!(matches!(answer("404 Not Found", &expected), Outcome::Different { status: 404, .. }));
}

#[test]
fn bodies_of_every_framing_are_read() {
    let body = key_authorization();
    let (start, end) = body.split_at(10);
    let length = body.len();
    for answer in [
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}left over"),
        format!("HTTP/1.0 200 OK\r\n\r\n{body}"),
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na;x=y\r\n{start}\r\n{:x}\r\n{end}\r\n0\r\n\r\n",
            end.len()
        ),
    ] {
        let outcome = look_at(answer.clone());
        assert!(matches!(outcome, Outcome::Same), "{answer} {outcome:?}");
    }
}

#[test]
fn endless_answers_end_at_the_cap() {
    let mut body = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    body.resize(1 << 20, b'x');
    assert!(matches!(look_at(body), Outcome::Different { first_line, .. } if first_line.len() == 120));
    let mut headers = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
    headers.resize(1 << 20, b'x');
    assert!(matches!(look_at(headers), Outcome::Unreachable { reason: CheckError::NotHttp, .. }));
}

#[test]
fn what_is_not_http_is_no_answer() {
    for answer in
        [&b""[..], b"SSH-2.0-OpenSSH_9.9\r\n", b"HTTP/1.1 two hundred\r\n\r\n", b"HTTP/1.1 200 OK\r\n"]
    {
        let outcome = look_at(answer);
        assert!(matches!(outcome, Outcome::Unreachable { reason: CheckError::NotHttp, .. }), "{outcome:?}");
    }
}

#[test]
fn a_refused_connection_is_said_to_be() {
    // The port is taken on 127.0.0.2, so that nobody gets it on every address meanwhile.
    let holder = TcpListener::bind("127.0.0.2:0").unwrap();
    let refusing =
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3)), holder.local_addr().unwrap().port());
    let findings = local(refusing).check(&[http("example.com", TOKEN)]);
    let Outcome::Unreachable { address: Some(address), reason: CheckError::Connect(_) } =
        &findings[0].outcome
    else {
        panic!("{}", findings[0]);
    };
    assert_eq!(*address, refusing);
    assert!(findings[0].is_warning());
}

#[test]
fn redirects_are_followed_to_the_limit_and_no_further() {
    let (_, finding) = look(redirecting(SelfCheck::MAX_REDIRECTS));
    assert!(matches!(finding.outcome, Outcome::Same), "{finding}");
    let (_, finding) = look(redirecting(SelfCheck::MAX_REDIRECTS + 1));
    assert!(
        matches!(finding.outcome, Outcome::Unreachable { reason: CheckError::Redirects, .. }),
        "{finding}"
    );
}

#[test]
fn redirects_may_name_another_host() {
    let (_, finding) = look(|_, host| {
        if host.starts_with("www.") {
            return format!("HTTP/1.1 200 OK\r\n\r\n{}", key_authorization()).into_bytes();
        }
        b"HTTP/1.1 301 Moved\r\nLocation: http://www.example.com/x\r\n\r\n".to_vec()
    });
    assert!(matches!(finding.outcome, Outcome::Same), "{finding}");
}

#[test]
fn redirects_that_no_ca_follows_are_a_warning() {
    for (location, expected) in [
        ("http://example.com:1/x", Detour::Port),
        ("ftp://example.com/x", Detour::Scheme),
        ("http://127.0.0.1/x", Detour::Host),
    ] {
        let (_, finding) =
            look(move |_, _| format!("HTTP/1.1 308 Moved\r\nLocation: {location}\r\n\r\n").into_bytes());
        let Outcome::Redirected { location: found, detour } = &finding.outcome else { panic!("{finding}") };
        assert_eq!((found.as_str(), *detour), (location, expected));
        assert!(finding.is_warning());
    }
}

#[test]
fn redirects_to_https_are_followed_whatever_the_certificate() {
    let secure = TlsServer::start(&[], |_| format!("HTTP/1.1 200 OK\r\n\r\n{}", key_authorization()));
    let server = WebServer::start(|_, _| {
        b"HTTP/1.1 301 Moved\r\nLocation: https://www.example.com/x\r\n\r\n".to_vec()
    });
    let check = local(server.address).tls_port(secure.address.port());
    let findings = check.check(&[http("example.com", TOKEN)]);
    assert!(matches!(findings[0].outcome, Outcome::Same), "{}", findings[0]);
    assert_eq!(secure.asked().first().unwrap(), "GET /x HTTP/1.1");
}

/// The outcome of a look at tls-alpn-01.
fn look_at_tls(address: SocketAddr) -> Outcome {
    let check = SelfCheck::new(1).tls_port(address.port()).resolve_all(address.ip());
    check.check(&[of_kind("tls-alpn-01", "example.com", TOKEN)]).remove(0).outcome
}

#[test]
fn tls_alpn_responses_are_looked_at_by_a_handshake() {
    let mut solver = TlsAlpn01::bind("127.0.0.1:0").unwrap();
    let challenge = of_kind("tls-alpn-01", "example.com", TOKEN);
    let address = solver.local_addr();
    assert!(matches!(look_at_tls(address), Outcome::Unreachable { reason: CheckError::Handshake(_), .. }));
    assert_eq!(good(&solver.present(&[challenge])), [true]);
    assert!(matches!(look_at_tls(address), Outcome::Same));
    let other = of_kind("tls-alpn-01", "other.example.com", TOKEN);
    assert_eq!(good(&solver.present(std::slice::from_ref(&other))), [true]);
    let check = SelfCheck::new(1).tls_port(address.port()).resolve_all(address.ip());
    assert!(matches!(check.check(&[other])[0].outcome, Outcome::Same));
}

#[test]
fn tls_servers_that_know_nothing_of_the_challenge_are_told_apart() {
    let silent = TlsServer::start(&[], |_| String::new());
    assert!(matches!(
        look_at_tls(silent.address),
        Outcome::Certificate { has_protocol: false, names, .. } if names == [identifier("server.example")]
    ));
    let strict = TlsServer::start(&[b"http/1.1"], |_| String::new());
    assert!(matches!(
        look_at_tls(strict.address),
        Outcome::Unreachable { reason: CheckError::NoProtocol, .. }
    ));
    let other = TlsServer::start(&[b"acme-tls/1"], |_| String::new());
    assert!(matches!(look_at_tls(other.address), Outcome::Certificate { has_protocol: true, .. }));
    let plain = WebServer::start(|_, _| Vec::new());
    assert!(matches!(look_at_tls(plain.address), Outcome::Unreachable { .. }));
    let ssh = banner("SSH-2.0-OpenSSH\r\n");
    assert!(matches!(look_at_tls(ssh), Outcome::Unreachable { reason: CheckError::NotTls, .. }));
}

#[test]
fn tokens_and_names_that_fit_no_url_are_not_asked_for() {
    let findings = SelfCheck::new(80).check(&[http("example.com", "token HTTP/1.1\r\nX: y and some more")]);
    assert!(matches!(findings[0].outcome, Outcome::Unreachable { address: None, reason: CheckError::Unfit }));
}

#[test]
fn a_checked_solver_hands_its_findings_over_and_fails_nothing() {
    let server = WebServer::start(|_, _| b"HTTP/1.1 503 Busy\r\n\r\n".to_vec());
    let (observer, findings) = mpsc::channel();
    let solver = Http01::bind("127.0.0.1:0").unwrap();
    let mut solver = Checked::new(solver, local(server.address), move |finding| {
        observer.send(finding.identifier.to_string()).unwrap();
    });
    let challenges = [
        http("a.example.com", TOKEN),
        of_kind("dns-01", "b.example.com", TOKEN),
        http("c.example.com", "short"),
        http("d.example.com", &token(30)),
    ];
    assert_eq!(good(&solver.present(&challenges)), [true, false, false, true]);
    assert_eq!(good(&solver.withdraw(&challenges)), [true, false, false, true]);
    assert_eq!(solver.challenge_types(&identifier("example.com")).len(), 1);
    drop(solver);
    assert_eq!(findings.iter().collect::<Vec<_>>(), ["a.example.com", "d.example.com"]);
}

#[test]
fn a_name_that_this_machine_does_not_know_is_no_warning() {
    // RFC 6761: nobody has an address for it.
    let findings = SelfCheck::new(80).check(&[http("www.example.invalid", TOKEN)]);
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    assert!(matches!(finding.outcome, Outcome::Unreachable { reason: CheckError::Name(_), .. }), "{finding}");
    assert!(!finding.is_warning());
    let expected = "www.example.invalid was not looked at: this machine finds no address for it";
    assert_eq!(finding.to_string(), expected);
}
