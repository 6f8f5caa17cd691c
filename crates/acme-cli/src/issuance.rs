//! Obtaining one certificate: what can be wrong on this side first, then the CA, then publication.

use acme_keys::{CertificateInfo, CertificateKey};
use acme_lib::{IssueRequest, IssuedChain, PrivateKey};
use acme_proto::{ChainPreference, Identifier, Misuse, ProblemKind};
use acme_store::{
    Attempt, CertificateName, CertificateRecord, Outcome, Publication, PublishedGeneration, Settings, Store,
    Timestamp,
};
use serde_json::json;

use crate::account::{self, Account};
use crate::ari;
use crate::ca;
use crate::challenge::{self, Detour, Noted, Prepared};
use crate::context::{Context, ReachedCa};
use crate::desk::Desk;
use crate::error::Error;
use crate::exit::Status;
use crate::journal::StoreJournal;
use crate::names;
use crate::progress::{Progress, Step};
use crate::report;
use crate::schedule;
use crate::settings::{self, Registration};
use crate::validity::{self, NotAfter};

/// What is to be obtained. Whoever makes it holds the certificate's lock.
pub(crate) struct Issuance<'a> {
    pub(crate) context: &'a Context,
    pub(crate) store: &'a Store,
    pub(crate) desk: &'a Desk,
    /// The certificate as it is kept, before any change of settings.
    pub(crate) record: &'a CertificateRecord,
    pub(crate) settings: &'a Settings,
    pub(crate) registration: &'a Registration,
}

/// A certificate that was obtained and published.
pub(crate) struct Obtained {
    pub(crate) generation: PublishedGeneration,
    pub(crate) due: Timestamp,
    /// The certificate is stored, and its files could not be written.
    pub(crate) unwritten: Option<Error>,
}

/// All that has to be right on this side before a CA is asked.
pub(crate) struct Ready {
    request: IssueRequest,
    prepared: Prepared,
}

/// What is kept of a certificate, as far as the next one depends on it.
#[derive(Default)]
pub(crate) struct Before {
    /// The key to use again, if that is wanted and there is one.
    key: Option<PrivateKey>,
    /// The end of validity that an order has which was begun.
    not_after: Option<Timestamp>,
    /// The certificate that is replaced.
    predecessor: Option<CertificateInfo>,
}

/// Finds out whether all is right on this side, and takes the port.
pub(crate) fn prepare(context: &Context, settings: &Settings, before: Before) -> Result<Ready, Error> {
    let request = request(settings, before, context.now())?;
    let prepared = challenge::prepare(context, settings)?;
    Ok(Ready { request, prepared })
}

/// Why a certificate was not obtained, and until when it is left alone.
#[derive(Debug)]
pub(crate) struct NotObtained {
    pub(crate) error: Error,
    pub(crate) next_attempt_at: Option<Timestamp>,
}

impl From<Error> for NotObtained {
    fn from(error: Error) -> Self {
        Self { error, next_attempt_at: None }
    }
}

