//! dns-01 by the API of a DNS service, and the list of them.

use acme_testca::TestCa;
use serde_json::Value;
use snapbox::str;

use super::pdns_api::{KEY, PdnsApi};
use super::world::{Run, World};

fn run_at(world: &World, ca: &TestCa, api: &PdnsApi, line: &str, variables: &[(&str, &str)]) -> Run {
    world.write("root.pem", ca.root_pem());
    let mut command = world.command(line);
    command.env("ACME_CA", ca.directory_url()).env("ACME_CA_ROOT", "root.pem");
    command.env("PDNS_API_URL", api.url()).envs(variables.iter().copied());
    world.finish(&mut command)
}

fn ca() -> TestCa {
    TestCa::builder().always_valid().start().unwrap()
}

#[test]
fn apex_and_wildcard_are_certified_and_renewed() {
    let (world, ca, api) = (World::new(), ca(), PdnsApi::start());
    let line = "issue example.test *.example.test --dns pdns --agree-tos";
    let run = run_at(&world, &ca, &api, line, &[("PDNS_API_KEY", KEY)]);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert!(run.stderr().contains("dns-01 through PowerDNS"), "{}", run.stderr());
    assert!(run.stderr().contains("these variables again: PDNS_API_KEY, PDNS_API_URL"), "{}", run.stderr());
    // Both values stand at one name at a time, written at once, and taken away at once.
    assert_eq!(api.sizes(), [2, 0]);

    let shown = world.run("show example.test");
    assert!(shown.stdout().contains("dns-01, through PowerDNS"), "{}", shown.stdout());
    assert!(shown.stdout().contains("--dns pdns"), "{}", shown.stdout());
    let again =
        run_at(&world, &ca, &api, "renew example.test --force --max-wait 0", &[("PDNS_API_KEY", KEY)]);
    assert_eq!(again.code(), Some(0), "{}", again.stderr());
    for run in [&run, &shown, &again] {
        assert!(!run.stdout().contains(KEY) && !run.stderr().contains(KEY));
    }
    let database = std::fs::read(world.path("state/acme.db")).unwrap();
    assert!(!database.windows(KEY.len()).any(|window| window == KEY.as_bytes()));
}

#[test]
fn path_of_a_file_is_remembered_and_the_key_is_not() {
    let (world, ca, api) = (World::new(), ca(), PdnsApi::start());
    world.write("key", &format!("{KEY}\n"));
    let line = "issue example.test --dns powerdns --agree-tos -v -v";
    let run = run_at(&world, &ca, &api, line, &[("PDNS_API_KEY_FILE", "key")]);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert!(run.stderr().contains("renewals read PDNS_API_KEY from "), "{}", run.stderr());
    let again = run_at(&world, &ca, &api, "renew --force example.test --max-wait 0", &[]);
    assert_eq!(again.code(), Some(0), "{}", again.stderr());
    assert!(!run.stderr().contains(KEY), "{}", run.stderr());

    std::fs::remove_file(world.path("key")).unwrap();
    let lost = run_at(&world, &ca, &api, "renew --force example.test --max-wait 0", &[]);
    assert!(lost.stderr().contains("for PDNS_API_KEY can't be read"), "{}", lost.stderr());
}

/// Each name that lego has for a credential takes the path of a file behind `_FILE`.
#[test]
fn path_of_a_file_is_taken_under_each_name_of_lego() {
    let world = World::new();
    for (provider, variable, name) in [
        ("acme-dns", "ACME_DNS_API_BASE", "ACME_DNS_API_BASE"),
        ("acme-dns", "ACME_DNS_ACCOUNTS", "ACME_DNS_ACCOUNTS"),
        ("cloudflare", "CF_DNS_API_TOKEN", "CF_DNS_API_TOKEN"),
        ("cloudflare", "CLOUDFLARE_DNS_API_TOKEN", "CF_DNS_API_TOKEN"),
        ("cloudflare", "CLOUDFLARE_API_KEY", "CF_API_KEY"),
        ("desec", "DESEC_TOKEN", "DESEC_TOKEN"),
        ("digitalocean", "DO_AUTH_TOKEN", "DO_AUTH_TOKEN"),
        ("gandiv5", "GANDIV5_PERSONAL_ACCESS_TOKEN", "GANDIV5_PERSONAL_ACCESS_TOKEN"),
        ("hetzner", "HETZNER_API_TOKEN", "HETZNER_API_TOKEN"),
        ("pdns", "PDNS_API_URL", "PDNS_API_URL"),
        ("route53", "AWS_SHARED_CREDENTIALS", "AWS_SHARED_CREDENTIALS"),
    ] {
        let mut command = world.command(&format!("issue example.test --ca dev --dns {provider} --agree-tos"));
        let run = world.finish(command.env(format!("{variable}_FILE"), "no-such-file"));
        assert_eq!(run.code(), Some(2), "{variable}: {}", run.stderr());
        let words = format!("the file no-such-file for {name} can't be read");
        assert!(run.stderr().contains(&words), "{variable}: {}", run.stderr());
    }
}

