//! What can be wrong, how bad it is, and why a CA minds.

use std::fmt;

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fault {
    /// Resolvers may remember that there was no record.
    AbsenceKept,
    /// The name leads to another machine.
    AddressElsewhere,
    /// This machine is reached through a router that translates addresses.
    AddressTranslated,
    /// The name's CNAMEs never end.
    AliasLoop,
    /// The CA certifies no such names.
    CaPolicy,
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
    /// The DNS challenge's name leads into the zone of another domain.
    ChallengeForeign,
    /// The DNS challenge's name can't be looked up.
    ChallengeLookup,
    /// This machine's clock is wrong.
    Clock,
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
    /// Redirects lead to an address instead of a name.
    HttpRedirectHost,
    /// Redirects lead in a circle.
    HttpRedirectLoop,
    /// Redirects lead to a port that no CA follows to.
    HttpRedirectPort,
    /// Redirects lead to something else than http and https.
    HttpRedirectScheme,
    /// What answers speaks TLS.
    HttpTls,
    /// The IPv6 address leads elsewhere than the IPv4 address.
    Ipv6Elsewhere,
    /// Little is left of a limit of the CA's.
    LimitNear,
    /// A limit of the CA's is reached.
    LimitReached,
    /// The address to listen at can't be used.
    ListenAddress,
    /// A challenge that the name can't be proved by.
    Method,
    /// It is no name.
    NameForm,
    /// The name has no address.
    NoAddress,
    /// The registered domain does not exist.
    NoDomain,
    /// The name does not exist.
    NoName,
    /// No CA certifies the name.
    NotPublic,
    /// The name is an onion service's.
    Onion,
    /// There is no record of dns-persist-01 that names the CA.
    PersistAbsent,
    /// The record of dns-persist-01 is for the CA no more.
    PersistLapsed,
    /// The record of dns-persist-01 will soon be for the CA no more.
    PersistLapsing,
    /// This user may not listen at the port.
    PortForbidden,
    /// Another program listens at the port.
    PortTaken,
    /// A proxy or a content delivery network stands in front.
    Proxied,
    /// An address that is not reached from everywhere.
    ReservedAddress,
    /// The resolver fails for the name.
    ResolverFailure,
    /// No resolver answers.
    ResolverSilent,
    /// A server of the zone has no address.
    ServerAddress,
    /// A server of the zone does not answer.
    ServerDead,
    /// A server that is named for the zone is not authoritative for it.
    ServerLame,
    /// The zone's servers do not say the same.
    ServersDisagree,
    /// None of the zone's servers can be asked from here.
    ServersUnreached,
    /// Another certificate than the challenge's is shown.
    TlsCertificate,
    /// The port is closed.
    TlsClosed,
    /// Nothing comes back from the port.
    TlsFiltered,
    /// What answers does not speak TLS.
    TlsNotTls,
    /// What answers knows nothing of acme-tls/1.
    TlsProtocol,
    /// The webroot can't be written to.
    Webroot,
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

impl Fault {
    /// The fault's name in reports for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().1
    }

    /// How bad it is.
    #[must_use]
    pub fn severity(self) -> Severity {
        self.row().2
    }

    /// Why a CA will refuse, or may.
    #[must_use]
    pub fn reason(self) -> &'static str {
        self.row().3
    }

    /// Tells whether a CA refuses whatever view of the network it has, so that asking it is in vain.
    ///
    /// An address, for one, may be another one for the CA than it is from here.
    #[must_use]
    pub fn is_certain(self) -> bool {
        CERTAIN.contains(&self)
    }

    fn row(self) -> &'static Row {
        // Each has its row, at its place: there is a test for that.
        TABLE.get(self as usize).unwrap_or(&TABLE[0])
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

/// What no view of the network changes: rules, and what the zone's owner has said.
const CERTAIN: [Fault; 15] = [
    Fault::AliasLoop,
    Fault::CaPolicy,
    Fault::CaaAccount,
    Fault::CaaCritical,
    Fault::CaaForbids,
    Fault::CaaMalformed,
    Fault::CaaMethod,
    Fault::CaaWildcard,
    Fault::DanglingAlias,
    Fault::Method,
    Fault::NameForm,
    Fault::NoAddress,
    Fault::NoDomain,
    Fault::NoName,
    Fault::NotPublic,
];

