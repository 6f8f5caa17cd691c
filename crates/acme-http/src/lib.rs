//! HTTP transport for ACME exchanges.
