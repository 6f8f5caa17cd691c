//! The arguments for accounts that are bound to one outside ACME.

use std::path::PathBuf;

/// An account outside ACME.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub(crate) struct BindingArgs {
    /// The key identifier of an external account, where the CA wants one
    #[arg(long, env = "ACME_EAB_KID", hide_env = true, value_name = "KID", alias = "eab-key-id")]
    pub(crate) eab_kid: Option<String>,
    /// The file with its key, base64url or base64; - is standard input [default: the text in
    /// ACME_EAB_HMAC_KEY]
    #[arg(long, env = "ACME_EAB_HMAC_KEY_FILE", hide_env = true, value_name = "FILE|-")]
    pub(crate) eab_hmac_key_file: Option<PathBuf>,
    /// Where external accounts are handed out for an e-mail address, instead of at ZeroSSL
    #[arg(long, env = "ACME_EAB_API", hide = true, value_name = "URL")]
    pub(crate) eab_api: Option<String>,
}
