//! Chance, all of it from one seed.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use crate::encoding;

/// Independent streams, so that a switch that uses one does not change what the others give.
#[derive(Default, Serialize, Deserialize)]
#[serde(from = "[u64; 4]", into = "[u64; 4]")]
pub(crate) struct Dice {
    names: Stream,
    nonces: Stream,
    refusals: Stream,
    shapes: Stream,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut root = Rng::with_seed(seed);
        Self {
            names: Stream(root.fork()),
            nonces: Stream(root.fork()),
            refusals: Stream(root.fork()),
            shapes: Stream(root.fork()),
        }
    }

    /// A name for a resource: short enough to read, long enough not to be met by chance.
    pub(crate) fn id(&mut self) -> String {
        encoding::base64url(&self.names.octets::<12>())
    }

    /// A token with 256 bits (RFC 8555 section 8.1 asks for 128).
    pub(crate) fn token(&mut self) -> String {
        encoding::base64url(&self.names.octets::<32>())
    }

    /// Octets that nobody can guess.
    pub(crate) fn octets<const LEN: usize>(&mut self) -> [u8; LEN] {
        self.names.octets()
    }

    /// A positive serial number that keeps its length in DER.
    pub(crate) fn serial<const LEN: usize>(&mut self) -> [u8; LEN] {
        let mut octets = self.names.octets::<LEN>();
        if let Some(first) = octets.first_mut() {
            *first = (*first & 0x3f) | 0x40;
        }
        octets
    }

    pub(crate) fn nonce(&mut self) -> String {
        encoding::base64url(&self.nonces.octets::<16>())
    }

    /// Whether a good nonce is to be refused.
    pub(crate) fn refuses(&mut self, percent: u8) -> bool {
        self.refusals.0.u8(0..100) < percent
    }

    /// Whether something happens that has this chance.
    pub(crate) fn happens(&mut self, percent: u8) -> bool {
        self.shapes.0.u8(0..100) < percent
    }

    /// Puts several items into another order, with another one in front.
    pub(crate) fn reorder<T>(&mut self, items: &mut [T])
    where
        T: PartialEq + Clone,
    {
        let Some(first) = items.first().cloned() else {
            return;
        };
        self.shapes.0.shuffle(items);
        if items.first() == Some(&first) {
            items.rotate_left(1);
        }
    }

    /// A word that nobody has seen.
    pub(crate) fn word(&mut self) -> String {
        encoding::base64url(&self.shapes.octets::<9>())
    }
}

impl Clone for Dice {
    fn clone(&self) -> Self {
        <[u64; 4]>::from(self).into()
    }
}

impl From<[u64; 4]> for Dice {
    fn from([names, nonces, refusals, shapes]: [u64; 4]) -> Self {
        Self {
            names: Stream(Rng::with_seed(names)),
            nonces: Stream(Rng::with_seed(nonces)),
            refusals: Stream(Rng::with_seed(refusals)),
            shapes: Stream(Rng::with_seed(shapes)),
        }
    }
}

impl From<&Dice> for [u64; 4] {
    fn from(dice: &Dice) -> Self {
        [&dice.names, &dice.nonces, &dice.refusals, &dice.shapes].map(|one| one.0.get_seed())
    }
}

impl From<Dice> for [u64; 4] {
    fn from(dice: Dice) -> Self {
        Self::from(&dice)
    }
}

struct Stream(Rng);

impl Stream {
    fn octets<const LEN: usize>(&mut self) -> [u8; LEN] {
        let mut octets = [0; LEN];
        self.0.fill(&mut octets);
        octets
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self(Rng::with_seed(0))
    }
}
