//! The ways to prove control that somebody gave, for all names or for some.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use acme_proto::ChallengeType;
use acme_store::{ChallengeMethod, ChallengeMethods, Settings};

use crate::advice::Advice;
use crate::args::{MethodArg, MethodArgs};
use crate::dns;
use crate::error::Error;
use crate::hooks;
use crate::names;
use crate::scripts::Manual;
use crate::settings;

/// Why a way to prove control can't be as it was given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MethodError {
    #[error("'{text}' is no address to listen at")]
    Address { text: String },
    #[error("'{text}' says for no name how control of it is proved")]
    Pattern { text: String },
    #[error("--manual-auth-hook is for http or dns, and not for '{text}'")]
    Preferred { text: String },
    #[error("{one} and {other} answer the same challenges of {pattern}")]
    Same { one: String, other: String, pattern: String },
    #[error("'{text}' is no way to prove control of a name")]
    Unknown { text: String },
}

impl MethodError {
    pub(crate) fn advice(&self) -> Vec<Advice> {
        match self {
            Self::Address { .. } => vec![Advice::text("give it as in 127.0.0.1:8080 or [::1]:8080")],
            Self::Pattern { .. } | Self::Unknown { .. } => vec![
                Advice::text("give the names, and http, tls-alpn, webroot:DIR or dns:PROVIDER, as in"),
                Advice::paste("--challenge '*.example.com=dns:PROVIDER'"),
            ],
            Self::Preferred { .. } => vec![Advice::text("give http or dns to --preferred-challenges")],
            Self::Same { .. } => vec![Advice::text("give one of them")],
        }
    }
}

/// What was given of how control is proved; what is `None` stays as it is remembered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Methods {
    all: Option<ChallengeMethods>,
    by_pattern: Option<BTreeMap<String, ChallengeMethods>>,
}

impl Methods {
    pub(crate) fn resolve(args: MethodArgs) -> Result<Self, Error> {
        let all = args.methods.into_iter().map(for_all).collect::<Result<Vec<_>, _>>()?;
        let by_pattern = args.patterns.map(|texts| by_pattern(&texts)).transpose()?;
        Ok(Self { all: in_order(all, "all names")?, by_pattern })
    }

    /// Puts what was given in the place of what is remembered. A way for all names takes back what
    /// was said for some.
    pub(crate) fn merge_into(&self, settings: &mut Settings) {
        if let Some(all) = &self.all {
            settings.challenge.clone_from(all);
            settings.challenges.clear();
        }
        if let Some(by_pattern) = &self.by_pattern {
            settings.challenges.clone_from(by_pattern);
        }
    }
}

fn for_all(given: MethodArg) -> Result<ChallengeMethod, Error> {
    let listen = |address: Option<SocketAddr>| address.into_iter().collect();
    Ok(match given {
        MethodArg::Dns(provider) => dns::method(&provider)?,
        MethodArg::DnsPersist => ChallengeMethod::DnsPersist,
        MethodArg::HttpStateless => ChallengeMethod::HttpStateless,
        MethodArg::Http(address) => ChallengeMethod::Http { listen: listen(address) },
        MethodArg::Manual { challenge, auth, cleanup } => manual(&challenge, &auth, cleanup.as_deref())?,
        MethodArg::TlsAlpn(address) => ChallengeMethod::TlsAlpn { listen: listen(address) },
        MethodArg::Webroot(dir) => ChallengeMethod::Webroot { dir: settings::absolute(&dir)? },
    })
}

/// What to remember of certbot's hooks.
fn manual(challenge: &str, auth: &str, cleanup: Option<&str>) -> Result<ChallengeMethod, Error> {
    let word = challenge.strip_suffix("-01").unwrap_or(challenge);
    let kind = Manual::TYPES.into_iter().find(|kind| kind.as_str().strip_suffix("-01") == Some(word));
    let wrong = || settings::SettingError::from(MethodError::Preferred { text: challenge.to_owned() });
    let challenge = kind.ok_or_else(wrong)?;
    let auth_hook = hooks::absolute(auth)?;
    let cleanup_hook = cleanup.map(hooks::absolute).transpose()?;
    Manual::new(&auth_hook, cleanup_hook.as_deref(), &challenge)?;
    Ok(ChallengeMethod::Manual { challenge, auth_hook, cleanup_hook })
}

fn by_pattern(texts: &[String]) -> Result<BTreeMap<String, ChallengeMethods>, Error> {
    let mut given: BTreeMap<String, Vec<ChallengeMethod>> = BTreeMap::new();
    for text in texts.iter().filter(|text| !text.trim().is_empty()) {
        let wrong = || MethodError::Pattern { text: text.clone() };
        let (pattern, way) = text.split_once('=').ok_or_else(wrong).map_err(settings::SettingError::from)?;
        let pattern = names::parse(pattern.trim())?.identifier.to_string();
        given.entry(pattern).or_default().push(parse(way.trim())?);
    }
    let mut methods = BTreeMap::new();
    for (pattern, ways) in given {
        if let Some(ways) = in_order(ways, &pattern)? {
            methods.insert(pattern, ways);
        }
    }
    Ok(methods)
}

/// A way as in `dns:cloudflare`.
fn parse(text: &str) -> Result<ChallengeMethod, Error> {
    let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
    let listen = || match rest {
        "" => Ok(Vec::new()),
        rest => {
            rest.parse().map(|address| vec![address]).map_err(|_| MethodError::Address { text: rest.into() })
        }
    };
    Ok(match (kind, rest) {
        ("http", _) => ChallengeMethod::Http { listen: listen().map_err(settings::SettingError::from)? },
        ("http-stateless", "") => ChallengeMethod::HttpStateless,
        ("tls-alpn", _) => {
            ChallengeMethod::TlsAlpn { listen: listen().map_err(settings::SettingError::from)? }
        }
        ("webroot", dir) if !dir.is_empty() => {
            ChallengeMethod::Webroot { dir: settings::absolute(Path::new(dir))? }
        }
        ("dns-persist", "") => ChallengeMethod::DnsPersist,
        ("dns", provider) if !provider.is_empty() => dns::method(provider)?,
        _ => return Err(settings::SettingError::from(MethodError::Unknown { text: text.to_owned() }).into()),
    })
}

/// Refuses two ways between which there is nothing to choose: a CA offers a type of challenge, and
/// not how it is answered.
fn in_order(
    methods: Vec<ChallengeMethod>,
    pattern: &str,
) -> Result<Option<ChallengeMethods>, settings::SettingError> {
    for (index, one) in methods.iter().enumerate() {
        let same = |other: &&ChallengeMethod| KINDS.iter().any(|kind| one.proves(kind) && other.proves(kind));
        if let Some(other) = methods.iter().skip(index + 1).find(same) {
            let (one, other, pattern) = (one.to_string(), other.to_string(), pattern.to_owned());
            return Err(MethodError::Same { one, other, pattern }.into());
        }
    }
    Ok(ChallengeMethods::new(methods))
}

/// One type for each kind of way.
const KINDS: [ChallengeType; 4] =
    [ChallengeType::Dns01, ChallengeType::DnsPersist01, ChallengeType::Http01, ChallengeType::TlsAlpn01];