impl Issuance<'_> {
    /// Gets ready, obtains and publishes the certificate, and records the attempt.
    pub(crate) fn prepare_and_run(&self) -> Result<Obtained, NotObtained> {
        let name = &self.record.name;
        let ready = Before::read(self.store, name, self.settings)
            .and_then(|before| prepare(self.context, self.settings, before))
            .and_then(|ready| Ok(self.store.preflight(name).map(|()| ready)?));
        match ready {
            Ok(ready) => self.run(ready),
            Err(error) => Err(self.record_failure(error, Step::Prepare, false)?),
        }
    }

    /// Obtains and publishes the certificate, and records the attempt.
    ///
    /// Settings that did not lead to a certificate do not replace ones that did.
    pub(crate) fn run(&self, mut ready: Ready) -> Result<Obtained, NotObtained> {
        let mut progress = Progress::new(self.context.output.clone(), self.record.name.as_str());
        self.store.update_settings(&self.record.name, &self.interim_settings()).map_err(Error::from)?;
        let error = match self.attempt(&mut ready, &mut progress) {
            Ok(obtained) => return Ok(obtained),
            Err(error) => validity::explained(error, self.settings),
        };
        let keeps_old = self.record.current.is_some();
        if keeps_old {
            self.store.update_settings(&self.record.name, &self.record.settings).map_err(Error::from)?;
        }
        let rolled_back = keeps_old && !self.record.settings.changes(self.settings).is_empty();
        Err(self.record_failure(error, progress.step(), rolled_back)?)
    }

    /// The settings for as long as it is not known whether there will be a certificate: those that
    /// led to the last one, but for how control is proved, so that it can be taken away again.
    fn interim_settings(&self) -> Settings {
        if self.record.current.is_none() {
            return self.settings.clone();
        }
        let mut interim = self.record.settings.clone();
        interim.challenge.clone_from(&self.settings.challenge);
        interim.challenges.clone_from(&self.settings.challenges);
        interim
    }

    fn attempt(&self, ready: &mut Ready, progress: &mut Progress) -> Result<Obtained, Error> {
        let (context, store) = (self.context, self.store);
        let ca = self.desk.ca(context, &self.settings.ca)?;
        tell_target(context, self.record.name.as_str(), &ca, self.settings, &ready.prepared);
        context.signals.check()?;
        progress.enter(Step::Account);
        let (desk, label) = (self.desk, &self.settings.account);
        let account = desk.account(context, store, &ca, label, self.registration)?;
        let (account, issued) = match self.issue(&account, ready, progress) {
            Err(error) if is_unknown_account(&error) => {
                let account = desk.account_anew(context, store, &ca, label, self.registration)?;
                let issued = self.issue(&account, ready, progress)?;
                (account, issued)
            }
            result => (account, result?),
        };
        progress.enter(Step::Publish);
        let mut obtained = self.publish(&issued)?;
        if let Some(due) = self.ask_when_to_renew(&account, &issued) {
            obtained.due = due;
        }
        Ok(obtained)
    }

    /// Obtains the chain. Where the CA could not see control of a name proved, and there is another way
    /// to prove it, another order is tried.
    fn issue(
        &self,
        account: &Account,
        ready: &mut Ready,
        progress: &mut Progress,
    ) -> Result<IssuedChain, Error> {
        let mut first_error = None;
        loop {
            let error = match self.issue_once(account, ready, progress) {
                Ok(issued) => return Ok(issued),
                // That there is no other way explains nothing.
                Err(error) if is_not_offered(&error) => return Err(first_error.unwrap_or(error)),
                Err(error) => error,
            };
            self.context.signals.check()?;
            let Some(detours) = ready.prepared.detours(&error) else { return Err(error) };
            first_error.get_or_insert(error);
            for detour in detours {
                tell_detour(self.context, &self.record.name, &detour);
            }
            progress.order_again();
        }
    }

    fn issue_once(
        &self,
        account: &Account,
        ready: &mut Ready,
        progress: &mut Progress,
    ) -> Result<IssuedChain, Error> {
        let (context, name) = (self.context, &self.record.name);
        let mut journal = StoreJournal::new(self.store, name);
        let mut solver = Noted { solver: &mut ready.prepared, store: self.store, name };
        let mut observer = |event: &acme_lib::Event<'_>| progress.follow(event);
        let issued = account
            .issuance(&ready.request)
            .journal(&mut journal)
            .observe(&mut observer)
            .interrupt(context.signals.interrupt())
            .run_for_chain(&mut solver)
            .map_err(|error| unless_interrupted(context, error))?;
        if let Some(wanted) = &self.settings.preferred_profile
            && issued.profile.as_ref() != Some(wanted)
        {
            context
                .output
                .progress(format_args!("{name}: not with the profile {wanted}, which the CA did not give"));
        }
        for (challenge, error) in &issued.left_in_place {
            let identifier = &challenge.identifier;
            context.output.warn(format_args!(
                "the challenge response for {identifier} can't be taken away: {error}; acmectl renew tries again"
            ));
        }
        Ok(issued)
    }

    /// When the CA wants the new certificate to be renewed. Nothing that goes wrong here takes it back.
    fn ask_when_to_renew(&self, account: &Account, issued: &IssuedChain) -> Option<Timestamp> {
        self.context.signals.check().ok()?;
        let record = self.store.certificate(&self.record.name).ok()??;
        let info = CertificateInfo::from_pem(&issued.chain_pem).ok()?;
        let asked = ari::first(self.context, self.store, account, &record, &info);
        asked.unwrap_or_else(|error| {
            tracing::debug!(certificate = %self.record.name, %error, "renewal information can't be kept");
            None
        })
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
            // The same as the certificate's, in the order that somebody chose.
            names: self.settings.names.clone(),
            not_before: info.not_before,
            not_after: info.not_after,
            due,
        };
        let (name, now) = (&self.record.name, self.context.now());
        self.store.update_settings(name, self.settings)?;
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
    fn record_failure(&self, error: Error, step: Step, rolled_back: bool) -> Result<NotObtained, Error> {
        if matches!(error, Error::Interrupted) {
            return Ok(error.into());
        }
        let now = self.context.now();
        let outcome = if error.is_temporary() { Outcome::Temporary } else { Outcome::Failed };
        let mut attempt = Attempt::new(now, step.word(), outcome);
        attempt.errors = report::chain(&error);
        attempt.fault = Some(error.fault().word().to_owned());
        if let Error::Acme(source) = &error {
            attempt.retry_after = source.retry_after();
        }
        // What never got as far as the CA costs nothing to try again.
        if step > Step::Prepare && !rolled_back && error.status() != Status::Usage {
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
        Ok(NotObtained { error, next_attempt_at: attempt.next_allowed_at })
    }
}

