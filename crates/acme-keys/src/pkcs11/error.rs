//! What goes wrong with a token.

use std::error::Error as StdError;
use std::path::PathBuf;

use acme_proto::SignError;
use cryptoki::error::{Error as ModuleError, RvError};

use crate::error::Error;

/// Why a token or a key in it can't be used. No variant holds a PIN.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// More than one key has this label.
    #[error("the token has more than one key '{label}'")]
    AmbiguousKey {
        /// The label.
        label: String,
    },
    /// More than one token has this label.
    #[error("there is more than one token '{label}'")]
    AmbiguousToken {
        /// The label.
        label: String,
    },
    /// The module or the token failed.
    #[error("the token failed")]
    Failed {
        /// Whether a later try may fare better.
        is_temporary: bool,
        /// What the module said.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The key is none that signs here.
    #[error("the key in the token can't be used")]
    Key(#[source] Error),
    /// The PKCS#11 module can't be loaded.
    #[error("the PKCS#11 module {} can't be loaded", path.display())]
    Module {
        /// Where it should be.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// No private key has this label.
    #[error("the token has no key '{label}'")]
    NoKey {
        /// The label.
        label: String,
    },
    /// No public key belongs to the private key.
    #[error("the token has a private key '{label}', but no public key with this label")]
    NoPublicKey {
        /// The label.
        label: String,
    },
    /// No token has this label.
    #[error("there is no token '{label}'; there are: [{}]", found.join(", "))]
    NoToken {
        /// The label.
        label: String,
        /// The labels of the tokens that are there.
        found: Vec<String>,
    },
    /// The PIN was wrong too often, and the token takes none any more.
    #[error("the PIN of the token is locked")]
    PinLocked,
    /// The signature does not have the length that its curve asks for.
    #[error("the token's signature has {octets} octets")]
    SignatureLength {
        /// The length.
        octets: usize,
    },
    /// The PIN is wrong.
    #[error("the PIN of the token is wrong")]
    WrongPin,
}

impl TokenError {
    pub(super) fn into_sign_error(self) -> SignError {
        if matches!(self, Self::Failed { is_temporary: true, .. }) {
            SignError::temporary(self)
        } else {
            SignError::permanent(self)
        }
    }
}

impl From<ModuleError> for TokenError {
    fn from(error: ModuleError) -> Self {
        let is_temporary = matches!(
            error,
            ModuleError::Pkcs11(
                RvError::DeviceError
                    | RvError::DeviceMemory
                    | RvError::FunctionFailed
                    | RvError::HostMemory
                    | RvError::SessionCount,
                _
            )
        );
        Self::Failed { is_temporary, source: error.into() }
    }
}

#[cfg(test)]
mod tests {
    use cryptoki::context::Function;

    use super::*;

    #[test]
    fn only_what_may_pass_is_temporary() {
        let is_temporary = |error| {
            TokenError::from(ModuleError::Pkcs11(error, Function::Sign)).into_sign_error().is_temporary()
        };
        assert!(is_temporary(RvError::FunctionFailed));
        assert!(!is_temporary(RvError::KeyFunctionNotPermitted));
        assert!(!is_temporary(RvError::DeviceRemoved));
        assert!(!TokenError::NoKey { label: "a".to_owned() }.into_sign_error().is_temporary());
    }
}
