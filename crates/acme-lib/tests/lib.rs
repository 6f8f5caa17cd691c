//! The library against the test CA.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

#[path = "lib/account.rs"]
mod account;
#[path = "lib/certificate.rs"]
mod certificate;
#[path = "lib/chains.rs"]
mod chains;
#[path = "lib/counts.rs"]
mod counts;
#[path = "lib/extended.rs"]
mod extended;
#[path = "lib/external_account.rs"]
mod external_account;
#[path = "lib/hostile.rs"]
mod hostile;
#[path = "lib/in_process.rs"]
mod in_process;
#[path = "lib/interrupted.rs"]
mod interrupted;
#[path = "lib/issue.rs"]
mod issue;
#[path = "lib/name_server.rs"]
mod name_server;
#[path = "lib/operations.rs"]
mod operations;
#[path = "lib/options.rs"]
mod options;
#[path = "lib/partial.rs"]
mod partial;
#[path = "lib/persist.rs"]
mod persist;
#[path = "lib/preview.rs"]
mod preview;
#[path = "lib/records.rs"]
mod records;
#[path = "lib/remote_keys.rs"]
mod remote_keys;
#[path = "lib/roll_over.rs"]
mod roll_over;
#[path = "lib/steps.rs"]
mod steps;

#[path = "lib/surface.rs"]
mod surface;
#[path = "lib/transport.rs"]
mod transport;
#[path = "lib/validation.rs"]
mod validation;
#[path = "lib/world.rs"]
mod world;
