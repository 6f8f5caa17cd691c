//! What a command needs of the world.

use acme_store::{CaSettings, Store, Timestamp};

use crate::args::GlobalArgs;
use crate::ca::{self, Kind};
use crate::dev_ca::DevCa;
use crate::error::Error;
use crate::inherited::Inherited;
use crate::invocation::Invocation;
use crate::logging;
use crate::output::Output;
use crate::settings::Global;
use crate::signals::Signals;

/// What a command needs of the world.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) settings: Global,
    pub(crate) output: Output,
    pub(crate) signals: Signals,
    pub(crate) invocation: Invocation,
    pub(crate) inherited: Inherited,
}

/// A CA that can be talked to.
pub(crate) struct ReachedCa {
    /// What the store calls its directory. The test CA's has another URL each time, and one name.
    pub(crate) key: String,
    /// The URL of its directory.
    pub(crate) directory_url: String,
    /// The root to trust for the connection.
    pub(crate) root_pem: Option<String>,
    /// The test CA, if it is that; it runs as long as this value lives.
    pub(crate) dev: Option<DevCa>,
}

impl Context {
    pub(crate) fn new(args: GlobalArgs, output: Output, invocation: Invocation) -> Result<Self, Error> {
        let inherited = Inherited::take();
        logging::start(args.verbose, args.log_file.as_deref())?;
        Ok(Self {
            settings: Global::resolve(args)?,
            output,
            signals: Signals::listen().map_err(Error::Signals)?,
            invocation,
            inherited,
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// Chance, from the system's.
    pub(crate) fn dice(&self) -> Result<fastrand::Rng, Error> {
        getrandom::u64().map(fastrand::Rng::with_seed).map_err(|_| Error::Random)
    }

    /// Tells whether there seems to be a store.
    pub(crate) fn has_store(&self) -> bool {
        self.settings.dir.join("acme.db").exists()
    }

    /// Opens the store, and makes it if there is none.
    pub(crate) fn store(&self) -> Result<Store, Error> {
        let store = Store::open(&self.settings.dir)?;
        self.tell_opening(&store);
        Ok(store)
    }

    /// Opens the store if there is one.
    pub(crate) fn existing_store(&self) -> Result<Store, Error> {
        let store = Store::open_existing(&self.settings.dir)?;
        self.tell_opening(&store);
        Ok(store)
    }

    /// Gets ready to talk to the CA of some settings.
    pub(crate) fn reach(&self, ca: &CaSettings) -> Result<ReachedCa, Error> {
        if ca::kind(ca) == Kind::Dev {
            return Ok(ReachedCa::dev(DevCa::start(&self.settings.dir, &self.signals)?));
        }
        // The file may have been replaced since, or be gone.
        let root_pem = match ca.root_file.as_deref().map(ca::read_root) {
            Some(Err(error)) if ca.root_pem.is_none() => return Err(error),
            Some(Ok(pem)) => Some(pem),
            Some(Err(_)) | None => ca.root_pem.clone(),
        };
        let directory_url = ca.directory_url.clone();
        Ok(ReachedCa { key: directory_url.clone(), directory_url, root_pem, dev: None })
    }

    /// Tells what had to be put right in the files of the store.
    fn tell_opening(&self, store: &Store) {
        let opening = store.opening();
        for repair in &opening.repairs {
            let what = match repair.kind {
                acme_store::RepairKind::Completed => "an interrupted publication was completed",
                acme_store::RepairKind::Removed => "what a deletion had left was removed",
                acme_store::RepairKind::Rewritten => {
                    "was changed or lost, and is written again from the database"
                }
                _ => "was put right",
            };
            self.output.warn(format_args!("{}: {what}", repair.path.display()));
        }
        for (name, error) in &opening.failures {
            self.output.warn(format_args!("the files of {name} can't be completed: {error}"));
        }
    }
}

impl ReachedCa {
    /// A test CA that runs in this process.
    pub(crate) fn dev(dev: DevCa) -> Self {
        Self {
            key: ca::DEV.to_owned(),
            directory_url: dev.directory_url().to_owned(),
            root_pem: Some(dev.root_pem().to_owned()),
            dev: Some(dev),
        }
    }
}