/// Tries everything at a staging directory, and keeps nothing.
pub(crate) fn dry_run(
    context: &Context,
    desk: &Desk,
    settings: &Settings,
    registration: &Registration,
) -> Result<(), Error> {
    challenge::refuse_dry_run(settings)?;
    let staging = ca::staging(&settings.ca)?;
    account::check_binding(None, &staging, &settings.account, registration)?;
    let mut staged = settings.clone();
    staged.ca = staging;
    let mut ready = prepare(context, &staged, Before::default())?;
    let ca = desk.staging_ca(context, &staged.ca)?;
    let about = "dry run";
    tell_target(context, about, &ca, &staged, &ready.prepared);
    let mut progress = Progress::new(context.output.clone(), about);
    progress.enter(Step::Account);
    let account = desk.throw_away(context, &ca, registration)?;
    let mut observer = |event: &acme_lib::Event<'_>| progress.follow(event);
    account
        .issuance(&ready.request)
        .observe(&mut observer)
        .interrupt(context.signals.interrupt())
        .run_for_chain(&mut ready.prepared)
        .map_err(|error| unless_interrupted(context, error))?;
    Ok(())
}

/// A failure; but a program that was ended since the end was asked for did not fail.
fn unless_interrupted(context: &Context, error: acme_lib::Error) -> Error {
    match (error.as_acme(), context.signals.check()) {
        (Some(acme_proto::Error::Solver { .. }), Err(interrupted)) => interrupted,
        (_, _) => error.into(),
    }
}

impl Before {
    pub(crate) fn read(store: &Store, name: &CertificateName, settings: &Settings) -> Result<Self, Error> {
        if let Some(path) = &settings.csr {
            settings::check_request(store, path)?;
        }
        let begun = store.checkpoint(name)?.and_then(|checkpoint| checkpoint.intent.not_after);
        let before = store.certificate(name)?.map(|record| record.settings);
        let is_of_ca = before.is_some_and(|before| {
            before.ca.directory_url == settings.ca.directory_url && before.account == settings.account
        });
        let publication = store.publication(name)?.filter(|_| is_of_ca);
        let predecessor =
            publication.map(|publication| CertificateInfo::from_pem(publication.certificate_pem));
        Ok(Self {
            key: reusable_key(store, name, settings)?,
            not_after: begun,
            predecessor: predecessor.transpose()?,
        })
    }
}

