//! The ways to write the records of dns-01, and their credentials: from variables or files, read
//! anew each time and kept nowhere.

#[cfg(feature = "dns-update")]
mod long_tail;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use acme_http::Client;
use acme_proto::Solver;
use acme_solver::dns::{self, CredentialError, DnsSolver, DnsUpdate, Exercise, Secret, Service, Variable};
use acme_solver::{RecordKind, ResolveError, Resolver};
use acme_store::ChallengeMethod;

use crate::advice::Advice;
use crate::challenge::ChallengeError;
use crate::context::Context;
use crate::error::Error;
use crate::output::Output;
use crate::responder;
use crate::scripts::{self, ScriptError, Scripts};
use crate::settings;

/// Why the API of a DNS service can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DnsSetupError {
    #[error("HTTPS can't be used")]
    Client(#[source] acme_http::Error),
    #[error("the credentials for {} can't be used", way.title())]
    Credential {
        way: Way,
        #[source]
        source: CredentialError,
    },
    #[error("the file {} for {variable} can't be read", path.display())]
    File {
        variable: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[cfg(feature = "dns-update")]
    #[error("the credentials can't be used")]
    Library(#[source] long_tail::Failure),
    #[cfg(feature = "dns-update")]
    #[error("the zones of names can't be found for {title} without a resolver that answers")]
    NoResolver { title: &'static str },
    #[error(transparent)]
    Script(#[from] ScriptError),
    #[error("'{name}' is no DNS service that is known here")]
    Unknown { name: String },
}

impl DnsSetupError {
    pub(crate) fn advice(&self) -> Vec<Advice> {
        match self {
            Self::Client(_) => vec![Advice::text("install the root certificates of the system")],
            Self::Credential { way, .. } => vec![
                Advice::text(
                    "set the variables, or each with _FILE behind its name to the path of a file; there are:",
                ),
                Advice::paste(format!("acmectl dns {}", way.name())),
            ],
            Self::File { .. } => vec![Advice::text("check the path, and that this user may read the file")],
            #[cfg(feature = "dns-update")]
            Self::Library(_) => vec![Advice::text("check the values of the variables")],
            #[cfg(feature = "dns-update")]
            Self::NoResolver { .. } => {
                vec![Advice::text("name a resolver that this machine can reach with --resolver")]
            }
            Self::Script(error) => error.advice(),
            Self::Unknown { .. } => vec![Advice::text("choose one of these:"), Advice::paste("acmectl dns")],
        }
    }
}

/// A way to write the records of dns-01.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// By what the library dns-update knows of a DNS service.
    #[cfg(feature = "dns-update")]
    LongTail(&'static long_tail::Provider),
    /// By a program.
    Script(scripts::Kind),
    /// By the API of a DNS service.
    Service(&'static Service),
    /// By dynamic updates (RFC 2136).
    Update,
}

impl Way {
    /// All of them, by name.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let services = dns::services().iter().map(Self::Service);
        let ways = services.chain([Self::Update]).chain(scripts::Kind::ALL.map(Self::Script));
        #[cfg(feature = "dns-update")]
        let ways = ways.chain(long_tail::providers().into_iter().map(Self::LongTail));
        ways
    }

    /// The way that a name stands for.
    pub(crate) fn find(name: &str) -> Result<Self, DnsSetupError> {
        if UPDATE_NAMES.contains(&name) {
            return Ok(Self::Update);
        }
        let script = scripts::Kind::find(name).map(Self::Script);
        let way = script.or_else(|| dns::service(name).map(Self::Service));
        #[cfg(feature = "dns-update")]
        let way = way.or_else(|| long_tail::provider(name).map(Self::LongTail));
        way.ok_or_else(|| DnsSetupError::Unknown { name: name.to_owned() })
    }

    /// Its name in options and settings.
    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "dns-update")]
            Self::LongTail(provider) => provider.name,
            Self::Script(kind) => kind.name(),
            Self::Service(service) => service.name,
            Self::Update => UPDATE_NAMES[0],
        }
    }

    /// Its name for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            #[cfg(feature = "dns-update")]
            Self::LongTail(provider) => provider.title,
            Self::Script(kind) => kind.title(),
            Self::Service(service) => service.title,
            Self::Update => "dynamic updates (RFC 2136)",
        }
    }

    /// The variables that it reads.
    pub(crate) fn variables(self) -> &'static [Variable] {
        match self {
            #[cfg(feature = "dns-update")]
            Self::LongTail(provider) => provider.variables,
            Self::Script(kind) => kind.variables(),
            Self::Service(service) => service.variables,
            Self::Update => DnsUpdate::VARIABLES,
        }
    }

    /// What it was tried against.
    pub(crate) fn exercise(self) -> Exercise {
        match self {
            #[cfg(feature = "dns-update")]
            Self::LongTail(_) => Exercise::Nothing,
            Self::Script(kind) => kind.exercise(),
            Self::Service(service) => service.exercise,
            Self::Update => Exercise::Real,
        }
    }
}

