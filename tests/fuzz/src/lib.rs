//! Every parser of foreign input, as a function of some bytes that neither panics nor loops.
//!
//! Parsers that are private are reached through the public contract: a flow is fed with responses,
//! the test CA with requests, a listener with what comes over a socket. Beyond "no panic", each
//! function asserts what must hold of whatever was accepted: it can be written and read again,
//! bounds are kept, two readers agree.
//!
//! The workspace in `fuzz/` gives these functions to a fuzzing engine; the test of this crate gives
//! them what is in `fuzz/corpus`.

mod authority;
mod conversation;
mod dns;
mod keys;
mod objects;
mod saved;
mod sockets;
mod update;

/// A parser, or a few that read the same.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the program in `fuzz/fuzz_targets`, and of the directory in `fuzz/corpus`.
    pub name: &'static str,
    /// Reads some bytes.
    pub run: fn(&[u8]),
}

/// All of them, in the order of their names.
pub const ALL: &[Target] = &[
    Target { name: "account", run: objects::account },
    Target { name: "account_key", run: keys::account_key },
    Target { name: "authorization", run: objects::authorization },
    Target { name: "ca_caa", run: authority::caa },
    Target { name: "ca_csr", run: authority::csr },
    Target { name: "ca_jws", run: authority::jws },
    Target { name: "ca_request", run: authority::request },
    Target { name: "ca_script", run: authority::script },
    Target { name: "ca_state", run: authority::state },
    Target { name: "certificate", run: keys::certificate },
    Target { name: "certificate_key", run: keys::certificate_key },
    Target { name: "chain", run: keys::chain },
    Target { name: "challenge", run: objects::challenge },
    Target { name: "checkpoint", run: saved::checkpoint },
    Target { name: "conversation", run: conversation::conversation },
    Target { name: "csr", run: keys::csr },
    Target { name: "directory", run: objects::directory },
    Target { name: "dns01_question", run: sockets::dns01_question },
    Target { name: "dns_service", run: dns::service_replies },
    Target { name: "dns_txt", run: dns::txt_value },
    Target { name: "dns_update", run: update::replies },
    Target { name: "hmac_key", run: keys::hmac_key },
    Target { name: "http01_request", run: sockets::http01_request },
    Target { name: "identifier", run: saved::identifier },
    Target { name: "link", run: objects::link },
    Target { name: "location", run: objects::location },
    Target { name: "nonce", run: objects::nonce },
    Target { name: "order", run: objects::order },
    Target { name: "orders_page", run: objects::orders_page },
    Target { name: "persist_record", run: objects::persist_record },
    Target { name: "problem", run: objects::problem },
    Target { name: "renewal_info", run: objects::renewal_info },
    Target { name: "retry_after", run: objects::retry_after },
    Target { name: "self_check", run: sockets::self_check },
    Target { name: "settings", run: saved::settings },
];

/// Gives some bytes to the target of a name.
///
/// # Panics
/// When there is no such target, and when the target finds something wrong.
pub fn run(name: &str, data: &[u8]) {
    let target = ALL.iter().find(|target| target.name == name);
    (target.unwrap_or_else(|| panic!("{name} is no target")).run)(data);
}
