//! Signers, digests, certificate keys, CSRs and certificate inspection for ACME.
