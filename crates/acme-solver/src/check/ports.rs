//! What looks at the ports 80 and 443 mean.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};

use acme_proto::ChallengeType;

use super::{Fault, Finding, Findings};
use crate::self_check::{self, CheckError, Detour, Outcome};

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
        if let Some(network) = network(&look.outcome) {
            let seen = format!("{network} stands in front of {}", look.identifier);
            findings.add(Fault::Proxied, seen, through_proxy(&look.method));
        }
    }
    findings.sorted()
}

fn address(outcome: &Outcome) -> Option<SocketAddr> {
    match outcome {
        Outcome::Certificate { address, .. } | Outcome::Different { address, .. } => Some(*address),
        Outcome::Unreachable { address, .. } => *address,
        Outcome::Redirected { .. } | Outcome::Same => None,
    }
}

fn of_outcome(look: &self_check::Finding, findings: &mut Findings) {
    let seen = look.to_string();
    match &look.outcome {
        Outcome::Same => {}
        Outcome::Redirected { detour, .. } => {
            let fault = match detour {
                Detour::Host => Fault::HttpRedirectHost,
                Detour::Port => Fault::HttpRedirectPort,
                Detour::Form | Detour::Scheme => Fault::HttpRedirectScheme,
            };
            findings.add(fault, seen, "let the redirect leave /.well-known/acme-challenge/ alone");
        }
        Outcome::Certificate { has_protocol: false, .. } => {
            findings.add(Fault::TlsProtocol, seen, TO_TLS);
        }
        Outcome::Certificate { .. } => {
            let remedy =
                "see that port 443 of the name leads here: the address, port forwarding, and the server";
            findings.add(Fault::TlsCertificate, seen, remedy);
        }
        Outcome::Different { status, first_line, .. } => different(*status, first_line, seen, findings),
        Outcome::Unreachable { reason, .. } if look.method == ChallengeType::TlsAlpn01 => {
            no_handshake(reason, seen, findings);
        }
        Outcome::Unreachable { reason, .. } => unreachable(reason, seen, findings),
    }
}

fn different(status: u16, first_line: &str, seen: String, findings: &mut Findings) {
    let line = first_line.to_ascii_lowercase();
    if status == 400 && SPEAKS_TLS.iter().any(|text| line.contains(text)) {
        return findings.add(Fault::HttpTls, seen, TO_PLAIN);
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
        CheckError::Tls => findings.add(Fault::HttpTls, seen, TO_PLAIN),
        CheckError::NotHttp => {
            findings.add(Fault::HttpNotHttp, seen, "let port 80 lead to a web server");
        }
        CheckError::Handshake(_) | CheckError::NoProtocol | CheckError::NotTls => {
            let remedy =
                "let the redirect leave /.well-known/acme-challenge/ alone, or serve https where it leads";
            findings.add(Fault::TlsNotTls, seen, remedy);
        }
        CheckError::Connect(_) | CheckError::Io(_) | CheckError::TimeLimit => {
            let remedy =
                "open port 80 in every firewall on the way, for the whole world; a router may not loop back";
            findings.add(Fault::HttpFiltered, seen, remedy);
        }
        CheckError::Name(_) | CheckError::Unfit => {}
    }
}

fn no_handshake(reason: &CheckError, seen: String, findings: &mut Findings) {
    match reason {
        CheckError::Connect(error) if error.kind() == ErrorKind::ConnectionRefused => {
            let remedy = "start what is to answer at port 443, or open the port";
            findings.add(Fault::TlsClosed, seen, remedy);
        }
        CheckError::NotTls => {
            findings.add(Fault::TlsNotTls, seen, "let port 443 lead to a server that speaks TLS");
        }
        CheckError::Handshake(_) | CheckError::NoProtocol => findings.add(Fault::TlsProtocol, seen, TO_TLS),
        CheckError::Connect(_) | CheckError::Io(_) | CheckError::TimeLimit => {
            let remedy =
                "open port 443 in every firewall on the way, for the whole world; a router may not loop back";
            findings.add(Fault::TlsFiltered, seen, remedy);
        }
        CheckError::CookieWall
        | CheckError::Name(_)
        | CheckError::NotHttp
        | CheckError::Redirects
        | CheckError::Tls
        | CheckError::Unfit => {}
    }
}

