//! Obtaining one certificate: what can be wrong on this side first, then the CA, then publication.

use acme_keys::CertificateInfo;
use acme_lib::{IssueRequest, IssuedChain};
use acme_proto::{ProblemKind, Solver};
use acme_store::{Attempt, CertificateRecord, Outcome, Publication, PublishedGeneration, Settings, Store};

use crate::account::{self, Account};
use crate::ca::{self, Kind};
use crate::challenge::{self, Noted, Prepared};
use crate::context::{Context, ReachedCa};
use crate::dev_ca::DevCa;
use crate::error::Error;
use crate::hooks;
use crate::journal::StoreJournal;
use crate::progress::{Progress, Step};
use crate::report;
use crate::schedule;
use crate::settings::{self, Registration};

/// What is to be obtained. Whoever makes it holds the certificate's lock.
pub(crate) struct Issuance<'a> {
    pub(crate) context: &'a Context,
    pub(crate) store: &'a Store,
    /// The certificate as it is kept, before any change of settings.
    pub(crate) record: &'a CertificateRecord,
    pub(crate) settings: &'a Settings,
    pub(crate) registration: &'a Registration,
}

/// A certificate that was obtained and published.
pub(crate) struct Obtained {
    pub(crate) generation: PublishedGeneration,
    pub(crate) due: acme_store::Timestamp,
    /// The certificate is stored, and its files could not be written.
    pub(crate) unwritten: Option<Error>,
}

impl Issuance<'_> {
    /// Obtains and publishes the certificate, and records the attempt.
    ///
    /// Settings that did not lead to a certificate do not replace ones that did.
    pub(crate) fn run(&self) -> Result<Obtained, Error> {
        let mut progress = Progress::new(self.context.output.clone(), self.record.name.as_str());
        let changed = !self.store.update_settings(&self.record.name, self.settings)?.is_empty();
        let result = self.attempt(&mut progress);
        if let Err(error) = &result {
            let rolls_back = changed && self.record.current.is_some();
            if rolls_back {
                self.store.update_settings(&self.record.name, &self.record.settings)?;
            }
            self.record_failure(error, progress.step(), rolls_back)?;
        }
        result
    }

    fn attempt(&self, progress: &mut Progress) -> Result<Obtained, Error> {
        let (context, store, name) = (self.context, self.store, &self.record.name);
        let is_dev = ca::kind(&self.settings.ca) == Kind::Dev;
        store.preflight(name)?;
        for hook in [&self.settings.deploy_hook, &self.settings.reload].into_iter().flatten() {
            hooks::check(hook)?;
        }
        let request = request(self.settings)?;
        let mut prepared =
            challenge::prepare(context, &self.settings.challenge, &self.settings.names, is_dev)?;
        let ca = context.reach(&self.settings.ca)?;
        tell_target(context, name.as_str(), &ca, &self.settings.ca, &prepared);
        context.signals.check()?;
        progress.enter(Step::Account);
        let account = account::open(context, store, &ca, &self.settings.account, self.registration)?;
        let issued = match self.issue(&account, &request, &mut prepared, progress) {
            Err(error) if is_unknown_account(&error) => {
                let label = &self.settings.account;
                let account = account::reopen(context, store, &ca, label, self.registration)?;
                self.issue(&account, &request, &mut prepared, progress)?
            }
            result => result?,
        };
        progress.enter(Step::Publish);
        self.publish(&issued)
    }

    fn issue(
        &self,
        account: &Account,
        request: &IssueRequest,
        prepared: &mut Prepared,
        progress: &mut Progress,
    ) -> Result<IssuedChain, Error> {
        let (context, name) = (self.context, &self.record.name);
        let mut journal = StoreJournal::new(self.store, name);
        let mut solver = Noted { solver: &mut *prepared.solver, store: self.store, name };
        let mut observer = |event: &acme_lib::Event<'_>| progress.follow(event);
        let issued = account
            .issuance(request)
            .journal(&mut journal)
            .observe(&mut observer)
            .interrupt(context.signals.interrupt())
            .run_for_chain(&mut solver)?;
        for (challenge, error) in &issued.left_in_place {
            let identifier = &challenge.identifier;
            context.output.warn(format_args!(
                "the challenge response for {identifier} can't be taken away: {error}; acmectl renew tries again"
            ));
        }
        Ok(issued)
    }

    fn publish(&self, issued: &IssuedChain) -> Result<Obtained, Error> {
        let certificates = acme_keys::certificates_from_pem(&issued.chain_pem)?;
        let (leaf, chain) = certificates.split_at(certificates.len().min(1));
        let info = CertificateInfo::from_pem(&issued.chain_pem)?;
        let due = schedule::due(info.not_before, info.not_after, &mut self.context.dice()?);
        let publication = Publication {
            certificate_pem: acme_keys::certificates_to_pem(leaf),
            chain_pem: acme_keys::certificates_to_pem(chain),
            private_key_pem: issued.private_key_pem.clone(),
            key_gid: None,
            serial: info.serial_hex(),
            issuer: info.issuer.clone(),
            names: info.names.clone(),
            not_before: info.not_before,
            not_after: info.not_after,
            due,
        };
        let (name, now) = (&self.record.name, self.context.now());
        let (generation, unwritten) = match self.store.publish(name, &publication, now) {
            Ok(generation) => (generation, None),
            Err(error @ acme_store::Error::Projection { .. }) => {
                let record = self.store.certificate(name)?;
                match record.and_then(|record| record.current) {
                    Some(generation) => (generation, Some(error.into())),
                    None => return Err(error.into()),
                }
            }
            Err(error) => return Err(error.into()),
        };
        self.store.record_attempt(name, &Attempt::new(now, Step::Publish.word(), Outcome::Succeeded))?;
        tracing::info!(certificate = %name, serial = %info.serial_hex(), "issued");
        Ok(Obtained { generation, due, unwritten })
    }

    /// Keeps why it failed, and until when it is left alone.
    fn record_failure(&self, error: &Error, step: Step, rolled_back: bool) -> Result<(), Error> {
        if matches!(error, Error::Interrupted) {
            return Ok(());
        }
        let now = self.context.now();
        let outcome = if error.is_temporary() { Outcome::Temporary } else { Outcome::Failed };
        let mut attempt = Attempt::new(now, step.word(), outcome);
        attempt.errors = report::chain(error);
        if let Error::Acme(source) = error {
            attempt.retry_after = source.retry_after();
        }
        // What never got as far as the CA costs nothing to try again.
        if step > Step::Prepare && !rolled_back {
            attempt.next_allowed_at =
                Some(schedule::next_try(self.record.failures, attempt.retry_after, now));
        }
        if let Some(refusal) = error.refusal() {
            attempt.problem = Some(refusal.problem.clone());
            attempt.other_problems = refusal.others.iter().map(|other| other.problem.clone()).collect();
            attempt.identifier.clone_from(&refusal.identifier);
            attempt.help.clone_from(&refusal.help);
        }
        self.store.record_attempt(&self.record.name, &attempt)?;
        tracing::warn!(certificate = %self.record.name, step = step.word(), %error, "not issued");
        if let Some(next) = attempt.next_allowed_at {
            let next = crate::moment::for_people(next, now);
            self.context
                .output
                .progress(format_args!("{}: acmectl renew leaves it alone until {next}", self.record.name));
        }
        Ok(())
    }
}

