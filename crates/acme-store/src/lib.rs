//! Durable state for ACME certificates: SQLite and PEM generations.
