//! Zones, and which one a name belongs to.

use std::collections::BTreeSet;

/// A zone that a service holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Zone {
    /// Its name: lower case, without a trailing dot.
    pub name: String,
    /// What the service calls it in URLs.
    pub id: String,
    /// What else its provider wants to know of it.
    pub note: Option<String>,
}

impl Zone {
    /// Takes a zone as a service lists it.
    #[must_use]
    pub fn new(name: &str, id: impl Into<String>) -> Self {
        Self { name: normal(name), id: id.into(), note: None }
    }

    /// Adds what its provider wants to know of it.
    #[must_use]
    pub fn with_note(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }

    /// Tells whether a name is the zone's or below it.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        let above = name.strip_suffix(self.name.as_str());
        above.is_some_and(|labels| labels.is_empty() || labels.ends_with('.'))
    }

    /// A name without the zone's; empty for the zone's own.
    #[must_use]
    pub fn relative<'a>(&self, name: &'a str) -> &'a str {
        let labels = name.strip_suffix(self.name.as_str()).unwrap_or(name);
        labels.strip_suffix('.').unwrap_or(labels)
    }
}

/// A name as it is compared: lower case, without a trailing dot.
pub(super) fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// The zone with the longest name that holds a name.
pub(super) fn closest<'a>(zones: &'a [Zone], name: &str) -> Option<&'a Zone> {
    zones.iter().filter(|zone| zone.holds(name)).max_by_key(|zone| zone.name.len())
}

/// Every name that can be the zone of one of some names, each once.
#[must_use]
pub fn candidates(names: &[String]) -> Vec<String> {
    let of_name = |name: &String| {
        let name = normal(name);
        let starts = std::iter::once(0).chain(name.match_indices('.').map(|(dot, _)| dot + 1));
        starts.filter_map(|start| name.get(start..).map(str::to_owned)).collect::<Vec<_>>()
    };
    let distinct: BTreeSet<String> = names.iter().flat_map(of_name).collect();
    distinct.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closest_zone_is_the_longest_at_a_label() {
        let zones = ["example.com", "b.example.com.", "xample.com", "com"].map(|name| Zone::new(name, name));
        let closest = |name: &str| closest(&zones, name).map(|zone| zone.name.as_str());
        assert_eq!(closest("_acme-challenge.a.b.example.com"), Some("b.example.com"));
        assert_eq!(closest("_acme-challenge.ab.example.com"), Some("example.com"));
        assert_eq!(closest("example.com"), Some("example.com"));
        assert_eq!(closest("example.org"), None);
        assert_eq!(zones[0].relative("_acme-challenge.a.example.com"), "_acme-challenge.a");
        assert_eq!(zones[0].relative("example.com"), "");
    }

    #[test]
    fn candidates_are_listed_once() {
        let names = ["a.example.com".to_owned(), "B.example.com.".to_owned()];
        assert_eq!(candidates(&names), ["a.example.com", "b.example.com", "com", "example.com"]);
    }
}
