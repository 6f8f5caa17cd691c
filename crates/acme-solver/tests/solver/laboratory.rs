//! A laboratory of set-ups, broken and sound, in one table: what each leads to, and what to do.
//!
//! `cargo nextest run -p acme-solver --all-features laboratory --no-capture` prints the table.

use std::net::{IpAddr, SocketAddr, TcpListener};

use acme_proto::{ChallengeType, Solver};
use acme_solver::check::{Examination, Fault, Finding, Issuer, compare_addresses, explain};
use acme_solver::{SelfCheck, TlsAlpn01};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::NS;
use hickory_proto::rr::{RData, RecordType};
use jiff::Timestamp;

use super::challenge::{TOKEN, http, identifier, of_kind};
use super::name_server::{Content, Servers, name};
use super::peer::{TlsServer, WebServer, banner};
use super::resolver::resolver;

/// A set-up, the faults that it has to lead to, and what was found.
struct Case {
    title: &'static str,
    expected: Vec<Fault>,
    found: Vec<Finding>,
}

fn case(title: &'static str, expected: &[Fault], found: Vec<Finding>) -> Case {
    Case { title, expected: expected.to_vec(), found }
}

#[test]
fn each_set_up_leads_to_its_finding_and_a_sound_one_to_none() {
    let cases: Vec<Case> =
        [names(), addresses(), authorization_records(), challenge_records(), servers(), standing_records()]
            .into_iter()
            .chain([port_80(), redirects(), port_443(), machine()])
            .flatten()
            .collect();
    let mut wrong = Vec::new();
    for Case { title, expected, found } in &cases {
        println!("{title}");
        for Finding { fault, seen, remedy, .. } in found {
            println!("    {:<8} {fault}: {seen}\n             -> {remedy}", fault.severity());
        }
        let faults: Vec<Fault> = found.iter().map(|finding| finding.fault).collect();
        if faults != *expected {
            wrong.push(format!("{title}: {faults:?} instead of {expected:?}"));
        }
        assert!(found.iter().all(|finding| !finding.seen.is_empty() && !finding.remedy.is_empty()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let (broken, sound): (Vec<_>, Vec<_>) = cases.iter().partition(|case| !case.expected.is_empty());
    println!("{} broken set-ups, {} sound ones", broken.len(), sound.len());
    assert!(broken.len() >= 25 && sound.len() >= 5);
}

/// The zone `site.org` on two servers, with a change at the resolver, which is the server 0.
fn zone(change: impl FnOnce(&mut Content)) -> Servers {
    let servers = Servers::start(3);
    servers.serve("site.org", 1);
    servers.change(0, |resolver| {
        resolver.add_address("www.site.org", "93.184.215.14");
        change(resolver);
    });
    servers
}

fn look(servers: &Servers, name: &str, method: ChallengeType) -> Vec<Finding> {
    let mut issuer = Issuer::default();
    issuer.identities = vec!["ca.example".to_string()];
    issuer.account_url = Some("https://ca.example/acct/1".to_string());
    let examination = Examination::new(resolver(servers), issuer).at(Timestamp::from_second(NOW).unwrap());
    examination.examine(&identifier(name), &method)
}

fn by_http(name: &str, change: impl FnOnce(&mut Content)) -> Vec<Finding> {
    look(&zone(change), name, ChallengeType::Http01)
}

fn by_dns(name: &str, change: impl FnOnce(&mut Content)) -> Vec<Finding> {
    look(&zone(change), name, ChallengeType::Dns01)
}

fn names() -> Vec<Case> {
    let onion = format!("{}.onion", "a".repeat(56));
    vec![
        case("sound: a name with an address", &[], by_http("www.site.org", |_| {})),
        case("sound: a wildcard by DNS", &[], by_dns("*.site.org", |_| {})),
        case("wildcard by http-01", &[Fault::Method], by_http("*.www.site.org", |_| {})),
        case("address by dns-01", &[Fault::Method], by_dns("93.184.215.14", |_| {})),
        case("address that many have", &[Fault::ReservedAddress], by_http("10.0.0.1", |_| {})),
        case("public suffix", &[Fault::NotPublic], by_http("co.uk", |_| {})),
        case("wildcard of a public suffix", &[Fault::NotPublic], by_dns("*.co.uk", |_| {})),
        case("reserved domain", &[Fault::NotPublic], by_http("host.internal", |_| {})),
        case("unknown top-level domain", &[Fault::NotPublic], by_http("www.nosuchtld", |_| {})),
        case("onion service by dns-01", &[Fault::Method], by_dns(&onion, |_| {})),
        case("onion service by http-01", &[Fault::Onion], by_http(&onion, |_| {})),
        case("onion service of version 2", &[Fault::NotPublic], by_http("abcdefghij234567.onion", |_| {})),
    ]
}

fn addresses() -> Vec<Case> {
    let fail = |is_bogus| {
        move |resolver: &mut Content| {
            resolver.fail("www.site.org", RecordType::A, is_bogus);
            resolver.fail("www.site.org", RecordType::AAAA, is_bogus);
        }
    };
    vec![
        case("domain that nobody has", &[Fault::NoDomain], by_http("www.nobody.org", |_| {})),
        case("name that is not there", &[Fault::NoName], by_http("not.site.org", |_| {})),
        case(
            "name without an address",
            &[Fault::NoAddress],
            by_http("text.site.org", |zone| zone.add_text("text.site.org", &["no address"])),
        ),
        case(
            "address of a home network",
            &[Fault::ReservedAddress],
            by_http("in.site.org", |zone| zone.add_address("in.site.org", "192.168.1.2")),
        ),
        case(
            "CNAMEs in a circle",
            &[Fault::AliasLoop],
            by_http("a.site.org", |zone| {
                zone.add_alias("a.site.org", "b.site.org");
                zone.add_alias("b.site.org", "a.site.org");
            }),
        ),
        case(
            "CNAME to nowhere",
            &[Fault::DanglingAlias],
            by_http("lost.site.org", |zone| zone.add_alias("lost.site.org", "www.nobody.org")),
        ),
        case("SERVFAIL", &[Fault::ResolverFailure], by_http("www.site.org", fail(false))),
        case("DNSSEC that fails", &[Fault::DnssecBogus], by_http("www.site.org", fail(true))),
        case(
            "resolver that is down",
            &[Fault::ResolverSilent],
            by_http("www.site.org", |resolver| resolver.is_silent = true),
        ),
    ]
}

fn authorization_records() -> Vec<Case> {
    let caa = |name: &str, records: &[(u8, &str, &str)]| {
        by_dns(name, |zone| {
            records.iter().for_each(|(flags, tag, value)| zone.add_caa("site.org", *flags, tag, value));
        })
    };
    let own = "ca.example; accounturi=https://ca.example/acct/1; validationmethods=dns-01";
    vec![
        case("sound: CAA for this CA and account", &[], caa("www.site.org", &[(0, "issue", own)])),
        case(
            "CAA for another CA",
            &[Fault::CaaForbids],
            caa("www.site.org", &[(0, "issue", "other.example")]),
        ),
        case("CAA for nobody", &[Fault::CaaForbids], caa("www.site.org", &[(0, "issue", ";")])),
        case(
            "CAA without wildcards",
            &[Fault::CaaWildcard],
            caa("*.site.org", &[(0, "issue", "ca.example"), (0, "issuewild", ";")]),
        ),
        case(
            "CAA with a critical unknown property",
            &[Fault::CaaCritical],
            caa("www.site.org", &[(0, "issue", "ca.example"), (128, "tbs", "x")]),
        ),
        case("CAA with a broken value", &[Fault::CaaMalformed], caa("www.site.org", &[(0, "issue", "%%%")])),
        case(
            "CAA for another account",
            &[Fault::CaaAccount],
            caa("www.site.org", &[(0, "issue", "ca.example; accounturi=https://ca.example/acct/2")]),
        ),
        case(
            "CAA for another challenge",
            &[Fault::CaaMethod],
            caa("www.site.org", &[(0, "issue", "ca.example; validationmethods=http-01")]),
        ),
        case(
            "CAA that can't be looked up",
            &[Fault::CaaLookup],
            by_http("www.site.org", |zone| zone.fail("www.site.org", RecordType::CAA, false)),
        ),
        case(
            "CAA whose DNSSEC fails",
            &[Fault::DnssecBogus],
            by_http("www.site.org", |zone| zone.fail("site.org", RecordType::CAA, true)),
        ),
    ]
}

fn challenge_records() -> Vec<Case> {
    let place = "_acme-challenge.www.site.org";
    let alias = |target| by_dns("www.site.org", |zone| zone.add_alias(place, target));
    let fail = |is_bogus| by_dns("www.site.org", |zone| zone.fail(place, RecordType::TXT, is_bogus));
    vec![
        case("sound: challenge delegated within the domain", &[], alias("proof.site.org")),
        case("challenge delegated to nowhere", &[Fault::ChallengeAlias], alias("x.nobody.org")),
        case("challenge delegated to itself", &[Fault::ChallengeLookup], alias(place)),
        case(
            "challenge delegated to another's zone",
            &[Fault::ChallengeForeign],
            by_dns("www.site.org", |zone| {
                zone.add_soa("other.org");
                zone.add("other.org", RData::NS(NS(name("ns1.site.org"))));
                zone.add_alias(place, "proof.other.org");
            }),
        ),
        case("challenge's name with SERVFAIL", &[Fault::ChallengeLookup], fail(false)),
        case("challenge's name whose DNSSEC fails", &[Fault::DnssecBogus], fail(true)),
        case(
            "record below the zone's name twice",
            &[Fault::ChallengeDoubled],
            by_dns("www.site.org", |zone| zone.add_text(&format!("{place}.site.org"), &["value"])),
        ),
    ]
}

fn servers() -> Vec<Case> {
    let by = |method: ChallengeType, change: &dyn Fn(&Servers)| {
        let servers = zone(|_| {});
        change(&servers);
        look(&servers, "www.site.org", method)
    };
    let (http, dns) = (ChallengeType::Http01, ChallengeType::Dns01);
    let silent: &dyn Fn(&Servers) = &|servers| servers.change(2, |server| server.is_silent = true);
    let lame: &dyn Fn(&Servers) = &|servers| servers.change(2, |server| server.is_lame = true);
    let refuses: &dyn Fn(&Servers) =
        &|servers| servers.change(2, |server| server.code = Some(ResponseCode::Refused));
    let nameless: &dyn Fn(&Servers) = &|servers| {
        servers.change(0, |zone| zone.add("site.org", RData::NS(NS(name("gone.site.org")))));
    };
    let stale: &dyn Fn(&Servers) =
        &|servers| servers.change(1, |server| server.add_text("_acme-challenge.www.site.org", &["old"]));
    let turns: &dyn Fn(&Servers) = &|servers| {
        servers.change(1, |server| server.add_address("www.site.org", "93.184.215.14"));
        servers.change(2, |server| server.add_address("www.site.org", "93.184.215.15"));
    };
    let absent: &dyn Fn(&Servers) =
        &|servers| servers.change(1, |server| server.add_address("www.site.org", "93.184.215.14"));
    let unreached: &dyn Fn(&Servers) =
        &|servers| [1, 2].into_iter().for_each(|at| servers.change(at, |server| server.is_silent = true));
    vec![
        case("sound: servers that take turns with addresses", &[], by(http.clone(), turns)),
        case("server that is dead", &[Fault::ServerDead], by(dns.clone(), silent)),
        case("server without authority", &[Fault::ServerLame], by(dns.clone(), lame)),
        case("server that refuses", &[Fault::ServerLame], by(http.clone(), refuses)),
        case("server without an address", &[Fault::ServerAddress], by(http.clone(), nameless)),
        case("server with an old record", &[Fault::ServersDisagree], by(dns, stale)),
        case("server without the address", &[Fault::ServersDisagree], by(http.clone(), absent)),
        case("port 53 closed on the way out", &[Fault::ServersUnreached], by(http, unreached)),
    ]
}

fn standing_records() -> Vec<Case> {
    let persist = |until: Option<i64>| {
        let until = until.map(|until| format!("; persistUntil={until}")).unwrap_or_default();
        let text = format!("ca.example; accounturi=https://ca.example/acct/1{until}");
        let servers = zone(|zone| zone.add_text("_validation-persist.www.site.org", &[&text]));
        look(&servers, "www.site.org", ChallengeType::DnsPersist01)
    };
    let none = look(&zone(|_| {}), "www.site.org", ChallengeType::DnsPersist01);
    vec![
        case("sound: a record that stays", &[], persist(None)),
        case("sound: a record that stays for long", &[], persist(Some(NOW + 90 * DAY))),
        case("record that ends in a week", &[Fault::PersistLapsing], persist(Some(NOW + 7 * DAY))),
        case("record that has ended", &[Fault::PersistLapsed], persist(Some(NOW))),
        case("no record that stays", &[Fault::PersistAbsent], none),
    ]
}

fn page(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// What a look at a web server that answers so leads to.
fn answer(answer: impl Into<Vec<u8>>) -> Vec<Finding> {
    let answer = answer.into();
    let server = WebServer::start(move |_, _| answer.clone());
    at_port_80(server.address)
}

fn at_port_80(address: SocketAddr) -> Vec<Finding> {
    let check = SelfCheck::new(address.port()).resolve_all(address.ip());
    explain(&check.check(&[http("www.site.org", TOKEN)]))
}

/// An address at which nobody listens.
fn closed(ip: &str) -> SocketAddr {
    TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap()
}

fn response() -> String {
    http("www.site.org", TOKEN).key_authorization().to_string()
}

fn port_80() -> Vec<Case> {
    let proxied = page("403 Forbidden", "Server: nginx\r\nCF-Ray: 1-FRA\r\n", "no");
    let to_https = page("400 Bad Request", "", "The plain HTTP request was sent to HTTPS port");
    // Connections are taken, and nothing is said.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = WebServer::start(|_, _| page("200 OK", "", &response()).into_bytes());
    let one = |address: SocketAddr| {
        let check = SelfCheck::new(address.port()).resolve_all(address.ip());
        check.check(&[http("www.site.org", TOKEN)]).remove(0)
    };
    let both = explain(&[one(closed("::1")), one(good.address)]);
    vec![
        case("sound: the response at port 80", &[], answer(page("200 OK", "", &response()))),
        case("port 80 closed", &[Fault::HttpClosed], at_port_80(closed("127.0.0.1"))),
        case("port 80 filtered", &[Fault::HttpFiltered], at_port_80(silent.local_addr().unwrap())),
        case("another device's page", &[Fault::HttpElsewhere], answer(page("200 OK", "", "<h1>Router</h1>"))),
        case("plain HTTP at an HTTPS port", &[Fault::HttpTls], answer(to_https)),
        case("TLS at port 80", &[Fault::HttpTls], answer([0x15, 3, 1, 0, 2, 2, 22])),
        case("SSH at port 80", &[Fault::HttpNotHttp], answer("SSH-2.0-OpenSSH\r\n")),
        case("network in front", &[Fault::HttpElsewhere, Fault::Proxied], answer(proxied)),
        case("IPv6 that leads elsewhere", &[Fault::Ipv6Elsewhere], both),
    ]
}

fn redirects() -> Vec<Case> {
    let to = |location: &str| answer(page("302 Found", &format!("Location: {location}\r\n"), ""));
    let wall = page("302 Found", "Set-Cookie: seen=1\r\nLocation: /?cookies\r\n", "");
    let secure = TlsServer::start(&[], |_| page("200 OK", "", &response()));
    let server =
        WebServer::start(|_, _| page("301 Moved", "Location: https://www.site.org/x\r\n", "").into_bytes());
    let check = SelfCheck::new(server.address.port()).resolve_all(server.address.ip());
    let check = check.tls_port(secure.address.port());
    let followed = explain(&check.check(&[http("www.site.org", TOKEN)]));
    vec![
        case("sound: a redirect to https", &[], followed),
        case("redirects in a circle", &[Fault::HttpRedirectLoop], to("/round")),
        case("redirect to another port", &[Fault::HttpRedirectPort], to("https://www.site.org:8443/")),
        case("redirect to another scheme", &[Fault::HttpRedirectScheme], to("ftp://www.site.org/")),
        case("redirect to an address", &[Fault::HttpRedirectHost], to("http://192.0.2.1/")),
        case("cookie wall", &[Fault::HttpCookieWall], answer(wall)),
    ]
}

fn at_port_443(address: SocketAddr) -> Vec<Finding> {
    let check = SelfCheck::new(1).tls_port(address.port()).resolve_all(address.ip());
    explain(&check.check(&[of_kind("tls-alpn-01", "www.site.org", TOKEN)]))
}

fn port_443() -> Vec<Case> {
    let mut good = TlsAlpn01::bind("127.0.0.1:0").unwrap();
    assert!(good.present(&[of_kind("tls-alpn-01", "www.site.org", TOKEN)])[0].is_ok());
    let terminating = TlsServer::start(&[], |_| String::new());
    let strict = TlsServer::start(&[b"h2", b"http/1.1"], |_| String::new());
    let other = TlsServer::start(&[b"acme-tls/1"], |_| String::new());
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    vec![
        case("sound: the certificate at port 443", &[], at_port_443(good.local_addr())),
        case("port 443 closed", &[Fault::TlsClosed], at_port_443(closed("127.0.0.1"))),
        case("port 443 filtered", &[Fault::TlsFiltered], at_port_443(silent.local_addr().unwrap())),
        case("SSH at port 443", &[Fault::TlsNotTls], at_port_443(banner("SSH-2.0-OpenSSH\r\n"))),
        case("TLS ended in front", &[Fault::TlsProtocol], at_port_443(terminating.address)),
        case("web server at port 443", &[Fault::TlsProtocol], at_port_443(strict.address)),
        case("another's challenge", &[Fault::TlsCertificate], at_port_443(other.address)),
    ]
}

fn machine() -> Vec<Case> {
    let there = ["93.184.215.14".parse().unwrap(), "2606:2800:21f::1".parse().unwrap()];
    let from = |v4: &str, v6: &str| {
        let (v4, v6): (IpAddr, IpAddr) = (v4.parse().unwrap(), v6.parse().unwrap());
        let own = |to: IpAddr| Some(if to.is_ipv4() { v4 } else { v6 });
        compare_addresses(&identifier("www.site.org"), &there, own)
    };
    let (v4, v6) = ("93.184.215.14", "2606:2800:21f::1");
    vec![
        case("sound: the name's addresses are this machine's", &[], from(v4, v6)),
        case("name that leads to another machine", &[Fault::AddressElsewhere], from("93.184.215.20", v6)),
        case("router in front of this machine", &[Fault::AddressTranslated], from("192.168.1.2", v6)),
        case("IPv6 address of another machine", &[Fault::AddressElsewhere], from(v4, "2606:2800:21f::2")),
    ]
}

/// A moment at which the looks are taken: seconds since 1970.
const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;
