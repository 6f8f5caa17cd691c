//! Who writes: an application with a secret, or the identity of a machine of Azure's.

use acme_proto::SignError;
use http::{HeaderValue, Request};
use jiff::Timestamp;

use crate::dns::credentials::{CredentialError, Lookup, Variable};
use crate::dns::oauth::{ClientCredentials, Grant};
use crate::dns::request::{self, segment};
use crate::dns::secret::Secret;

/// One of the clouds, which have nothing in common.
pub(super) struct Cloud {
    login: &'static str,
    pub(super) management: &'static str,
    /// Whom tokens are for.
    audience: &'static str,
}

impl Cloud {
    pub(super) fn new(lookup: &Lookup<'_>) -> Result<Self, CredentialError> {
        match lookup.text(&CLOUD).as_deref() {
            None | Some("public") => Ok(Self {
                login: "https://login.microsoftonline.com",
                management: "https://management.azure.com",
                audience: "https://management.azure.com",
            }),
            Some("china") => Ok(Self {
                login: "https://login.chinacloudapi.cn",
                management: "https://management.chinacloudapi.cn",
                audience: "https://management.core.chinacloudapi.cn",
            }),
            Some("usgovernment") => Ok(Self {
                login: "https://login.microsoftonline.us",
                management: "https://management.usgovcloudapi.net",
                audience: "https://management.core.usgovcloudapi.net",
            }),
            Some(_) => {
                let what = "public, china or usgovernment";
                Err(CredentialError::Malformed { variable: CLOUD.name, what })
            }
        }
    }
}

/// Who writes.
pub(super) enum Identity {
    /// An application, by a secret of its own.
    ///
    /// <https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow>
    Application(ClientCredentials),
    /// A machine of Azure's: the URL of its token.
    ///
    /// <https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>
    Machine(String),
}

impl Identity {
    pub(super) fn new(lookup: &Lookup<'_>, cloud: &Cloud) -> Result<Self, CredentialError> {
        match lookup.text(&METHOD).as_deref() {
            None | Some("env") => {
                let login = lookup.url(&LOGIN, cloud.login)?;
                let tenant = lookup.require(&TENANT)?;
                Ok(Self::Application(ClientCredentials {
                    url: format!("{login}/{}/oauth2/v2.0/token", segment(&tenant)),
                    id: lookup.require(&CLIENT)?,
                    secret: lookup.secret(&SECRET)?,
                    scope: format!("{}/.default", cloud.audience),
                }))
            }
            Some("msi") => {
                let url = lookup.url(&METADATA, "http://169.254.169.254/metadata/identity/oauth2/token")?;
                // A machine may have several.
                let client = lookup.text(&CLIENT).map(|id| format!("&client_id={}", segment(&id)));
                let client = client.unwrap_or_default();
                let resource = segment(cloud.audience);
                Ok(Self::Machine(format!("{url}?api-version=2018-02-01&resource={resource}{client}")))
            }
            Some(_) => Err(CredentialError::Malformed {
                variable: METHOD.name,
                what: "one that is known here: env or msi",
            }),
        }
    }

    /// What nobody may see.
    pub(super) fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Application(credentials) => Some(&credentials.secret),
            Self::Machine(_) => None,
        }
    }
}

impl Grant for Identity {
    fn request(&self, now: Timestamp) -> Result<Request<Vec<u8>>, SignError> {
        match self {
            Self::Application(credentials) => credentials.request(now),
            Self::Machine(url) => Ok(request::get(url, &[("metadata", &HeaderValue::from_static("true"))])),
        }
    }
}

pub(super) const TENANT: Variable = Variable::usual("AZURE_TENANT_ID", "the id of the tenant");
pub(super) const CLIENT: Variable =
    Variable::usual("AZURE_CLIENT_ID", "the id of the application, or of one of several managed identities");
pub(super) const SECRET: Variable = Variable::usual("AZURE_CLIENT_SECRET", "the secret of the application");
pub(super) const METHOD: Variable = Variable::optional(
    "AZURE_AUTH_METHOD",
    "env for an application with a secret, msi for the managed identity of this machine [env]",
);
pub(super) const CLOUD: Variable =
    Variable::optional("AZURE_ENVIRONMENT", "public, china or usgovernment [public]");
pub(super) const LOGIN: Variable =
    Variable::optional("AZURE_AUTHORITY_HOST", "another address for tokens [that of the environment]");
pub(super) const METADATA: Variable = Variable::optional(
    "AZURE_METADATA_ENDPOINT",
    "the address for tokens of this machine [http://169.254.169.254/metadata/identity/oauth2/token]",
);