/// Tries everything at a staging directory, and keeps nothing.
pub(crate) fn dry_run(
    context: &Context,
    settings: &Settings,
    registration: &Registration,
) -> Result<(), Error> {
    let staging = ca::staging(&settings.ca)?;
    ca::check(&staging)?;
    let is_dev = ca::kind(&staging) == Kind::Dev;
    let request = request(settings)?;
    let mut prepared = challenge::prepare(context, &settings.challenge, &settings.names, is_dev)?;
    let ca = if is_dev { ReachedCa::dev(DevCa::fresh()?) } else { context.reach(&staging)? };
    let about = "dry run";
    tell_target(context, about, &ca, &staging, &prepared);
    let mut progress = Progress::new(context.output.clone(), about);
    progress.enter(Step::Account);
    let account = account::throw_away(&ca, registration)?;
    let mut observer = |event: &acme_lib::Event<'_>| progress.follow(event);
    let solver: &mut dyn Solver = &mut *prepared.solver;
    account
        .issuance(&request)
        .observe(&mut observer)
        .interrupt(context.signals.interrupt())
        .run_for_chain(solver)?;
    Ok(())
}

fn request(settings: &Settings) -> Result<IssueRequest, Error> {
    let names = settings.names.iter().map(ToString::to_string);
    Ok(IssueRequest::new(names).key_type(settings::key_type(settings)?))
}

fn tell_target(
    context: &Context,
    about: &str,
    ca: &ReachedCa,
    settings: &acme_store::CaSettings,
    prepared: &Prepared,
) {
    if let Some(dev) = &ca.dev {
        dev.validate_http_at(prepared.dev_port);
    }
    context.output.progress(format_args!("{about}: asking {}, {}", ca::title(settings), prepared.how));
}

fn is_unknown_account(error: &Error) -> bool {
    error.refusal().is_some_and(|refusal| refusal.problem.kind == ProblemKind::AccountDoesNotExist)
}
