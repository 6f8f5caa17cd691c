//! When the CA wants certificates to be renewed (RFC 9773), and profiles.

use std::time::Duration;

use acme_store::{CertificateName, CertificateRecord, Renewal, Store};
use acme_testca::{Action, Config, Fault, Limit, Operation, Profile, RateLimits, RenewalWindow, TestCa};
use jiff::Timestamp;
use serde_json::Value;
use snapbox::str;

use super::web::WebServer;
use super::world::{Run, World, assert_run};

const NAME: &str = "www.example.test";

fn record(world: &World) -> CertificateRecord {
    let store = Store::open_existing(world.path("state")).unwrap();
    store.certificate(&CertificateName::new(NAME).unwrap()).unwrap().unwrap()
}

/// As if the time to ask the CA again had come.
fn let_check_come(world: &World) {
    let store = Store::open_existing(world.path("state")).unwrap();
    let record = record(world);
    let mut renewal = record.renewal.unwrap_or_else(|| Renewal::new(Timestamp::now()));
    renewal.next_check_at = Timestamp::now();
    let generation = record.current.unwrap().generation;
    assert!(store.note_renewal(&record.name, generation, &renewal, None).unwrap());
}

fn asked(ca: &TestCa) -> usize {
    ca.requests().iter().filter(|request| request.operation == Operation::RenewalInfo).count()
}

fn renew(world: &World, web: &WebServer) -> Run {
    let mut command = world.command("renew --max-wait 0");
    command.env("ACME_HTTP_REACH", web.address().to_string());
    world.finish(&mut command)
}

fn after(hours: i64) -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second() + hours * 3600).unwrap()
}

#[test]
fn the_moment_is_drawn_once_for_a_window() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()));
    assert_eq!(world.run_at(&ca, &web, &format!("issue {NAME}")).code(), Some(0));
    let first = record(&world);
    let moment = first.renewal.unwrap().moment.unwrap();
    assert_eq!(first.due, Some(Timestamp::from_second(moment.at.as_second()).unwrap()));
    assert!((moment.window.start..=moment.window.end).contains(&moment.at));
    assert_eq!(asked(&ca), 1);
    // It is not time to ask again.
    assert_eq!(renew(&world, &web).code(), Some(0));
    assert_eq!(asked(&ca), 1);
    let_check_come(&world);
    assert_eq!(renew(&world, &web).code(), Some(0));
    assert_eq!((asked(&ca), record(&world).due), (2, first.due));
    // Another window has another moment.
    let serial = ca.issued()[0].serial.clone();
    assert!(ca.set_renewal_window(&serial, RenewalWindow::new(after(24), after(48))));
    let_check_come(&world);
    assert_eq!(renew(&world, &web).code(), Some(0));
    let due = record(&world).due.unwrap();
    assert!((after(24)..=after(48)).contains(&due), "{due}");
    let shown = world.run(&format!("show {NAME}")).stdout();
    assert!(shown.contains("as the CA wants it"), "{shown}");
    assert_eq!(ca.counts().certificates, 1);
}

#[test]
fn a_recalled_certificate_is_renewed_at_once() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()));
    assert_eq!(world.run_at(&ca, &web, &format!("issue {NAME}")).code(), Some(0));
    assert_eq!(ca.recall("https://ca.example/incident"), 1);
    let_check_come(&world);
    assert_run!(
        renew(&world, &web),
        str![[r#"
exit 0
--- stderr
www.example.test: the CA wants it renewed, and says why: https://ca.example/incident
www.example.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/www
www.example.test: opening the account
www.example.test: ordering
www.example.test: proving control of the names
www.example.test: asking for the certificate
www.example.test: downloading it
www.example.test: publishing it
www.example.test: issued by https://127.0.0.1:[PORT]/directory, valid until [MOMENT], due [MOMENT]

"#]]
    );
    assert_eq!(ca.counts().certificates, 2);
    // The new one is not recalled.
    assert_eq!(record(&world).renewal.unwrap().explanation_url, None);
    assert!(record(&world).due.unwrap() > after(24));
    assert_eq!(renew(&world, &web).code(), Some(0));
    assert_eq!(ca.counts().certificates, 2);
}

#[test]
fn the_ca_is_told_what_is_replaced() {
    let world = World::new();
    let mut config = Config::gentle();
    let mut limits = RateLimits::none();
    limits.certificates_per_set = Some(Limit::new(1, Duration::from_secs(7 * 86_400)));
    config.rate_limits = Some(limits);
    let (ca, web) = world.authority(TestCa::builder().config(config));
    assert_eq!(world.run_at(&ca, &web, &format!("issue {NAME}")).code(), Some(0));
    // One for these names is all that it issues, but for renewals that name what they replace.
    let other = World::new();
    assert_eq!(other.run_at(&ca, &web, &format!("issue {NAME}")).code(), Some(3));
    for _ in 0..2 {
        assert_eq!(world.run_at(&ca, &web, "renew --force --max-wait 0").code(), Some(0));
    }
    assert_eq!(ca.counts().certificates, 3);
}

#[test]
fn the_explanation_is_shown() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()));
    assert_eq!(world.run_at(&ca, &web, &format!("issue {NAME}")).code(), Some(0));
    let window = RenewalWindow::new(after(30), after(40)).explained_at("https://ca.example/why");
    assert!(ca.set_renewal_window(&ca.issued()[0].serial, window));
    let_check_come(&world);
    let mut command = world.command("renew --json");
    let renewed = world.finish(&mut command);
    assert!(renewed.stderr().contains("https://ca.example/why"), "{}", renewed.stderr());
    let event: Value = serde_json::from_str(renewed.stdout().lines().next().unwrap()).unwrap();
    assert_eq!(event["explanation_url"], "https://ca.example/why");
    let shown = world.run(&format!("show {NAME}")).stdout();
    assert!(shown.contains("the CA says why: https://ca.example/why\n"), "{shown}");
    for line in [format!("show {NAME} --json"), "list --json".to_owned()] {
        let event: Value = serde_json::from_str(world.run(&line).stdout().trim()).unwrap();
        assert_eq!(event["explanation_url"], "https://ca.example/why");
        assert!(event["renewal_window"]["start"].is_string());
    }
}

