//! What an issuance ends in.

use acme_proto::{Challenge, LeftOut, SecretText, SolverError};

use crate::certified_key::Certificate;
use crate::error::Error;
use crate::private_key::PrivateKey;

/// What an issuance ends in.
#[derive(Debug)]
#[non_exhaustive]
pub struct Issued {
    /// The certificate with its key.
    pub certificate: Certificate,
    /// The URL of the order.
    pub order_url: String,
    /// The profile of the order, where it has one.
    pub profile: Option<String>,
    /// The names that it is not for, since the CA refused them; only with
    /// [`IssueRequest::allow_partial`](crate::IssueRequest::allow_partial).
    pub left_out: Vec<LeftOut>,
    /// The responses that could not be taken away, and why; they stay in the journal's last
    /// checkpoint, to be taken away later.
    pub left_in_place: Vec<(Challenge, SolverError)>,
}

impl Issued {
    /// Puts the chain that an order ended in and the key together.
    ///
    /// # Errors
    /// As [`Certificate::new`].
    pub fn new(issued: acme_proto::Issued, key: &PrivateKey) -> Result<Self, Error> {
        Ok(Self {
            certificate: Certificate::new(key, &issued.chain)?,
            order_url: issued.order_url,
            profile: issued.profile,
            left_out: issued.left_out,
            left_in_place: issued.left_in_place,
        })
    }
}

/// The chain for a CSR whose key is elsewhere.
#[derive(Debug)]
#[non_exhaustive]
pub struct IssuedChain {
    /// The chain as PEM, the leaf first.
    pub chain_pem: String,
    /// The private key, PKCS#8 PEM, unless the request came with a CSR.
    pub private_key_pem: Option<SecretText>,
    /// The URL of the order.
    pub order_url: String,
    /// The profile of the order, where it has one.
    pub profile: Option<String>,
    /// The names that it is not for, since the CA refused them; only with
    /// [`IssueRequest::allow_partial`](crate::IssueRequest::allow_partial).
    pub left_out: Vec<LeftOut>,
    /// As [`Issued::left_in_place`].
    pub left_in_place: Vec<(Challenge, SolverError)>,
}

impl IssuedChain {
    /// Takes the chain that an order ended in, and the key if it is here.
    #[must_use]
    pub fn new(issued: acme_proto::Issued, key: Option<&PrivateKey>) -> Self {
        Self {
            chain_pem: issued.chain.to_pem(),
            private_key_pem: key.map(|key| key.as_ref().to_pem()),
            order_url: issued.order_url,
            profile: issued.profile,
            left_out: issued.left_out,
            left_in_place: issued.left_in_place,
        }
    }
}
