//! The line that would make the same certificate.

use std::net::SocketAddr;

use acme_proto::ChallengeType;
use acme_store::{Account, CertificateName, CertificateRecord, ChallengeMethod, ChallengeMethods, Settings};

use crate::invocation::quoted;
use crate::scripts::Manual;
use crate::settings::Global;

/// The line, to paste here or on another machine.
pub(super) fn line(global: &Global, record: &CertificateRecord, account: Option<&Account>) -> String {
    let settings = &record.settings;
    let mut words: Vec<String> = vec!["acmectl".into(), "issue".into()];
    words.extend(settings.names.iter().map(ToString::to_string));
    let add = |words: &mut Vec<String>, option: &str, value: &str| {
        words.extend([option.to_owned(), value.to_owned()])
    };
    add(&mut words, "--ca", settings.ca.name.as_deref().unwrap_or(&settings.ca.directory_url));
    if let Some(root) = &settings.ca.root_file {
        add(&mut words, "--ca-root", &root.display().to_string());
    }
    if !settings.account.is_empty() {
        add(&mut words, "--account", &settings.account);
    }
    let contacts = account.iter().flat_map(|account| &account.contacts);
    if let Some(address) = contacts.filter_map(|contact| contact.strip_prefix("mailto:")).next() {
        add(&mut words, "--email", address);
    }
    for (option, value) in challenges(settings) {
        words.extend([option.to_owned()].into_iter().chain(value));
    }
    for (option, value) in optional(settings) {
        add(&mut words, option, value);
    }
    if let Some(csr) = &settings.csr {
        add(&mut words, "--csr", &csr.display().to_string());
    }
    let usual = settings.names.first().and_then(|name| CertificateName::from_identifier(name).ok());
    if usual.as_ref() != Some(&record.name) {
        add(&mut words, "--name", record.name.as_str());
    }
    if global.dir_is_given {
        add(&mut words, "--dir", &global.dir.display().to_string());
    }
    if settings.dns_account {
        words.push("--dns-account".into());
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
        ("--dns-listen", &settings.dns_listen),
        ("--dns-name", &settings.dns_name),
        ("--dns-zone", &settings.dns_zone),
        ("--profile", &settings.profile),
        ("--preferred-profile", &settings.preferred_profile),
        ("--preferred-chain", &settings.preferred_chain),
        ("--not-after", &settings.not_after),
        ("--deploy-hook", &settings.deploy_hook),
        ("--reload", &settings.reload),
    ];
    options.into_iter().filter_map(|(option, value)| Some((option, value.as_ref()?)))
}

fn challenges(settings: &Settings) -> Vec<(&'static str, Option<String>)> {
    let patterns = settings.challenges.iter();
    let patterns =
        patterns.flat_map(|(pattern, methods)| methods.iter().map(move |method| (pattern, method)));
    let patterns = patterns.map(|(pattern, method)| ("--challenge", Some(format!("{pattern}={method}"))));
    if settings.challenge == ChallengeMethods::default() {
        return patterns.collect();
    }
    settings.challenge.iter().filter_map(for_all).chain(manual(&settings.challenge)).chain(patterns).collect()
}

/// The hooks of certbot, which are one way for each type of challenge.
fn manual(methods: &ChallengeMethods) -> Vec<(&'static str, Option<String>)> {
    let hooks = |method: &ChallengeMethod| {
        let ChallengeMethod::Manual { auth_hook, cleanup_hook, .. } = method else { return None };
        Some((auth_hook.clone(), cleanup_hook.clone()))
    };
    let Some((auth, cleanup)) = methods.iter().find_map(hooks) else { return Vec::new() };
    let types = Manual::TYPES.iter().filter(|kind| {
        methods
            .iter()
            .any(|one| matches!(one, ChallengeMethod::Manual { challenge, .. } if challenge == *kind))
    });
    let types: Vec<&str> = types.map(ChallengeType::as_str).collect();
    let cleanup = cleanup.map(|hook| ("--manual-cleanup-hook", Some(hook)));
    let options = [("--manual-auth-hook", Some(auth))].into_iter().chain(cleanup);
    options.chain([("--preferred-challenges", Some(types.join(",")))]).collect()
}

fn for_all(method: &ChallengeMethod) -> Option<(&'static str, Option<String>)> {
    let listener = |flag, option, listen: &[SocketAddr]| match listen.first() {
        Some(address) => (option, Some(address.to_string())),
        None => (flag, None),
    };
    match method {
        ChallengeMethod::Dns { provider, .. } => Some(("--dns", Some(provider.clone()))),
        ChallengeMethod::Http { listen } => Some(listener("--http", "--http-listen", listen)),
        ChallengeMethod::HttpStateless => Some(("--http-stateless", None)),
        ChallengeMethod::TlsAlpn { listen } => Some(listener("--tls-alpn", "--tls-alpn-listen", listen)),
        ChallengeMethod::Webroot { dir } => Some(("--webroot", Some(dir.display().to_string()))),
        ChallengeMethod::DnsPersist => Some(("--dns-persist", None)),
        ChallengeMethod::Manual { .. } | _ => None,
    }
}
