//! What can go wrong with a dynamic update.

use std::io;
use std::sync::Arc;

use acme_proto::SolverError;
use hickory_proto::op::ResponseCode;

/// Why records could not be changed by a dynamic update.
///
/// Each says what to do about it. No text in it has a secret.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// There is a CNAME where the records were to be.
    #[error(
        "{server} has a CNAME at one of the names that were to be written in the zone {zone} ({}); \
         write where it leads, or remove it",
        names.join(", ")
    )]
    Alias {
        /// The server.
        server: String,
        /// The zone.
        zone: String,
        /// The names, one of which has it.
        names: Vec<String>,
    },
    /// The zone of a name is served elsewhere.
    #[error("{server} has handed {zone}, where {name} is, to {}; give one of those that is its primary", to.join(", "))]
    Delegated {
        /// The server that was asked.
        server: String,
        /// The name.
        name: String,
        /// The zone that it handed away.
        zone: String,
        /// The servers to which it did.
        to: Vec<String>,
    },
    /// It is no domain name.
    #[error("'{0}' is no domain name")]
    Name(String),
    /// None of the zones there holds the name.
    #[error("{server} has no zone for {name}; give the primary server of the zone")]
    NoZone {
        /// The server.
        server: String,
        /// The name.
        name: String,
    },
    /// The server refused.
    #[error("{server} answers {code} for {zone}: {advice}")]
    Refused {
        /// The server.
        server: String,
        /// The zone.
        zone: String,
        /// The response code.
        code: String,
        /// What to do.
        advice: &'static str,
        /// Whether a later try may fare better.
        is_temporary: bool,
    },
    /// The server's reply makes no sense.
    #[error("{server} sent what is no reply to the message it was sent: {what}")]
    Reply {
        /// The server.
        server: String,
        /// What is wrong.
        what: &'static str,
    },
    /// It is no address of a server.
    #[error("'{0}' is no address of a name server: give HOST or HOST:PORT")]
    Server(String),
    /// The server did not answer.
    #[error("{server} does not answer over UDP or TCP")]
    Silent {
        /// The server.
        server: String,
        /// Why, at the last try.
        #[source]
        source: Arc<io::Error>,
    },
    /// The server and this machine do not agree about the key.
    #[error("{server} {fault}")]
    Tsig {
        /// The server.
        server: String,
        /// What they do not agree about.
        fault: TsigFault,
    },
}

impl UpdateError {
    /// Whether it is what Knot says that has no such zone: it does not sign that.
    pub(super) fn is_unsigned_refusal(&self) -> bool {
        let Self::Tsig { fault: TsigFault::Unsigned { code, .. }, .. } = self else { return false };
        *code == word(ResponseCode::Refused)
    }

    /// Tells whether a later try may fare better without anybody's help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Reply { .. } | Self::Silent { .. } => true,
            Self::Refused { is_temporary, .. } => *is_temporary,
            Self::Alias { .. }
            | Self::Delegated { .. }
            | Self::Name(_)
            | Self::NoZone { .. }
            | Self::Server(_)
            | Self::Tsig { .. } => false,
        }
    }

    /// What a response code says about a zone.
    pub(super) fn refusal(server: &str, zone: &str, code: ResponseCode) -> Self {
        let known = ADVICE.iter().find(|(known, _)| *known == code);
        let advice = known.map_or("its log may say why", |(_, advice)| advice);
        let is_temporary = code == ResponseCode::ServFail;
        Self::Refused {
            server: server.to_owned(),
            zone: zone.to_owned(),
            code: word(code),
            advice,
            is_temporary,
        }
    }
}

impl From<UpdateError> for SolverError {
    fn from(error: UpdateError) -> Self {
        if error.is_temporary() { Self::temporary(error) } else { Self::permanent(error) }
    }
}

/// What a server and its client do not agree about, by their signatures.
///
/// <https://www.rfc-editor.org/rfc/rfc8945#section-5.3.2>
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TsigFault {
    /// The server does not know the key.
    #[error(
        "does not know the key {key} with {algorithm} (BADKEY): give the name and the algorithm that its \
         configuration has, or add the key there"
    )]
    Key {
        /// The key's name.
        key: String,
        /// Its algorithm.
        algorithm: &'static str,
    },
    /// The server has another secret for the key.
    #[error("has another secret for the key {key} (BADSIG): copy the secret from its configuration")]
    Secret {
        /// The key's name.
        key: String,
    },
    /// The server's clock differs.
    #[error(
        "has a clock that differs from the one here by {seconds} s, of which {FUDGE} are borne (BADTIME): \
         set both"
    )]
    Clock {
        /// By how much.
        seconds: u64,
    },
    /// The server refused the signature for another reason.
    #[error("refused the signature with the key {key} (TSIG error {code}): its log may say why")]
    Code {
        /// The key's name.
        key: String,
        /// The error.
        code: u16,
    },
    /// The reply is not signed.
    #[error(
        "answers {code} and does not sign that, as a server does that does not know the key {key}, has \
         another secret for it, or another clock: give the name, algorithm and secret that its \
         configuration has, and set both clocks"
    )]
    Unsigned {
        /// The key's name.
        key: String,
        /// The response code.
        code: String,
    },
    /// The reply is signed with another key.
    #[error("signs its reply with another key than {key}: it is not to be trusted")]
    OtherKey {
        /// The key's name.
        key: String,
    },
    /// The signature of the reply is wrong.
    #[error(
        "signs its reply wrongly, or somebody changed it on its way (key {key}): it is not to be trusted"
    )]
    Mac {
        /// The key's name.
        key: String,
    },
}

/// A response code as RFCs write it.
pub(super) fn word(code: ResponseCode) -> String {
    let known = WORDS.iter().find(|(known, _)| *known == code);
    known.map_or_else(|| format!("response code {}", u16::from(code)), |(_, word)| (*word).to_owned())
}

/// What a server answers that has no such zone.
pub(super) const NO_ZONE: [ResponseCode; 2] = [ResponseCode::NotAuth, ResponseCode::Refused];

const WORDS: [(ResponseCode, &str); 11] = [
    (ResponseCode::NoError, "NOERROR"),
    (ResponseCode::FormErr, "FORMERR"),
    (ResponseCode::ServFail, "SERVFAIL"),
    (ResponseCode::NXDomain, "NXDOMAIN"),
    (ResponseCode::NotImp, "NOTIMP"),
    (ResponseCode::Refused, "REFUSED"),
    (ResponseCode::YXDomain, "YXDOMAIN"),
    (ResponseCode::YXRRSet, "YXRRSET"),
    (ResponseCode::NXRRSet, "NXRRSET"),
    (ResponseCode::NotAuth, "NOTAUTH"),
    (ResponseCode::NotZone, "NOTZONE"),
];

const ADVICE: [(ResponseCode, &str); 6] = [
    (ResponseCode::FormErr, "its log says what it does not understand"),
    (ResponseCode::NotAuth, "give the primary server of the zone, and a key that it permits to change it"),
    (ResponseCode::NotImp, "give a server that takes dynamic updates, the primary of the zone"),
    (ResponseCode::NotZone, "give the zones as the server has them"),
    (
        ResponseCode::Refused,
        "let it permit this key, or this address where there is no key, to change TXT records: by \
         update-policy or allow-update in BIND, by an acl with the action update in Knot, by dnsupdate and \
         TSIG-ALLOW-DNSUPDATE in PowerDNS",
    ),
    (ResponseCode::ServFail, "its log says why; its zone may be frozen, or its files read-only"),
];

/// Seconds by which clocks may differ; what RFC 8945 recommends.
pub(super) const FUDGE: u16 = 300;
