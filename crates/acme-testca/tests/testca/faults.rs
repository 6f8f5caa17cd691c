//! Each fault of the script does what it says, when it says.

use std::time::Duration;

use acme_testca::{
    Action, ChainFault, Fault, MemberFault, Operation, Problem, ProblemFault, RedirectFault, Script,
    StatusFault,
};
use serde_json::json;

use crate::client::{Client, InProcess, b64, challenge, csr, ders, gentle, registered, urls};

fn with(operation: Operation, action: Action) -> Client<InProcess> {
    let mut client = registered(gentle());
    client.transport.ca.add_faults([Fault::on(operation, action)]);
    client
}

fn order_url(client: &Client<InProcess>) -> String {
    client.url("/new-order")
}

const ORDER: &str = r#"{"identifiers":[{"type":"dns","value":"a.example"}]}"#;

#[test]
fn nonce_is_refused_with_and_without_a_new_one() {
    for (action, has_nonce) in [(Action::BadNonce, true), (Action::BadNonceWithoutNonce, false)] {
        let mut client = with(Operation::NewOrder, action);
        let url = order_url(&client);
        let protected = client.protected(&url);
        let body = client.key.jws(&protected, ORDER);
        let answer = client.post_body(&url, &body).unwrap();
        assert_eq!((answer.status, answer.problem().as_str()), (400, "badNonce"));
        assert_eq!(answer.header("replay-nonce").is_some(), has_nonce);
        assert_eq!(client.post_body(&url, &body).unwrap().problem(), "badNonce", "it was used up");
        assert_eq!(client.order(&["a.example"]).1["status"], "pending");
        assert_eq!(client.transport.ca.counts().orders, 1);
    }
}

#[test]
fn load_balancer_answers_in_html() {
    let fault = StatusFault::new(503).retry_after("120");
    let mut client = with(Operation::NewOrder, Action::Status(fault));
    let answer = client.try_order(&["a.example"]);
    assert_eq!((answer.status, answer.header("content-type")), (503, Some("text/html")));
    assert_eq!(answer.header("retry-after"), Some("120"));
    assert!(answer.header("replay-nonce").is_none());
    assert!(answer.text().contains("503 Service Unavailable"));
    assert_eq!(client.try_order(&["a.example"]).status, 201);
}

#[test]
fn problems_have_their_headers() {
    let problem = Problem::new("rateLimited", 429, "slow down");
    let fault =
        ProblemFault::from(problem).retry_after("60").help("https://a.test/1").help("https://a.test/2");
    let mut client = with(Operation::NewOrder, Action::Problem(fault));
    let answer = client.try_order(&["a.example"]);
    assert_eq!((answer.status, answer.problem().as_str()), (429, "rateLimited"));
    assert_eq!(answer.header("retry-after"), Some("60"));
    assert_eq!(answer.all("link").iter().filter(|link| link.ends_with("rel=\"help\"")).count(), 2);
    assert!(answer.header("replay-nonce").is_some());
    assert_eq!(client.transport.ca.counts().orders, 0);
}

#[test]
fn connection_is_dropped_before_or_after() {
    for (action, orders) in [(Action::Drop, 0), (Action::LoseResponse, 1)] {
        let mut client = with(Operation::NewOrder, action);
        let url = order_url(&client);
        assert!(client.post_once(&url, ORDER).is_none());
        assert_eq!(client.transport.ca.counts().orders, orders);
        assert_eq!(client.transport.ca.requests().last().unwrap().status, None);
        assert_eq!(client.transport.ca.requests().last().unwrap().faults, 1);
    }
}

#[test]
fn responses_are_delayed() {
    let mut client = with(Operation::NewOrder, Action::DelayMs(1500));
    let url = order_url(&client);
    client.post_once(&url, ORDER);
    assert_eq!(client.transport.last_delay, Some(Duration::from_millis(1500)));
    client.post_once(&url, ORDER);
    assert_eq!(client.transport.last_delay, None);
}

#[test]
fn redirects_are_sent() {
    let redirect = RedirectFault { status: 307, location: "https://elsewhere.test/".to_owned() };
    let mut client = with(Operation::Directory, Action::Redirect(redirect));
    let answer = client.get("/directory");
    assert_eq!((answer.status, answer.header("location")), (307, Some("https://elsewhere.test/")));
    assert_eq!(client.get("/directory").status, 200);
}

