//! What is wrong with how a name is set up, found before a CA finds it.
//!
//! An [`Examination`] asks the DNS as a CA would and gives [`Finding`]s: what was seen, why a CA
//! will refuse, and what to do. It changes nothing. What the http-01 [`SelfCheck`](crate::SelfCheck)
//! saw is explained by [`explain`].

mod addresses;
mod authority;
mod caa;
mod challenge;
mod http;

use std::fmt;

use acme_proto::{ChallengeType, Identifier};

use crate::resolver::Resolver;

pub use http::explain;

/// Looks at names as a CA will.
#[derive(Clone, Debug)]
pub struct Examination {
    resolver: Resolver,
    issuer: Issuer,
    is_private: bool,
}

/// Who is to issue, as CAA records name it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Issuer {
    /// The domains that mean the CA in CAA records; with none, CAA records can't be judged.
    pub identities: Vec<String>,
    /// The URL of the account, where there is one.
    pub account_url: Option<String>,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The name that it is about.
    pub identifier: Identifier,
    /// What is wrong.
    pub fault: Fault,
    /// What was seen.
    pub seen: String,
    /// What to do.
    pub remedy: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Good to know.
    Note,
    /// A CA may refuse.
    Warning,
    /// A CA will refuse.
    Error,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fault {
    /// The name's CNAMEs never end.
    AliasLoop,
    /// A CAA record is for another account.
    CaaAccount,
    /// A critical CAA property that CAs do not know.
    CaaCritical,
    /// The CAA records name other CAs.
    CaaForbids,
    /// The CAA records can't be looked up.
    CaaLookup,
    /// A CAA value that can't be read forbids.
    CaaMalformed,
    /// A CAA record does not allow the way of proving control.
    CaaMethod,
    /// The CAA records forbid wildcards.
    CaaWildcard,
    /// The DNS challenge's name leads to a name that does not exist.
    ChallengeAlias,
    /// The DNS challenge's record was put below the zone's name twice.
    ChallengeDoubled,
    /// The DNS challenge's name can't be looked up.
    ChallengeLookup,
    /// The name leads to a name that does not exist.
    DanglingAlias,
    /// DNSSEC can't be validated.
    DnssecBogus,
    /// The port is closed.
    HttpClosed,
    /// The site wants a cookie first.
    HttpCookieWall,
    /// Another server, or another page, answers.
    HttpElsewhere,
    /// Nothing comes back from the port.
    HttpFiltered,
    /// What answers is not HTTP.
    HttpNotHttp,
    /// Redirects lead to a port that no CA follows to.
    HttpRedirectPort,
    /// Redirects lead in a circle.
    HttpRedirectLoop,
    /// What answers speaks TLS.
    HttpTls,
    /// The IPv6 address leads elsewhere than the IPv4 address.
    Ipv6Elsewhere,
    /// A challenge that the name can't be proved by.
    Method,
    /// The name has no address.
    NoAddress,
    /// The registered domain does not exist.
    NoDomain,
    /// The name does not exist.
    NoName,
    /// No CA certifies the name.
    NotPublic,
    /// A proxy or a content delivery network stands in front.
    Proxied,
    /// An address that is not reached from everywhere.
    ReservedAddress,
    /// The resolver fails for the name.
    ResolverFailure,
    /// A server of the zone does not answer.
    ServerDead,
    /// The zone's servers do not say the same.
    ServersDisagree,
}

impl Examination {
    /// Prepares to look at names for a CA.
    #[must_use]
    pub fn new(resolver: Resolver, issuer: Issuer) -> Self {
        Self { resolver, issuer, is_private: false }
    }

    /// Looks for a CA that certifies any name and address, public or not.
    #[must_use]
    pub fn for_private_names(self) -> Self {
        Self { is_private: true, ..self }
    }

    /// Looks at a name that is to be proved by a type of challenge; the worst finding first, none
    /// where all is well.
    #[must_use]
    pub fn examine(&self, identifier: &Identifier, method: &ChallengeType) -> Vec<Finding> {
        let mut findings = Findings::new(identifier);
        if identifier.is_wildcard() && !is_dns(method) {
            findings.add(
                Fault::Method,
                format!("{identifier} is a wildcard, and {method} is to prove control of it"),
                "prove control by DNS: a wildcard can't be proved otherwise",
            );
        }
        let Identifier::Dns(name) = identifier else {
            if is_dns(method) {
                let seen = format!("{identifier} is an address, and {method} is to prove control of it");
                findings.add(Fault::Method, seen, "prove control by http-01 or tls-alpn-01");
            }
            return findings.sorted();
        };
        let name = name.strip_prefix("*.").unwrap_or(name);
        if addresses::examine(self, name, method, &mut findings) {
            caa::examine(self, name, method, &mut findings);
            if is_dns(method) {
                challenge::examine(self, name, &mut findings);
            }
            authority::examine(self, name, method, &mut findings);
        }
        findings.sorted()
    }
}

