//! What has to survive a crash in the middle of an issuance.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::challenge::Challenge;
use crate::identifier::Identifier;
use crate::problem::Problem;
use crate::renewal::CertificateId;
use crate::wish::Profile;

/// The state of an issuance that must be durable before the flow goes on.
///
/// It holds the certificate's private key and the challenge responses: keep it as a secret.
/// Each one replaces the one before; after the certificate is published it is of no more use.
/// It is serialized with serde.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Checkpoint {
    /// What is asked for.
    pub intent: Intent,
    /// The order, once the CA has made it.
    pub order_url: Option<String>,
    /// The challenges that may be in place.
    pub presented: Vec<Challenge>,
}

impl Checkpoint {
    /// The checkpoint of an issuance that has not begun.
    #[must_use]
    pub fn new(intent: Intent) -> Self {
        Self { intent, order_url: None, presented: Vec::new() }
    }
}

/// What an order is for: everything that makes a later order the same order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Intent {
    /// The directory of the CA.
    pub directory_url: String,
    /// The account that orders.
    pub account_url: String,
    /// The names, the caller's first one first.
    pub identifiers: Vec<Identifier>,
    /// The requested start of validity; not every CA takes it.
    pub not_before: Option<Timestamp>,
    /// The requested end of validity; not every CA takes it.
    pub not_after: Option<Timestamp>,
    /// The kind of certificate.
    #[serde(default)]
    pub profile: Option<Profile>,
    /// The certificate that this one is to replace. It is left out where the CA has no renewal
    /// information, or refuses it.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9773#section-5>
    #[serde(default)]
    pub replaces: Option<CertificateId>,
    /// The domains whose authorization is to serve the names below them, where the CA does that.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9444#section-4.3>
    #[serde(default)]
    pub ancestor_domains: Vec<Identifier>,
    /// The names that were asked for first, and that the CA refused to make an order for.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
    /// The certificate signing request, as DER.
    pub csr: Vec<u8>,
    /// The certificate's key, for who made it; the flow only carries it.
    pub private_key: Option<SecretText>,
}

impl Intent {
    /// What a plain order is for: some names, and a CSR for them.
    #[must_use]
    pub fn new(identifiers: Vec<Identifier>, csr: Vec<u8>, private_key: Option<SecretText>) -> Self {
        Self {
            directory_url: String::new(),
            account_url: String::new(),
            identifiers,
            not_before: None,
            not_after: None,
            profile: None,
            replaces: None,
            ancestor_domains: Vec::new(),
            left_out: Vec::new(),
            csr,
            private_key,
        }
    }
}

/// A name that an order has to do without, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LeftOut {
    /// The name.
    pub identifier: Identifier,
    /// Why the CA refused it.
    pub problem: Problem,
}

impl LeftOut {
    /// Puts name and reason together.
    #[must_use]
    pub fn new(identifier: Identifier, problem: Problem) -> Self {
        Self { identifier, problem }
    }
}

impl Intent {
    /// The domain whose authorization is to serve this name: the nearest one above it.
    pub(crate) fn ancestor_of(&self, identifier: &Identifier) -> Option<&Identifier> {
        let above = self.ancestor_domains.iter().filter(|ancestor| identifier.is_below(ancestor));
        above.max_by_key(|ancestor| ancestor.to_string().len())
    }
}

/// A text that no log may hold: its `Debug` prints the type's name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText")
    }
}
