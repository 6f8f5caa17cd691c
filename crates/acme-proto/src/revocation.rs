//! Revoking a certificate.

use alloc::format;
use core::fmt;

use jiff::Timestamp;

use crate::base64url;
use crate::call::Call;
use crate::chain::no_content;
use crate::error::Error;
use crate::flow::{Flow, Input, Operation, Step};
use crate::part::{Cx, Progress};
use crate::problem::ProblemKind;
use crate::request::{Request, Target};
use crate::session::Session;
use crate::signer::SigningKey;

/// Why a certificate is revoked.
///
/// <https://www.rfc-editor.org/rfc/rfc5280#section-5.3.1>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationReason {
    /// No reason is given.
    Unspecified = 0,
    /// The private key is known to somebody else.
    KeyCompromise = 1,
    /// The CA's key is known to somebody else.
    CaCompromise = 2,
    /// The owner's name or other details changed.
    AffiliationChanged = 3,
    /// Another certificate took its place.
    Superseded = 4,
    /// It is not needed any more.
    CessationOfOperation = 5,
    /// It is on hold.
    CertificateHold = 6,
    /// It is no longer on hold.
    RemoveFromCrl = 8,
    /// A privilege in it was withdrawn.
    PrivilegeWithdrawn = 9,
    /// The attribute authority's key is known to somebody else.
    AaCompromise = 10,
}

/// The spelling of acme-lib 0.9, whose programs go on to compile.
#[expect(non_upper_case_globals, reason = "they stand where variants stood")]
impl RevocationReason {
    /// [`AaCompromise`](Self::AaCompromise).
    pub const AACompromise: Self = Self::AaCompromise;
    /// [`CaCompromise`](Self::CaCompromise).
    pub const CACompromise: Self = Self::CaCompromise;
    /// [`RemoveFromCrl`](Self::RemoveFromCrl).
    pub const RemoveFromCRL: Self = Self::RemoveFromCrl;
}

/// Revokes a certificate. That it was revoked before is success.
///
/// After a lost response the request is sent again: the CA's `alreadyRevoked` settles it.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.6>
#[must_use = "a flow makes no progress until its driver resumes it"]
pub struct Revoke {
    call: Call<()>,
}

impl Revoke {
    /// Revokes with the session's account: the one that issued, or one that holds
    /// authorizations for all names.
    pub fn by_account(certificate_der: &[u8], reason: RevocationReason) -> Self {
        Self { call: Call::new(Self::request(certificate_der, reason), no_content) }
    }

    /// Revokes with the certificate's own key.
    pub fn by_certificate_key(
        certificate_der: &[u8],
        reason: RevocationReason,
        key: impl Into<SigningKey>,
    ) -> Self {
        Self { call: Call::new(Self::request(certificate_der, reason).signed_by(key.into()), no_content) }
    }

    fn request(certificate_der: &[u8], reason: RevocationReason) -> Request {
        let certificate = base64url::encode(certificate_der);
        let payload = format!(r#"{{"certificate":"{certificate}","reason":{}}}"#, reason as u8);
        Request::post(Operation::RevokeCert, Target::RevokeCert, payload).repeatable()
    }
}

impl Flow for Revoke {
    type Context = Session;
    type Output = ();

    fn resume(&mut self, session: &mut Session, input: Input, now: Timestamp) -> Result<Step<()>, Error> {
        let mut cx = Cx::new(session, input, now)?;
        match self.call.poll(&mut cx) {
            Ok(Progress::Ready(())) => Ok(Step::Done(())),
            Ok(Progress::Pending(step)) => Ok(crate::part::Relay::relay(step)),
            Err(error) if error.is_kind(&ProblemKind::AlreadyRevoked) => Ok(Step::Done(())),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for Revoke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revoke")
    }
}