/// Who stands in front, as far as the answer or its address says.
fn network(outcome: &Outcome) -> Option<String> {
    if let Outcome::Different { proxy: Some(proxy), .. } = outcome {
        return Some(proxy.clone());
    }
    if let Outcome::Different { server: Some(server), .. } = outcome {
        let server = server.to_ascii_lowercase();
        if let Some(network) = NETWORKS.iter().find(|network| server.contains(**network)) {
            return Some((*network).to_owned());
        }
    }
    let address = address(outcome)?.ip();
    is_cloudflare(address).then(|| format!("Cloudflare ({address})"))
}

fn through_proxy(method: &ChallengeType) -> &'static str {
    match *method == ChallengeType::TlsAlpn01 {
        true => "prove control by http-01 or by DNS, or turn the proxy off for the name",
        false => "let it pass /.well-known/acme-challenge/ on unchanged, or prove control by DNS",
    }
}

/// Tells whether an address is one of Cloudflare's, as <https://www.cloudflare.com/ips/> has them.
fn is_cloudflare(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => CLOUDFLARE_V4.iter().any(|([a, b, c], length)| {
            let network = u32::from_be_bytes([*a, *b, *c, 0]);
            (u32::from(address) ^ network) >> (32 - length) == 0
        }),
        IpAddr::V6(address) => CLOUDFLARE_V6.iter().any(|([a, b], length)| {
            let network = (u128::from(*a) << 112) | (u128::from(*b) << 96);
            (u128::from(address) ^ network) >> (128 - length) == 0
        }),
    }
}

const TO_PLAIN: &str = "let port 80 lead to a port of the server that speaks plain HTTP";
const TO_TLS: &str =
    "let what ends TLS there pass connections for acme-tls/1 on as they are, or prove control otherwise";
/// What servers say to those who speak plain HTTP where they expect TLS.
const SPEAKS_TLS: [&str; 3] = ["https port", "ssl-enabled", "https server"];
const NETWORKS: [&str; 6] = ["cloudflare", "akamai", "cloudfront", "fastly", "sucuri", "ddos-guard"];

const CLOUDFLARE_V4: [([u8; 3], u32); 15] = [
    ([103, 21, 244], 22),
    ([103, 22, 200], 22),
    ([103, 31, 4], 22),
    ([104, 16, 0], 13),
    ([104, 24, 0], 14),
    ([108, 162, 192], 18),
    ([131, 0, 72], 22),
    ([141, 101, 64], 18),
    ([162, 158, 0], 15),
    ([172, 64, 0], 13),
    ([173, 245, 48], 20),
    ([188, 114, 96], 20),
    ([190, 93, 240], 20),
    ([197, 234, 240], 22),
    ([198, 41, 128], 17),
];
const CLOUDFLARE_V6: [([u16; 2], u32); 7] = [
    ([0x2400, 0xcb00], 32),
    ([0x2405, 0x8100], 32),
    ([0x2405, 0xb500], 32),
    ([0x2606, 0x4700], 32),
    ([0x2803, 0xf800], 32),
    ([0x2a06, 0x98c0], 29),
    ([0x2c0f, 0xf248], 32),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cloudflare_is_known_by_its_addresses() {
        let is = |address: &str| is_cloudflare(address.parse().unwrap());
        assert!(is("104.16.0.0") && is("104.27.255.255") && is("172.71.255.255") && is("198.41.255.255"));
        assert!(is("2606:4700:ffff::1") && is("2a06:98c7::1"));
        assert!(!is("104.28.0.0") && !is("172.72.0.0") && !is("198.42.0.0") && !is("1.1.1.1"));
        assert!(!is("2606:4701::1") && !is("2a06:98c8::1") && !is("::1"));
    }
}
