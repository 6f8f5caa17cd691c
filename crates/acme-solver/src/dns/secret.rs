//! Texts that nobody may see.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use zeroize::Zeroizing;

use super::credentials::CredentialError;

/// A secret of a provider: wiped when the last copy is dropped, and printed as the type's name.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes a secret over, without white space around it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Arc::new(Zeroizing::new(text.trim().to_owned())))
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The secret as the value of a header, after a prefix.
    ///
    /// # Errors
    /// [`CredentialError::Malformed`] where it has characters that no header can have.
    pub fn to_header(&self, variable: &'static str, prefix: &str) -> Result<HeaderValue, CredentialError> {
        let text = Zeroizing::new(format!("{prefix}{}", self.expose()));
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| CredentialError::Malformed { variable, what: "text without control characters" })?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
