//! The arguments of the DNS server in this program.

/// How `--dns builtin` answers, and at which names.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ResponderArgs {
    /// Where --dns builtin listens [default: port 53 of this machine]
    #[arg(long, env = "ACME_DNS_LISTEN", hide_env = true, help_heading = "Challenge")]
    #[arg(value_name = "ADDR:PORT")]
    pub(crate) dns_listen: Option<String>,
    /// The server's name with --dns builtin [default: acme-dns.DOMAIN]
    #[arg(long, env = "ACME_DNS_NAME", hide_env = true, help_heading = "Challenge", value_name = "NAME")]
    pub(crate) dns_name: Option<String>,
    /// The zone of --dns builtin, if names lead into one as CNAMEs
    #[arg(long, env = "ACME_DNS_ZONE", hide_env = true, help_heading = "Challenge", value_name = "ZONE")]
    pub(crate) dns_zone: Option<String>,
}
