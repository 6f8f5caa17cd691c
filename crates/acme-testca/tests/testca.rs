//! The test CA, driven by a client that shares no code with it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

#[path = "testca/addresses.rs"]
mod addresses;
#[path = "testca/alternates.rs"]
mod alternates;
#[path = "testca/binding.rs"]
mod binding;
#[path = "testca/caa.rs"]
mod caa;
#[path = "testca/certificates.rs"]
mod certificates;
#[path = "testca/client.rs"]
mod client;
#[path = "testca/delegation.rs"]
mod delegation;
#[cfg(feature = "serve")]
#[path = "testca/dns.rs"]
mod dns;
#[path = "testca/faults.rs"]
mod faults;
#[path = "testca/flows.rs"]
mod flows;
#[path = "testca/issuers.rs"]
mod issuers;
#[path = "testca/limits.rs"]
mod limits;
#[path = "testca/onion.rs"]
mod onion;
#[cfg(feature = "serve")]
#[path = "testca/pebble.rs"]
mod pebble;
#[path = "testca/persist.rs"]
mod persist;
#[path = "testca/preauthorization.rs"]
mod preauthorization;
#[path = "testca/presets.rs"]
mod presets;
#[cfg(feature = "preview")]
#[path = "testca/preview.rs"]
mod preview;
#[path = "testca/profiles.rs"]
mod profiles;
#[path = "testca/renewal.rs"]
mod renewal;
#[path = "testca/rollover.rs"]
mod rollover;
#[path = "testca/saved.rs"]
mod saved;
#[cfg(feature = "serve")]
#[path = "testca/served.rs"]
mod served;
#[path = "testca/standing.rs"]
mod standing;
#[path = "testca/star.rs"]
mod star;
#[path = "testca/strictness.rs"]
mod strictness;
#[path = "testca/subdomains.rs"]
mod subdomains;
#[path = "testca/switches.rs"]
mod switches;
#[cfg(feature = "serve")]
#[path = "testca/tls.rs"]
mod tls;
#[path = "testca/wire.rs"]
mod wire;
