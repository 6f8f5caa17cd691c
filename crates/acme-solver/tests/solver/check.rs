//! A laboratory of broken set-ups, each with the finding that it has to lead to, and of good ones.

use std::net::TcpListener;

use acme_proto::ChallengeType;
use acme_solver::SelfCheck;
use acme_solver::check::{Examination, Fault, Finding, Issuer, Severity, explain};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use super::challenge::{TOKEN, http, identifier};
use super::name_server::{Content, Servers};
use super::peer::WebServer;
use super::resolver::resolver;

const ACCOUNT: &str = "https://ca.example/acct/1";

/// A zone of two servers, in which everything is well.
struct Laboratory {
    servers: Servers,
}

impl Laboratory {
    fn new() -> Self {
        let servers = Servers::start(3);
        servers.serve("site.org", 1);
        servers.change(0, |resolver| {
            resolver.add_address("www.site.org", "93.184.215.14");
            resolver.add_address("www.site.org", "2606:2800:21f::1");
        });
        Self { servers }
    }

    /// What the resolver says of it.
    fn with(change: impl FnOnce(&mut Content)) -> Self {
        let laboratory = Self::new();
        laboratory.servers.change(0, change);
        laboratory
    }

    fn examine(&self, name: &str, method: ChallengeType) -> Vec<Finding> {
        let mut issuer = Issuer::default();
        issuer.identities = vec!["ca.example".to_string(), "other-name-of.ca.example".to_string()];
        issuer.account_url = Some(ACCOUNT.to_string());
        Examination::new(resolver(&self.servers), issuer).examine(&identifier(name), &method)
    }

    fn http(&self, name: &str) -> Vec<Fault> {
        faults(&self.examine(name, ChallengeType::Http01))
    }

    fn dns(&self, name: &str) -> Vec<Fault> {
        faults(&self.examine(name, ChallengeType::Dns01))
    }
}

fn faults(findings: &[Finding]) -> Vec<Fault> {
    assert!(findings.iter().all(|finding| !finding.seen.is_empty() && !finding.remedy.is_empty()));
    findings.iter().map(|finding| finding.fault).collect()
}

#[test]
fn nothing_is_found_where_all_is_well() {
    let laboratory = Laboratory::with(|resolver| {
        resolver.add_caa("site.org", 0, "issue", "other.example");
        resolver.add_caa("site.org", 0, "issue", "CA.example; accounturi=https://ca.example/acct/1");
        resolver.add_caa("site.org", 0, "iodef", "mailto:admin@site.org");
        resolver.add_alias("_acme-challenge.alias.site.org", "not-there-yet.site.org");
    });
    assert_eq!(laboratory.http("www.site.org"), []);
    assert_eq!(laboratory.dns("www.site.org"), []);
    assert_eq!(laboratory.dns("*.site.org"), []);
    assert_eq!(laboratory.dns("not-there.site.org"), []);
    assert_eq!(laboratory.dns("alias.site.org"), []);
    assert_eq!(laboratory.http("93.184.215.14"), []);
}

#[test]
fn names_that_are_not_there() {
    let laboratory = Laboratory::with(|resolver| {
        resolver.add_alias("lost.site.org", "www.nobody.org");
        resolver.add_text("empty.site.org", &["no address"]);
    });
    assert_eq!(laboratory.http("www.nobody.org"), [Fault::NoDomain]);
    assert_eq!(laboratory.dns("www.nobody.org"), [Fault::NoDomain]);
    assert_eq!(laboratory.http("not-there.site.org"), [Fault::NoName]);
    assert_eq!(laboratory.http("lost.site.org"), [Fault::DanglingAlias]);
    assert_eq!(laboratory.http("empty.site.org"), [Fault::NoAddress]);
    assert_eq!(laboratory.http("co.uk"), [Fault::NotPublic]);
}

#[test]
fn methods_that_can_not_serve_a_name() {
    let laboratory = Laboratory::new();
    assert_eq!(laboratory.http("*.site.org")[0], Fault::Method);
    assert_eq!(laboratory.dns("93.184.215.14"), [Fault::Method]);
}

#[test]
fn addresses_that_no_ca_reaches() {
    for address in [
        "10.0.0.1",
        "127.0.0.1",
        "100.64.0.1",
        "169.254.1.1",
        "192.0.2.1",
        "198.18.0.1",
        "::1",
        "fd00::1",
        "fe80::1",
        "2001:db8::1",
    ] {
        let laboratory = Laboratory::with(|resolver| resolver.add_address("in.site.org", address));
        assert_eq!(laboratory.http("in.site.org"), [Fault::ReservedAddress], "{address}");
        assert_eq!(laboratory.dns("in.site.org"), [], "{address}");
    }
}

