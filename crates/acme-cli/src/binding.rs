//! Accounts outside ACME that new ones are bound to (external account binding), and where their
//! keys come from. A key is never an argument: every user of the machine sees those.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use acme_keys::{HmacAlgorithm, HmacKey};
use acme_proto::SecretText;

use crate::advice::Advice;
use crate::args::BindingArgs;
use crate::ca::Binding;
use crate::error::{Error, Fault};
use crate::exit::Status;
use crate::invocation::{Invocation, quoted};
use crate::zerossl::ApiError;

/// An account outside ACME, and the key that proves who owns it.
#[derive(Clone, Debug)]
pub(crate) struct ExternalAccount {
    pub(crate) kid: String,
    key: SecretText,
    source: Source,
}

/// The external accounts that were given, each read once: standard input has it once only.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    read: Vec<(BindingArgs, Option<ExternalAccount>)>,
}

impl Bindings {
    pub(crate) fn resolve(&mut self, args: BindingArgs) -> Result<Option<ExternalAccount>, Error> {
        if let Some((_, external)) = self.read.iter().find(|(known, _)| *known == args) {
            return Ok(external.clone());
        }
        let external = ExternalAccount::resolve(args.clone())?;
        self.read.push((args, external.clone()));
        Ok(external)
    }
}

/// Where a key was read from.
#[derive(Clone, Debug)]
enum Source {
    Api,
    File(PathBuf),
    StandardInput,
    Variable,
}

/// Why an external account can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindingError {
    #[error("{host} hands out no external account")]
    Api {
        host: String,
        #[source]
        source: ApiError,
    },
    #[error("the key of the external account, in {place}, can't be read")]
    Key {
        place: String,
        #[source]
        source: acme_keys::Error,
    },
    #[error("there is a key of an external account, in {place}, and no key identifier")]
    NoIdentifier { place: String },
    #[error("there is the key identifier of an external account, and no key")]
    NoKey,
    #[error("the CA did not take the external account {kid}")]
    Refused {
        kid: String,
        /// The line that decodes a key that looks as if it was encoded twice.
        remedy: Option<String>,
        #[source]
        source: Box<acme_lib::Error>,
    },
}

impl BindingError {
    pub(crate) fn advice(&self, invocation: &Invocation) -> Vec<Advice> {
        match self {
            Self::Api { source: ApiError::Refused { .. }, .. } => vec![
                Advice::text("check the e-mail address; external accounts are also on the CA's website:"),
                Advice::paste(invocation.with("--eab-kid KID --eab-hmac-key-file FILE")),
            ],
            Self::Api { .. } => vec![
                Advice::text("try again later, or take one from the CA's website:"),
                Advice::paste(invocation.with("--eab-kid KID --eab-hmac-key-file FILE")),
            ],
            Self::Key { .. } => vec![Advice::text(
                "give the key as the CA hands it out, in base64url or base64, and nothing else in the file",
            )],
            Self::NoIdentifier { .. } => vec![
                Advice::text("the CA has handed it out with the key:"),
                Advice::paste(invocation.with("--eab-kid KID")),
            ],
            Self::NoKey => vec![
                Advice::text(format!("put the key in a file that only you can read, or into {VARIABLE}:")),
                Advice::paste(invocation.with("--eab-hmac-key-file FILE")),
            ],
            Self::Refused { remedy: Some(remedy), .. } => vec![
                Advice::text("the key looks as if it was encoded twice; decode it once, and give that:"),
                Advice::paste(remedy.clone()),
            ],
            Self::Refused { remedy: None, .. } => vec![Advice::text(
                "check the key identifier and the key; they may be good for one account only, or have run out",
            )],
        }
    }

    /// Tells whether the same may succeed later without anybody's help.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Api { source, .. } => source.is_temporary(),
            Self::Key { .. } | Self::NoIdentifier { .. } | Self::NoKey | Self::Refused { .. } => false,
        }
    }

    /// Whose fault it is.
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Api { source: ApiError::Transport(_), .. } => Fault::Network,
            Self::Api { source: ApiError::Unreadable { .. }, .. } => Fault::Ca,
            Self::Api { .. }
            | Self::Key { .. }
            | Self::NoIdentifier { .. }
            | Self::NoKey
            | Self::Refused { .. } => Fault::You,
        }
    }

    /// What the run came to if this is how it ended.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Api { .. } | Self::Refused { .. } => Status::Failed,
            Self::Key { .. } | Self::NoIdentifier { .. } | Self::NoKey => Status::Usage,
        }
    }
}

