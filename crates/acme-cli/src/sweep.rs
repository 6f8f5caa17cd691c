//! Taking away the challenge responses that processes left in place which are gone.

use acme_proto::{Challenge, ChallengeType, Solver as _};
use acme_solver::{Resolver, Webroot};
use acme_store::{ChallengeMethod, Store};

use crate::context::Context;
use crate::dns;
use crate::error::Error;
use crate::responder;
use crate::scripts::{Form, Manual, Scripts};

/// Takes away what is in place and belongs to nobody any more. What can't be is left for the next
/// time.
pub(crate) fn sweep(context: &Context, store: &Store) -> Result<(), Error> {
    for presented in store.presented()? {
        // Whoever holds the lock is about to use it.
        let Ok(_lock) = store.lock_certificate(&presented.certificate) else { continue };
        let challenge = std::slice::from_ref(&presented.challenge);
        let is_gone = match &presented.method {
            // A listener's responses end with its process.
            ChallengeMethod::Dns { provider, .. } if provider == responder::NAME => true,
            ChallengeMethod::Dns { provider, files } => {
                match dns::prepare(context, provider, files, delegation(context, &presented.challenge)) {
                    Ok(mut ready) => ready.solver.withdraw(challenge).iter().all(Result::is_ok),
                    Err(_) => false,
                }
            }
            ChallengeMethod::Manual { challenge: kind, auth_hook, cleanup_hook } => {
                match Manual::new(auth_hook, cleanup_hook.as_deref(), kind) {
                    Ok(manual) => {
                        let is_dns = *kind == ChallengeType::Dns01;
                        let resolver = is_dns.then(|| delegation(context, &presented.challenge)).flatten();
                        let mut scripts = Scripts::new(context, Form::Manual(manual), resolver);
                        scripts.withdraw(challenge).iter().all(Result::is_ok)
                    }
                    Err(_) => false,
                }
            }
            ChallengeMethod::Webroot { dir } => {
                let results = Webroot::new(dir.clone()).map(|mut webroot| webroot.withdraw(challenge));
                match results {
                    Ok(results) => results.iter().all(Result::is_ok),
                    // Without the directory there is no response either.
                    Err(error) => matches!(error, acme_solver::WebrootError::Missing { .. }),
                }
            }
            // These too; and a record that is to stay stays.
            ChallengeMethod::DnsPersist
            | ChallengeMethod::Http { .. }
            | ChallengeMethod::TlsAlpn { .. }
            | _ => true,
        };
        let identifier = &presented.challenge.identifier;
        if is_gone {
            store.challenges_withdrawn(&presented.certificate, challenge)?;
            tracing::info!(%identifier, "a challenge response that was left in place was taken away");
        } else {
            let certificate = &presented.certificate;
            context.output.warn(format_args!(
                "the challenge response for {identifier} ({certificate}) that an earlier run left can't be taken away"
            ));
        }
    }
    Ok(())
}

/// Who knows where the name leads to: the record is there, as when it was written.
fn delegation(context: &Context, challenge: &Challenge) -> Option<Resolver> {
    dns::answering(&context.settings.resolver, &challenge.identifier.base().to_string()).ok()
}