#[test]
fn retry_after_has_any_text() {
    for value in ["soon", "-5", "18446744073709551616", "Sunday, 06-Nov-94 08:49:37 GMT"] {
        let mut client = with(Operation::NewOrder, Action::RetryAfter(value.to_owned()));
        assert_eq!(client.try_order(&["a.example"]).header("retry-after"), Some(value));
    }
    let mut client = with(Operation::NewOrder, Action::RetryAfterDate(-10));
    let answer = client.try_order(&["a.example"]);
    assert_eq!(answer.header("retry-after"), Some("Tue, 24 Nov 2026 07:59:50 GMT"));
}

#[test]
fn headers_are_spoilt() {
    let nonces = |action: Action| {
        let mut client = with(Operation::NewOrder, action);
        let answer = client.try_order(&["a.example"]);
        assert_eq!(answer.status, 201);
        (answer.all("replay-nonce").len(), answer.header("location").is_some())
    };
    assert_eq!(nonces(Action::MissingLocation), (1, false));
    assert_eq!(nonces(Action::MissingNonce), (0, true));
    assert_eq!(nonces(Action::DuplicateNonce), (2, true));
    let mut client = with(Operation::NewOrder, Action::InvalidNonce);
    let answer = client.try_order(&["a.example"]);
    assert!(answer.header("replay-nonce").unwrap().contains('+'));
    let mut client = with(Operation::NewOrder, Action::ContentType("text/plain".to_owned()));
    assert_eq!(client.try_order(&["a.example"]).header("content-type"), Some("text/plain"));
}

#[test]
fn bodies_are_spoilt() {
    let body = |action: Action| {
        let mut client = with(Operation::NewOrder, action);
        let answer = client.try_order(&["a.example"]);
        assert_eq!(answer.status, 201);
        answer
    };
    let truncated = body(Action::TruncatedBody);
    assert!(
        serde_json::from_slice::<serde_json::Value>(&truncated.body).is_err() && truncated.body.len() > 10
    );
    assert!(body(Action::WrongType).json().is_array());
    assert!(body(Action::ExtraMembers).json().get("x-testca-object").is_some());
    let nulls = body(Action::NullMembers).json();
    assert!(nulls.get("error").is_some() && nulls["error"].is_null() && nulls["status"] == "pending");
    assert_eq!(body(Action::UnknownStatus("canceled".to_owned())).json()["status"], "canceled");
    let member = MemberFault { name: "authorizations".to_owned(), value: json!("none") };
    assert_eq!(body(Action::Member(member)).json()["authorizations"], "none");
    assert!(!body(Action::EndlessBody).body.is_empty());
}

