//! The store through its public contract, over real directories and real processes.
#![expect(clippy::unwrap_used, reason = "a test ends where its set-up fails")]

mod store {
    mod accounts;
    mod certificates;
    mod concurrency;
    mod crashes;
    mod journal;
    mod opening;
    mod publication;
    mod renewal;
    mod settings;
    mod support;
}
