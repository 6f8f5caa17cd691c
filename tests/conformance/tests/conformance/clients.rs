//! Other people's clients against the test CA, each getting, renewing and revoking a certificate.
//!
//! The CA is hostile, as it is by default, but for what a client can't bear; a test beside it says
//! what that is.

use acme_conformance::client::{NAMES, World};
use acme_testca::Config;

#[path = "clients/certbot.rs"]
mod certbot;
#[path = "clients/dehydrated.rs"]
mod dehydrated;
#[path = "clients/instant_acme.rs"]
mod instant_acme;
#[path = "clients/lego.rs"]
mod lego;
#[path = "clients/registry.rs"]
mod registry;
#[path = "clients/uacme.rs"]
mod uacme;
