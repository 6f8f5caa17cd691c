//! What an order asks for beyond its names, and what it can do without.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::checkpoint::Intent;
use crate::directory::Directory;
use crate::error::{Error, Misuse, Refusal};
use crate::problem::ProblemKind;

/// The profile that an order asks for: what kind of certificate the CA is to make.
///
/// <https://datatracker.ietf.org/doc/html/draft-ietf-acme-profiles-01>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// This one where the CA offers it and lets the account have it, else none.
    Preferred(String),
    /// This one and no other: [`Misuse::ProfileNotOffered`] where the CA has none of this name.
    Required(String),
}

impl Profile {
    /// The name of the profile.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Preferred(name) | Self::Required(name) => name,
        }
    }
}

/// Something that an order asked for and that not every CA takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OrderOption {
    /// The authorization of a parent domain (RFC 9444).
    AncestorDomain,
    /// An end of validity.
    NotAfter,
    /// A start of validity.
    NotBefore,
    /// A profile.
    Profile,
    /// The predecessor (RFC 9773).
    Replaces,
}

impl OrderOption {
    /// The name of the member on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AncestorDomain => "ancestorDomain",
            Self::NotAfter => "notAfter",
            Self::NotBefore => "notBefore",
            Self::Profile => "profile",
            Self::Replaces => "replaces",
        }
    }
}

impl fmt::Display for OrderOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which of an intent's options a newOrder has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) ancestors: bool,
    pub(crate) profile: bool,
    pub(crate) replaces: bool,
}

impl Form {
    /// With everything that the intent has.
    pub(crate) const WHOLE: Self = Self { ancestors: true, profile: true, replaces: true };
}

/// The forms of newOrder that lead to what is asked for, the best first.
#[derive(Debug)]
pub(crate) struct Forms(VecDeque<Form>);

impl Forms {
    pub(crate) fn new(intent: &Intent, directory: &Directory) -> Result<Self, Error> {
        let ancestors = directory.meta.subdomain_auth_allowed;
        let profiles = profile_forms(intent, directory)?;
        let replaces: &[bool] =
            if intent.replaces.is_some() && directory.has_renewal_info() { &[true, false] } else { &[false] };
        let pairs = replaces
            .iter()
            .flat_map(|&replaces| profiles.iter().map(move |&profile| Form { ancestors, profile, replaces }));
        Ok(Self(pairs.collect()))
    }

    pub(crate) fn best(&self) -> Option<Form> {
        self.0.front().copied()
    }

    /// Tells whether there is another form to try after a refusal that may be of its options.
    pub(crate) fn go_on_after(&mut self, refusal: &Refusal) -> bool {
        self.0.pop_front();
        let kind = &refusal.problem.kind;
        self.0.retain(|form| !(form.replaces && *kind == ProblemKind::AlreadyReplaced));
        self.0.retain(|form| !(form.profile && *kind == ProblemKind::InvalidProfile));
        !self.0.is_empty()
    }
}

/// Tells whether a refusal of newOrder may be one of its options. Let's Encrypt says `unauthorized`
/// of a profile that not everybody gets, and older Pebbles say `malformed` of one that they don't
/// know; with `malformed` Boulder refuses dates.
pub(crate) fn may_be_refused(refusal: &Refusal) -> bool {
    let is_general = matches!(
        refusal.problem.kind,
        ProblemKind::AlreadyReplaced
            | ProblemKind::InvalidProfile
            | ProblemKind::Malformed
            | ProblemKind::Unauthorized
            | ProblemKind::Other(_)
    );
    is_general && !refusal.is_temporary()
}

/// Whether to name the profile: first and then.
fn profile_forms(intent: &Intent, directory: &Directory) -> Result<&'static [bool], Error> {
    let Some(profile) = &intent.profile else { return Ok(&[false]) };
    let offered = &directory.meta.profiles;
    let is_offered = offered.contains_key(profile.name());
    match profile {
        Profile::Preferred(_) if is_offered => Ok(&[true, false]),
        Profile::Preferred(_) => Ok(&[false]),
        Profile::Required(_) if is_offered => Ok(&[true]),
        Profile::Required(name) => Err(Misuse::ProfileNotOffered {
            profile: name.clone(),
            offered: offered.keys().cloned().collect(),
        }
        .into()),
    }
}

/// What a newOrder of this form asked for and not every CA takes.
pub(crate) fn options(intent: &Intent, form: Form) -> Vec<OrderOption> {
    let asked = [
        (OrderOption::AncestorDomain, form.ancestors && !intent.ancestor_domains.is_empty()),
        (OrderOption::NotAfter, intent.not_after.is_some()),
        (OrderOption::NotBefore, intent.not_before.is_some()),
        (OrderOption::Profile, form.profile && intent.profile.is_some()),
        (OrderOption::Replaces, form.replaces && intent.replaces.is_some()),
    ];
    asked.into_iter().filter(|(_, is_asked)| *is_asked).map(|(option, _)| option).collect()
}
