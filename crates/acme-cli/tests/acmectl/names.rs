//! Names that can't be certified are found before a CA is asked.

use super::world::{World, assert_run};
use snapbox::str;

#[test]
fn no_name() {
    assert_run!(
        World::new().run("issue"),
        str![[r#"
exit 2
--- stderr
error: no name is given
  fault: on this side, not the CA's
  next: name what the certificate is for:
      acmectl issue www.example.com

"#]]
    );
}

#[test]
fn empty_name() {
    assert_run!(
        World::new().run("issue ''"),
        str![[r#"
exit 2
--- stderr
error: '' can't be certified
  because: the name is empty
  fault: on this side, not the CA's
  next: check the variable that the name came from

"#]]
    );
}

#[test]
fn localhost_is_not_public() {
    assert_run!(
        World::new().run("issue localhost"),
        str![[r#"
exit 2
--- stderr
error: 'localhost' is no public name: Let's Encrypt certifies what is registered below a public suffix
  fault: on this side, not the CA's
  next: use one that the world can reach; for tests, the CA in this program takes any:
      acmectl issue localhost --ca dev

"#]]
    );
}

#[test]
fn single_label_is_not_public() {
    assert_run!(
        World::new().run("issue www.example.com intranet"),
        str![[r#"
exit 2
--- stderr
error: 'intranet' is no public name: Let's Encrypt certifies what is registered below a public suffix
  fault: on this side, not the CA's
  next: use one that the world can reach; for tests, the CA in this program takes any:
      acmectl issue www.example.com intranet --ca dev

"#]]
    );
}

#[test]
fn reserved_domain_is_not_public() {
    assert_run!(
        World::new().run("issue printer.local --ca letsencrypt-staging"),
        str![[r#"
exit 2
--- stderr
error: 'printer.local' is no public name: Let's Encrypt (staging) certifies what is registered below a public suffix
  fault: on this side, not the CA's
  next: use one that the world can reach; for tests, the CA in this program takes any:
      acmectl issue printer.local --ca dev

"#]]
    );
}

#[test]
fn underscore() {
    assert_run!(
        World::new().run("issue _dmarc.example.com"),
        str![[r#"
exit 2
--- stderr
error: '_dmarc.example.com' can't be certified
  because: '_' is not allowed in a DNS name
  fault: on this side, not the CA's
  next: underscores are for records such as _dmarc; hosts to certify have none

"#]]
    );
}

#[test]
fn address_that_the_ca_does_not_certify() {
    assert_run!(
        World::new().run("issue 192.0.2.1"),
        str![[r#"
exit 2
--- stderr
error: Let's Encrypt certifies the IP address 192.0.2.1 only with the profile shortlived
  fault: on this side, not the CA's
  next: ask for that profile:
      acmectl issue 192.0.2.1 --profile shortlived

"#]]
    );
}

#[test]
fn two_wildcards() {
    assert_run!(
        World::new().run("issue *.*.example.com"),
        str![[r#"
exit 2
--- stderr
error: '*.*.example.com' can't be certified
  because: a wildcard has to be the whole first label, once, as in *.example.com
  fault: on this side, not the CA's
  next: one wildcard covers one level:
      acmectl issue '*.example.com'

"#]]
    );
}

#[test]
fn three_hundred_characters() {
    let name = format!("{}.com", vec!["a".repeat(49); 6].join("."));
    let run = World::new().run(&format!("issue {name}"));
    assert_eq!(run.code(), Some(2));
    assert!(run.stderr().contains("the name has 303 characters, 253 are allowed"), "{}", run.stderr());
}

#[test]
fn host_and_port() {
    assert_run!(
        World::new().run("issue www.example.com:443"),
        str![[r#"
exit 2
--- stderr
error: 'www.example.com:443' has a port; certificates are for names, whatever the port
  fault: on this side, not the CA's
  next: give the name alone:
      acmectl issue www.example.com

"#]]
    );
}

#[test]
fn address_and_port() {
    assert_run!(
        World::new().run("issue [2001:db8::1]:443"),
        str![[r#"
exit 2
--- stderr
error: '[2001:db8::1]:[PORT]' has a port; certificates are for names, whatever the port
  fault: on this side, not the CA's
  next: give the name alone:
      acmectl issue 2001:db8::1

"#]]
    );
}

#[test]
fn url() {
    assert_run!(
        World::new().run("issue https://www.example.com/"),
        str![[r#"
exit 2
--- stderr
error: 'https://www.example.com/' is a URL or path, not a name to certify
  fault: on this side, not the CA's
  next: give the name alone:
      acmectl issue www.example.com

"#]]
    );
}

#[test]
fn email() {
    assert_run!(
        World::new().run("issue admin@example.com"),
        str![[r#"
exit 2
--- stderr
error: 'admin@example.com' is an e-mail address, not a name to certify
  fault: on this side, not the CA's
  next: give the address with --email, and the name to certify beside it

"#]]
    );
}

#[test]
fn wildcard_without_dns() {
    assert_run!(
        World::new().run("issue example.test *.example.test --ca dev"),
        str![[r#"
exit 2
--- stderr
error: control of *.example.test can't be proved this way: a wildcard needs a DNS challenge
  fault: on this side, not the CA's
  next: let the API of a DNS service prove it, beside what is given for other names:
      acmectl issue example.test '*.example.test' --ca dev --dns PROVIDER
    or: see the services that are known:
      acmectl dns

"#]]
    );
}

#[test]
fn nothing_is_left_of_a_name_that_was_refused() {
    let world = World::new();
    world.run("issue localhost");
    assert!(!world.path("state").exists());
    world.run("issue *.example.test --ca dev");
    assert_run!(
        world.run("renew"),
        str![[r#"
exit 0
--- stderr
nothing is due

"#]]
    );
}

#[test]
fn letters_outside_ascii_are_converted() {
    assert_run!(
        World::new().run("issue bücher.test --ca dev"),
        str![[r#"
exit 0
--- stdout
[WORLD]/state/certs/xn--bcher-kva.test/current/fullchain.pem
[WORLD]/state/certs/xn--bcher-kva.test/current/privkey.pem
--- stderr
note: bücher.test is xn--bcher-kva.test in the certificate
xn--bcher-kva.test: asking the test CA, http-01 answered at 127.0.0.1:[PORT]
xn--bcher-kva.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
xn--bcher-kva.test: ordering
xn--bcher-kva.test: proving control of the names
xn--bcher-kva.test: asking for the certificate
xn--bcher-kva.test: downloading it
xn--bcher-kva.test: publishing it
xn--bcher-kva.test: issued by the test CA, valid until [MOMENT], due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
}

#[test]
fn capitals_outside_ascii_and_a_last_dot_are_converted() {
    let world = World::new();
    let run = world.run("issue ÉNICODE-example.com. --ca dev");
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    let leaf = world.read("state/certs/xn--nicode-example-9jb.com/current/cert.pem");
    let names = acme_keys::CertificateInfo::from_pem(leaf).unwrap().names;
    assert_eq!(names, ["xn--nicode-example-9jb.com".parse().unwrap()]);
}

#[test]
fn addresses_are_certified() {
    let world = World::new();
    let run = world.run("issue 192.0.2.1 [2001:DB8:0::1] --ca dev");
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    let leaf = world.read("state/certs/192.0.2.1/current/cert.pem");
    let names = acme_keys::CertificateInfo::from_pem(leaf).unwrap().names;
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    assert!(
        names.contains(&"192.0.2.1".to_owned()) && names.contains(&"2001:db8::1".to_owned()),
        "{names:?}"
    );
    assert_eq!(world.run("renew --force --max-wait 0").code(), Some(0));
    assert!(world.run("show 192.0.2.1").stdout().contains("acmectl issue 192.0.2.1 2001:db8::1 --ca dev"));
    assert_eq!(world.run("issue 2001:db8::2 --ca dev").code(), Some(0));
    assert!(world.path("state/certs/2001-db8--2/current/cert.pem").exists());
}

#[test]
fn addresses_are_validated_through_a_web_server() {
    let world = World::new();
    let builder = acme_testca::TestCa::builder().gentle().resolve("192.0.2.7=127.0.0.1");
    let (ca, web) = world.authority(builder);
    let run = world.run_at(&ca, &web, "issue 192.0.2.7");
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
}

#[test]
fn addresses_that_public_cas_do_not_certify() {
    let world = World::new();
    assert_run!(
        world.run("issue 192.0.2.1 --ca zerossl --email a@example.com"),
        str![[r#"
exit 2
--- stderr
error: ZeroSSL does not certify the IP address 192.0.2.1
  fault: on this side, not the CA's
  next: ask for a DNS name, or use a CA that certifies addresses

"#]]
    );
    let mut command = world.command("issue fd00::1 --ca google --eab-kid a");
    command.env("ACME_EAB_HMAC_KEY", "c2VjcmV0");
    assert_run!(
        world.finish(&mut command),
        str![[r#"
exit 2
--- stderr
error: fd00::1 is no public address, and Google Trust Services certifies no other
  fault: on this side, not the CA's
  next: use one that the world can reach; for tests, the CA in this program takes any:
      acmectl issue fd00::1 --eab-kid a --ca dev

"#]]
    );
}
