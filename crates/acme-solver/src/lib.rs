//! Puts ACME challenge responses in place and takes them away.
