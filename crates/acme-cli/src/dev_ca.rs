//! The test CA inside this process, and what it keeps below `DIR/dev-ca/`.
//!
//! Its state is written down after every request, before the response leaves: whatever we got from
//! it, it still knows the day after.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use acme_testca::{Config, DnsPersist, Moment, TestCa, TestCaBuilder};

use crate::advice::Advice;
use crate::error::{Error, Fault};
use crate::invocation;
use crate::signals::Signals;

/// The test CA, running. It stops when it is dropped.
pub(crate) struct DevCa {
    ca: Arc<TestCa>,
    keeper: Option<Keeper>,
}

/// Where the test CA has to look.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ValidationPort {
    /// For the records of DNS challenges: what this server says.
    Dns(SocketAddr),
    /// For http-01.
    Http(u16),
    /// For tls-alpn-01.
    Tls(u16),
}

/// Why there is no test CA.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevCaError {
    #[error("{} can't be used", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the test CA in {} is in use by another process", dir.display())]
    Locked { dir: PathBuf },
    #[error("the test CA in {} can't go on where it was", dir.display())]
    Damaged {
        dir: PathBuf,
        #[source]
        source: acme_testca::Error,
    },
    #[error("the test CA can't start")]
    Start(#[source] acme_testca::Error),
}

impl DevCaError {
    pub(crate) fn is_temporary(&self) -> bool {
        matches!(self, Self::Locked { .. })
    }

    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Damaged { .. } | Self::File { .. } | Self::Locked { .. } => Fault::You,
            Self::Start(_) => Fault::Us,
        }
    }

    pub(crate) fn advice(&self) -> Vec<Advice> {
        match self {
            Self::File { path, .. } => vec![Advice::text(format!("check the path {}", path.display()))],
            Self::Locked { .. } => vec![Advice::text("wait for the other process to end, then try again")],
            Self::Damaged { dir, .. } => {
                let dir = invocation::quoted(&dir.display().to_string());
                vec![
                    Advice::text("let it begin anew; what it has issued is not trusted by its new root:"),
                    Advice::paste(format!("rm -r {dir}")),
                ]
            }
            Self::Start(_) => vec![Advice::text("report it, with what --log-file acmectl.log writes")],
        }
    }
}

impl DevCa {
    /// Starts the test CA of a directory, with what it knew before.
    pub(crate) fn start(dir: &Path, signals: &Signals) -> Result<Self, Error> {
        let files = Files::make(dir)?;
        let lock = files.lock(signals)?;
        let keeper = Keeper { files, ca: Arc::default(), _lock: Arc::new(lock) };
        let saved = keeper.files.read_state()?;
        // The port of the last time keeps URLs that somebody noted down good.
        let last = keeper.files.last_address();
        let again = last.map(|address| keeper.builder(saved.as_deref()).listen(address).start());
        let ca = match again {
            Some(Ok(ca)) => ca,
            Some(Err(_)) | None => {
                keeper.builder(saved.as_deref()).start().map_err(|error| keeper.files.start_error(error))?
            }
        };
        let ca = Arc::new(ca);
        *keeper.ca.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&ca);
        keeper.files.write("root.pem", ca.root_pem().as_bytes(), 0o644)?;
        keeper.files.write("listen", format!("{}\n", ca.address()).as_bytes(), 0o644)?;
        keeper.save()?;
        Ok(Self { ca, keeper: Some(keeper) })
    }

    /// Starts a test CA of which nothing is kept.
    pub(crate) fn fresh() -> Result<Self, Error> {
        let ca = TestCa::builder().config(config()).start().map_err(DevCaError::Start)?;
        Ok(Self { ca: Arc::new(ca), keeper: None })
    }

    pub(crate) fn directory_url(&self) -> &str {
        self.ca.directory_url()
    }

    pub(crate) fn root_pem(&self) -> &str {
        self.ca.root_pem()
    }

    /// Looks on this machine for an address that is to be certified.
    pub(crate) fn look_here_for(&self, address: std::net::IpAddr) {
        // Loopback is where all may lead.
        let _ = self.ca.resolve(&format!("{address}=127.0.0.1"));
    }

    /// Validates at a port.
    pub(crate) fn validate_at(&self, port: ValidationPort) {
        match port {
            ValidationPort::Dns(server) => self.ca.validate_dns_at(server),
            ValidationPort::Http(port) => self.ca.validate_http_at(port),
            ValidationPort::Tls(port) => self.ca.validate_tls_at(port),
        }
    }
}

