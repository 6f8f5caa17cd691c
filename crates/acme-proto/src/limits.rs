//! The bounds of every loop, wait and body, each named once.
//!
//! Waits are sums of what was asked for, exchanges are counted: no step of the clock stretches
//! them.

use core::time::Duration;

/// Most names of one order, and most authorizations.
pub const MAX_IDENTIFIERS: usize = 1000;
/// Most exchanges that a session performs at once, unless told otherwise.
pub const DEFAULT_WIDTH: usize = 16;
/// Most newNonce requests at once. Let's Encrypt takes a burst of ten from an address, and answers
/// 503 to more.
pub const MAX_NONCE_FETCHES: u32 = 10;
/// How many more of them each second. At this rate Let's Encrypt lets them follow, and an order of
/// a hundred names, each of whose responses brings one nonce, gets ten and one for each 50 ms.
pub const NONCE_FETCHES_PER_SECOND: u32 = 20;
/// Most nonces that are kept for each exchange of the session's width.
pub const NONCES_PER_WIDTH: usize = 2;
/// How long a nonce is kept.
pub const MAX_NONCE_AGE: Duration = Duration::from_secs(10 * 60);
/// Most characters of a nonce.
pub const MAX_NONCE: usize = 1024;
/// How often one request is repeated because its nonce was refused.
pub const MAX_NONCE_RETRIES: u32 = 100;
/// How many of these repetitions follow at once; the others wait [`NONCE_RETRY_WAIT`].
pub const IMMEDIATE_NONCE_RETRIES: u32 = 10;
/// The wait before each further repetition.
pub const NONCE_RETRY_WAIT: Duration = Duration::from_millis(100);
/// The wait between two looks at whether a change of the account's key is over, for a request that
/// was refused meanwhile; in all no longer than [`MAX_WAIT`].
pub const KEY_CHANGE_WAIT: Duration = Duration::from_millis(50);
/// How often a request is sent that may be repeated and gets no useful answer.
pub const MAX_TRIES: u32 = 3;
/// The wait before the last of these tries; the second follows at once.
pub const RETRY_WAIT: Duration = Duration::from_secs(1);
/// How often a request is sent whose outcome was settled by reading the resource.
pub const MAX_SETTLED_TRIES: u32 = 3;
/// The longest wait within a flow; a longer one ends it with a temporary error.
pub const MAX_WAIT: Duration = Duration::from_secs(60);
/// The first wait between two looks at a resource when the CA does not say.
pub const FIRST_POLL_WAIT: Duration = Duration::from_millis(10);
/// The longest such wait; each is twice the one before.
pub const LAST_POLL_WAIT: Duration = Duration::from_secs(5);
/// Most looks at one resource.
pub const MAX_POLLS: u32 = 120;
/// Longest sum of the waits between these looks.
pub const MAX_POLL_WAIT: Duration = Duration::from_secs(5 * 60);
/// After so many looks at a pending order its authorizations are read for a reason.
pub const POLLS_BEFORE_DIAGNOSIS: u32 = 12;
/// The Retry-After that is reported where the CA gave none.
pub const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(60);
/// The longest Retry-After that is believed.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);
/// The shortest wait between two looks at renewal information (RFC 9773, section 4.3.2).
pub const MIN_RENEWAL_INFO_WAIT: Duration = Duration::from_secs(60);
/// The longest such wait.
pub const MAX_RENEWAL_INFO_WAIT: Duration = Duration::from_secs(24 * 3600);
/// The wait where the CA says none, and after an error that does not pass soon (RFC 9773, section
/// 4.3.3).
pub const RENEWAL_INFO_WAIT: Duration = Duration::from_secs(6 * 3600);
/// Most redirects from a directory URL.
pub const MAX_REDIRECTS: u32 = 5;
/// How long a directory is kept before it is fetched again.
pub const MAX_DIRECTORY_AGE: Duration = Duration::from_secs(24 * 3600);
/// The largest body of a response, in bytes.
pub const MAX_BODY: usize = 1 << 20;
/// How long one exchange may take.
pub const EXCHANGE_TIME_LIMIT: Duration = Duration::from_secs(30);
/// Most certificates of a chain.
pub const MAX_CHAIN: usize = 10;
/// How often an order is asked for, each time without the names that were refused.
pub const MAX_PARTIAL_TRIES: u32 = 3;
/// Most chains of a certificate that are downloaded beside the first one.
pub const MAX_ALTERNATES: usize = 8;
/// Most pages of an account's list of orders that are read.
pub const MAX_ORDER_PAGES: u32 = 10;
/// Most orders of that list that are read.
pub const MAX_ORDERS_READ: usize = 50;
/// Most pages of that list that are read for who asks for the whole of it.
pub const MAX_LISTED_PAGES: u32 = 1000;
/// Most orders of that list for who asks for the whole of it.
pub const MAX_LISTED_ORDERS: usize = 10_000;
/// Most characters of a body in an error.
pub const MAX_EXCERPT: usize = 200;