type Row = (Fault, &'static str, Severity, &'static str);

use Severity::{Error, Note, Warning};

const TABLE: [Row; 60] = [
    (
        Fault::AbsenceKept,
        "absence-kept",
        Note,
        "the CA's resolver may have asked before the record was there, and remember that",
    ),
    (
        Fault::AddressElsewhere,
        "address-elsewhere",
        Warning,
        "the CA connects to the address of the name, which is not this machine's",
    ),
    (
        Fault::AddressTranslated,
        "address-translated",
        Note,
        "the CA's connections end at a router, which has to pass them on to this machine",
    ),
    (Fault::AliasLoop, "alias-loop", Error, "the CA can't find an address at the end of CNAMEs without end"),
    (Fault::CaPolicy, "ca-policy", Error, "the CA does not certify such names"),
    (Fault::CaaAccount, "caa-account", Error, "the CA issues to the account in accounturi only (RFC 8657)"),
    (
        Fault::CaaCritical,
        "caa-critical",
        Error,
        "a CA has to refuse what it does not know and is marked critical",
    ),
    (
        Fault::CaaForbids,
        "caa-forbids",
        Error,
        "a CA that the CAA records do not name may not issue (RFC 8659)",
    ),
    (Fault::CaaLookup, "caa-lookup", Error, "a CA that can't look CAA records up may not issue"),
    (Fault::CaaMalformed, "caa-malformed", Error, "a value that can't be read allows nobody (RFC 8659)"),
    (
        Fault::CaaMethod,
        "caa-method",
        Error,
        "the CA accepts the challenges in validationmethods only (RFC 8657)",
    ),
    (
        Fault::CaaWildcard,
        "caa-wildcard",
        Error,
        "for wildcards the issuewild records count, and they do not name the CA",
    ),
    (Fault::ChallengeAlias, "challenge-alias", Error, "the CA follows the CNAME and finds no record there"),
    (
        Fault::ChallengeDoubled,
        "challenge-doubled",
        Warning,
        "the CA looks at the name without the zone's name twice",
    ),
    (
        Fault::ChallengeForeign,
        "challenge-foreign",
        Note,
        "the CA follows the CNAME, and takes what it finds in that zone",
    ),
    (
        Fault::ChallengeLookup,
        "challenge-lookup",
        Error,
        "the CA's look-up of the record will fail as this one did",
    ),
    (Fault::Clock, "clock", Error, "signatures, certificates and renewals depend on the clock"),
    (Fault::DanglingAlias, "dangling-alias", Error, "the CA follows the CNAME and finds no address there"),
    (
        Fault::DnssecBogus,
        "dnssec-bogus",
        Error,
        "CAs have to validate DNSSEC, and take nothing that fails it",
    ),
    (Fault::HttpClosed, "http-closed", Error, "the CA connects to port 80 and is refused"),
    (Fault::HttpCookieWall, "http-cookie-wall", Error, "a CA keeps no cookies, so it never gets past"),
    (
        Fault::HttpElsewhere,
        "http-elsewhere",
        Warning,
        "the CA gets this answer instead of the challenge response",
    ),
    (Fault::HttpFiltered, "http-filtered", Warning, "the CA's packets may get as little of an answer"),
    (Fault::HttpNotHttp, "http-not-http", Error, "the CA asks by HTTP"),
    (
        Fault::HttpRedirectHost,
        "http-redirect-host",
        Error,
        "CAs follow redirects to names only, not to addresses",
    ),
    (Fault::HttpRedirectLoop, "http-redirect-loop", Error, "a CA follows ten redirects and then gives up"),
    (
        Fault::HttpRedirectPort,
        "http-redirect-port",
        Error,
        "CAs follow redirects to the ports 80 and 443 only",
    ),
    (Fault::HttpRedirectScheme, "http-redirect-scheme", Error, "CAs follow redirects to http and https only"),
    (Fault::HttpTls, "http-tls", Error, "the CA speaks plain HTTP at port 80"),
    (Fault::Ipv6Elsewhere, "ipv6-elsewhere", Error, "a CA takes the IPv6 address first where there is one"),
    (
        Fault::LimitNear,
        "limit-near",
        Note,
        "the CA refuses when its limit is reached; renewals that name what they replace may be exempt",
    ),
    (
        Fault::LimitReached,
        "limit-reached",
        Warning,
        "the CA refuses until there is room again; renewals that name what they replace may be exempt",
    ),
    (Fault::ListenAddress, "listen-address", Error, "nothing here answers the CA, for it can't listen there"),
    (Fault::Method, "method", Error, "no CA offers this challenge for such a name"),
    (Fault::NameForm, "name-form", Error, "a CA takes names of hosts, and addresses, and nothing else"),
    (Fault::NoAddress, "no-address", Error, "the CA has nowhere to connect to"),
    (Fault::NoDomain, "no-domain", Error, "nobody has registered the domain, so nobody controls it"),
    (Fault::NoName, "no-name", Error, "the CA can't find the name"),
    (Fault::NotPublic, "not-public", Error, "CAs certify what is registered below a public suffix"),
    (
        Fault::Onion,
        "onion",
        Warning,
        "only a CA that takes part in Tor can connect to the service (RFC 9799)",
    ),
    (
        Fault::PersistAbsent,
        "persist-absent",
        Error,
        "the CA looks for a record that names it, and finds none",
    ),
    (
        Fault::PersistLapsed,
        "persist-lapsed",
        Error,
        "the CA takes the record until the moment in persistUntil only",
    ),
    (
        Fault::PersistLapsing,
        "persist-lapsing",
        Warning,
        "the CA takes the record until the moment in persistUntil only",
    ),
    (
        Fault::PortForbidden,
        "port-forbidden",
        Error,
        "nothing here answers the CA, for this user may not listen there",
    ),
    (
        Fault::PortTaken,
        "port-taken",
        Error,
        "the other program answers the CA, and knows nothing of the challenge",
    ),
    (Fault::Proxied, "proxied", Note, "what the CA connects to passes its requests on, or does not"),
    (Fault::ReservedAddress, "reserved-address", Error, "the CA can't reach such an address"),
    (Fault::ResolverFailure, "resolver-failure", Error, "the CA's look-up will fail as this one did"),
    (
        Fault::ResolverSilent,
        "resolver-silent",
        Warning,
        "what the CA finds in the DNS can't be said from here",
    ),
    (
        Fault::ServerAddress,
        "server-address",
        Warning,
        "the CA can't ask this server, and has to find another one",
    ),
    (
        Fault::ServerDead,
        "server-dead",
        Warning,
        "the CA may ask this server, and has to wait for another one",
    ),
    (Fault::ServerLame, "server-lame", Warning, "the CA may ask this server, and gets nothing that counts"),
    (
        Fault::ServersDisagree,
        "servers-disagree",
        Warning,
        "the CA may ask any of the servers, from several places",
    ),
    (
        Fault::ServersUnreached,
        "servers-unreached",
        Note,
        "whether all of them say the same, as the CA needs it, can't be said from here",
    ),
    (
        Fault::TlsCertificate,
        "tls-certificate",
        Error,
        "the CA gets this certificate instead of the challenge's",
    ),
    (Fault::TlsClosed, "tls-closed", Error, "the CA connects to port 443 and is refused"),
    (Fault::TlsFiltered, "tls-filtered", Warning, "the CA's packets may get as little of an answer"),
    (Fault::TlsNotTls, "tls-not-tls", Error, "the CA speaks TLS at port 443"),
    (
        Fault::TlsProtocol,
        "tls-protocol",
        Error,
        "the CA offers the protocol acme-tls/1 alone, and has to get it (RFC 8737)",
    ),
    (Fault::Webroot, "webroot", Error, "the CA gets no response, for none can be left there"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_fault_has_a_row_at_its_place() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0 as usize, place, "{:?}", row.0);
        }
        assert_eq!(TABLE.len(), Fault::Webroot as usize + 1);
    }

    #[test]
    fn words_are_all_different() {
        let words: BTreeSet<_> = TABLE.iter().map(|row| row.1).collect();
        assert_eq!(words.len(), TABLE.len());
    }

    #[test]
    fn what_is_certain_is_an_error() {
        assert!(CERTAIN.iter().all(|fault| fault.severity() == Error));
    }
}
