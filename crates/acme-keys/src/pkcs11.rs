//! Keys in tokens: hardware security modules, smart cards and what behaves like them.

mod error;
mod key;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use acme_proto::{Algorithm, RemoteSigner, SecretText, SignError, ToSign};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as ModuleError, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

pub use error::TokenError;
pub use key::TokenKey;

/// A token that a PKCS#11 module gives access to, and in which one is logged in. Its keys sign without
/// leaving it: ECDSA on P-256 and P-384.
///
/// Copies share one session, which does one thing after the other. After the token was taken out it
/// has to be opened again. A module is never finalized: others in the process may be using it.
///
/// ```no_run
/// use acme_keys::{CertificateSigningRequest, Token};
/// use acme_proto::{Algorithm, SecretText};
///
/// let pin = SecretText::new("1234".to_owned());
/// let token = Token::open("/usr/lib/softhsm/libsofthsm2.so", "acme", &pin)?;
/// let key = token.find_or_generate("example.com", Algorithm::Es256)?;
/// let csr = CertificateSigningRequest::signed_by(&["example.com".parse()?], &key)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// <https://docs.oasis-open.org/pkcs11/pkcs11-spec/v3.1/pkcs11-spec-v3.1.html>
#[derive(Clone)]
pub struct Token {
    shared: Arc<Shared>,
}

struct Shared {
    module: Pkcs11,
    slot: Slot,
    session: Mutex<Session>,
}

impl Token {
    /// Loads a module, finds the token with a label, and logs in as its user. A module runs code of
    /// its own in this process, and may read files and variables.
    ///
    /// The PIN is not looked at where this process is logged in already.
    ///
    /// # Errors
    /// [`TokenError::Module`] when the module can't be loaded, [`TokenError::NoToken`] and
    /// [`TokenError::AmbiguousToken`] when not one token has the label, [`TokenError::WrongPin`] and
    /// [`TokenError::PinLocked`], and [`TokenError::Failed`] for what else goes wrong.
    pub fn open(module: impl AsRef<Path>, label: &str, pin: &SecretText) -> Result<Self, TokenError> {
        let module = load(module.as_ref())
            .map_err(|error| TokenError::Module { path: module.as_ref().to_owned(), source: error.into() })?;
        let slot = find_slot(&module, label)?;
        let session = module.open_ro_session(slot)?;
        log_in(&session, pin)?;
        Ok(Self { shared: Arc::new(Shared { module, slot, session: Mutex::new(session) }) })
    }

    /// Finds the key pair with a label; `None` when there is no private key with it.
    ///
    /// # Errors
    /// [`TokenError::AmbiguousKey`] when it is not the only one, [`TokenError::NoPublicKey`] and
    /// [`TokenError::Key`] when it is none that signs here, [`TokenError::Failed`].
    pub fn find(&self, label: &str) -> Result<Option<TokenKey>, TokenError> {
        let session = self.session();
        key::find(&session, label)?.map(|key| TokenKey::new(self, &session, label, key)).transpose()
    }

    /// Finds the key pair with a label, or makes one that the token never gives away. One that is
    /// there is taken as it is, also with another algorithm.
    ///
    /// Copies of this token make one pair; two processes that ask at the same time may make two,
    /// which is an error from then on.
    ///
    /// # Errors
    /// As [`find`](Self::find); [`TokenError::Key`] when the algorithm is neither ES256 nor ES384.
    pub fn find_or_generate(&self, label: &str, algorithm: Algorithm) -> Result<TokenKey, TokenError> {
        let session = self.session();
        let key = match key::find(&session, label)? {
            Some(key) => key,
            // Only this needs a token that can be written.
            None => key::generate(&self.shared.module.open_rw_session(self.shared.slot)?, label, algorithm)?,
        };
        TokenKey::new(self, &session, label, key)
    }

    /// Signs with the key of this label: R and S, as JWS wants them.
    fn sign(&self, label: &str, message: &[u8]) -> Result<Vec<u8>, TokenError> {
        let session = self.session();
        let key = key::find(&session, label)?;
        let key = key.ok_or_else(|| TokenError::NoKey { label: label.to_owned() })?;
        key::sign(&session, key, message)
    }

    /// A thread that panicked leaves at most an operation that has begun, and each begins its own.
    fn session(&self) -> MutexGuard<'_, Session> {
        self.shared.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RemoteSigner for Token {
    /// [`ToSign::key`] is the label of the key.
    fn sign(&self, messages: &[ToSign]) -> Vec<Result<Vec<u8>, SignError>> {
        let sign =
            |one: &ToSign| Self::sign(self, &one.key, &one.message).map_err(TokenError::into_sign_error);
        messages.iter().map(sign).collect()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

fn load(path: &Path) -> Result<Pkcs11, ModuleError> {
    let module = Pkcs11::new(path)?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(ModuleError::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(module),
        Err(error) => Err(error),
    }
}

fn find_slot(module: &Pkcs11, label: &str) -> Result<Slot, TokenError> {
    let mut labels = Vec::new();
    let mut slots = Vec::new();
    for slot in module.get_slots_with_initialized_token()? {
        let found = module.get_token_info(slot)?.label().to_owned();
        if found == label {
            slots.push(slot);
        }
        labels.push(found);
    }
    match slots[..] {
        [slot] => Ok(slot),
        [] => Err(TokenError::NoToken { label: label.to_owned(), found: labels }),
        [_, _, ..] => Err(TokenError::AmbiguousToken { label: label.to_owned() }),
    }
}

fn log_in(session: &Session, pin: &SecretText) -> Result<(), TokenError> {
    match session.login(UserType::User, Some(&AuthPin::new(pin.expose().into()))) {
        Ok(()) | Err(ModuleError::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(ModuleError::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
            Err(TokenError::WrongPin)
        }
        Err(ModuleError::Pkcs11(RvError::PinLocked, _)) => Err(TokenError::PinLocked),
        Err(error) => Err(error.into()),
    }
}
