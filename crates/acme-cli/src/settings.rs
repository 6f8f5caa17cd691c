//! What the arguments come to.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use acme_keys::{CertificateSigningRequest, KeyType, UnknownKeyType};
use acme_proto::Identifier;
use acme_solver::Resolver;
use acme_store::{CaSettings, CertificateName, InvalidName, Settings, Store};

use crate::advice::Advice;
use crate::args::{BindingArgs, GlobalArgs, IssueArgs, ResponderArgs};
use crate::binding::{Bindings, ExternalAccount};
use crate::ca;
use crate::error::Error;
use crate::hooks;
use crate::invocation::Invocation;
use crate::method::{MethodError, Methods};
use crate::names::{self, Name};
use crate::timer;
use crate::validity::NotAfter;

/// What holds for every command.
#[derive(Clone, Debug)]
pub(crate) struct Global {
    /// The directory of the store.
    pub(crate) dir: PathBuf,
    /// Whether somebody named it.
    pub(crate) dir_is_given: bool,
    /// How long a hook may take, if somebody said so.
    pub(crate) hook_time_limit: Option<Duration>,
    /// Where port 80 of all names leads to.
    pub(crate) http_reach: Option<SocketAddr>,
    /// Where port 443 of all names leads to.
    pub(crate) tls_reach: Option<SocketAddr>,
    /// Who is asked for DNS records.
    pub(crate) resolver: Resolver,
    /// The program that makes systemd take up units, where systemd runs.
    pub(crate) systemctl: Option<PathBuf>,
}

