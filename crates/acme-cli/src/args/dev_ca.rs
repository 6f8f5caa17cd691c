//! The arguments of `dev-ca`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;

/// Run the test CA on loopback, until it is stopped or COMMAND ends
///
/// Prints the URL of its directory on its first line when it is ready. It keeps nothing. Unless
/// --gentle is given it does all that a client must bear: it refuses a nonce now and then, uses
/// authorizations again, reorders names, and offers challenges of unknown types.
///
/// With -- COMMAND, COMMAND finds the URL of the directory in ACME_CA (acmectl), ACME_DIRECTORY
/// (acme.sh), LEGO_SERVER (lego) and ACME_DIRECTORY_URL, the file with the root in ACME_CA_ROOT
/// (acmectl), CA_BUNDLE (acme.sh), LEGO_CA_CERTIFICATES (lego), REQUESTS_CA_BUNDLE (certbot and
/// other Python), CURL_CA_BUNDLE, NODE_EXTRA_CA_CERTS and SSL_CERT_FILE (OpenSSL, Go, Rust), and
/// where http-01 is looked for in ACME_HTTP_REACH, and its port in ACME_HTTP_PORT, that of tls-alpn-01
/// in ACME_TLS_PORT. certbot and older lego take the URL only as --server "$ACME_CA".
#[derive(Debug, clap::Args)]
pub(crate) struct DevCaArgs {
    /// Where it listens; only on loopback [default: 127.0.0.1:14000, or a free port for COMMAND]
    #[arg(long, env = "ACME_LISTEN", hide_env = true, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Write to this file what a client must trust, and what the chains end in
    #[arg(long, env = "ACME_ROOT_OUT", hide_env = true, value_name = "FILE")]
    pub(crate) root_out: Option<PathBuf>,
    /// The port at which http-01 is looked for [default: 5002, or a free port for COMMAND]
    #[arg(long, env = "ACME_HTTP_PORT", hide_env = true, value_name = "PORT")]
    pub(crate) http_port: Option<u16>,
    /// The port at which tls-alpn-01 is looked for [default: 5001, or a free port for COMMAND]
    #[arg(long, env = "ACME_TLS_PORT", hide_env = true, value_name = "PORT")]
    pub(crate) tls_port: Option<u16>,
    /// The DNS server, on loopback, that is asked for dns-01 records [default: dns-01 fails]
    #[arg(long, env = "ACME_DNS_SERVER", hide_env = true, value_name = "ADDR:PORT")]
    pub(crate) dns: Option<SocketAddr>,
    /// Where names lead: NAME=ADDRESS, '*.DOMAIN=ADDRESS' or '*=ADDRESS', the last that fits; NAME=
    /// for a name that does not exist [default: '*=127.0.0.1,::1']
    #[arg(long, env = "ACME_RESOLVE", hide_env = true, value_name = "RULE")]
    pub(crate) resolve: Vec<String>,
    /// What all chance comes from
    #[arg(long, env = "ACME_SEED", hide_env = true, value_name = "N")]
    #[arg(default_value_t = acme_testca::DEFAULT_SEED)]
    pub(crate) seed: u64,
    /// Faults to make, TOML: when, and what
    #[arg(long, env = "ACME_SCRIPT", hide_env = true, value_name = "FILE")]
    pub(crate) script: Option<PathBuf>,
    /// Do nothing unexpected, and nothing by chance
    #[arg(long, env = "ACME_GENTLE", hide_env = true, value_parser = FalseyValueParser::new())]
    pub(crate) gentle: bool,
    /// Be Pebble: what follows are its flags (-config FILE, -dnsserver ADDR:PORT, -strict). So it is
    /// without this option if the program is called pebble
    #[arg(long, value_name = "FLAG", num_args = 0.., allow_hyphen_values = true)]
    pub(crate) pebble: Option<Vec<OsString>>,
    /// Answer challenges, as pebble-challtestsrv does: what follows are its flags. So it is without
    /// this option if the program is called pebble-challtestsrv
    #[arg(long, value_name = "FLAG", num_args = 0.., allow_hyphen_values = true)]
    pub(crate) challtestsrv: Option<Vec<OsString>>,
    /// Run this program against it, and exit with its status
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}