/// What writes the records by the API of a service, where the resolver says that the names lead, or at
/// the names themselves.
fn service_solver(
    service: &'static Service,
    credentials: &[Found],
    delegation: Option<Resolver>,
) -> Result<Box<dyn Solver + Send>, DnsSetupError> {
    let way = Way::Service(service);
    let provider = service
        .provider(&|name| text(credentials, name))
        .map_err(|source| DnsSetupError::Credential { way, source })?;
    // The API of a DNS server of one's own is often plain HTTP, on the same machine or network.
    let client = Client::builder().danger_allow_http().build().map_err(DnsSetupError::Client)?;
    let solver = DnsSolver::new(provider, client);
    Ok(match delegation {
        Some(resolver) => Box::new(solver.with_delegation(Arc::new(resolver))),
        None => Box::new(solver),
    })
}

/// What writes the records by dynamic updates, as [`service_solver`].
fn update_solver(
    credentials: &[Found],
    delegation: Option<Resolver>,
) -> Result<Box<dyn Solver + Send>, DnsSetupError> {
    let solver = DnsUpdate::from_variables(&|name| text(credentials, name))
        .map_err(|source| DnsSetupError::Credential { way: Way::Update, source })?;
    Ok(match delegation {
        Some(resolver) => Box::new(solver.with_delegation(Arc::new(resolver))),
        None => Box::new(solver),
    })
}

/// What writes the records through the library, where the resolver says that the names lead.
#[cfg(feature = "dns-update")]
fn long_tail_solver(
    provider: &'static long_tail::Provider,
    credentials: &[Found],
    delegation: Option<Resolver>,
) -> Result<Box<dyn Solver + Send>, DnsSetupError> {
    let resolver = delegation.ok_or(DnsSetupError::NoResolver { title: provider.title })?;
    let value = |name: &str| {
        let found = credentials.iter().find(|found| found.variable.name == name)?;
        Some(found.value.expose())
    };
    if let Some(source) = provider.missing(&value) {
        return Err(DnsSetupError::Credential { way: Way::LongTail(provider), source });
    }
    let solver = long_tail::LongTail::new(provider, &value, resolver);
    Ok(Box::new(solver.map_err(DnsSetupError::Library)?))
}

fn text(credentials: &[Found], name: &str) -> Option<String> {
    let found = credentials.iter().find(|found| found.variable.name == name)?;
    Some(found.value.expose().to_owned())
}

/// What a text stands for, for people.
pub(crate) fn title(text: &str) -> &str {
    if text == responder::NAME {
        return responder::TITLE;
    }
    match Way::find(text) {
        Ok(Way::Script(_)) | Err(_) => text,
        Ok(way) => way.title(),
    }
}

/// What to remember of a way: its name, and the files that have its credentials now.
pub(crate) fn method(text: &str) -> Result<ChallengeMethod, Error> {
    if text == responder::NAME {
        return Ok(ChallengeMethod::Dns { provider: text.to_owned(), files: BTreeMap::new() });
    }
    let way = Way::find(text).map_err(ChallengeError::from)?;
    if let Way::Script(kind) = way {
        let remembered = kind.remember(text, &environment).map_err(DnsSetupError::from);
        let (provider, files) = remembered.map_err(ChallengeError::from)?;
        return Ok(ChallengeMethod::Dns { provider, files });
    }
    let mut files = BTreeMap::new();
    for found in look(way, &BTreeMap::new()).map_err(ChallengeError::from)? {
        if let Place::File(path) = found.place {
            files.insert(found.variable.name.to_owned(), settings::absolute(&path)?);
        }
    }
    Ok(ChallengeMethod::Dns { provider: way.name().to_owned(), files })
}

/// Reads the credentials of a way, and sets a solver up.
pub(crate) fn prepare(
    context: &Context,
    text: &str,
    files: &BTreeMap<String, PathBuf>,
    delegation: Option<Resolver>,
) -> Result<Ready, DnsSetupError> {
    match Way::find(text)? {
        Way::Script(kind) => {
            let solver = Scripts::new(context, kind.form(text, files)?, delegation);
            Ok(Ready { solver: Box::new(solver), found: Vec::new(), script: Some(kind) })
        }
        way @ Way::Service(service) => {
            let found = look(way, files)?;
            warn_of_plain_http(&found, &context.output);
            Ok(Ready { solver: service_solver(service, &found, delegation)?, found, script: None })
        }
        #[cfg(feature = "dns-update")]
        way @ Way::LongTail(provider) => {
            let found = look(way, files)?;
            warn_of_plain_http(&found, &context.output);
            Ok(Ready { solver: long_tail_solver(provider, &found, delegation)?, found, script: None })
        }
        Way::Update => {
            let found = look(Way::Update, files)?;
            Ok(Ready { solver: update_solver(&found, delegation)?, found, script: None })
        }
    }
}

