//! What a look at port 80 means.

use std::io::ErrorKind;
use std::net::SocketAddr;

use super::{Fault, Finding, Findings};
use crate::self_check::{self, CheckError, Outcome};

/// Explains what looks at one name's addresses, one after the other, found; none where the response
/// came from all of them.
///
/// Where one address gives the response and another does not, the other is what is wrong.
#[must_use]
pub fn explain(looks: &[self_check::Finding]) -> Vec<Finding> {
    let Some(first) = looks.first() else { return Vec::new() };
    let mut findings = Findings::new(&first.identifier);
    let is_good = |look: &self_check::Finding| matches!(look.outcome, Outcome::Same);
    let some_are_good = looks.iter().any(is_good);
    for look in looks {
        let address = address(&look.outcome);
        if some_are_good && look.is_warning() && address.is_some_and(|address| address.is_ipv6()) {
            let remedy = "let the IPv6 address lead to the same server, or remove the AAAA record";
            findings.add(Fault::Ipv6Elsewhere, look.to_string(), remedy);
        } else {
            of_outcome(look, &mut findings);
        }
    }
    findings.sorted()
}

fn address(outcome: &Outcome) -> Option<SocketAddr> {
    match outcome {
        Outcome::Different { address, .. } => Some(*address),
        Outcome::Unreachable { address, .. } => *address,
        Outcome::Redirected { .. } | Outcome::Same => None,
    }
}

fn of_outcome(look: &self_check::Finding, findings: &mut Findings) {
    let seen = look.to_string();
    match &look.outcome {
        Outcome::Same => {}
        Outcome::Redirected { location } => {
            if !leads_to_443(location) {
                let remedy = "let the redirect leave /.well-known/acme-challenge/ alone";
                findings.add(Fault::HttpRedirectPort, seen, remedy);
            }
        }
        Outcome::Different { status, first_line, server, .. } => {
            different(*status, first_line, server.as_deref(), seen, findings);
        }
        Outcome::Unreachable { reason, .. } => unreachable(reason, seen, findings),
    }
}

/// Tells whether a redirect goes where CAs follow: to https at its own port.
fn leads_to_443(location: &str) -> bool {
    let Some(rest) = location.strip_prefix("https://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let after_host = authority.rsplit_once(']').map_or(authority, |(_, after)| after);
    after_host.split_once(':').is_none_or(|(_, port)| port == "443")
}

fn different(status: u16, first_line: &str, server: Option<&str>, seen: String, findings: &mut Findings) {
    let line = first_line.to_ascii_lowercase();
    if status == 400 && SPEAKS_TLS.iter().any(|text| line.contains(text)) {
        return findings.add(
            Fault::HttpTls,
            seen,
            "let port 80 lead to a port of the server that speaks plain HTTP",
        );
    }
    let server = server.unwrap_or_default().to_ascii_lowercase();
    if let Some(network) = NETWORKS.iter().find(|network| server.contains(**network)) {
        let remedy = "let it pass /.well-known/acme-challenge/ on unchanged, or prove control by DNS";
        let seen_there = format!("the answer for {} comes from {network}", findings.identifier);
        findings.add(Fault::Proxied, seen_there, remedy);
    }
    let remedy =
        "see that port 80 of the name leads here: the address, port forwarding, and the server's hosts";
    findings.add(Fault::HttpElsewhere, seen, remedy);
}

fn unreachable(reason: &CheckError, seen: String, findings: &mut Findings) {
    match reason {
        CheckError::Connect(error) if error.kind() == ErrorKind::ConnectionRefused => {
            let remedy = "start what is to answer at port 80, or open the port";
            findings.add(Fault::HttpClosed, seen, remedy);
        }
        CheckError::CookieWall => {
            let remedy = "let requests below /.well-known/acme-challenge/ pass without a cookie";
            findings.add(Fault::HttpCookieWall, seen, remedy);
        }
        CheckError::Redirects => {
            let remedy = "let the redirect leave /.well-known/acme-challenge/ alone";
            findings.add(Fault::HttpRedirectLoop, seen, remedy);
        }
        CheckError::Tls => {
            let remedy = "let port 80 lead to a port of the server that speaks plain HTTP";
            findings.add(Fault::HttpTls, seen, remedy);
        }
        CheckError::NotHttp => {
            findings.add(Fault::HttpNotHttp, seen, "let port 80 lead to a web server");
        }
        CheckError::Connect(_) | CheckError::Io(_) | CheckError::TimeLimit => {
            let remedy =
                "open port 80 in every firewall on the way, for the whole world; a router may not loop back";
            findings.add(Fault::HttpFiltered, seen, remedy);
        }
        CheckError::Name(_) | CheckError::Unfit => {}
    }
}

/// What servers say to those who speak plain HTTP where they expect TLS.
const SPEAKS_TLS: [&str; 3] = ["https port", "ssl-enabled", "https server"];
const NETWORKS: [&str; 6] = ["cloudflare", "akamai", "cloudfront", "fastly", "sucuri", "ddos-guard"];