#[test]
fn resolvers_that_fail() {
    let loops = Laboratory::with(|resolver| {
        resolver.add_alias("a.site.org", "b.site.org");
        resolver.add_alias("b.site.org", "a.site.org");
    });
    assert_eq!(loops.http("a.site.org"), [Fault::AliasLoop]);
    let fails = Laboratory::with(|resolver| {
        resolver.fail("www.site.org", RecordType::A, false);
        resolver.fail("www.site.org", RecordType::AAAA, false);
    });
    assert_eq!(fails.http("www.site.org"), [Fault::ResolverFailure]);
    let bogus = Laboratory::with(|resolver| {
        resolver.fail("www.site.org", RecordType::A, true);
        resolver.fail("www.site.org", RecordType::AAAA, true);
    });
    assert_eq!(bogus.http("www.site.org"), [Fault::DnssecBogus]);
}

/// What records lead to, for a name and for its wildcard.
fn caa(records: &[(u8, &str, &str)]) -> [Vec<Fault>; 2] {
    let laboratory = Laboratory::with(|resolver| {
        for (flags, tag, value) in records {
            resolver.add_caa("www.site.org", *flags, tag, value);
        }
    });
    ["www.site.org", "*.www.site.org"].map(|name| laboratory.dns(name))
}

#[test]
fn caa_records_that_forbid() {
    let both = |fault| [vec![fault], vec![fault]];
    assert_eq!(caa(&[(0, "issue", "other.example")]), both(Fault::CaaForbids));
    assert_eq!(caa(&[(0, "issue", ";")]), both(Fault::CaaForbids));
    assert_eq!(caa(&[(0, "issue", "%%%%%")]), both(Fault::CaaMalformed));
    assert_eq!(caa(&[(128, "tbs", "x"), (0, "issue", "ca.example")]), both(Fault::CaaCritical));
    let wild = [(0, "issue", "ca.example"), (0, "issuewild", ";")];
    assert_eq!(caa(&wild), [vec![], vec![Fault::CaaWildcard]]);
    let other_account = "ca.example; accounturi=https://ca.example/acct/2";
    assert_eq!(caa(&[(0, "issue", other_account)]), both(Fault::CaaAccount));
    let twice = "ca.example; accounturi=https://ca.example/acct/1; accounturi=https://ca.example/acct/1";
    assert_eq!(caa(&[(0, "issue", twice)]), both(Fault::CaaAccount));
    let method = "ca.example; validationmethods=tls-alpn-01,http-01";
    assert_eq!(caa(&[(0, "issue", method)]), both(Fault::CaaMethod));
}

#[test]
fn caa_records_that_allow() {
    let neither = [vec![], vec![]];
    assert_eq!(caa(&[(0, "issuewild", "ca.example")]), neither);
    assert_eq!(caa(&[(0, "issue", "other.example"), (0, "Issue", "CA.example.")]), neither);
    assert_eq!(caa(&[(0, "iodef", "mailto:a@site.org")]), neither);
    assert_eq!(caa(&[(0, "tbs", "x")]), neither);
    assert_eq!(
        caa(&[(0, "issue", "other-name-of.ca.example; validationmethods=http-01, dns-01")]),
        [vec![Fault::CaaMalformed], vec![Fault::CaaMalformed]]
    );
    assert_eq!(caa(&[(0, "issue", "other-name-of.ca.example; validationmethods=http-01,dns-01")]), neither);
}

#[test]
fn caa_records_of_the_nearest_name_count_and_a_line_is_given() {
    let laboratory = Laboratory::with(|resolver| {
        resolver.add_caa("site.org", 0, "issue", "other.example");
        resolver.add_caa("good.site.org", 0, "issue", "ca.example");
    });
    assert_eq!(laboratory.dns("a.b.good.site.org"), []);
    let finding = laboratory.examine("www.site.org", ChallengeType::Dns01).remove(0);
    assert_eq!(finding.seen, "site.org has CAA issue \"other.example\"");
    let line = "add the record: site.org. CAA 0 issue \"ca.example; accounturi=https://ca.example/acct/1\"";
    assert_eq!(finding.remedy, line);
    let unknown = Examination::new(resolver(&laboratory.servers), Issuer::default());
    assert_eq!(unknown.examine(&identifier("www.site.org"), &ChallengeType::Dns01), []);
}

#[test]
fn caa_records_that_can_not_be_looked_up() {
    let fails = Laboratory::with(|resolver| resolver.fail("www.site.org", RecordType::CAA, false));
    assert_eq!(fails.http("www.site.org"), [Fault::CaaLookup]);
    let bogus = Laboratory::with(|resolver| resolver.fail("site.org", RecordType::CAA, true));
    assert_eq!(bogus.http("www.site.org"), [Fault::DnssecBogus]);
}

#[test]
fn places_of_dns_challenges_that_are_wrong() {
    let laboratory = Laboratory::with(|resolver| {
        resolver.add_alias("_acme-challenge.lost.site.org", "x.nobody.org");
        resolver.add_alias("_acme-challenge.round.site.org", "_acme-challenge.round.site.org");
        resolver.add_text("_acme-challenge.twice.site.org.site.org", &["value"]);
        resolver.fail("_acme-challenge.broken.site.org", RecordType::TXT, false);
    });
    assert_eq!(laboratory.dns("lost.site.org"), [Fault::ChallengeAlias]);
    assert_eq!(laboratory.dns("round.site.org"), [Fault::ChallengeLookup]);
    assert_eq!(laboratory.dns("broken.site.org"), [Fault::ChallengeLookup]);
    assert_eq!(laboratory.dns("twice.site.org"), [Fault::ChallengeDoubled]);
}

