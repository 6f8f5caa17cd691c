//! Errors and secrets: what they are, and what no log may hold.

use std::time::Duration;

use acme_proto::{
    Checkpoint, Delivery, Error, Flow, Issue, Misuse, Operation, SignError, SolverError, StoreError,
    TransportError, TransportErrorKind,
};

use super::ca::Canned;
use super::world::{World, intent, issue};

/// What a solver's error takes, with its identifier and challenge type; all that is larger is boxed.
const MAX_ERROR: usize = 96;

#[test]
fn error_is_small_and_can_be_sent() {
    fn can_be_sent<T: Send + Sync + 'static>() {}
    can_be_sent::<Error>();
    can_be_sent::<Issue>();
    can_be_sent::<Checkpoint>();
    assert!(size_of::<Error>() <= MAX_ERROR, "{}", size_of::<Error>());
}

#[test]
fn temporary_is_what_passes_by_itself() {
    let transport = |delivery, kind| Error::Transport {
        operation: Operation::Order,
        source: TransportError::new(delivery, kind, "cause"),
    };
    assert!(transport(Delivery::NotSent, TransportErrorKind::Connect).is_temporary());
    assert!(transport(Delivery::Unknown, TransportErrorKind::Timeout).is_temporary());
    assert!(!transport(Delivery::NotSent, TransportErrorKind::Untrusted).is_temporary());
    assert!(!transport(Delivery::Unknown, TransportErrorKind::BodyTooLarge).is_temporary());
    assert!(Error::Cancelled.is_temporary());
    assert!(!Error::from(Misuse::NoAccount).is_temporary());
    assert!(Error::Sign(SignError::temporary("token busy")).is_temporary());
    assert!(!Error::Sign(SignError::permanent("no token")).is_temporary());
    assert!(Error::Store(StoreError::temporary("locked")).is_temporary());
    assert_eq!(Error::Cancelled.retry_after(), None);
}

#[test]
fn permanent_refusal_may_still_name_a_time() {
    let mut world = World::warm();
    world.ca.answer(Operation::Order, Canned::problem(403, "unauthorized").header("retry-after", "9"));
    let error = world.issue(&["a.example"]).unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(9)));
    assert!(!error.is_temporary());
}

#[test]
fn cause_is_in_the_chain_or_in_the_text_but_not_in_both() {
    let cause = std::io::Error::other("the root cause");
    let error = Error::Store(StoreError::permanent(cause));
    let texts: Vec<String> = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source())
        .map(ToString::to_string)
        .collect();
    assert_eq!(texts, ["progress could not be saved", "the root cause"]);
    assert!(SolverError::permanent(std::fmt::Error).get_ref().downcast_ref::<std::fmt::Error>().is_some());
}

#[test]
fn debug_shows_no_secret() {
    let mut world = World::warm();
    let mut flow = issue(&["a.example"]);
    let _ = world.run_steps(&mut flow, 6).unwrap();
    let challenge = &flow.presented()[0];
    let shown = format!("{:?} {:?} {:?} {:?}", challenge, flow.checkpoint(), flow, world.session);
    let secrets = [
        challenge.key_authorization(),
        &challenge.dns_value(),
        &challenge.token,
        &format!("{:?}", challenge.digest()),
        "the certificate's private key",
    ];
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    assert!(shown.contains("a.example") && shown.contains("SecretText"));
    let secret = intent(&["a.example"]).private_key.unwrap();
    assert_eq!(
        (format!("{secret:?}").as_str(), secret.expose()),
        ("SecretText", "the certificate's private key")
    );
}