#[test]
fn what_is_wrong_is_said_before_a_ca_is_asked() {
    let (world, ca, api) = (World::new(), ca(), PdnsApi::start());
    let missing = run_at(&world, &ca, &api, "issue example.test --dns pdns --agree-tos", &[]);
    assert_eq!(missing.code(), Some(2));
    assert!(missing.stderr().contains("PDNS_API_KEY is not set"), "{}", missing.stderr());
    assert!(missing.stderr().contains("acmectl dns pdns"), "{}", missing.stderr());
    let unknown = run_at(&world, &ca, &api, "issue example.test --dns nobody --agree-tos", &[]);
    assert_eq!(unknown.code(), Some(2));
    assert!(unknown.stderr().contains("'nobody' is no DNS service that is known here"));
    assert!(ca.requests().is_empty());
}

#[test]
fn address_without_encryption_is_warned_of_before_anything_is_sent() {
    let (world, ca, api) = (World::new(), ca(), PdnsApi::start());
    let line = "issue example.test --dns pdns --agree-tos";
    // The setting that can't be right ends it before anybody is asked.
    let set = [("PDNS_API_URL", "http://ns.invalid:8081"), ("PDNS_API_KEY", KEY), ("PDNS_TTL", "soon")];
    let run = run_at(&world, &ca, &api, line, &set);
    assert_eq!(run.code(), Some(2));
    let warning = "PDNS_API_URL is not https: whoever is on the way to ns.invalid can read the credentials";
    assert!(run.stderr().contains(warning), "{}", run.stderr());
    let run = run_at(&world, &ca, &api, line, &[("PDNS_API_KEY", KEY)]);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert!(!run.stderr().contains("is not https"), "{}", run.stderr());
}

#[test]
fn refusal_of_the_service_is_shown_without_the_key() {
    let (world, ca, api) = (World::new(), ca(), PdnsApi::start());
    let wrong = [("PDNS_API_KEY", "not-the-key-at-all")];
    let run = run_at(&world, &ca, &api, "issue example.test --dns pdns --agree-tos", &wrong);
    assert_eq!(run.code(), Some(1), "{}", run.stderr());
    assert!(run.stderr().contains("PowerDNS does not take the credentials"), "{}", run.stderr());
    assert!(!run.stderr().contains("not-the-key-at-all"));

    let run = run_at(&world, &ca, &api, "issue other.test --dns pdns --agree-tos", &[("PDNS_API_KEY", KEY)]);
    assert!(run.stderr().contains("no zone for _acme-challenge.other.test"), "{}", run.stderr());
}

/// The table of `docs/dns.md` has each way once, with what it was tried with.
#[test]
fn each_way_has_its_line_in_the_documentation() {
    let run = World::new().run("dns --json");
    let ways: Vec<Value> = run.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (untried, tried): (Vec<Value>, Vec<Value>) =
        ways.into_iter().partition(|way| way["tried_with"] == "nothing");
    let mut listed: Vec<(String, String, bool)> = tried
        .iter()
        .map(|way| {
            let text = |member: &str| way[member].as_str().unwrap().to_owned();
            (text("provider"), text("title"), way["tried_with"] == "the real one")
        })
        .collect();
    let table = include_str!("../../../../docs/dns.md");
    let rows = table.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let mut documented: Vec<(String, String, bool)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            assert!(cells[2].starts_with("the real one: ") || cells[2] == "a stand-in", "{row}");
            (cells[0].trim_matches('`').to_owned(), cells[1].to_owned(), cells[2] != "a stand-in")
        })
        .collect();
    listed.sort();
    documented.sort();
    assert_eq!(listed, documented, "docs/dns.md has other ways than `acmectl dns`");
    let paragraph = table.split("## By the library dns-update").nth(1).unwrap();
    let paragraph = paragraph.split("\n\n").find(|paragraph| paragraph.starts_with('`')).unwrap();
    let documented: Vec<&str> = paragraph.split_whitespace().map(|word| word.trim_matches('`')).collect();
    let untried: Vec<&str> = untried.iter().map(|way| way["provider"].as_str().unwrap()).collect();
    assert!(untried.is_empty() || untried == documented, "docs/dns.md should have {untried:?}");
}

