//! What is seen from here of names that a CA refused, beside the CA's own reason.

use acme_proto::{Identifier, Refusal};
use acme_solver::check::{Examination, Finding, Issuer};
use acme_solver::{RecordKind, ResolveError};
use acme_store::Settings;

use crate::ca::{self, Kind, NamePolicy};
use crate::context::Context;

/// Looks at the names that failed their challenge, as a CA would; nothing for the test CA, which
/// takes every name for this machine, and where no resolver answers.
pub(crate) fn look(context: &Context, settings: &Settings, refusal: &Refusal) -> Vec<Finding> {
    if ca::kind(&settings.ca) == Kind::Dev {
        return Vec::new();
    }
    let mut issuer = Issuer::default();
    issuer.identities.extend(ca::known(&settings.ca).and_then(|known| known.caa).map(str::to_owned));
    let resolver = &context.settings.resolver;
    let examination = match ca::policy(&settings.ca) {
        NamePolicy::Any => Examination::new(resolver.clone(), issuer).for_private_names(),
        NamePolicy::Public { .. } => Examination::new(resolver.clone(), issuer),
    };
    let refusals = std::iter::once(refusal).chain(&refusal.others).take(MAX_NAMES);
    let failed =
        refusals.filter_map(|refusal| Some((refusal.identifier.as_ref()?, refusal.challenge.as_ref()?)));
    let is_seen = |name: &Identifier| {
        let looked_up = resolver.look_up(&name.base().to_string(), RecordKind::A);
        !matches!(looked_up, Err(ResolveError::Silent { .. } | ResolveError::NoResolver))
    };
    failed
        .filter(|(name, _)| is_seen(name))
        .flat_map(|(name, challenge)| examination.examine(name, challenge))
        .collect()
}

/// Names that are looked at: one screen is what somebody reads.
const MAX_NAMES: usize = 3;
