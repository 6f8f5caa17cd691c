//! The names of variables are those that lego reads, so that what is set for it serves here.
//!
//! After the pages of lego's documentation on each provider, those of version 4 and of version 5.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use acme_solver::dns::{CredentialError, service, services};

use super::gcloud::account;
use super::world::SECRET;

/// Services, by the names that lego has for them, and each set of variables that is enough for one.
const CREDENTIALS: &[(&str, &[&str])] = &[
    ("acme-dns", &["ACME_DNS_API_BASE", "ACME_DNS_STORAGE_PATH"]),
    ("azuredns", &["AZURE_SUBSCRIPTION_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"]),
    ("azure", &["AZURE_SUBSCRIPTION_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"]),
    ("cloudflare", &["CF_DNS_API_TOKEN"]),
    ("cloudflare", &["CLOUDFLARE_DNS_API_TOKEN"]),
    ("cloudflare", &["CF_API_EMAIL", "CF_API_KEY"]),
    ("cloudflare", &["CLOUDFLARE_EMAIL", "CLOUDFLARE_API_KEY"]),
    ("desec", &["DESEC_TOKEN"]),
    ("digitalocean", &["DO_AUTH_TOKEN"]),
    ("gandiv5", &["GANDIV5_PERSONAL_ACCESS_TOKEN"]),
    ("gandiv5", &["GANDIV5_API_KEY"]),
    ("gcloud", &["GCE_SERVICE_ACCOUNT"]),
    ("gcloud", &["GCE_SERVICE_ACCOUNT_FILE"]),
    ("gcloud", &["GOOGLE_APPLICATION_CREDENTIALS"]),
    ("gcloud", &["GCE_PROJECT"]),
    ("hetzner", &["HETZNER_API_TOKEN"]),
    ("hetznerv1", &["HETZNER_API_TOKEN"]),
    ("httpreq", &["HTTPREQ_ENDPOINT"]),
    ("ovh", &["OVH_APPLICATION_KEY", "OVH_APPLICATION_SECRET", "OVH_CONSUMER_KEY"]),
    ("ovh", &["OVH_CLIENT_ID", "OVH_CLIENT_SECRET"]),
    ("ovh", &["OVH_ACCESS_TOKEN"]),
    ("pdns", &["PDNS_API_KEY", "PDNS_API_URL"]),
    ("route53", &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]),
    ("route53", &["AWS_SHARED_CREDENTIALS_FILE"]),
];

/// What else lego reads, and what it may be.
const OPTIONS: &[(&str, &str, Kind)] = &[
    ("azuredns", "AZURE_AUTH_METHOD", Kind::Choice),
    ("azuredns", "AZURE_ENVIRONMENT", Kind::Choice),
    ("azuredns", "AZURE_RESOURCE_GROUP", Kind::Text),
    ("azuredns", "AZURE_ZONE_NAME", Kind::Text),
    ("azuredns", "AZURE_TTL", Kind::Seconds),
    ("cloudflare", "CF_ZONE_API_TOKEN", Kind::Text),
    ("cloudflare", "CLOUDFLARE_ZONE_API_TOKEN", Kind::Text),
    ("cloudflare", "CLOUDFLARE_BASE_URL", Kind::Url),
    ("cloudflare", "CF_BASE_URL", Kind::Url),
    ("cloudflare", "CLOUDFLARE_TTL", Kind::Seconds),
    ("cloudflare", "CF_TTL", Kind::Seconds),
    ("desec", "DESEC_TTL", Kind::Seconds),
    ("digitalocean", "DO_API_URL", Kind::Url),
    ("digitalocean", "DO_TTL", Kind::Seconds),
    ("gandiv5", "GANDIV5_TTL", Kind::Seconds),
    ("gcloud", "GCE_PROJECT", Kind::Text),
    ("gcloud", "GCE_ZONE_ID", Kind::Text),
    ("gcloud", "GCE_ALLOW_PRIVATE_ZONE", Kind::Choice),
    ("gcloud", "GCE_TTL", Kind::Seconds),
    ("hetzner", "HETZNER_TTL", Kind::Seconds),
    ("httpreq", "HTTPREQ_PASSWORD", Kind::Text),
    ("httpreq", "HTTPREQ_USERNAME", Kind::Text),
    ("ovh", "OVH_ENDPOINT", Kind::Url),
    ("ovh", "OVH_TTL", Kind::Seconds),
    ("pdns", "PDNS_SERVER_NAME", Kind::Text),
    ("pdns", "PDNS_TTL", Kind::Seconds),
    ("route53", "AWS_HOSTED_ZONE_ID", Kind::Text),
    ("route53", "AWS_PROFILE", Kind::Text),
    ("route53", "AWS_SESSION_TOKEN", Kind::Text),
    ("route53", "AWS_TTL", Kind::Seconds),
];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Choice,
    Seconds,
    Text,
    Url,
}

