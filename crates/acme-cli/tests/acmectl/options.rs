//! The command line itself.

use super::world::{World, assert_run};
use snapbox::str;

#[test]
fn help_of_all() {
    let help = World::new().run("--help");
    assert_eq!(help.code(), Some(0));
    let help = help.stdout();
    let (start, options) = help.split_at(help.find("Options:\n").unwrap());
    snapbox::assert_data_eq!(
        options,
        str![[r#"
Options:
  -h, --help     Print help
  -V, --version  Print version

Global options:
      --dir <DIR>        Where everything is kept [default: /var/lib/acmectl for root, else
                         $XDG_STATE_HOME/acmectl]
      --json             Print JSON Lines on standard output
  -q, --quiet            Print failures only
  -v, --verbose...       Log to standard error what happens; twice: each request
      --log-file <FILE>  Append a log to a file

Every option can also be given as a variable: --agree-tos as ACME_AGREE_TOS=1, --dir as
ACME_DIR=DIR.

Exit status: 0 done, kept or nothing due; 1 refused or failed for good; 2 usage or configuration;
3 temporary; 4 some succeeded and some did not; 5 obtained, but a hook failed; 130 interrupted.

Try it without a CA, a network or root rights: acmectl issue www.example.test --ca dev --dir demo

"#]]
    );
    let (_, commands) = start.split_once("Commands:\n").unwrap();
    let commands = commands.lines().take_while(|line| !line.is_empty());
    for command in commands.filter_map(|line| line.split_whitespace().next()) {
        assert_eq!(World::new().run(&format!("help {command}")).code(), Some(0), "{command}");
    }
}

#[test]
fn help_of_issue() {
    let help = World::new().run("issue --help").stdout();
    let (before, rest) = help.split_once("Challenge:\n").unwrap();
    let (_, after) = rest.split_once("Hooks:\n").unwrap();
    snapbox::assert_data_eq!(
        before,
        str![[r#"
Obtain a certificate, or leave it if it is right and not due

Usage: acmectl issue [OPTIONS] [DOMAIN]...

Arguments:
  [DOMAIN]...  The names to certify, the first one first

Options:
      --from <FILE|->               Obtain many certificates, one for each line of a file: its
                                    names, and options that hold for it in place of those given
                                    here; -: standard input
      --ca <NAME|URL>               The CA: letsencrypt, letsencrypt-staging, google, zerossl, dev
                                    (a test CA in this process), another that `acmectl ca` lists, or
                                    the URL of a directory [default: letsencrypt]
      --ca-root <PEM>               The root to trust for the connection to the CA, instead of the
                                    system's
      --account <LABEL>             Which account at the CA, if there are several
      --email <ADDRESS>             The e-mail address of the account
      --agree-tos                   Agree to the CA's terms of service; needed once, and only where
                                    there are some
      --eab-kid <KID>               The key identifier of an external account, where the CA wants
                                    one
      --eab-hmac-key-file <FILE|->  The file with its key, base64url or base64; - is standard input
                                    [default: the text in ACME_EAB_HMAC_KEY]
  -h, --help                        Print help


"#]]
    );
    snapbox::assert_data_eq!(
        after,
        str![[r#"
      --deploy-hook <CMD>  Run this program for each certificate published, with RENEWED_LINEAGE and
                           RENEWED_DOMAINS
      --reload <CMD>       Run this program once after a run that published something

Global options:
      --dir <DIR>        Where everything is kept [default: /var/lib/acmectl for root, else
                         $XDG_STATE_HOME/acmectl]
      --json             Print JSON Lines on standard output
  -q, --quiet            Print failures only
  -v, --verbose...       Log to standard error what happens; twice: each request
      --log-file <FILE>  Append a log to a file

"#]]
    );
}

#[test]
fn help_of_challenges() {
    let help = World::new().run("issue --help").stdout();
    let (_, rest) = help.split_once("Challenge:\n").unwrap();
    let (challenge, _) = rest.split_once("Certificate:\n").unwrap();
    snapbox::assert_data_eq!(
        challenge,
        str![[r#"
      --http                         Answer http-01 on port 80 (the default); of several ways, each
                                     is for what the one before it can't prove: where the CA does
                                     not offer it or refuses it, and of wildcards
      --http-listen <ADDR:PORT>      Answer http-01 at this address, to which port 80 of the names
                                     leads
      --http-stateless               Leave http-01 to web servers that know the account: acmectl
                                     account thumbprint prints how
      --tls-alpn                     Answer tls-alpn-01 on port 443
      --tls-alpn-listen <ADDR:PORT>  Answer tls-alpn-01 at this address, to which port 443 of the
                                     names leads
      --webroot <DIR>                Leave http-01 responses in the directory that a web server
                                     serves as /
      --dns <PROVIDER>               Answer dns-01 through the API of a DNS service, a program, or
                                     by this one (builtin); acmectl dns lists them
      --dns-persist                  Prove it by records that stay; acmectl dns-persist prints and
                                     verifies them
      --manual-auth-hook <CMD>       Let this program answer http-01 or dns-01; it is told all in
                                     the variables of certbot's manual hooks. Split into words, and
                                     given to no shell
      --manual-cleanup-hook <CMD>    Let this program take away what that one has put in place
      --preferred-challenges <TYPE>  What those are for: http, dns, or both in an order [default:
                                     http dns]
      --challenge <PATTERN=METHOD>   For some names another way: http, tls-alpn, either with
                                     :ADDR:PORT, webroot:DIR, dns:PROVIDER or dns-persist;
                                     *.example.com is all names below example.com; empty: for none
      --dns-listen <ADDR:PORT>       Where --dns builtin listens [default: port 53 of this machine]
      --dns-name <NAME>              The server's name with --dns builtin [default: acme-dns.DOMAIN]
      --dns-zone <ZONE>              The zone of --dns builtin, if names lead into one as CNAMEs
      --dns-account                  Prefer dns-account-01 to dns-01


"#]]
    );
}

#[test]
fn help_of_what_is_issued() {
    let help = World::new().run("issue --help").stdout();
    let (_, rest) = help.split_once("Certificate:\n").unwrap();
    let (certificate, _) = rest.split_once("Hooks:\n").unwrap();
    snapbox::assert_data_eq!(
        certificate,
        str![[r#"
      --key-type <TYPE>           ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072 or rsa-4096 [default:
                                  ecdsa-p256]
      --csr <FILE>                Use the key and the names of a certificate signing request, PEM or
                                  DER; the key stays elsewhere
      --reuse-key                 Keep the key when the certificate is renewed
      --new-key                   Make a new key for each certificate (the default)
      --profile <NAME>            The CA's profile, without which no certificate is wanted; empty:
                                  as the CA has it
      --preferred-profile <NAME>  The CA's profile, if it gives it; empty: as the CA has it
      --preferred-chain <CN>      The common name of the root that the chain should end in, if the
                                  CA has such a chain; empty: the first one
      --not-after <TIME>          When it is to end: a moment as in 2027-01-31T12:00:00Z, or a time
                                  from now, again at each renewal, as in 30d or 36h; not every CA
                                  takes it; empty: as the CA has it
      --name <CERT>               The name of the certificate here [default: its first domain]
      --drop                      Let names of the certificate go that are not given any more
      --force                     Obtain it although the one that is there is right, or is of a
                                  production CA
      --no-check                  Ask the CA for a first certificate although a look at the names
                                  says that it will refuse
      --dry-run                   Try everything at the CA's staging directory with a throw-away
                                  account, and keep nothing


"#]]
    );
}

#[test]
fn help_of_renew() {
    assert_run!(
        World::new().run("renew --help"),
        str![[r#"
exit 0
--- stdout
Renew what is due, with the settings it was made with

Usage: acmectl renew [OPTIONS] [CERT]...

Arguments:
  [CERT]...  The certificates [default: all that are due]

Options:
      --force               Renew although it is not due, or was to be left alone
      --max-wait <SECONDS>  Wait up to so many seconds, at random, when something is due [default:
                            480 off a terminal, else 0]
  -h, --help                Print help

Global options:
      --dir <DIR>        Where everything is kept [default: /var/lib/acmectl for root, else
                         $XDG_STATE_HOME/acmectl]
      --json             Print JSON Lines on standard output
  -q, --quiet            Print failures only
  -v, --verbose...       Log to standard error what happens; twice: each request
      --log-file <FILE>  Append a log to a file

"#]]
    );
}

#[test]
fn verb_of_another_client() {
    assert_run!(
        World::new().run("certonly -d example.com"),
        str![[r#"
exit 2
--- stderr
error: there is no command 'certonly' here
  next: acmectl issue DOMAIN...

"#]]
    );
}

#[test]
fn unknown_verb() {
    assert_run!(
        World::new().run("frobnicate"),
        str![[r#"
exit 2
--- stderr
error: unrecognized subcommand 'frobnicate'

Usage: acmectl [OPTIONS] <COMMAND>

For more information, try '--help'.

"#]]
    );
}

#[test]
fn words_of_the_field_are_understood() {
    let run = World::new().run("issue -n --server dev -d www.example.test,example.test -m a@example.com --accept-tos --cert-name main --config-dir elsewhere");
    assert_run!(
        run,
        str![[r#"
exit 0
--- stdout
[WORLD]/elsewhere/certs/main/current/fullchain.pem
[WORLD]/elsewhere/certs/main/current/privkey.pem
--- stderr
main: asking the test CA, http-01 answered at 127.0.0.1:[PORT]
main: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
main: ordering
main: proving control of the names
main: asking for the certificate
main: downloading it
main: publishing it
main: issued by the test CA, valid until [MOMENT], due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/elsewhere

"#]]
    );
}

#[test]
fn options_can_be_variables() {
    let world = World::new();
    let mut command = world.command("issue");
    command.env("ACME_DOMAINS", "a.example.test,b.example.test").env("ACME_CA", "dev").env("ACME_JSON", "1");
    let run = world.finish(&mut command);
    assert_run!(
        run,
        str![[r#"
exit 0
--- stdout
{"v":1,"type":"certificate","ca":"dev","certificate":"a.example.test","changes":[],"directory":"[WORLD]/state/certs/a.example.test/current","due":"[TIME]","generation":1,"issuer":"[ISSUER]","names":["a.example.test","b.example.test"],"not_after":"[TIME]","not_before":"[TIME]","outcome":"issued","serial":"[SERIAL]"}
{"v":1,"type":"renewer","renewed_by":null}
--- stderr
a.example.test: asking the test CA, http-01 answered at 127.0.0.1:[PORT]
a.example.test: opening the account
account: https://127.0.0.1:[PORT]/account/[ID]
a.example.test: ordering
a.example.test: proving control of the names
a.example.test: asking for the certificate
a.example.test: downloading it
a.example.test: publishing it
a.example.test: issued by the test CA, valid until [MOMENT], due [MOMENT]
warning: nothing will renew it
  next: put this line into your crontab (crontab -e):
      17 4,16 * * * [ACMECTL] renew --quiet --dir [WORLD]/state

"#]]
    );
}

#[test]
fn unknown_ca() {
    assert_run!(
        World::new().run("issue www.example.com --ca letsencrpt"),
        str![[r#"
exit 2
--- stderr
error: there is no CA 'letsencrpt'
  fault: on this side, not the CA's
  next: give the https URL of a directory, or a name that is in the list:
      acmectl ca

"#]]
    );
}

#[test]
fn ca_over_plain_http() {
    assert_run!(
        World::new().run("issue www.example.com --ca http://ca.example/directory"),
        str![[r#"
exit 2
--- stderr
error: 'http://ca.example/directory' is not an https URL
  fault: on this side, not the CA's
  next: ACME needs https; give the directory's https URL

"#]]
    );
}

#[test]
fn ca_that_needs_binding() {
    assert_run!(
        World::new().run("issue www.example.com --ca zerossl"),
        str![[r#"
exit 2
--- stderr
error: ZeroSSL takes only accounts that are bound to one outside ACME, and none is given
  fault: on this side, not the CA's
  next: an e-mail address is enough:
      acmectl issue www.example.com --ca zerossl --email you@example.com
    or: give the key identifier and, in a file, the key that the CA hands out (https://app.zerossl.com/developer has them):
      acmectl issue www.example.com --ca zerossl --eab-kid KID --eab-hmac-key-file FILE

"#]]
    );
}

#[test]
fn root_that_is_absent() {
    assert_run!(
        World::new().run("issue www.example.com --ca https://ca.example/dir --ca-root nowhere.pem"),
        str![[r#"
exit 2
--- stderr
error: [WORLD]/nowhere.pem can't be used
  because: No such file or directory (os error 2)
  fault: on this side, not the CA's
  next: check the path [WORLD]/nowhere.pem

"#]]
    );
}

#[test]
fn root_that_is_none() {
    let world = World::new();
    world.write("root.pem", "hello\n");
    assert_run!(
        world.run("issue www.example.com --ca https://ca.example/dir --ca-root root.pem"),
        str![[r#"
exit 2
--- stderr
error: [WORLD]/root.pem has no root certificate
  because: certificate in PEM was expected, but there is no '-----BEGIN' line
  fault: on this side, not the CA's
  next: give the PEM file that your CA hands out as its root to --ca-root

"#]]
    );
}

#[test]
fn key_type_that_is_none() {
    assert_run!(
        World::new().run("issue www.example.com --key-type rsa-1024"),
        str![[r#"
exit 2
--- stderr
error: 'rsa-1024' is no key type; there are ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096
  fault: on this side, not the CA's
  next: choose one of these with --key-type

"#]]
    );
}

#[test]
fn email_that_is_none() {
    assert_run!(
        World::new().run("issue www.example.com --email mailto:a@example.com"),
        str![[r#"
exit 2
--- stderr
error: 'mailto:a@example.com' is no e-mail address
  fault: on this side, not the CA's
  next: give one address as in admin@example.com, without mailto:, or none

"#]]
    );
}

#[test]
fn certificate_name_that_is_none() {
    assert_run!(
        World::new().run("issue www.example.com --name ../etc"),
        str![[r#"
exit 2
--- stderr
error: "../etc" can't be the name of a certificate: it starts with a dot
  fault: on this side, not the CA's
  next: choose another --name

"#]]
    );
}