/// The key of the newest generation, if it is to be used again and is of the right type.
fn reusable_key(
    store: &Store,
    name: &CertificateName,
    settings: &Settings,
) -> Result<Option<PrivateKey>, Error> {
    if !settings.reuse_key {
        return Ok(None);
    }
    let Some(pem) = store.publication(name)?.and_then(|publication| publication.private_key_pem) else {
        return Ok(None);
    };
    let kept = CertificateKey::from_pem(pem.expose())?;
    let is_right = kept.key_type() == settings::key_type(settings)?
        && !store.is_compromised_key(acme_keys::sha256(kept.public_key_der()))?;
    Ok(if is_right { Some(PrivateKey::from_pem(pem.expose())?) } else { None })
}

fn request(settings: &Settings, before: Before, now: Timestamp) -> Result<IssueRequest, Error> {
    let mut request = IssueRequest::new(settings.names.iter().map(ToString::to_string));
    if let Some(text) = &settings.not_after {
        request = request.not_after(NotAfter::parse(text)?.resolve(before.not_after, now)?);
    }
    if let Some(predecessor) = &before.predecessor {
        request = request.replaces(predecessor);
    }
    request = match (&settings.profile, &settings.preferred_profile) {
        (Some(profile), _) => request.profile(profile),
        (None, Some(profile)) => request.preferred_profile(profile),
        (None, None) => request,
    };
    if let Some(name) = &settings.preferred_chain {
        request = request.preferred_chain(ChainPreference::IssuerName(name.clone()));
    }
    Ok(match (&settings.csr, before.key) {
        (Some(path), _) => request.csr(settings::read_csr(path)?.into_der()),
        (None, Some(key)) => request.private_key(key),
        (None, None) => request.key_type(settings::key_type(settings)?),
    })
}

fn tell_target(context: &Context, about: &str, ca: &ReachedCa, settings: &Settings, prepared: &Prepared) {
    if let Some(dev) = &ca.dev {
        prepared.dev_ports.iter().for_each(|port| dev.validate_at(*port));
        let addresses = settings.names.iter().filter_map(|name| match name {
            Identifier::Ip(address) => Some(*address),
            Identifier::Dns(_) | _ => None,
        });
        addresses.for_each(|address| dev.look_here_for(address));
    }
    let title = ca::title(&settings.ca);
    let groups = prepared.how();
    if let [(_, how)] = groups.as_slice() {
        return context.output.progress(format_args!("{about}: asking {title}, {how}"));
    }
    context.output.progress(format_args!("{about}: asking {title}"));
    for (names, how) in groups {
        context.output.progress(format_args!("  {}: {how}", names::listed(&names)));
    }
}

fn tell_detour(context: &Context, certificate: &CertificateName, detour: &Detour) {
    let Detour { name, failed, next, why } = detour;
    context
        .output
        .warn(format_args!("{certificate}: {failed} for {name} failed ({why}); {next} is tried now"));
    context.output.event(
        "detour",
        json!({
            "certificate": certificate,
            "identifier": name.to_string(),
            "failed": failed.as_str(),
            "reason": why,
            "next": next.as_str(),
        }),
    );
}

/// Tells whether the CA offers nothing of what is set up.
fn is_not_offered(error: &Error) -> bool {
    matches!(error.as_acme(), Some(acme_proto::Error::Misuse(Misuse::NoChallenge { .. })))
}

fn is_unknown_account(error: &Error) -> bool {
    error.refusal().is_some_and(|refusal| refusal.problem.kind == ProblemKind::AccountDoesNotExist)
}
