//! How control of the names is to be proved.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

/// The ways that were given, in the order in which they were given.
#[derive(Clone, Debug)]
pub(crate) struct MethodArgs {
    /// For all names.
    pub(crate) methods: Vec<MethodArg>,
    /// For the names of a pattern, as `PATTERN=METHOD`.
    pub(crate) patterns: Option<Vec<String>>,
}

/// The options that say it.
pub(crate) const METHODS: [&str; 14] = [
    "challenge",
    "dns",
    "dns_listen",
    "dns_name",
    "dns_persist",
    "dns_zone",
    "http",
    "http_listen",
    "manual_auth_hook",
    "manual_cleanup_hook",
    "preferred_challenges",
    "tls_alpn",
    "tls_alpn_listen",
    "webroot",
];

/// A way for all names.
#[derive(Clone, Debug)]
pub(crate) enum MethodArg {
    Dns(String),
    DnsPersist,
    Http(Option<SocketAddr>),
    HttpStateless,
    /// Hooks as certbot has them, for one type of challenge.
    Manual {
        challenge: String,
        auth: String,
        cleanup: Option<String>,
    },
    TlsAlpn(Option<SocketAddr>),
    Webroot(PathBuf),
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Challenge")]
struct Options {
    /// Answer http-01 on port 80 (the default); of several ways, each is for what the one before it
    /// can't prove: where the CA does not offer it or refuses it, and of wildcards
    #[arg(long, env = "ACME_HTTP", hide_env = true, alias = "standalone")]
    #[arg(conflicts_with_all = ["http_listen", "webroot"])]
    #[arg(value_parser = FalseyValueParser::new())]
    http: bool,
    /// Answer http-01 at this address, to which port 80 of the names leads
    #[arg(long, env = "ACME_HTTP_LISTEN", hide_env = true, value_name = "ADDR:PORT")]
    #[arg(conflicts_with = "webroot")]
    http_listen: Option<SocketAddr>,
    /// Leave http-01 to web servers that know the account: acmectl account thumbprint prints how
    #[arg(long, env = "ACME_HTTP_STATELESS", hide_env = true)]
    #[arg(conflicts_with_all = ["http", "http_listen", "webroot"])]
    #[arg(value_parser = FalseyValueParser::new())]
    http_stateless: bool,
    /// Answer tls-alpn-01 on port 443
    #[arg(long, env = "ACME_TLS_ALPN", hide_env = true, conflicts_with = "tls_alpn_listen")]
    #[arg(value_parser = FalseyValueParser::new())]
    tls_alpn: bool,
    /// Answer tls-alpn-01 at this address, to which port 443 of the names leads
    #[arg(long, env = "ACME_TLS_ALPN_LISTEN", hide_env = true, value_name = "ADDR:PORT")]
    tls_alpn_listen: Option<SocketAddr>,
    /// Leave http-01 responses in the directory that a web server serves as /
    #[arg(long, env = "ACME_WEBROOT", hide_env = true, value_name = "DIR")]
    #[arg(short_alias = 'w', aliases = ["webroot-path"])]
    webroot: Option<PathBuf>,
    /// Answer dns-01 through the API of a DNS service, a program, or by this one (builtin); acmectl
    /// dns lists them
    #[arg(long, env = "ACME_DNS", hide_env = true, value_name = "PROVIDER")]
    dns: Option<String>,
    /// Prove it by records that stay; acmectl dns-persist prints and verifies them
    #[arg(long, env = "ACME_DNS_PERSIST", hide_env = true, value_parser = FalseyValueParser::new())]
    dns_persist: bool,
    /// Let this program answer http-01 or dns-01; it is told all in the variables of certbot's manual
    /// hooks. Split into words, and given to no shell
    #[arg(long, env = "ACME_MANUAL_AUTH_HOOK", hide_env = true, value_name = "CMD")]
    #[arg(conflicts_with_all = ["dns", "http", "http_listen", "webroot"])]
    manual_auth_hook: Option<String>,
    /// Let this program take away what that one has put in place
    #[arg(long, env = "ACME_MANUAL_CLEANUP_HOOK", hide_env = true, value_name = "CMD")]
    #[arg(requires = "manual_auth_hook")]
    manual_cleanup_hook: Option<String>,
    /// What those are for: http, dns, or both in an order
    #[arg(long, env = "ACME_PREFERRED_CHALLENGES", hide_env = true, value_name = "TYPE")]
    #[arg(value_delimiter = ',', requires = "manual_auth_hook", default_values = ["http", "dns"])]
    preferred_challenges: Vec<String>,
    /// Accepted for scripts: the hooks say it
    #[arg(long, hide = true, requires = "manual_auth_hook")]
    manual: bool,
    /// For some names another way: http, tls-alpn, either with :ADDR:PORT, webroot:DIR,
    /// dns:PROVIDER or dns-persist; *.example.com is all names below example.com; empty: for none
    #[arg(long, env = "ACME_CHALLENGE", hide_env = true, value_name = "PATTERN=METHOD")]
    #[arg(value_delimiter = ',')]
    challenge: Option<Vec<String>>,
}

impl clap::Args for MethodArgs {
    fn augment_args(command: Command) -> Command {
        Options::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Options::augment_args_for_update(command)
    }
}

impl clap::FromArgMatches for MethodArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let options = Options::from_arg_matches(matches)?;
        let is_said = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let manual = options.manual_auth_hook.into_iter().flat_map(|auth| {
            let (auth, cleanup) = (auth, options.manual_cleanup_hook.clone());
            let manual = move |challenge| MethodArg::Manual {
                challenge,
                auth: auth.clone(),
                cleanup: cleanup.clone(),
            };
            options.preferred_challenges.clone().into_iter().map(manual)
        });
        let manual = manual.map(|manual| ("manual_auth_hook", Some(manual)));
        let (http, tls) = (options.http.then_some(None), options.tls_alpn.then_some(None));
        let given = [
            ("http", http.map(MethodArg::Http)),
            ("http_listen", options.http_listen.map(Some).map(MethodArg::Http)),
            ("http_stateless", options.http_stateless.then_some(MethodArg::HttpStateless)),
            ("webroot", options.webroot.map(MethodArg::Webroot)),
            ("tls_alpn", tls.map(MethodArg::TlsAlpn)),
            ("tls_alpn_listen", options.tls_alpn_listen.map(Some).map(MethodArg::TlsAlpn)),
            ("dns", options.dns.map(MethodArg::Dns)),
            ("dns_persist", options.dns_persist.then_some(MethodArg::DnsPersist)),
        ];
        let given: Vec<_> = given.into_iter().chain(manual).collect();
        // A variable is there for whoever says nothing.
        let is_any_said = given.iter().any(|(id, _)| is_said(id));
        let mut given: Vec<_> = given
            .into_iter()
            .filter(|(id, _)| !is_any_said || is_said(id))
            .filter_map(|(id, method)| Some((matches.index_of(id), method?)))
            .collect();
        given.sort_by_key(|(index, _)| *index);
        let patterns = options.challenge.filter(|_| !is_any_said || is_said("challenge"));
        Ok(Self { methods: given.into_iter().map(|(_, method)| method).collect(), patterns })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
