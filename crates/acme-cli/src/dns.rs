//! The credentials of DNS services: from variables or files, read anew each time and kept nowhere.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use acme_http::Client;
use acme_solver::dns::{self, CredentialError, DnsSolver, Secret, Service, Variable};
use acme_store::ChallengeMethod;

use crate::advice::Advice;
use crate::challenge::ChallengeError;
use crate::error::Error;
use crate::output::Output;
use crate::settings;

/// Why the API of a DNS service can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DnsSetupError {
    #[error("HTTPS can't be used")]
    Client(#[source] acme_http::Error),
    #[error("the credentials for {} can't be used", service.title)]
    Credential {
        service: &'static Service,
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
    #[error("'{name}' is no DNS service that is known here")]
    Unknown { name: String },
}

impl DnsSetupError {
    pub(crate) fn advice(&self) -> Vec<Advice> {
        match self {
            Self::Client(_) => vec![Advice::text("install the root certificates of the system")],
            Self::Credential { service, .. } => vec![
                Advice::text(
                    "set the variables, or each with _FILE behind its name to the path of a file; there are:",
                ),
                Advice::paste(format!("acmectl dns {}", service.name)),
            ],
            Self::File { .. } => vec![Advice::text("check the path, and that this user may read the file")],
            Self::Unknown { .. } => vec![Advice::text("choose one of these:"), Advice::paste("acmectl dns")],
        }
    }
}

/// The service of a name.
pub(crate) fn find(name: &str) -> Result<&'static Service, DnsSetupError> {
    dns::service(name).ok_or_else(|| DnsSetupError::Unknown { name: name.to_owned() })
}

/// The name of a service, for people.
pub(crate) fn title(name: &str) -> &str {
    dns::service(name).map_or(name, |service| service.title)
}

/// What to remember of a service: its name, and the files that have its credentials now.
pub(crate) fn method(name: &str) -> Result<ChallengeMethod, Error> {
    let service = find(name).map_err(ChallengeError::from)?;
    let mut files = BTreeMap::new();
    for found in look(service, &BTreeMap::new()).map_err(ChallengeError::from)? {
        if let Place::File(path) = found.place {
            files.insert(found.variable.name.to_owned(), settings::absolute(&path)?);
        }
    }
    Ok(ChallengeMethod::Dns { provider: service.name.to_owned(), files })
}

/// Reads the credentials of a service, and sets a solver up.
pub(crate) fn prepare(name: &str, files: &BTreeMap<String, PathBuf>) -> Result<Ready, DnsSetupError> {
    let service = find(name)?;
    let found = look(service, files)?;
    let text = |name: &str| {
        let found = found.iter().find(|found| found.variable.name == name)?;
        Some(found.value.expose().to_owned())
    };
    let provider = service.provider(&text).map_err(|source| DnsSetupError::Credential { service, source })?;
    // The API of a DNS server of one's own is often plain HTTP, on the same machine or network.
    let client = Client::builder().danger_allow_http().build().map_err(DnsSetupError::Client)?;
    Ok(Ready { solver: DnsSolver::new(provider, client), found })
}

/// A solver, and where its credentials were.
pub(crate) struct Ready {
    pub(crate) solver: DnsSolver,
    found: Vec<Found>,
}

impl Ready {
    /// Says what a renewal has to find again.
    pub(crate) fn tell_needs(&self, output: &Output) {
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

/// Finds the variables of a service: in the environment, in files that it names, or in files that
/// are remembered.
fn look(service: &'static Service, files: &BTreeMap<String, PathBuf>) -> Result<Vec<Found>, DnsSetupError> {
    service.variables.iter().filter_map(|variable| look_for(variable, files).transpose()).collect()
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

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.trim().is_empty())
}

fn read(path: &Path) -> io::Result<Secret> {
    std::fs::read_to_string(path).map(|text| Secret::new(&text))
}
