//! The roots and intermediates of the CA, those it has now and those it had.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[cfg(feature = "serve")]
use crate::pki::{BACKDATE, Key, SERIAL_LEN};
use crate::{
    encoding,
    error::Error,
    pki::{Crl, Issuer, Leaf, SavedIssuer},
};

/// All that signs, or did.
#[derive(Debug)]
pub(crate) struct Authority {
    label: String,
    root: Issuer,
    /// Oldest first.
    later_roots: Vec<Root>,
    /// What the alternate chains end in. Old saved states have none.
    other: Option<Issuer>,
    first: Generation,
    /// Oldest first.
    later: Vec<Generation>,
}

/// A root, and what the root before it says of it.
#[derive(Debug)]
struct Root {
    issuer: Issuer,
    introduced: Vec<u8>,
}

/// An intermediate, below one root and, with another certificate, below the other one.
#[derive(Debug)]
struct Generation {
    intermediate: Issuer,
    /// How many of the later roots there were.
    later_roots: usize,
    crossed: Option<Vec<u8>>,
}

/// What of an [`Authority`] is kept when the CA's state is saved.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SavedAuthority {
    #[serde(default)]
    label: String,
    root: SavedIssuer,
    intermediate: SavedIssuer,
    #[serde(default)]
    cross: Option<SavedCross>,
    #[serde(default)]
    later_roots: Vec<SavedRoot>,
    #[serde(default)]
    later: Vec<SavedGeneration>,
}

#[derive(Clone, Serialize, Deserialize)]
struct SavedCross {
    root: SavedIssuer,
    #[serde(with = "encoding::octets")]
    intermediate: Vec<u8>,
}

#[derive(Clone, Serialize, Deserialize)]
struct SavedRoot {
    issuer: SavedIssuer,
    #[serde(with = "encoding::octets")]
    introduced: Vec<u8>,
}

#[derive(Clone, Serialize, Deserialize)]
struct SavedGeneration {
    intermediate: SavedIssuer,
    later_roots: usize,
    #[serde(with = "encoding::octets")]
    crossed: Vec<u8>,
}

/// Which of its two chains a certificate is served with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chain {
    Default,
    Alternate,
}

/// What a CA begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollover {
    /// The intermediate: another one below the same root.
    Intermediate,
    /// The root and the intermediate. Chains end in the root before it all the same, by a certificate
    /// for the new one that comes along: clients that know either verify them.
    Root,
}

impl Authority {
    /// Makes new keys and certificates; `label` tells this CA's names from another one's.
    pub(crate) fn generate(label: &str, now: Timestamp) -> Result<Self, Error> {
        let root = Issuer::root(root_name(label, 0), now)?;
        let other = Issuer::root(format!("acme-testca other root {label}, DO NOT TRUST"), now)?;
        let intermediate = root.below(intermediate_name(label, 0), now)?;
        let crossed = Some(other.cross_sign(&intermediate, now)?);
        Ok(Self {
            label: label.to_owned(),
            root,
            later_roots: Vec::new(),
            other: Some(other),
            first: Generation { intermediate, later_roots: 0, crossed },
            later: Vec::new(),
        })
    }

    /// Makes an intermediate, or a root and an intermediate, that sign from now on.
    pub(crate) fn roll_over(&mut self, what: Rollover, now: Timestamp) -> Result<(), Error> {
        if what == Rollover::Root {
            let issuer = Issuer::root(root_name(&self.label, self.later_roots.len() + 1), now)?;
            let introduced = self.newest_root().introduce(&issuer, now)?;
            self.later_roots.push(Root { issuer, introduced });
        }
        let name = intermediate_name(&self.label, self.later.len() + 1);
        let intermediate = self.newest_root().below(name, now)?;
        let crossed = self.other.as_ref().map(|other| other.cross_sign(&intermediate, now)).transpose()?;
        self.later.push(Generation { intermediate, later_roots: self.later_roots.len(), crossed });
        Ok(())
    }

    pub(crate) fn load(saved: &SavedAuthority) -> Result<Self, Error> {
        let (other, crossed) = match &saved.cross {
            Some(cross) => (Some(Issuer::load(&cross.root)?), Some(cross.intermediate.clone())),
            None => (None, None),
        };
        let load_root = |root: &SavedRoot| {
            Ok(Root { issuer: Issuer::load(&root.issuer)?, introduced: root.introduced.clone() })
        };
        let load_generation = |one: &SavedGeneration| {
            let crossed = Some(one.crossed.clone()).filter(|octets| !octets.is_empty());
            let intermediate = Issuer::load(&one.intermediate)?;
            Ok(Generation { intermediate, later_roots: one.later_roots, crossed })
        };
        let intermediate = Issuer::load(&saved.intermediate)?;
        Ok(Self {
            label: saved.label.clone(),
            root: Issuer::load(&saved.root)?,
            later_roots: saved.later_roots.iter().map(load_root).collect::<Result<_, Error>>()?,
            other,
            first: Generation { intermediate, later_roots: 0, crossed },
            later: saved.later.iter().map(load_generation).collect::<Result<_, Error>>()?,
        })
    }