/// What a variable may be, or what the file at its path has.
fn value(variable: &str) -> &'static str {
    match variable {
        "ACME_DNS_API_BASE" | "HTTPREQ_ENDPOINT" | "PDNS_API_URL" => "https://dns.example.net",
        "ACME_DNS_STORAGE_PATH" => {
            r#"{"example.com":{"fulldomain":"a.example.net","username":"b","password":"c"}}"#
        }
        "AWS_SHARED_CREDENTIALS_FILE" => {
            "# of the AWS tools\n[other]\naws_access_key_id = x\n\n[default]\nregion=eu-west-1\n\
             aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key=wJalr=XUtnFEMI\n"
        }
        "GCE_SERVICE_ACCOUNT" | "GCE_SERVICE_ACCOUNT_FILE" | "GOOGLE_APPLICATION_CREDENTIALS" => {
            static ACCOUNT: LazyLock<String> =
                LazyLock::new(|| account(SECRET, "https://dns.example.net/token"));
            &ACCOUNT
        }
        _ => "some-text",
    }
}

/// Makes a provider of what is set, with the files read as the command does.
fn make(name: &str, set: &BTreeMap<&str, &str>) -> Result<(), CredentialError> {
    let service = service(name).unwrap_or_else(|| panic!("{name} is unknown"));
    let find = |wanted: &str| {
        let direct = set.get(wanted).copied();
        let variable = service.variables.iter().find(|variable| variable.name == wanted);
        let in_file = || set.get(format!("{wanted}_FILE").as_str()).copied();
        let at_path = || variable?.paths.iter().find_map(|path| set.get(path).copied());
        direct.or_else(in_file).or_else(at_path).map(str::to_owned)
    };
    service.provider(&find).map(drop)
}

#[test]
fn variables_of_lego_are_enough() {
    for (name, variables) in CREDENTIALS {
        let set: BTreeMap<&str, &str> =
            variables.iter().map(|variable| (*variable, value(variable))).collect();
        make(name, &set).unwrap_or_else(|error| panic!("{name} {variables:?}: {error}"));
        for left_out in *variables {
            let mut set = set.clone();
            set.remove(left_out);
            let error = make(name, &set).expect_err(left_out);
            assert!(matches!(error, CredentialError::Missing { .. }), "{name} without {left_out}: {error}");
        }
    }
}

#[test]
fn options_of_lego_are_read() {
    for (name, option, kind) in OPTIONS {
        let (_, variables) = CREDENTIALS.iter().find(|(other, _)| other == name).unwrap();
        let mut set: BTreeMap<&str, &str> =
            variables.iter().map(|variable| (*variable, value(variable))).collect();
        set.insert(option, "no number and no address");
        let service = service(name).unwrap();
        let variable = service.variables.iter().find(|v| v.names().any(|known| known == *option));
        let variable = variable.unwrap_or_else(|| panic!("{name} does not know {option}"));
        match make(name, &set) {
            Ok(()) => assert!(*kind == Kind::Text, "{option} is not read"),
            Err(error) => {
                assert!(*kind != Kind::Text, "{option}: {error}");
                let CredentialError::Malformed { variable: named, .. } = error else { panic!("{error}") };
                assert_eq!(named, variable.name);
            }
        }
    }
}

#[test]
fn each_name_and_alias_leads_to_its_service() {
    for known in services() {
        for name in known.aliases.iter().chain([&known.name]) {
            assert_eq!(service(name).unwrap().name, known.name);
        }
    }
}

#[test]
fn profile_of_a_credentials_file_is_chosen() {
    let file = "[default]\naws_access_key_id=a\n[work]\naws_access_key_id=b\naws_secret_access_key=c\n";
    let set = |profile| BTreeMap::from([("AWS_SHARED_CREDENTIALS_FILE", file), ("AWS_PROFILE", profile)]);
    make("route53", &set("work")).unwrap();
    for lacking in ["default", "nobody"] {
        let error = make("route53", &set(lacking)).unwrap_err();
        assert!(matches!(error, CredentialError::Malformed { variable: "AWS_SHARED_CREDENTIALS", .. }));
    }
}
