//! The solvers, over real sockets and real directories.
#![expect(clippy::unwrap_used, reason = "a test ends where its set-up fails")]

mod solver {
    mod challenge;
    #[cfg(feature = "dns")]
    mod check;
    mod dns;
    #[cfg(feature = "dns")]
    mod dns01;
    mod http01;
    #[cfg(feature = "dns")]
    mod laboratory;
    #[cfg(feature = "dns")]
    mod name_server;
    mod peer;
    mod per_name;
    #[cfg(feature = "dns")]
    mod persist;
    mod port_owner;
    #[cfg(feature = "dns")]
    mod propagation;
    #[cfg(feature = "tokio")]
    mod relay;
    #[cfg(feature = "tokio")]
    mod relay_tokio;
    #[cfg(feature = "dns")]
    mod resolver;
    mod self_check;
    mod stateless;
    mod tls;
    mod tls_alpn01;
    #[cfg(feature = "tokio")]
    mod tokio;
    #[cfg(feature = "tokio")]
    mod tokio_tls;
    mod webroot;
}