#[test]
fn a_ca_without_renewal_information() {
    let world = World::new();
    let mut config = Config::gentle();
    config.renewal_info = false;
    let (ca, web) = world.authority(TestCa::builder().config(config));
    assert_eq!(world.run_at(&ca, &web, &format!("issue {NAME}")).code(), Some(0));
    let renewal = record(&world).renewal.unwrap();
    assert_eq!((renewal.moment, renewal.failures), (None, 0));
    let shown = world.run(&format!("show {NAME}")).stdout();
    assert!(shown.contains("after 2/3 of its lifetime"), "{shown}");
    assert_eq!(world.run_at(&ca, &web, "renew --force --max-wait 0").code(), Some(0));
}

#[test]
fn renewal_information_that_fails_stands_in_nobodys_way() {
    let world = World::new();
    let fault = Fault::on(Operation::RenewalInfo, Action::Drop).always();
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()).fault(fault));
    let run = world.run_at(&ca, &web, &format!("issue {NAME}"));
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    let first = record(&world);
    assert_eq!((first.renewal.as_ref().unwrap().failures, first.renewal.unwrap().moment), (1, None));
    let_check_come(&world);
    assert_eq!(renew(&world, &web).code(), Some(0));
    let second = record(&world);
    assert_eq!((second.renewal.unwrap().failures, second.due), (2, first.due));
    // What is due by the rule is renewed although nothing was learned.
    let store = Store::open_existing(world.path("state")).unwrap();
    store.set_due(&first.name, Timestamp::now()).unwrap();
    let_check_come(&world);
    assert_eq!(renew(&world, &web).code(), Some(0));
    assert_eq!(ca.counts().certificates, 2);
}

#[test]
fn a_window_after_the_end_is_not_heeded() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(Config::gentle()));
    assert_eq!(world.run_at(&ca, &web, &format!("issue {NAME}")).code(), Some(0));
    let window = RenewalWindow::new(after(10_000 * 24), after(10_001 * 24));
    assert!(ca.set_renewal_window(&ca.issued()[0].serial, window));
    let_check_come(&world);
    assert_eq!(renew(&world, &web).code(), Some(0));
    let record = record(&world);
    assert!(record.due.unwrap() < record.current.unwrap().not_after);
    assert_eq!(record.renewal.unwrap().moment, None);
}

fn with_profiles() -> Config {
    let profile =
        |days: u64| Profile::new(format!("{days} days")).lifetime(Duration::from_secs(days * 86_400));
    let profiles = [("classic", 90), ("short", 6)].map(|(name, days)| (name.to_owned(), profile(days)));
    let mut config = Config::gentle();
    config.profiles = profiles.into();
    config.default_profile = Some("classic".to_owned());
    config
}

#[test]
fn a_profile_is_asked_for_and_remembered() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(with_profiles()));
    let run = world.run_at(&ca, &web, &format!("issue {NAME} --profile shirt"));
    assert_run!(
        run,
        str![[r#"
exit 2
--- stderr
www.example.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/www
www.example.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
error: www.example.test: the CA does not offer the profile 'shirt'; it has classic, short
  fault: on this side, not the CA's
  next: ask for one that it offers; acmectl ca CA says what each is:
      acmectl issue www.example.test --profile classic
      acmectl issue www.example.test --profile short

"#]]
    );
    assert_eq!(world.run_at(&ca, &web, &format!("issue {NAME} --profile short")).code(), Some(0));
    let lifetime = |world: &World| {
        let current = record(world).current.unwrap();
        (current.not_after.as_second() - current.not_before.as_second()) / 86_400
    };
    assert_eq!(lifetime(&world), 6);
    assert_eq!(world.run_at(&ca, &web, "renew --force --max-wait 0").code(), Some(0));
    assert_eq!(lifetime(&world), 6);
    let shown = world.run(&format!("show {NAME}")).stdout();
    assert!(shown.contains("profile:      short\n") && shown.contains(" --profile short"), "{shown}");
    let other = world.run_at(&ca, &web, &format!("issue {NAME} --preferred-profile classic --force"));
    assert!(other.stderr().contains("changed: profile from short to nothing\n"), "{}", other.stderr());
    assert_eq!(lifetime(&world), 90);
}

#[test]
fn a_preferred_profile_can_be_done_without() {
    let world = World::new();
    let (ca, web) = world.authority(TestCa::builder().config(with_profiles()));
    let run = world.run_at(&ca, &web, &format!("issue {NAME} --preferred-profile none-such"));
    assert_run!(
        run,
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/www.example.test/current/fullchain.pem
[WORLD]/state/certs/www.example.test/current/privkey.pem
--- stderr
www.example.test: asking https://127.0.0.1:[PORT]/directory, http-01 through files below [WORLD]/www
www.example.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
www.example.test: ordering
www.example.test: proving control of the names
www.example.test: asking for the certificate
www.example.test: downloading it
www.example.test: not with the profile none-such, which the CA did not give
www.example.test: publishing it
www.example.test: issued by https://127.0.0.1:[PORT]/directory, valid until [MOMENT], due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
    let shown = world.run(&format!("show {NAME}")).stdout();
    assert!(shown.contains("none-such, if the CA gives it\n"), "{shown}");
    assert!(shown.contains(" --preferred-profile none-such"), "{shown}");
}
