//! The command as its users meet it: exit status, standard output and standard error, and the files
//! that it leaves.
#![expect(clippy::unwrap_used, reason = "a test ends where its set-up fails")]

mod acmectl {
    mod account;
    mod account_changes;
    mod acme_dns;
    mod authority;
    mod binding;
    mod ca;
    mod challenges;
    mod check;
    mod choice;
    mod completions;
    mod compromise;
    mod dev_ca;
    mod directory;
    mod dns;
    mod eab_api;
    mod hooks;
    mod inherited;
    mod interrupt;
    mod issue;
    #[cfg(feature = "dns-update")]
    mod long_tail;
    mod loopback;
    mod many;
    mod names;
    mod options;
    mod pdns_api;
    mod pebble;
    mod persist;
    mod precedence;
    mod relay;
    mod renew;
    mod renewal_info;
    mod responder;
    mod revoke;
    mod scripts;
    mod show;
    mod stateless;
    mod systemd;
    mod together;
    mod validity;
    mod web;
    mod world;
}
