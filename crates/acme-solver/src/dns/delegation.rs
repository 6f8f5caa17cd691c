//! Where the records of a name have to be.

use std::fmt;

use acme_proto::SolverError;

/// Where the records of a name are to be written.
///
/// A CA follows CNAME and NS records from `_acme-challenge`; whoever writes has to do the same.
pub trait Delegation: fmt::Debug + Send + Sync {
    /// The name at which a TXT record has to be for a CA to find it at `name`.
    ///
    /// # Errors
    /// When that can't be told; the challenge fails then.
    fn canonical(&self, name: &str) -> Result<String, SolverError>;

    /// As [`canonical`](Self::canonical), for all names of an order; one result for each.
    fn canonical_each(&self, names: &[String]) -> Vec<Result<String, SolverError>> {
        names.iter().map(|name| self.canonical(name)).collect()
    }
}
