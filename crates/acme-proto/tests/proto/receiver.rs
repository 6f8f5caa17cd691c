//! What a CA may send without a flow falling over it.

use acme_proto::{
    Authorization, AuthorizationStatus, ChallengeStatus, Directory, Operation, Order, OrderStatus,
};
use http::Response;
use serde_json::{Value, json};

use super::ca::{Action, Canned};
use super::world::World;

const OPERATIONS: [Operation; 6] = [
    Operation::NewOrder,
    Operation::Authorization,
    Operation::Challenge,
    Operation::Order,
    Operation::Finalize,
    Operation::Certificate,
];

/// Every response of an issuance is edited.
fn issue_with(edit: fn(&mut Response<Vec<u8>>)) {
    let mut world = World::warm();
    world.ca.validates_after = 1;
    world.ca.issues_after = 1;
    for operation in OPERATIONS {
        world.ca.fail_later(operation, 0, 1000, Action::Edit(edit));
    }
    world.issue(&["a.example", "*.b.example"]).unwrap();
    assert_eq!(world.ca.finalized(), 1);
}

fn edit_json(response: &mut Response<Vec<u8>>, edit: fn(&mut Value)) {
    if let Ok(mut document) = serde_json::from_slice(response.body()) {
        edit(&mut document);
        *response.body_mut() = document.to_string().into_bytes();
    }
}

#[test]
fn samples_of_the_rfc_are_read() {
    let mut world = World::warm();
    let sample = include_str!("../data/rfc8555-7.1.3-order.json");
    world.ca.answer(Operation::Order, Canned::new(200, sample));
    let order = world.run(&mut Order::read("https://example.com/acme/order/TOlocE8rfgo")).unwrap();
    assert_eq!(order.status, OrderStatus::Valid);
    assert_eq!(order.expires.unwrap().to_string(), "2016-01-20T14:09:07.99Z");
    assert_eq!(order.not_after.unwrap().to_string(), "2016-01-08T00:00:00Z");
    assert_eq!((order.identifiers.len(), order.authorizations.len()), (2, 2));
    assert_eq!(order.certificate.as_deref(), Some("https://example.com/acme/cert/mAt3xBGaobw"));

    let sample = include_str!("../data/rfc8555-7.1.4-authorization.json");
    world.ca.answer(Operation::Authorization, Canned::new(200, sample));
    let authorization = world.run(&mut Authorization::read("https://example.com/acme/authz/1")).unwrap();
    assert_eq!(authorization.status, AuthorizationStatus::Valid);
    assert_eq!(authorization.challenges[0].status, ChallengeStatus::Valid);
    assert_eq!(authorization.challenges[0].safe_token(), Some("DGyRejmCefe7v4NfDGDKfA"));
    assert!(!authorization.wildcard);

    let sample = include_str!("../data/rfc8555-7.1.1-directory.json");
    world.ca.answer(Operation::Directory, Canned::new(200, sample));
    let directory = world.run(&mut Directory::fetch()).unwrap();
    assert_eq!(directory.meta.terms_of_service.as_deref(), Some("https://example.com/acme/terms/2017-5-30"));
    assert_eq!(directory.meta.caa_identities, ["example.com"]);
}

#[test]
fn unknown_members_do_not_matter() {
    issue_with(|response| {
        edit_json(response, |document| {
            document["zz"] = json!({"deep": [[[{"a": null}]]]});
            document[""] = json!(1e300);
            document["auto-renewal"] = json!(true);
        });
    });
}

#[test]
fn null_members_do_not_matter() {
    issue_with(|response| {
        edit_json(response, |document| {
            for member in
                ["expires", "error", "notBefore", "notAfter", "meta", "validated", "profile", "replaces"]
            {
                document[member] = Value::Null;
            }
        });
    });
}

#[test]
fn optional_members_of_wrong_types_do_not_matter() {
    issue_with(|response| {
        edit_json(response, |document| {
            document["expires"] = json!(1_700_000_000);
            document["error"] = json!("none");
            document["notBefore"] = json!([]);
            if document["wildcard"] == Value::Null {
                document["wildcard"] = json!("no");
            }
        });
    });
}

#[test]
fn false_wildcard_is_no_wildcard() {
    issue_with(|response| {
        edit_json(response, |document| {
            if document["wildcard"] == Value::Null {
                document["wildcard"] = json!(false);
            }
        });
    });
}

#[test]
fn missing_and_strange_headers_do_not_matter() {
    issue_with(|response| {
        response.headers_mut().remove("replay-nonce");
    });
    issue_with(|response| {
        let headers = response.headers_mut();
        for name in ["replay-nonce", "retry-after", "link"] {
            headers.append(name, http::HeaderValue::from_bytes(b"\xff\xfe").unwrap());
            headers.append(name, http::HeaderValue::from_static(""));
        }
        headers.insert("content-type", http::HeaderValue::from_static("text/html"));
    });
}

#[test]
fn any_success_status_is_success() {
    issue_with(|response| *response.status_mut() = http::StatusCode::ACCEPTED);
}

#[test]
fn white_space_around_a_location_does_not_matter() {
    let mut world = World::warm();
    world.ca.fail(
        Operation::NewOrder,
        Action::Edit(|response| {
            response.headers_mut().insert("location", " /order/0\t".parse().unwrap());
        }),
    );
    let issued = world.issue(&["a.example"]).unwrap();
    assert_eq!(issued.order_url, "https://ca.test/order/0");
}

#[test]
fn location_of_a_finalized_order_does_not_matter() {
    let mut world = World::warm();
    world.ca.issues_after = 1;
    world.ca.fail(
        Operation::Finalize,
        Action::Edit(|response| {
            response.headers_mut().insert("location", "https://ca.test/cert/7".parse().unwrap());
        }),
    );
    let issued = world.issue(&["a.example"]).unwrap();
    assert_eq!(issued.order_url, "https://ca.test/order/0");
}