#[test]
fn chains_are_spoilt() {
    let mut client = registered(gentle());
    let issued = client.issue(&["a.example"]);
    let mut chain = |fault: ChainFault| {
        client.transport.ca.add_faults([Fault::on(Operation::Certificate, Action::Chain(fault))]);
        client.post(&issued.certificate_url, "").text()
    };
    let spki = issued.key.public_key_raw().to_vec();
    let has_key = |der: &[u8]| der.windows(spki.len()).any(|window| window == spki);
    let has_name = |der: &[u8]| der.windows(9).any(|window| window == b"a.example");
    let other_key = ders(&chain(ChainFault::OtherKey));
    assert!(other_key.len() == 2 && !has_key(&other_key[0]) && has_name(&other_key[0]));
    let wrong_names = ders(&chain(ChainFault::WrongNames));
    assert!(has_key(&wrong_names[0]) && !has_name(&wrong_names[0]));
    let with_key = chain(ChainFault::PrivateKey);
    assert!(with_key.starts_with(&issued.chain) && with_key.contains("BEGIN PRIVATE KEY"));
    assert!(chain(ChainFault::Garbage).starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert!(!chain(ChainFault::NoPem).contains("-----BEGIN"));
    assert_eq!(chain(ChainFault::Empty), "");
    assert_eq!(ders(&chain(ChainFault::LeafOnly)), ders(&issued.chain)[..1]);
    let reversed: Vec<_> = ders(&issued.chain).into_iter().rev().collect();
    assert_eq!(ders(&chain(ChainFault::Reversed)), reversed);
    assert_eq!(client.post(&issued.certificate_url, "").text(), issued.chain);
    assert_eq!(client.transport.ca.counts().certificates, 1);
}

#[test]
fn authorization_turns_invalid() {
    let problem = Problem::new("connection", 400, "nobody there");
    let mut client = registered(gentle());
    let fault = Fault::on(Operation::Challenge, Action::InvalidateAuthorization(problem.clone()));
    client.transport.ca.add_faults([fault.identifier("b.example")]);
    let (url, order) = client.order(&["a.example", "b.example"]);
    let list = urls(&order["authorizations"]);
    for (index, status) in [(0, "valid"), (1, "processing")] {
        let challenge_url =
            challenge(&client.read(&list[index]), "http-01")["url"].as_str().unwrap().to_owned();
        assert_eq!(client.post(&challenge_url, "{}").json()["status"], status);
    }
    assert_eq!(client.read(&list[0])["status"], "valid");
    let failed = client.read(&list[1]);
    assert_eq!(
        (failed["status"].clone(), failed["challenges"][0]["error"]["detail"].clone()),
        (json!("invalid"), json!("nobody there"))
    );
    let order = client.read(&url);
    assert_eq!(order["status"], "invalid");
    assert_eq!(order["error"]["subproblems"][0]["identifier"]["value"], "b.example");

    let mut client = with(Operation::Order, Action::InvalidateAuthorization(problem));
    let (url, _) = client.order(&["a.example"]);
    assert_eq!(client.read(&url)["status"], "invalid");
}

#[test]
fn order_turns_invalid() {
    let sub = Problem::new("caa", 403, "forbidden").about(acme_testca::Identifier::dns("a.example"));
    let problem = Problem::new("compound", 403, "no").with_subproblems(vec![sub]);
    let mut client = with(Operation::Order, Action::InvalidateOrder(problem.clone()));
    let (url, _) = client.order(&["a.example"]);
    let order = client.read(&url);
    assert_eq!(order["status"], "invalid");
    assert_eq!(order["error"]["subproblems"][0]["type"], "urn:ietf:params:acme:error:caa");

    let mut client = with(Operation::Finalize, Action::InvalidateOrder(problem));
    let (url, order) = client.ready(&["a.example"]);
    let answer = client.try_finalize(&order, &csr(&["a.example"]).1);
    assert_eq!((answer.status, answer.json()["status"].clone()), (200, json!("processing")));
    assert!(answer.json().get("certificate").is_none());
    assert_eq!(client.read(&url)["status"], "invalid");
    assert_eq!(client.transport.ca.counts().certificates, 0);
}

#[test]
fn order_expires_and_is_forgotten() {
    let mut client = with(Operation::Order, Action::ExpireOrder);
    let (url, _) = client.order(&["a.example"]);
    let order = client.read(&url);
    assert_eq!(order["status"], "invalid");
    assert!(order["error"]["detail"].as_str().unwrap().contains("expired"));

    let mut client = with(Operation::Order, Action::ForgetOrder);
    let (url, order) = client.order(&["a.example"]);
    assert_eq!(client.post(&url, "").status, 404);
    assert_eq!(client.post(order["finalize"].as_str().unwrap(), "{}").status, 404);
    let orders = client.kid.clone().unwrap() + "/orders";
    assert_eq!(client.read(&orders)["orders"], json!([]));
}

#[test]
fn faults_happen_when_they_are_told_to() {
    let mut client = registered(gentle());
    let kid = client.kid.clone().unwrap();
    let fault = |status: u16| Fault::on(Operation::Account, Action::Status(StatusFault::new(status)));
    client.transport.ca.add_faults([fault(500).nth(2).every(3).times(2), fault(502).nth(10).always()]);
    client.transport.ca.add_faults([Fault::on(Operation::Orders, Action::Drop).always()]);
    let mut statuses =
        |count: usize| -> Vec<u16> { (0..count).map(|_| client.post(&kid, "").status).collect() };
    assert_eq!(statuses(9), [200, 500, 200, 200, 500, 200, 200, 200, 200]);
    assert_eq!(statuses(3), [502, 502, 502]);
    client.transport.ca.clear_faults();
    assert_eq!(client.post(&kid, "").status, 200);
}

#[test]
fn faults_are_for_a_name() {
    let mut client = registered(gentle());
    let problem = ProblemFault::from(Problem::new("rejectedIdentifier", 400, "policy"));
    let fault = Fault::on(Operation::NewOrder, Action::Problem(problem)).identifier("bad.example").always();
    client.transport.ca.add_faults([fault]);
    assert_eq!(client.try_order(&["a.example"]).status, 201);
    assert_eq!(client.try_order(&["a.example", "Bad.example"]).problem(), "rejectedIdentifier");
    assert_eq!(client.try_order(&["b.example"]).status, 201);
    client.transport.ca.clear_faults();
    let fault = Fault::on(Operation::Certificate, Action::Chain(ChainFault::Empty)).identifier("*.b.example");
    client.transport.ca.add_faults([fault]);
    assert_eq!(ders(&client.issue(&["b.example"]).chain).len(), 2);
    assert_eq!(client.issue(&["*.b.example"]).chain, "");
}

#[test]
fn several_faults_meet() {
    let mut client = registered(gentle());
    client.transport.ca.add_faults([
        Fault::on_any(Action::DelayMs(5)).nth(2),
        Fault::on(Operation::NewOrder, Action::MissingNonce),
        Fault::on(Operation::NewOrder, Action::MissingLocation),
    ]);
    let answer = client.try_order(&["a.example"]);
    assert!(answer.header("location").is_none() && answer.header("replay-nonce").is_none());
    assert_eq!(client.transport.last_delay, Some(Duration::from_millis(5)));
    assert_eq!(client.transport.ca.requests().last().unwrap().faults, 3);
}

#[test]
fn every_action_can_be_scripted() {
    let actions = r#"
        "bad_nonce"
        "bad_nonce_without_nonce"
        { status = { status = 502, body = "<html>", retry_after = "1" } }
        { problem = { type = "userActionRequired", status = 403, detail = "d", instance = "https://a.test/", help = ["https://a.test/"], retry_after = "1" } }
        { problem = { type = "compound", subproblems = [{ type = "caa", detail = "d", identifier = { type = "dns", value = "a.example" } }] } }
        { redirect = { status = 301, location = "https://a.test/" } }
        "drop"
        "lose_response"
        { delay_ms = 10 }
        { retry_after = "soon" }
        { retry_after_date = -3 }
        "missing_location"
        "missing_nonce"
        "duplicate_nonce"
        "invalid_nonce"
        { chain = "private_key" }
        "truncated_body"
        "wrong_type"
        "endless_body"
        { content_type = "text/plain" }
        "extra_members"
        "null_members"
        { member = { name = "status", value = 1 } }
        { unknown_status = "canceled" }
        { invalidate_authorization = { type = "dns", detail = "d" } }
        { invalidate_order = { type = "caa", detail = "d" } }
        "expire_order"
        "forget_order"
    "#;
    let lines = actions.lines().map(str::trim).filter(|line| !line.is_empty());
    let script: String =
        lines.clone().map(|line| format!("[[fault]]\non = \"order\"\naction = {line}\n")).collect();
    let faults = Script::from_toml(&script).unwrap().into_faults();
    assert_eq!(faults.len(), lines.count());
}

#[test]
fn mistakes_in_a_script_are_told() {
    for script in [
        "[[fault]]\non = \"order\"",
        "[[fault]]\non = \"orde\"\naction = \"drop\"",
        "[[fault]]\naction = \"dorp\"",
        "[[fault]]\naction = \"drop\"\ntime = 3",
        "[[fault]]\naction = \"drop\"\ntimes = \"sometimes\"",
        "[[faults]]\naction = \"drop\"",
        "[[fault]]\naction.problem = { typ = \"caa\" }",
        "fault",
    ] {
        let error = Script::from_toml(script).unwrap_err();
        assert!(std::error::Error::source(&error).is_some(), "{script}");
    }
    assert!(Script::from_toml("").unwrap().into_faults().is_empty());
}

#[test]
fn lost_finalize_has_issued() {
    let mut client = with(Operation::Finalize, Action::LoseResponse);
    let (url, order) = client.ready(&["a.example"]);
    let payload = json!({"csr": b64(csr(&["a.example"]).1)}).to_string();
    assert!(client.post_once(order["finalize"].as_str().unwrap(), &payload).is_none());
    assert_eq!(client.read(&url)["status"], "valid");
}
