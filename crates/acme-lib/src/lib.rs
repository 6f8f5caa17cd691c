//! Library for requesting certificates from an ACME provider.