/// A setting that can't be right.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingError {
    #[error(transparent)]
    CertificateName(#[from] InvalidName),
    #[error("'{text}' is no e-mail address")]
    Email { text: String },
    #[error(transparent)]
    KeyType(#[from] UnknownKeyType),
    #[error("there is no place to keep anything: neither HOME nor XDG_STATE_HOME is set")]
    NoHome,
    #[error("{} is no certificate signing request", path.display())]
    Csr {
        path: PathBuf,
        #[source]
        source: acme_keys::Error,
    },
    #[error("the certificate signing request {} is not for the names that are given", path.display())]
    CsrNames { path: PathBuf, names: Vec<Identifier> },
    #[error("'{text}' is no address of a resolver")]
    Resolver { text: String },
    #[error("the key of the certificate signing request {} is compromised", path.display())]
    CompromisedCsr { path: PathBuf },
    #[error(transparent)]
    Method(#[from] MethodError),
    #[error("--{option} is empty")]
    Empty { option: &'static str },
}

impl SettingError {
    pub(crate) fn advice(&self, invocation: &Invocation) -> Vec<Advice> {
        match self {
            Self::CertificateName(_) => vec![Advice::text("choose another --name")],
            Self::Csr { .. } => vec![Advice::text("give a file as openssl req -new writes it")],
            Self::CompromisedCsr { .. } => {
                vec![Advice::text("make a new key, and a request with it in the place of that file")]
            }
            Self::CsrNames { names, .. } => {
                let names = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                vec![Advice::text(format!("give no names, or those of the request: {names}"))]
            }
            Self::Email { .. } => {
                vec![Advice::text("give one address as in admin@example.com, without mailto:, or none")]
            }
            Self::KeyType(_) => vec![Advice::text("choose one of these with --key-type")],
            Self::Method(error) => error.advice(),
            Self::NoHome => {
                vec![Advice::text("name a directory:"), Advice::paste(invocation.with("--dir DIR"))]
            }
            Self::Resolver { .. } => {
                vec![Advice::text("give an IP address, with a port or without, or https://HOST/dns-query")]
            }
            Self::Empty { .. } => vec![Advice::text("check the variable that it came from")],
        }
    }
}

impl Global {
    pub(crate) fn resolve(args: GlobalArgs) -> Result<Self, Error> {
        let dir_is_given = args.dir.is_some();
        let dir = match args.dir {
            Some(dir) if dir.as_os_str().is_empty() => {
                return Err(SettingError::Empty { option: "dir" }.into());
            }
            Some(dir) => dir,
            None => default_dir()?,
        };
        Ok(Self {
            dir: absolute(&dir)?,
            dir_is_given,
            hook_time_limit: args.hook_timeout.map(Duration::from_secs),
            http_reach: args.http_reach,
            tls_reach: args.tls_reach,
            resolver: resolver(&args.resolver, args.dns_port)?,
            systemctl: match args.systemctl {
                Some(program) => Some(PathBuf::from(program)).filter(|path| !path.as_os_str().is_empty()),
                None => timer::systemctl(),
            },
        })
    }
}

/// What `issue` is asked to do; what is `None` stays as it is remembered.
#[derive(Debug)]
pub(crate) struct IssueOptions {
    pub(crate) names: Vec<Name>,
    pub(crate) name: Option<CertificateName>,
    pub(crate) ca: Option<CaSettings>,
    pub(crate) ca_root: Option<(PathBuf, String)>,
    pub(crate) account: Option<String>,
    pub(crate) methods: Methods,
    pub(crate) dns_account: Option<bool>,
    pub(crate) responder: ResponderArgs,
    pub(crate) key_type: Option<KeyType>,
    pub(crate) csr: Option<PathBuf>,
    pub(crate) reuse_key: Option<bool>,
    pub(crate) profile: Option<String>,
    pub(crate) preferred_profile: Option<String>,
    pub(crate) preferred_chain: Option<String>,
    pub(crate) not_after: Option<String>,
    pub(crate) deploy_hook: Option<String>,
    pub(crate) reload: Option<String>,
    pub(crate) registration: Registration,
    pub(crate) drop_names: bool,
    pub(crate) force: bool,
    pub(crate) no_check: bool,
    pub(crate) dry_run: bool,
}

/// What an account is registered with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registration {
    pub(crate) agree: bool,
    pub(crate) contact: Option<Vec<String>>,
    /// The account outside ACME to bind a new one to.
    pub(crate) external: Option<ExternalAccount>,
    /// Where such accounts are handed out for an e-mail address, instead of where it is known.
    pub(crate) external_api: Option<String>,
}

impl Registration {
    pub(crate) fn resolve(agree: bool, email: Option<&str>, binding: BindingArgs) -> Result<Self, Error> {
        let external_api = binding.eab_api.clone();
        let contact = email.map(contact).transpose()?;
        Ok(Self { agree, contact, external: ExternalAccount::resolve(binding)?, external_api })
    }
}

impl IssueOptions {
    pub(crate) fn resolve(args: IssueArgs) -> Result<Self, Error> {
        Self::resolve_with(args, &mut Bindings::default())
    }

    /// Looks at what external accounts are known already.
    pub(crate) fn resolve_with(args: IssueArgs, bindings: &mut Bindings) -> Result<Self, Error> {
        let csr = args.csr.map(|path| absolute(&path)).transpose()?;
        let texts: Vec<String> = args.domains.into_iter().chain(args.more_domains).collect();
        let staging = args.staging.then(|| "letsencrypt-staging".to_owned());
        let ca_root = args.ca_root.map(|path| {
            let path = absolute(&path)?;
            ca::read_root(&path).map(|pem| (path, pem))
        });
        let options = Self {
            names: names_of(&texts, csr.as_deref(), args.name.is_some())?,
            name: args.name.map(CertificateName::new).transpose().map_err(SettingError::from)?,
            ca: staging.or(args.ca).as_deref().map(ca::parse).transpose()?,
            ca_root: ca_root.transpose()?,
            account: args.account,
            methods: Methods::resolve(args.method)?,
            dns_account: args.dns_account.then_some(true),
            responder: args.responder,
            key_type: args.key_type.map(|text| text.parse()).transpose().map_err(SettingError::from)?,
            csr,
            reuse_key: if args.reuse_key { Some(true) } else { args.new_key.then_some(false) },
            profile: args.profile,
            preferred_profile: args.preferred_profile,
            preferred_chain: args.preferred_chain,
            not_after: args.not_after,
            deploy_hook: args.deploy_hook.as_deref().map(hooks::absolute).transpose()?,
            reload: args.reload.as_deref().map(hooks::absolute).transpose()?,
            registration: Registration {
                agree: args.agree_tos,
                contact: args.email.as_deref().map(contact).transpose()?,
                external_api: args.binding.eab_api.clone(),
                external: bindings.resolve(args.binding)?,
            },
            drop_names: args.drop_names,
            force: args.force,
            no_check: args.no_check,
            dry_run: args.dry_run,
        };
        if let Some(text) = options.not_after.as_deref().filter(|text| !text.is_empty()) {
            NotAfter::parse(text)?;
        }
        for hook in [&options.deploy_hook, &options.reload].into_iter().flatten() {
            hooks::check(hook)?;
        }
        Ok(options)
    }

    /// The settings of the certificate: what was given, on top of what is remembered.
    pub(crate) fn merge(&self, remembered: Option<&Settings>) -> Result<Settings, Error> {
        let identifiers = self.names.iter().map(|name| name.identifier.clone()).collect();
        let mut settings = match remembered {
            Some(remembered) => remembered.clone(),
            None => Settings::new(Vec::new(), ca::parse(ca::DEFAULT)?),
        };
        if !self.names.is_empty() {
            settings.names = identifiers;
        }
        if settings.names.is_empty() {
            return Err(names::NameError::Absent.into());
        }
        if let Some(ca) = &self.ca
            && settings.ca.directory_url != ca.directory_url
        {
            settings.ca = ca.clone();
        }
        if let Some((path, pem)) = &self.ca_root {
            settings.ca.root_file = Some(path.clone());
            settings.ca.root_pem = Some(pem.clone());
        }
        if let Some(account) = &self.account {
            settings.account.clone_from(account);
        }
        self.methods.merge_into(&mut settings);
        if let Some(dns_account) = self.dns_account {
            settings.dns_account = dns_account;
        }
        if let Some(key_type) = self.key_type {
            settings.key_type = Some(key_type.to_string());
        }
        if let Some(reuse_key) = self.reuse_key {
            settings.reuse_key = reuse_key;
        }
        // A word about the key takes back that it is somebody else's.
        if self.csr.is_some() || self.key_type.is_some() || self.reuse_key.is_some() {
            settings.csr.clone_from(&self.csr);
        }
        // Only one of them can be asked for.
        if self.profile.is_some() || self.preferred_profile.is_some() {
            (settings.profile, settings.preferred_profile) = (None, None);
        }
        let members = [
            (&self.responder.dns_listen, &mut settings.dns_listen),
            (&self.responder.dns_name, &mut settings.dns_name),
            (&self.responder.dns_zone, &mut settings.dns_zone),
            (&self.profile, &mut settings.profile),
            (&self.preferred_profile, &mut settings.preferred_profile),
            (&self.preferred_chain, &mut settings.preferred_chain),
            (&self.not_after, &mut settings.not_after),
            (&self.deploy_hook, &mut settings.deploy_hook),
            (&self.reload, &mut settings.reload),
        ];
        for (given, member) in members {
            if let Some(text) = given {
                *member = Some(text.clone()).filter(|text| !text.trim().is_empty());
            }
        }
        Ok(settings)
    }
}

/// Reads a certificate signing request, PEM or DER.
pub(crate) fn read_csr(path: &Path) -> Result<CertificateSigningRequest, Error> {
    let content = std::fs::read(path).map_err(|source| Error::File { path: path.to_path_buf(), source })?;
    let is_pem = content.trim_ascii_start().starts_with(b"-----BEGIN ");
    let request = if is_pem {
        CertificateSigningRequest::from_pem(content)
    } else {
        CertificateSigningRequest::from_der(&content)
    };
    Ok(request.map_err(|source| SettingError::Csr { path: path.to_path_buf(), source })?)
}

/// Refuses a certificate signing request whose key somebody else knows.
pub(crate) fn check_request(store: &Store, path: &Path) -> Result<(), Error> {
    let request = read_csr(path)?;
    if store.is_compromised_key(acme_keys::sha256(request.public_key_der()))? {
        return Err(SettingError::CompromisedCsr { path: path.to_path_buf() }.into());
    }
    Ok(())
}

/// The key type of some settings.
pub(crate) fn key_type(settings: &Settings) -> Result<KeyType, Error> {
    match &settings.key_type {
        Some(text) => Ok(text.parse().map_err(SettingError::from)?),
        None => Ok(KeyType::default()),
    }
}

/// A path that does not depend on where the next process starts.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|source| Error::File { path: path.to_path_buf(), source })
}

/// The names that are given, or else those of the certificate signing request.
fn names_of(texts: &[String], csr: Option<&Path>, has_certificate: bool) -> Result<Vec<Name>, Error> {
    let Some(path) = csr else {
        // Those of the certificate that is named.
        let is_remembered = texts.is_empty() && has_certificate;
        return if is_remembered { Ok(Vec::new()) } else { Ok(names::parse_all(texts)?) };
    };
    let requested = read_csr(path)?.names().to_vec();
    if texts.is_empty() {
        let texts: Vec<String> = requested.iter().map(ToString::to_string).collect();
        return Ok(names::parse_all(&texts)?);
    }
    let names = names::parse_all(texts)?;
    let is_same =
        names.len() == requested.len() && names.iter().all(|name| requested.contains(&name.identifier));
    if !is_same {
        return Err(SettingError::CsrNames { path: path.to_path_buf(), names: requested }.into());
    }
    Ok(names)
}

/// The contacts of an account that somebody gave an address for.
pub(crate) fn contact(email: &str) -> Result<Vec<String>, SettingError> {
    let wrong = || SettingError::Email { text: email.to_owned() };
    let (local, domain) = email.split_once('@').ok_or_else(wrong)?;
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || ",;:?@<>".contains(c);
    if local.is_empty() || domain.is_empty() || local.contains(is_odd) || domain.contains(is_odd) {
        return Err(wrong());
    }
    Ok(vec![format!("mailto:{email}")])
}

/// The resolvers that are given, or those of the system. Nobody is asked over HTTPS who is not given.
fn resolver(given: &[String], authoritative_port: Option<u16>) -> Result<Resolver, Error> {
    let (urls, given): (Vec<&String>, Vec<&String>) =
        given.iter().partition(|text| text.starts_with("https://"));
    let wrong = |text: &str| SettingError::Resolver { text: text.to_owned() };
    let parse = |text: &&String| resolver_address(text).ok_or_else(|| wrong(text));
    let mut addresses = given.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    if addresses.is_empty() && urls.is_empty() {
        let configured = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
        let servers = configured.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
        addresses = servers.filter_map(|server| resolver_address(server.trim())).collect();
    }
    let mut resolver = Resolver::new(addresses);
    for text in urls {
        let client = acme_http::Client::new().map_err(acme_lib::Error::from)?;
        resolver = resolver.over_https(text.parse().map_err(|_| wrong(text))?, Arc::new(client));
    }
    Ok(match authoritative_port {
        Some(port) => resolver.authoritative_port(port),
        None => resolver,
    })
}

/// The address of a resolver, at the port of DNS unless it says otherwise.
fn resolver_address(text: &str) -> Option<SocketAddr> {
    let at_port = || Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, DNS_PORT));
    text.parse().ok().or_else(at_port)
}

const DNS_PORT: u16 = 53;
const RESOLV_CONF: &str = "/etc/resolv.conf";

fn default_dir() -> Result<PathBuf, SettingError> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/acmectl"));
    }
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    variable("XDG_STATE_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("acmectl"))
        .ok_or(SettingError::NoHome)
}
