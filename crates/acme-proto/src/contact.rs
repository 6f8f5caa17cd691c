//! Contact URLs, and which of them no CA may take.

use alloc::string::String;

use crate::error::Misuse;

/// Why a contact URL can't be right.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.3>
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContactError {
    /// A `mailto` URL without an address.
    #[error("it names no address")]
    NoAddress,
    /// A `mailto` URL with header fields, such as `?subject=`.
    #[error("it has header fields")]
    HeaderFields,
    /// Something without a scheme, such as a bare address.
    #[error("it is not a URL; that of an e-mail address begins with 'mailto:'")]
    NotUrl,
    /// A `mailto` URL with more than one address.
    #[error("it names more than one address")]
    SeveralAddresses,
}

/// Refuses what clients MUST NOT send.
pub(crate) fn check(contacts: &[String]) -> Result<(), Misuse> {
    for contact in contacts {
        check_one(contact).map_err(|source| Misuse::Contact { contact: contact.clone(), source })?;
    }
    Ok(())
}

fn check_one(contact: &str) -> Result<(), ContactError> {
    let (scheme, address) = contact.split_once(':').ok_or(ContactError::NotUrl)?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !is_scheme {
        return Err(ContactError::NotUrl);
    }
    if !scheme.eq_ignore_ascii_case("mailto") {
        return Ok(());
    }
    // A comma or question mark within an address is percent-encoded (RFC 6068, section 2).
    if address.contains('?') {
        return Err(ContactError::HeaderFields);
    }
    if address.contains(',') {
        return Err(ContactError::SeveralAddresses);
    }
    if address.is_empty() { Err(ContactError::NoAddress) } else { Ok(()) }
}