impl Drop for DevCa {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.keeper.as_ref().map(Keeper::save) {
            tracing::warn!(%error, "the state of the test CA could not be saved");
        }
    }
}

/// Writes the state down whenever something may have changed.
#[derive(Clone)]
struct Keeper {
    files: Files,
    ca: Arc<Mutex<Weak<TestCa>>>,
    _lock: Arc<File>,
}

impl Keeper {
    fn builder(&self, saved: Option<&[u8]>) -> TestCaBuilder {
        let keeper = self.clone();
        let builder = TestCa::builder().config(config()).on_request(move |event| {
            if event.moment == Moment::After
                && event.method == "POST"
                && let Err(error) = keeper.save()
            {
                tracing::warn!(%error, "the state of the test CA could not be saved");
            }
        });
        match saved {
            Some(state) => builder.saved(state.to_vec()),
            None => builder,
        }
    }

    fn save(&self) -> Result<(), DevCaError> {
        let ca = self.ca.lock().unwrap_or_else(PoisonError::into_inner);
        match ca.upgrade() {
            Some(ca) => self.files.write(STATE, &ca.save(), 0o600),
            None => Ok(()),
        }
    }
}

/// The directory of the test CA.
#[derive(Clone)]
struct Files {
    dir: PathBuf,
}

impl Files {
    fn make(dir: &Path) -> Result<Self, DevCaError> {
        let dir = dir.join(DIRECTORY);
        let failed = |source| DevCaError::File { path: dir.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o755).create(&dir).map_err(failed)?;
        Ok(Self { dir })
    }

    /// Waits for another process to be done with the test CA.
    fn lock(&self, signals: &Signals) -> Result<File, Error> {
        let path = self.dir.join("lock");
        let failed = |source| DevCaError::File { path: path.clone(), source };
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(failed(error).into()),
                Err(TryLockError::WouldBlock) if started.elapsed() > LOCK_WAIT => {
                    return Err(DevCaError::Locked { dir: self.dir.clone() }.into());
                }
                Err(TryLockError::WouldBlock) => signals.wait(LOCK_POLL)?,
            }
        }
    }

    fn read_state(&self) -> Result<Option<Vec<u8>>, DevCaError> {
        let path = self.dir.join(STATE);
        match fs::read(&path) {
            Ok(state) => Ok(Some(state)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DevCaError::File { path, source }),
        }
    }

    fn start_error(&self, error: acme_testca::Error) -> DevCaError {
        let is_damaged = matches!(
            error,
            acme_testca::Error::DamagedState { .. } | acme_testca::Error::StateVersion { .. }
        );
        if is_damaged {
            return DevCaError::Damaged { dir: self.dir.clone(), source: error };
        }
        DevCaError::Start(error)
    }

    fn last_address(&self) -> Option<SocketAddr> {
        fs::read_to_string(self.dir.join("listen")).ok()?.trim().parse().ok()
    }

    /// Puts a file in place of what is there, in one step.
    fn write(&self, name: &str, content: &[u8], mode: u32) -> Result<(), DevCaError> {
        let path = self.dir.join(name);
        let temporary = self.dir.join(format!(".{name}.new"));
        let write = || {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
            file.write_all(content)?;
            drop(file);
            fs::rename(&temporary, &path)
        };
        write().map_err(|source| DevCaError::File { path: path.clone(), source })
    }
}

/// All that a client must bear, and all challenges that this one can meet.
fn config() -> Config {
    let mut config = Config::default();
    config.dns_account = true;
    config.dns_persist = Some(DnsPersist::Draft01);
    config
}

const DIRECTORY: &str = "dev-ca";
const STATE: &str = "state.json";
/// How long another process may have the test CA before this one gives up.
const LOCK_WAIT: Duration = Duration::from_secs(60);
const LOCK_POLL: Duration = Duration::from_millis(20);
