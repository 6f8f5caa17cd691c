//! What tests look at: the log of requests, the certificates issued, and the counters.

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::route::Operation;

/// A request that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestRecord {
    /// Its number: 1, 2, 3, in order of arrival.
    pub id: u64,
    /// When it came, by the CA's clock.
    pub at: Timestamp,
    /// What it was for.
    pub operation: Operation,
    /// The HTTP method.
    pub method: String,
    /// The URL, whole.
    pub url: String,
    /// The status it was answered with. `None` if the connection was dropped instead.
    pub status: Option<u16>,
    /// The type of the problem it was answered with, if it was.
    pub problem: Option<String>,
    /// The URL of the account that signed it. `None` for none, and where the signature is wrong.
    pub account: Option<String>,
    /// The number of the connection it came over. `None` without a server.
    pub connection: Option<u64>,
    /// How many faults of the script it met.
    pub faults: usize,
}

/// A certificate that the CA issued.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Issued {
    /// The serial number in lower case hexadecimal.
    pub serial: String,
    /// The identifier by which its renewal is asked about (RFC 9773 section 4.1).
    pub renewal_id: String,
    /// The names, in the order's order.
    pub names: Vec<String>,
    /// The URL of the order.
    pub order: String,
    /// The URL of the account.
    pub account: String,
    /// The certificate.
    pub der: Vec<u8>,
    /// From when it is valid.
    pub not_before: Timestamp,
    /// Until when it is valid.
    pub not_after: Timestamp,
    /// When it was revoked, if it was, and for which reason (RFC 5280 section 5.3.1).
    pub revoked: Option<(Timestamp, u64)>,
}

/// How much of what there is and was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Accounts, deactivated ones included.
    pub accounts: u64,
    /// Orders made; a newOrder that was answered with an order there already does not count.
    pub orders: u64,
    /// Orders whose finalize was accepted.
    pub orders_finalized: u64,
    /// Certificates issued.
    pub certificates: u64,
    /// Certificates revoked.
    pub revoked: u64,
    /// Requests, since the CA was made or loaded.
    pub requests: u64,
    /// Nonces refused, since the CA was made or loaded.
    pub nonces_refused: u64,
    /// Validations asked for or, with `always_valid`, left out; since the CA was made or loaded.
    pub validations: u64,
    /// Connections whose handshake was completed. Zero without a server.
    pub connections: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    records: VecDeque<RequestRecord>,
    pub(crate) requests: u64,
    pub(crate) nonces_refused: u64,
    pub(crate) validations: u64,
}

impl Log {
    pub(crate) fn push(&mut self, record: RequestRecord) {
        if self.records.len() == MAX_RECORDS {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    pub(crate) fn current(&mut self) -> Option<&mut RequestRecord> {
        self.records.back_mut()
    }

    pub(crate) fn records(&self) -> Vec<RequestRecord> {
        self.records.iter().cloned().collect()
    }
}

/// The most requests that the log holds; older ones are forgotten.
pub const MAX_RECORDS: usize = 100_000;