/// The resolver, if it answers.
pub(crate) fn answering(resolver: &Resolver, name: &str) -> Result<Resolver, ResolveError> {
    match resolver.look_up(name, RecordKind::Ns) {
        Err(error @ (ResolveError::Silent { .. } | ResolveError::NoResolver)) => Err(error),
        Ok(_) | Err(_) => Ok(resolver.clone()),
    }
}

/// A solver, and where its credentials were.
pub(crate) struct Ready {
    pub(crate) solver: Box<dyn Solver + Send>,
    found: Vec<Found>,
    script: Option<scripts::Kind>,
}

impl Ready {
    /// Says what a renewal has to find again.
    pub(crate) fn tell_needs(&self, output: &Output) {
        if let Some(kind) = self.script {
            output.progress(format_args!("  renewals remember {}", kind.remembered()));
        }
        let in_environment = self.found.iter().filter_map(|found| match found.place {
            Place::Environment(name) => Some(name),
            Place::File(_) => None,
        });
        let names: Vec<&str> = in_environment.collect();
        if !names.is_empty() {
            output.progress(format_args!("  renewals need these variables again: {}", names.join(", ")));
            output.progress("  the path of a file with one, under its name and _FILE, is remembered instead");
        }
        for found in &self.found {
            if let Place::File(path) = &found.place {
                let name = found.variable.name;
                output.progress(format_args!("  renewals read {name} from {}", path.display()));
            }
        }
    }
}

/// A variable that was found.
struct Found {
    variable: &'static Variable,
    value: Secret,
    place: Place,
}

enum Place {
    /// Under this name.
    Environment(&'static str),
    File(PathBuf),
}

/// Finds the variables of a way: in the environment, in files that it names, or in files that are
/// remembered.
fn look(way: Way, files: &BTreeMap<String, PathBuf>) -> Result<Vec<Found>, DnsSetupError> {
    way.variables().iter().filter_map(|variable| look_for(variable, files).transpose()).collect()
}

fn look_for(
    variable: &'static Variable,
    files: &BTreeMap<String, PathBuf>,
) -> Result<Option<Found>, DnsSetupError> {
    let mut names = variable.names();
    if let Some((name, text)) = names.find_map(|name| Some((name, environment(name)?))) {
        let place = Place::Environment(name);
        return Ok(Some(Found { variable, value: Secret::new(&text), place }));
    }
    let in_files = variable.names().map(|name| format!("{name}_FILE"));
    let mut in_files = in_files.chain(variable.paths.iter().map(|path| (*path).to_owned()));
    let path = in_files.find_map(|name| environment(&name)).map(PathBuf::from);
    let Some(path) = path.or_else(|| files.get(variable.name).cloned()) else { return Ok(None) };
    match read(&path) {
        Ok(value) => Ok(Some(Found { variable, value, place: Place::File(path) })),
        Err(source) => Err(DnsSetupError::File { variable: variable.name, path, source }),
    }
}

fn warn_of_plain_http(credentials: &[Found], output: &Output) {
    for found in credentials {
        if let Some(host) = plain_http_host(found.value.expose()) {
            let name = found.variable.name;
            output.warn(format_args!(
                "{name} is not https: whoever is on the way to {host} can read the credentials"
            ));
        }
    }
}

/// The host of an address at which nothing is encrypted, unless it is this machine.
fn plain_http_host(text: &str) -> Option<String> {
    let url: http::Uri = text.parse().ok()?;
    let host = url.host().filter(|_| url.scheme_str() == Some("http"))?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_here = match bare.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => {
            let name = bare.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    };
    (!is_here).then(|| host.to_owned())
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.trim().is_empty())
}

fn read(path: &Path) -> io::Result<Secret> {
    std::fs::read_to_string(path).map(|text| Secret::new(&text))
}

/// What lego 4 and lego 5 call it.
const UPDATE_NAMES: [&str; 2] = ["rfc2136", "dnsupdate"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_without_encryption_is_found_unless_it_is_here() {
        for text in [
            "http://192.0.2.1:8081",
            "http://[2001:db8::1]/",
            "HTTP://ns.example.net",
            "http://localhost.net",
        ] {
            assert!(plain_http_host(text).is_some(), "{text}");
        }
        let here = [
            "http://127.0.0.1:8081",
            "http://127.9.9.9",
            "http://[::1]:80/",
            "http://LOCALHOST./x",
            "http://a.localhost",
        ];
        for text in here.into_iter().chain(["https://ns.example.net", "secret", "http://", "", "http:secret"])
        {
            assert_eq!(plain_http_host(text), None, "{text}");
        }
        assert_eq!(plain_http_host("http://ns.example.net:8081/api").as_deref(), Some("ns.example.net"));
    }
}
