//! Tests of the protocol through its public contract: flows, steps and inputs, on a fake clock.
#![expect(clippy::unwrap_used, reason = "what is unwrapped here is what a test expects")]

mod proto {
    mod ca;
    mod der;
    mod sha256;
    mod world;

    mod accounts;
    mod authorizations;
    mod cancel;
    mod chains;
    mod counts;
    mod crash;
    mod deactivation;
    mod directory;
    mod errors;
    mod extended;
    mod external_account;
    mod external_keys;
    mod identifiers;
    mod lost;
    mod misuse;
    mod mutations;
    mod nonces;
    mod options;
    mod order_list;
    mod orders;
    mod polling;
    mod pre_authorization;
    mod problems;
    mod receiver;
    mod records;
    mod renewal;
    mod requests;
    mod resume;
    mod retry_after;
    mod revocation;
    mod roll_over;
    mod solvers;
    mod terms;
}