    pub(crate) fn save(&self) -> SavedAuthority {
        let cross = self.other.as_ref().zip(self.first.crossed.clone());
        let later_roots = self
            .later_roots
            .iter()
            .map(|root| SavedRoot { issuer: root.issuer.save(), introduced: root.introduced.clone() });
        let later = self.later.iter().map(|one| SavedGeneration {
            intermediate: one.intermediate.save(),
            later_roots: one.later_roots,
            crossed: one.crossed.clone().unwrap_or_default(),
        });
        SavedAuthority {
            label: self.label.clone(),
            root: self.root.save(),
            intermediate: self.first.intermediate.save(),
            cross: cross.map(|(other, intermediate)| SavedCross { root: other.save(), intermediate }),
            later_roots: later_roots.collect(),
            later: later.collect(),
        }
    }

    /// The first root: what the server's connection is signed by, and every chain ends in.
    pub(crate) fn root_der(&self) -> &[u8] {
        self.root.certificate()
    }

    /// The root that signs the newest intermediate.
    pub(crate) fn newest_root_der(&self) -> &[u8] {
        self.newest_root().certificate()
    }

    /// The root that the alternate chain ends in. Old saved states have none.
    pub(crate) fn other_root_der(&self) -> Option<&[u8]> {
        self.other.as_ref().map(Issuer::certificate)
    }

    /// The root that a chain ends in, and its key (PKCS #8).
    #[cfg(feature = "serve")]
    pub(crate) fn root_of(&self, chain: Chain) -> Option<(&[u8], &[u8])> {
        let root = match chain {
            Chain::Default => Some(&self.root),
            Chain::Alternate => self.other.as_ref(),
        };
        root.map(|root| (root.certificate(), root.key().pkcs8()))
    }

    /// The key of the intermediate that signs now (PKCS #8).
    #[cfg(feature = "serve")]
    pub(crate) fn intermediate_key(&self) -> &[u8] {
        self.later.last().unwrap_or(&self.first).intermediate.key().pkcs8()
    }

    /// The number of the intermediate that signs now; the first is 0.
    pub(crate) fn generation(&self) -> usize {
        self.later.len()
    }

    /// What is served below a leaf of a generation, in one chain or the other.
    pub(crate) fn chain(&self, generation: usize, chain: Chain) -> Vec<&[u8]> {
        let Some(issuer) = self.numbered(generation) else {
            return Vec::new();
        };
        match chain {
            Chain::Alternate => issuer.crossed.iter().map(Vec::as_slice).collect(),
            Chain::Default => {
                let introductions = self.later_roots.iter().take(issuer.later_roots).rev();
                let introductions = introductions.map(|root| root.introduced.as_slice());
                std::iter::once(issuer.intermediate.certificate()).chain(introductions).collect()
            }
        }
    }

    /// The key identifier that the leaves of a generation name their issuer by.
    pub(crate) fn key_id(&self, generation: usize) -> Vec<u8> {
        self.numbered(generation).map(|one| one.intermediate.key_id()).unwrap_or_default()
    }

    /// Signs a leaf with the newest intermediate.
    pub(crate) fn issue(&self, leaf: &Leaf<'_>) -> Result<Vec<u8>, Error> {
        self.later.last().unwrap_or(&self.first).intermediate.issue(leaf)
    }

    /// Signs the list of the revoked certificates of a generation, if there is such a one.
    pub(crate) fn sign_crl(&self, generation: usize, crl: &Crl<'_>) -> Option<Result<Vec<u8>, Error>> {
        self.numbered(generation).map(|one| one.intermediate.sign_crl(crl))
    }

    /// Makes the certificate of the server's own connection, signed by the first root, and its key.
    #[cfg(feature = "serve")]
    pub(crate) fn server_identity(&self, now: Timestamp) -> Result<(Vec<u8>, Key), Error> {
        let key = Key::generate()?;
        let spki = key.spki();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &spki);
        let certificate = self.root.issue(&Leaf {
            serial: digest.as_ref().get(..SERIAL_LEN).unwrap_or_default(),
            names: &SERVER_NAMES.map(str::to_owned),
            key_spki: &spki,
            not_before: now.saturating_sub(BACKDATE).unwrap_or(now),
            not_after: now.saturating_add(SERVER_LIFETIME).unwrap_or(now),
            crl_url: None,
        })?;
        Ok((certificate, key))
    }

    fn numbered(&self, generation: usize) -> Option<&Generation> {
        match generation.checked_sub(1) {
            None => Some(&self.first),
            Some(index) => self.later.get(index),
        }
    }

    fn newest_root(&self) -> &Issuer {
        self.later_roots.last().map_or(&self.root, |root| &root.issuer)
    }
}

fn root_name(label: &str, number: usize) -> String {
    format!("acme-testca root {label}{}, DO NOT TRUST", ordinal(number))
}

fn intermediate_name(label: &str, number: usize) -> String {
    format!("acme-testca intermediate {label}{}, DO NOT TRUST", ordinal(number))
}

/// Nothing for the first, then ` 2`, ` 3`.
fn ordinal(number: usize) -> String {
    if number == 0 { String::new() } else { format!(" {}", number + 1) }
}

#[cfg(feature = "serve")]
const SERVER_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
#[cfg(feature = "serve")]
const SERVER_LIFETIME: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 3600);