impl ExternalAccount {
    /// The external account that somebody gave, if any.
    pub(crate) fn resolve(args: BindingArgs) -> Result<Option<Self>, Error> {
        let (text, source) = match args.eab_hmac_key_file {
            Some(path) if path == Path::new("-") => (read_standard_input()?, Source::StandardInput),
            Some(path) => (read(&path)?, Source::File(path)),
            None => match std::env::var(VARIABLE).ok().filter(|text| !text.is_empty()) {
                Some(text) => (SecretText::new(text), Source::Variable),
                None if args.eab_kid.is_some() => return Err(BindingError::NoKey.into()),
                None => return Ok(None),
            },
        };
        let kid = args.eab_kid.ok_or_else(|| BindingError::NoIdentifier { place: source.words() })?;
        let account = Self { kid, key: text, source };
        account.key()?;
        Ok(Some(account))
    }

    /// One that the CA has handed out just now.
    pub(crate) fn handed_out(kid: String, key: SecretText) -> Result<Self, Error> {
        let account = Self { kid, key, source: Source::Api };
        account.key()?;
        Ok(account)
    }

    /// The key itself.
    pub(crate) fn key(&self) -> Result<HmacKey, Error> {
        let key = HmacKey::from_text(HmacAlgorithm::Hs256, self.key.expose());
        Ok(key.map_err(|source| BindingError::Key { place: self.source.words(), source })?)
    }

    /// What to say where the CA refused to make an account that is bound to this one.
    pub(crate) fn refused(&self, error: acme_lib::Error) -> Error {
        let seems_encoded_twice = self.key().is_ok_and(|key| key.seems_encoded_twice());
        let remedy = seems_encoded_twice.then(|| self.source.remedy());
        BindingError::Refused { kid: self.kid.clone(), remedy, source: Box::new(error) }.into()
    }
}

impl Source {
    fn words(&self) -> String {
        match self {
            Self::Api => "the CA's response".to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::StandardInput => "standard input".to_owned(),
            Self::Variable => VARIABLE.to_owned(),
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::File(path) => {
                let path = quoted(&path.display().to_string());
                format!("base64 -d {path} > {path}.decoded")
            }
            Self::Variable => format!("{VARIABLE}=$(echo \"${VARIABLE}\" | base64 -d)"),
            Self::Api | Self::StandardInput => "base64 -d".to_owned(),
        }
    }
}

/// What to say of a CA that wants an external account, where none is given.
pub(crate) fn needed(binding: Binding, invocation: &Invocation) -> Vec<Advice> {
    let options = "--eab-kid KID --eab-hmac-key-file FILE";
    let line = match invocation.registers() {
        true => invocation.with(options),
        false => format!("acmectl account register --ca CA {options}"),
    };
    let text = "give the key identifier and, in a file, the key that the CA hands out";
    match binding {
        Binding::ByEmail(place) => vec![
            Advice::text("an e-mail address is enough:"),
            Advice::paste(invocation.with("--email you@example.com")),
            Advice::text(format!("{text} ({place}):")),
            Advice::paste(line),
        ],
        Binding::Needed(place) => vec![Advice::text(format!("{text} ({place}):")), Advice::paste(line)],
        Binding::NotNeeded => vec![Advice::text(format!("{text}:")), Advice::paste(line)],
    }
}

fn read(path: &Path) -> Result<SecretText, Error> {
    let failed = |source| Error::File { path: path.to_path_buf(), source };
    std::fs::read_to_string(path).map(SecretText::new).map_err(failed)
}

fn read_standard_input() -> Result<SecretText, Error> {
    let mut text = String::new();
    let input = std::io::stdin().lock();
    input
        .take(MAX_KEY_BYTES)
        .read_to_string(&mut text)
        .map_err(|source| Error::File { path: PathBuf::from("standard input"), source })?;
    Ok(SecretText::new(text))
}

/// The variable that may hold the key.
const VARIABLE: &str = "ACME_EAB_HMAC_KEY";

/// More than any key has.
const MAX_KEY_BYTES: u64 = 4096;
