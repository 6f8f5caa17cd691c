//! When CAs want certificates to be renewed (RFC 9773): asked right after issuance, then when the CA
//! wants to be asked again. What can't be learned stands in nobody's way: the rule for certificates
//! in general holds then.

use std::collections::BTreeMap;
use std::time::Duration;

use acme_keys::CertificateInfo;
use acme_proto::{Error as AcmeError, Misuse, RenewalInfo};
use acme_store::{CertificateRecord, PublishedGeneration, Renewal, Store, Timestamp};
use serde_json::{Value, json};

use crate::account::Account;
use crate::context::Context;
use crate::conversation::Conversation;
use crate::error::Error;
use crate::moment;

/// Asks about the certificates whose time for it has come.
pub(crate) fn refresh(
    context: &Context,
    store: &Store,
    records: Vec<CertificateRecord>,
) -> Result<(), Error> {
    let now = context.now();
    let mut by_ca: BTreeMap<String, Vec<CertificateRecord>> = BTreeMap::new();
    for record in records.into_iter().filter(|record| is_time(record, now)) {
        by_ca.entry(record.settings.ca.directory_url.clone()).or_default().push(record);
    }
    for (url, records) in by_ca {
        match refresh_at(context, store, &records) {
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            // A certificate that is due is renewed all the same, or the renewal says what is wrong.
            Err(error) => tracing::debug!(ca = url, %error, "renewal information can't be had"),
            Ok(()) => {}
        }
    }
    Ok(())
}

/// Asks about a certificate that was issued just now, and gives when it is due.
pub(crate) fn first(
    context: &Context,
    store: &Store,
    account: &Account,
    record: &CertificateRecord,
    info: &CertificateInfo,
) -> Result<Option<Timestamp>, Error> {
    let asked = match account.renewal(info) {
        Ok(found) => Ok(found),
        Err(error) => match error.as_acme() {
            Some(AcmeError::Cancelled) | None => return Err(error.into()),
            Some(_) => Err(error),
        },
    };
    let known = Known { context, store, record };
    known.learn(asked.as_ref().map(Option::as_ref).map_err(|error| error.as_acme()))
}

/// What is kept of the CA's wishes, for programs.
pub(crate) fn members(record: &CertificateRecord) -> (Value, Value) {
    let renewal = record.renewal.as_ref();
    let window = renewal.and_then(|renewal| renewal.moment).map(|moment| {
        let (start, end) = (moment.window.start, moment.window.end);
        json!({"start": moment::for_programs(start), "end": moment::for_programs(end)})
    });
    (json!(window), json!(renewal.and_then(|renewal| renewal.explanation_url.as_ref())))
}

fn is_time(record: &CertificateRecord, now: Timestamp) -> bool {
    let is_over = record.current.as_ref().is_none_or(|current| current.not_after <= now);
    let is_early = record.renewal.as_ref().is_some_and(|renewal| renewal.next_check_at > now);
    !is_over && !is_early && record.revocation.is_none()
}

fn refresh_at(context: &Context, store: &Store, records: &[CertificateRecord]) -> Result<(), Error> {
    let Some(first) = records.first() else { return Ok(()) };
    let ca = context.reach(&first.settings.ca)?;
    let mut conversation = Conversation::new(context, &ca)?;
    for record in records {
        context.signals.check()?;
        let Some(publication) = store.publication(&record.name)? else { continue };
        let info = CertificateInfo::from_pem(&publication.certificate_pem)?;
        let Some(id) = info.certificate_id() else { continue };
        let asked = conversation.call(RenewalInfo::read(&id));
        let known = Known { context, store, record };
        match &asked {
            Ok(info) => known.learn(Ok(Some(info)))?,
            Err(error) => known.learn(Err(error.as_acme()))?,
        };
        // Who does not answer is not asked about the next one.
        if let Err(error @ (Error::Interrupted | Error::Acme(_))) = asked
            && !matches!(
                error.as_acme(),
                Some(AcmeError::Problem(_) | AcmeError::Protocol(_) | AcmeError::Misuse(_))
            )
        {
            return Err(error);
        }
    }
    Ok(())
}

/// A certificate of which something is learned.
struct Known<'a> {
    context: &'a Context,
    store: &'a Store,
    record: &'a CertificateRecord,
}

impl Known<'_> {
    /// Keeps what the CA said, or that it said nothing, and gives when the certificate is due if it
    /// is the CA that says so.
    fn learn(
        &self,
        asked: Result<Option<&RenewalInfo>, Option<&AcmeError>>,
    ) -> Result<Option<Timestamp>, Error> {
        let Some(current) = &self.record.current else { return Ok(None) };
        let now = self.context.now();
        let mut renewal = self.record.renewal.clone().unwrap_or_else(|| Renewal::new(now));
        let mut due = None;
        let wait = match asked {
            Ok(Some(info)) => {
                due = self.heed(&mut renewal, info, current)?;
                renewal.failures = 0;
                info.retry_after
            }
            Ok(None) | Err(Some(AcmeError::Misuse(Misuse::NotOffered(_)))) => NOT_OFFERED_WAIT,
            Err(error) => {
                renewal.failures = renewal.failures.saturating_add(1);
                tracing::debug!(certificate = %self.record.name, ?error, "no renewal information");
                error.map_or(NOT_OFFERED_WAIT, |error| RenewalInfo::wait_after(error, renewal.failures))
            }
        };
        renewal.next_check_at = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        let is_kept = self.store.note_renewal(&self.record.name, current.generation, &renewal, due)?;
        if is_kept
            && renewal.explanation_url
                != self.record.renewal.as_ref().and_then(|old| old.explanation_url.clone())
        {
            self.tell(&renewal, due);
        }
        Ok(due.filter(|_| is_kept))
    }

    /// Draws the moment, unless that was done for the same window.
    fn heed(
        &self,
        renewal: &mut Renewal,
        info: &RenewalInfo,
        current: &PublishedGeneration,
    ) -> Result<Option<Timestamp>, Error> {
        renewal.explanation_url.clone_from(&info.explanation_url);
        let moment = info.moment(renewal.moment, self.context.dice()?.u64(..));
        // A renewal after the end helps nobody: the rule holds.
        let is_in_time = moment.at < current.not_after;
        renewal.moment = is_in_time.then_some(moment);
        Ok(is_in_time.then_some(moment.at))
    }

    fn tell(&self, renewal: &Renewal, due: Option<Timestamp>) {
        let Some(url) = &renewal.explanation_url else { return };
        let (name, now) = (&self.record.name, self.context.now());
        // What is due now is told by its renewal.
        if let Some(due) = due.filter(|due| *due > now) {
            let due = moment::for_people(due, now);
            self.context.output.progress(format_args!("{name}: due {due}; the CA says why: {url}"));
        }
        self.context.output.event(
            "renewal_info",
            json!({
                "certificate": name,
                "due": due.map(moment::for_programs),
                "explanation_url": url,
            }),
        );
    }
}

/// When to look again whether a CA has begun to say when to renew.
const NOT_OFFERED_WAIT: Duration = Duration::from_secs(24 * 3600);
