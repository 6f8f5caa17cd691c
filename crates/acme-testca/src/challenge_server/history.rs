//! What the server was asked.

use std::collections::VecDeque;

use serde_json::Value;

/// What kind of request an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Dns,
    Http,
    TlsAlpn,
}

/// The last requests, oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    events: VecDeque<(Kind, String, Value)>,
}

impl History {
    pub(super) fn push(&mut self, kind: Kind, host: String, event: Value) {
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back((kind, host, event));
    }

    pub(super) fn of(&self, kind: Kind, host: &str) -> Vec<&Value> {
        let of_host = self.events.iter().filter(|(one, name, _)| *one == kind && name == host);
        of_host.map(|(_, _, event)| event).collect()
    }

    pub(super) fn clear(&mut self, kind: Kind, host: &str) {
        self.events.retain(|(one, name, _)| *one != kind || name != host);
    }
}

const MAX_EVENTS: usize = 10_000;
