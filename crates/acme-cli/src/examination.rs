//! Who is to look at names, for which CA, and how control of each is to be proved.

use acme_proto::{ChallengeType, Directory, Identifier};
use acme_solver::Resolver;
use acme_solver::check::{Examination, Issuer};
use acme_store::{ChallengeMethod, Settings};

use crate::ca::{self, NamePolicy};
use crate::context::Context;

/// Gets ready to look at names as the CA of some settings will.
pub(crate) fn prepare(
    context: &Context,
    settings: &Settings,
    directory: Option<&Directory>,
    resolver: Resolver,
) -> Examination {
    let examination = Examination::new(resolver, issuer(context, settings, directory));
    match ca::policy(&settings.ca) {
        NamePolicy::Any => examination.for_private_names(),
        NamePolicy::Public { .. } => examination,
    }
}

/// Who is to issue: as its directory says, or as is known.
fn issuer(context: &Context, settings: &Settings, directory: Option<&Directory>) -> Issuer {
    let mut issuer = Issuer::default();
    issuer.identities = directory.map(|directory| directory.meta.caa_identities.clone()).unwrap_or_default();
    if let (true, Some(known)) = (issuer.identities.is_empty(), ca::known(&settings.ca)) {
        issuer.identities.extend(known.caa.map(str::to_owned));
    }
    if context.has_store() {
        let store = context.existing_store().ok();
        let account =
            store.and_then(|store| store.account(&settings.ca.directory_url, &settings.account).ok()?);
        issuer.account_url = account.and_then(|account| account.url);
    }
    issuer
}

/// How control of a name is to be proved: as is preferred of what can prove it, else as is preferred.
pub(crate) fn method<'a>(settings: &'a Settings, name: &Identifier) -> &'a ChallengeMethod {
    let methods = settings.challenge_for(name);
    methods.for_name(name).next().unwrap_or_else(|| methods.first())
}

/// The challenge that is answered so.
pub(crate) fn challenge_type(method: &ChallengeMethod) -> ChallengeType {
    match method {
        ChallengeMethod::Http { .. } | ChallengeMethod::HttpStateless | ChallengeMethod::Webroot { .. } => {
            ChallengeType::Http01
        }
        ChallengeMethod::Manual { challenge, .. } => challenge.clone(),
        ChallengeMethod::TlsAlpn { .. } => ChallengeType::TlsAlpn01,
        ChallengeMethod::DnsPersist => ChallengeType::DnsPersist01,
        ChallengeMethod::Dns { .. } | _ => ChallengeType::Dns01,
    }
}