impl Fault {
    /// The fault's name in reports for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.texts().0
    }

    /// Why a CA will refuse, or may.
    #[must_use]
    pub fn reason(self) -> &'static str {
        self.texts().1
    }

    /// How bad it is.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::Proxied => Severity::Note,
            Self::CaaLookup
            | Self::ChallengeDoubled
            | Self::HttpElsewhere
            | Self::HttpFiltered
            | Self::ServerDead
            | Self::ServersDisagree => Severity::Warning,
            Self::AliasLoop
            | Self::CaaAccount
            | Self::CaaCritical
            | Self::CaaForbids
            | Self::CaaMalformed
            | Self::CaaMethod
            | Self::CaaWildcard
            | Self::ChallengeAlias
            | Self::ChallengeLookup
            | Self::DanglingAlias
            | Self::DnssecBogus
            | Self::HttpClosed
            | Self::HttpCookieWall
            | Self::HttpNotHttp
            | Self::HttpRedirectLoop
            | Self::HttpRedirectPort
            | Self::HttpTls
            | Self::Ipv6Elsewhere
            | Self::Method
            | Self::NoAddress
            | Self::NoDomain
            | Self::NoName
            | Self::NotPublic
            | Self::ReservedAddress
            | Self::ResolverFailure => Severity::Error,
        }
    }

    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::AliasLoop => {
                ("alias-loop", "the CA can't find an address at the end of CNAMEs without end")
            }
            Self::CaaAccount => ("caa-account", "the CA issues to the account in accounturi only (RFC 8657)"),
            Self::CaaCritical => {
                ("caa-critical", "a CA has to refuse what it does not know and is marked critical")
            }
            Self::CaaForbids => {
                ("caa-forbids", "a CA that the CAA records do not name may not issue (RFC 8659)")
            }
            Self::CaaLookup => ("caa-lookup", "a CA that can't look CAA records up may not issue"),
            Self::CaaMalformed => ("caa-malformed", "a value that can't be read allows nobody (RFC 8659)"),
            Self::CaaMethod => {
                ("caa-method", "the CA accepts the challenges in validationmethods only (RFC 8657)")
            }
            Self::CaaWildcard => {
                ("caa-wildcard", "for wildcards the issuewild records count, and they do not name the CA")
            }
            Self::ChallengeAlias => ("challenge-alias", "the CA follows the CNAME and finds no record there"),
            Self::ChallengeDoubled => {
                ("challenge-doubled", "the CA looks at the name without the zone's name twice")
            }
            Self::ChallengeLookup => {
                ("challenge-lookup", "the CA's look-up of the record will fail as this one did")
            }
            Self::DanglingAlias => ("dangling-alias", "the CA follows the CNAME and finds no address there"),
            Self::DnssecBogus => {
                ("dnssec-bogus", "CAs have to validate DNSSEC, and take nothing that fails it")
            }
            Self::HttpClosed => ("http-closed", "the CA connects to port 80 and is refused"),
            Self::HttpCookieWall => ("http-cookie-wall", "a CA keeps no cookies, so it never gets past"),
            Self::HttpElsewhere => {
                ("http-elsewhere", "the CA gets this answer instead of the challenge response")
            }
            Self::HttpFiltered => ("http-filtered", "the CA's packets may get as little of an answer"),
            Self::HttpNotHttp => ("http-not-http", "the CA asks by HTTP"),
            Self::HttpRedirectPort => {
                ("http-redirect-port", "CAs follow redirects to the ports 80 and 443 only")
            }
            Self::HttpRedirectLoop => ("http-redirect-loop", "a CA follows ten redirects and then gives up"),
            Self::HttpTls => ("http-tls", "the CA speaks plain HTTP at port 80"),
            Self::Ipv6Elsewhere => ("ipv6-elsewhere", "a CA takes the IPv6 address first where there is one"),
            Self::Method => ("method", "no CA offers this challenge for such a name"),
            Self::NoAddress => ("no-address", "the CA has nowhere to connect to"),
            Self::NoDomain => ("no-domain", "nobody has registered the domain, so nobody controls it"),
            Self::NoName => ("no-name", "the CA can't find the name"),
            Self::NotPublic => ("not-public", "CAs certify what is registered below a public suffix"),
            Self::Proxied => ("proxied", "what the CA connects to passes its requests on, or does not"),
            Self::ReservedAddress => ("reserved-address", "the CA can't reach such an address"),
            Self::ResolverFailure => ("resolver-failure", "the CA's look-up will fail as this one did"),
            Self::ServerDead => {
                ("server-dead", "the CA may ask this server, and has to wait for another one")
            }
            Self::ServersDisagree => {
                ("servers-disagree", "the CA may ask any of the servers, from several places")
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// The findings about one name.
struct Findings {
    identifier: Identifier,
    found: Vec<Finding>,
}

impl Findings {
    fn new(identifier: &Identifier) -> Self {
        Self { identifier: identifier.clone(), found: Vec::new() }
    }

    fn add(&mut self, fault: Fault, seen: impl Into<String>, remedy: impl Into<String>) {
        let (seen, remedy) = (seen.into(), remedy.into());
        self.found.push(Finding { identifier: self.identifier.clone(), fault, seen, remedy });
    }

    fn sorted(mut self) -> Vec<Finding> {
        self.found.sort_by_key(|finding| std::cmp::Reverse(finding.fault.severity()));
        self.found
    }
}

fn is_dns(method: &ChallengeType) -> bool {
    method.as_str().starts_with("dns-")
}