#[test]
fn servers_of_the_zone_that_are_not_as_one() {
    let laboratory = Laboratory::new();
    laboratory.servers.change(1, |server| server.add_text("_acme-challenge.www.site.org", &["old"]));
    assert_eq!(laboratory.dns("www.site.org"), [Fault::ServersDisagree]);
    let laboratory = Laboratory::new();
    laboratory.servers.change(2, |server| server.is_silent = true);
    assert_eq!(laboratory.dns("www.site.org"), [Fault::ServerDead]);
    laboratory.servers.change(2, |server| (server.is_silent, server.is_lame) = (false, true));
    let finding = laboratory.examine("www.site.org", ChallengeType::Http01).remove(0);
    assert_eq!(finding.fault, Fault::ServerLame);
    assert_eq!(finding.seen, "ns2.site.org (127.0.0.3) answers without authority for the zone");
    laboratory.servers.change(2, |server| server.code = Some(ResponseCode::Refused));
    assert_eq!(laboratory.dns("www.site.org"), [Fault::ServerLame]);
}

#[test]
fn worst_is_told_first() {
    let laboratory = Laboratory::with(|resolver| resolver.add_caa("site.org", 0, "issue", ";"));
    laboratory.servers.change(2, |server| server.is_silent = true);
    let findings = laboratory.examine("www.site.org", ChallengeType::Dns01);
    assert_eq!(faults(&findings), [Fault::CaaForbids, Fault::ServerDead]);
    assert!(findings[0].fault.severity() > findings[1].fault.severity());
    assert_eq!(findings[0].fault.to_string(), "caa-forbids");
    assert!(findings[0].fault.reason().contains("RFC 8659"));
    assert_eq!(Severity::Warning.to_string(), "warning");
}

/// What a look at a web server that answers so means.
fn port_80(answer: impl Into<Vec<u8>>) -> Vec<Finding> {
    let answer = answer.into();
    let server = WebServer::start(move |_, _| answer.clone());
    let check = SelfCheck::new(server.address.port()).resolve_all(server.address.ip());
    explain(&check.check(&[http("www.site.org", TOKEN)]))
}

fn page(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn ports_that_answer_something_else() {
    let response = http("www.site.org", TOKEN).key_authorization().to_string();
    assert_eq!(port_80(page("200 OK", "", &response)), []);
    let cases: [(String, &[Fault]); 9] = [
        (page("404 Not Found", "Server: nginx\r\n", "gone"), &[Fault::HttpElsewhere]),
        (page("403 Forbidden", "Server: cloudflare\r\n", "no"), &[Fault::HttpElsewhere, Fault::Proxied]),
        (page("400 Bad Request", "", "The plain HTTP request was sent to HTTPS port"), &[Fault::HttpTls]),
        (page("400 Bad Request", "", "Client sent an HTTP request to an HTTPS server."), &[Fault::HttpTls]),
        (page("302 Found", "Location: ftp://www.site.org/\r\n", ""), &[Fault::HttpRedirectScheme]),
        (page("302 Found", "Location: https://www.site.org:8443/\r\n", ""), &[Fault::HttpRedirectPort]),
        (page("302 Found", "Location: /round\r\n", ""), &[Fault::HttpRedirectLoop]),
        (page("302 Found", "Set-Cookie: a=b\r\nLocation: /x\r\n", ""), &[Fault::HttpCookieWall]),
        ("SSH-2.0-OpenSSH\r\n".to_string(), &[Fault::HttpNotHttp]),
    ];
    for (answer, expected) in cases {
        assert_eq!(faults(&port_80(answer.clone())), expected, "{answer}");
    }
    assert_eq!(faults(&port_80([0x15, 3, 1, 0, 2, 2, 22])), [Fault::HttpTls]);
}

#[test]
fn port_that_is_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let check = SelfCheck::new(address.port()).resolve_all(address.ip());
    assert_eq!(faults(&explain(&check.check(&[http("www.site.org", TOKEN)]))), [Fault::HttpClosed]);
    assert_eq!(explain(&[]), []);
}

#[test]
fn ipv6_that_leads_elsewhere() {
    let response = http("www.site.org", TOKEN).key_authorization().to_string();
    let server = WebServer::start(move |_, _| page("200 OK", "", &response).into_bytes());
    let look = |check: SelfCheck| check.check(&[http("www.site.org", TOKEN)]).remove(0);
    let good = look(SelfCheck::new(server.address.port()).resolve_all(server.address.ip()));
    let closed = TcpListener::bind("[::1]:0").unwrap().local_addr().unwrap();
    let bad = look(SelfCheck::new(closed.port()).resolve_all(closed.ip()));
    assert_eq!(faults(&explain(&[bad, good])), [Fault::Ipv6Elsewhere]);
}
