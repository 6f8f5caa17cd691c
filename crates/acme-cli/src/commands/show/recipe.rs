//! The line that would make the same certificate.

use acme_store::{Account, CertificateName, CertificateRecord, ChallengeMethod, Settings};

use crate::invocation::quoted;
use crate::settings::Global;

/// The line, to paste here or on another machine.
pub(super) fn line(global: &Global, record: &CertificateRecord, account: Option<&Account>) -> String {
    let settings = &record.settings;
    let mut words: Vec<String> = vec!["acmectl".into(), "issue".into()];
    words.extend(settings.names.iter().map(ToString::to_string));
    let mut add = |option: &str, value: &str| words.extend([option.to_owned(), value.to_owned()]);
    add("--ca", settings.ca.name.as_deref().unwrap_or(&settings.ca.directory_url));
    if let Some(root) = &settings.ca.root_file {
        add("--ca-root", &root.display().to_string());
    }
    if !settings.account.is_empty() {
        add("--account", &settings.account);
    }
    let contacts = account.iter().flat_map(|account| &account.contacts);
    if let Some(address) = contacts.filter_map(|contact| contact.strip_prefix("mailto:")).next() {
        add("--email", address);
    }
    for (option, value) in challenge(&settings.challenge) {
        add(option, &value);
    }
    for (option, value) in optional(settings) {
        add(option, value);
    }
    if let Some(csr) = &settings.csr {
        add("--csr", &csr.display().to_string());
    }
    let usual = settings.names.first().and_then(|name| CertificateName::from_identifier(name).ok());
    if usual.as_ref() != Some(&record.name) {
        add("--name", record.name.as_str());
    }
    if global.dir_is_given {
        add("--dir", &global.dir.display().to_string());
    }
    if matches!(&settings.challenge, ChallengeMethod::TlsAlpn { listen } if listen.is_empty()) {
        words.push("--tls-alpn".into());
    }
    if settings.reuse_key {
        words.push("--reuse-key".into());
    }
    if account.is_some_and(|account| account.terms_agreed_at.is_some()) {
        words.push("--agree-tos".into());
    }
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

fn optional(settings: &Settings) -> impl Iterator<Item = (&'static str, &String)> {
    let options = [
        ("--key-type", &settings.key_type),
        ("--profile", &settings.profile),
        ("--preferred-profile", &settings.preferred_profile),
        ("--preferred-chain", &settings.preferred_chain),
        ("--not-after", &settings.not_after),
        ("--deploy-hook", &settings.deploy_hook),
        ("--reload", &settings.reload),
    ];
    options.into_iter().filter_map(|(option, value)| Some((option, value.as_ref()?)))
}

fn challenge(method: &ChallengeMethod) -> Vec<(&'static str, String)> {
    match method {
        ChallengeMethod::Http { listen } => {
            listen.iter().map(|address| ("--http-listen", address.to_string())).collect()
        }
        ChallengeMethod::Dns { provider, .. } => vec![("--dns", provider.clone())],
        ChallengeMethod::Webroot { dir } => vec![("--webroot", dir.display().to_string())],
        ChallengeMethod::TlsAlpn { listen } => {
            listen.iter().map(|address| ("--tls-alpn-listen", address.to_string())).collect()
        }
        _ => Vec::new(),
    }
}