#[test]
fn each_service_is_listed_with_what_it_needs() {
    let world = World::new();
    let run = world.run("dns --json");
    let services: Vec<Value> = run.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for name in ["acme-dns", "desec", "digitalocean", "hetzner", "pdns"] {
        let service = services.iter().find(|service| service["provider"] == name).unwrap();
        assert!(service["variables"].as_array().unwrap().iter().any(|variable| variable["required"] == true));
        assert_eq!(service["tried_with"], if name == "pdns" { "the real one" } else { "a stand-in" });
    }
    assert!(!world.path("state").exists(), "nothing is kept");
    let one = world.run("dns pdns");
    assert!(one.stdout().contains("PDNS_API_KEY:"), "{}", one.stdout());
    assert_eq!(world.run("dns nobody").code(), Some(2));
}

#[test]
fn dynamic_updates_are_explained() {
    let world = World::new();
    let run = world.run("dns dnsupdate");
    assert_eq!(run.code(), Some(0));
    snapbox::assert_data_eq!(
        run.stdout(),
        str![[r#"
service:                 dynamic updates (RFC 2136) (--dns rfc2136)
tried with:              the real one
RFC2136_NAMESERVER:      the primary name server of the zones, as HOST or HOST:PORT
                         or DNSUPDATE_NAMESERVER
RFC2136_TSIG:            the key as tsig-keygen writes it, best in a file (the usual way)
                         or DNSUPDATE_TSIG
                         or the path of a file with it in RFC2136_TSIG_FILE
                         or the path of a file with it in DNSUPDATE_TSIG_FILE
RFC2136_TSIG_KEY:        or instead the name of the key, as the server has it (optional)
                         or DNSUPDATE_TSIG_KEY
RFC2136_TSIG_SECRET:     its secret, in base64 (optional)
                         or DNSUPDATE_TSIG_SECRET
RFC2136_TSIG_ALGORITHM:  its algorithm, such as hmac-sha256; hmac-sha1 unless set, as lego has it (optional)
                         or DNSUPDATE_TSIG_ALGORITHM
RFC2136_TTL:             the time to live of the records in seconds; 120 unless set (optional)
                         or DNSUPDATE_TTL
RFC2136_DNS_TIMEOUT:     how many seconds the server may take; 10 unless set (optional)
                         or DNSUPDATE_DNS_TIMEOUT
RFC2136_ZONES:           the zones, with commas in between; the server is asked for them unless set (optional)
                         or DNSUPDATE_ZONES
files:                   each can be the path of a file with it instead, with _FILE behind its name

"#]]
    );
}

#[test]
fn what_is_wrong_with_the_key_of_updates_is_said_before_a_ca_is_asked() {
    let (world, ca, api) = (World::new(), ca(), PdnsApi::start());
    let line = "issue example.test --dns rfc2136 --agree-tos";
    world.write("acme.key", "key acme { algorithm hmac-md5; secret \"c2VjcmV0LXNlY3JldA==\"; };");
    let server = ("RFC2136_NAMESERVER", "127.0.0.1:9");
    let md5 = run_at(&world, &ca, &api, line, &[server, ("RFC2136_TSIG_FILE", "acme.key")]);
    let named = [server, ("RFC2136_TSIG_KEY", "acme"), ("RFC2136_TSIG_SECRET", "no base64 at all!")];
    let no_base64 = run_at(&world, &ca, &api, line, &named);
    let missing = run_at(&world, &ca, &api, line, &[]);
    for (run, expected) in [
        (&md5, "RFC2136_TSIG is not hmac-sha1,"),
        (&no_base64, "RFC2136_TSIG_SECRET is not a secret in base64"),
        (&missing, "RFC2136_NAMESERVER is not set"),
    ] {
        assert_eq!(run.code(), Some(2), "{}", run.stderr());
        assert!(run.stderr().contains(expected), "{}", run.stderr());
        assert!(run.stderr().contains("acmectl dns rfc2136"), "{}", run.stderr());
        assert!(!run.stderr().contains("c2VjcmV0") && !run.stderr().contains("no base64 at all"));
    }
    assert!(ca.requests().is_empty());
}
