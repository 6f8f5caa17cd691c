//! Programs that are called as certbot calls the hooks of its manual plugin.
//!
//! <https://eff-certbot.readthedocs.io/en/stable/using.html#pre-and-post-validation-hooks>

use acme_proto::{ChallengeType, Identifier};

use super::{Action, Call, Place};
use crate::hooks::{self, HookError};

/// The hooks.
#[derive(Clone, Debug)]
pub(crate) struct Manual {
    pub(super) auth: String,
    pub(super) cleanup: Option<String>,
    auth_words: Vec<String>,
    cleanup_words: Option<Vec<String>>,
    kind: ChallengeType,
}

impl Manual {
    /// The types that such hooks are called for, in certbot's order.
    pub(crate) const TYPES: [ChallengeType; 2] = [ChallengeType::Http01, ChallengeType::Dns01];

    /// Checks the hooks, which are for one type of challenge.
    pub(crate) fn new(auth: &str, cleanup: Option<&str>, kind: &ChallengeType) -> Result<Self, HookError> {
        for command in [Some(auth), cleanup].into_iter().flatten() {
            hooks::check(command)?;
        }
        Ok(Self {
            auth: auth.to_owned(),
            cleanup: cleanup.map(str::to_owned),
            auth_words: hooks::split(auth)?,
            cleanup_words: cleanup.map(hooks::split).transpose()?,
            kind: kind.clone(),
        })
    }

    pub(super) fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        let is_possible = match (identifier, &self.kind) {
            (Identifier::Dns(_), ChallengeType::Http01) => !identifier.is_wildcard(),
            (Identifier::Dns(_), ChallengeType::Dns01) | (Identifier::Ip(_), ChallengeType::Http01) => true,
            (_, _) => false,
        };
        if is_possible { vec![self.kind.clone()] } else { Vec::new() }
    }

    pub(super) fn call(&self, action: Action, place: &Place) -> Option<Call> {
        let words = match action {
            Action::Cleanup => self.cleanup_words.clone()?,
            Action::Present => self.auth_words.clone(),
        };
        let challenge = &place.challenge;
        let is_http = challenge.kind == ChallengeType::Http01;
        let validation =
            if is_http { challenge.key_authorization().to_owned() } else { challenge.dns_value() };
        let mut variables = vec![
            ("CERTBOT_DOMAIN", challenge.identifier.to_string()),
            ("CERTBOT_IDENTIFIER", challenge.identifier.to_string()),
            ("CERTBOT_VALIDATION", validation),
            ("CERTBOT_REMAINING_CHALLENGES", place.remaining.to_string()),
            ("CERTBOT_ALL_DOMAINS", place.all.clone()),
            ("CERTBOT_ALL_IDENTIFIERS", place.all.clone()),
        ];
        if is_http {
            variables.push(("CERTBOT_TOKEN", challenge.token.clone()));
        }
        if action == Action::Cleanup {
            variables.push(("CERTBOT_AUTH_OUTPUT", place.printed.clone()));
        }
        let absent = (!is_http).then_some("CERTBOT_TOKEN");
        Some(Call { words, variables, absent, is_apart: true })
    }
}
