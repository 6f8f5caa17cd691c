//! What RFC 8555 lets a client do.

use serde_json::json;

use crate::client::{Client, Key, b64, challenge, client, csr, csr_with, gentle, registered, urls};

#[test]
fn directory_and_nonces_are_as_section_7_says() {
    let mut client = client(gentle());
    let directory = client.get("/directory");
    assert_eq!(directory.status, 200);
    assert_eq!(directory.json()["newOrder"], client.url("/new-order"));
    assert_eq!(directory.json()["keyChange"], client.url("/key-change"));
    assert_eq!(directory.json()["newAuthz"], client.url("/new-authz"));
    assert_eq!(directory.json()["renewalInfo"], client.url("/renewal-info"));
    assert_eq!(directory.json().as_object().unwrap().len(), 8);
    assert!(directory.all("link").is_empty());
    let nonce = client.get("/new-nonce");
    assert_eq!((nonce.status, nonce.header("cache-control")), (204, Some("no-store")));
    assert!(nonce.header("replay-nonce").is_some());
    assert_eq!(nonce.all("link"), ["<https://testca.test/directory>;rel=\"index\""]);
    let url = client.url("/new-nonce");
    let head = client.send(http::Method::HEAD, &url, &[("user-agent", "test/1")], Vec::new());
    assert_eq!(head.unwrap().status, 200);
}

#[test]
fn every_kind_of_account_key_gets_a_certificate() {
    for key in [Key::p256(), Key::p384(), Key::p521(), Key::ed25519(), Key::rsa()] {
        let (mut client, ..) = client(gentle()).with_key(key);
        assert_eq!(client.register().status, 201);
        client.issue(&["a.example"]);
    }
}

#[test]
fn account_is_found_updated_and_deactivated() {
    let mut client = client(gentle());
    let url = client.url("/new-account");
    let missing = client.post(&url, r#"{"onlyReturnExisting":true}"#);
    assert_eq!((missing.status, missing.problem().as_str()), (400, "accountDoesNotExist"));
    let made = client.post(&url, r#"{"contact":["mailto:a@b.example"]}"#);
    assert_eq!(made.status, 201);
    let location = made.header("location").unwrap().to_owned();
    assert_eq!(made.json()["contact"], json!(["mailto:a@b.example"]));
    for payload in ["{}", r#"{"onlyReturnExisting":true,"contact":["mailto:x@y.example"]}"#] {
        let found = client.post(&url, payload);
        assert_eq!((found.status, found.header("location")), (200, Some(location.as_str())));
        assert_eq!(found.json()["contact"], json!(["mailto:a@b.example"]));
    }
    client.kid = Some(location.clone());
    let updated = client.post(&location, r#"{"contact":[],"unknown":1,"orders":"x"}"#);
    assert_eq!(updated.json(), json!({"status": "valid", "orders": format!("{location}/orders")}));
    assert_eq!(client.read(&location)["status"], "valid");
    let gone = client.post(&location, r#"{"status":"deactivated"}"#);
    assert_eq!(gone.json()["status"], "deactivated");
    let refused = client.post(&location, "");
    assert_eq!((refused.status, refused.problem().as_str()), (401, "unauthorized"));
    client.kid = None;
    assert_eq!(client.post(&url, "{}").status, 401);
}

#[test]
fn contacts_are_checked() {
    let mut client = client(gentle());
    let url = client.url("/new-account");
    for (contact, problem) in [
        (json!(["tel:+1"]), "unsupportedContact"),
        (json!(["mailto:a@b.example?subject=x"]), "invalidContact"),
        (json!(["mailto:a@b.example,c@d.example"]), "invalidContact"),
        (json!(["mailto:nobody"]), "invalidContact"),
        (json!(["nobody"]), "invalidContact"),
        (json!("mailto:a@b.example"), "malformed"),
        (json!([1]), "malformed"),
    ] {
        let answer = client.post(&url, &json!({"contact": contact}).to_string());
        assert_eq!((answer.status, answer.problem().as_str()), (400, problem), "{contact}");
    }
}

#[test]
fn terms_must_be_agreed_to() {
    let mut config = gentle();
    config.terms_of_service = Some("https://testca.test/terms".to_owned());
    let mut client = client(config);
    assert_eq!(client.get("/directory").json()["meta"]["termsOfService"], "https://testca.test/terms");
    let url = client.url("/new-account");
    let refused = client.post(&url, "{}");
    assert_eq!((refused.status, refused.problem().as_str()), (403, "userActionRequired"));
    assert_eq!(refused.json()["instance"], "https://testca.test/terms");
    assert!(refused.all("link").contains(&"<https://testca.test/terms>;rel=\"terms-of-service\""));
    assert_eq!(client.register().json()["termsOfServiceAgreed"], true);
}

#[test]
fn order_goes_from_pending_to_valid() {
    let mut client = registered(gentle());
    let (url, order) = client.order(&["a.example", "B.Example", "a.example"]);
    assert_eq!(order["status"], "pending");
    assert_eq!(
        order["identifiers"],
        json!([{"type": "dns", "value": "a.example"}, {"type": "dns", "value": "b.example"}])
    );
    assert_eq!(order["expires"], "2026-12-01T08:00:00Z");
    let authorization = client.read(&urls(&order["authorizations"])[0]);
    assert!(authorization.get("wildcard").is_none());
    let kinds: Vec<_> =
        authorization["challenges"].as_array().unwrap().iter().map(|one| one["type"].clone()).collect();
    assert_eq!(kinds, ["http-01", "dns-01", "tls-alpn-01"]);
    let (_, csr) = csr(&["a.example", "b.example"]);
    let early = client.try_finalize(&order, &csr);
    assert_eq!((early.status, early.problem().as_str()), (403, "orderNotReady"));
    client.answer_all(&order, "http-01");
    let authorization = client.read(&urls(&order["authorizations"])[0]);
    assert_eq!(authorization["status"], "valid");
    assert_eq!(authorization["challenges"].as_array().unwrap().len(), 1);
    assert_eq!(authorization["challenges"][0]["validated"], "2026-11-24T08:00:00Z");
    let ready = client.read(&url);
    assert_eq!(ready["status"], "ready");
    let valid = client.try_finalize(&ready, &csr);
    assert_eq!((valid.status, valid.json()["status"].clone()), (200, json!("valid")));
    assert!(valid.header("location").is_none());
    let again = client.try_finalize(&ready, &csr);
    assert_eq!((again.status, again.problem().as_str()), (403, "orderNotReady"));
    let counts = client.transport.ca.counts();
    assert_eq!((counts.orders, counts.orders_finalized, counts.certificates), (1, 1, 1));
    assert_eq!(counts.validations, 2);
}

#[test]
fn wildcard_has_its_own_authorization_and_dns_only() {
    let mut client = registered(gentle());
    let (_, order) = client.order(&["*.example.org", "example.org"]);
    let authorization = client.read(&urls(&order["authorizations"])[0]);
    assert_eq!(authorization["identifier"]["value"], "example.org");
    assert_eq!(authorization["wildcard"], true);
    assert_eq!(authorization["challenges"].as_array().unwrap().len(), 1);
    assert_eq!(urls(&order["authorizations"]).len(), 2);
    client.issue(&["*.example.org", "example.org"]);
}

#[test]
fn bad_names_are_refused_with_subproblems() {
    let mut client = registered(gentle());
    for name in [
        "a..example",
        "-a.example",
        "a_b.example",
        "a.example.",
        "*.*.example",
        "a.*.example",
        "*.com",
        "127.0.0.1",
        "",
        "*",
        "b\u{fc}cher.example",
    ] {
        let answer = client.try_order(&["good.example", name]);
        assert_eq!((answer.status, answer.problem().as_str()), (400, "rejectedIdentifier"), "{name}");
        let problem = answer.json();
        assert!(problem.get("identifier").is_none());
        assert_eq!(problem["subproblems"][0]["identifier"]["value"], name.to_lowercase());
    }
    let url = client.url("/new-order");
    let ip = client.post(&url, r#"{"identifiers":[{"type":"email","value":"127.0.0.1"}]}"#);
    assert_eq!(ip.problem(), "unsupportedIdentifier");
    let both = client
        .post(&url, r#"{"identifiers":[{"type":"email","value":"127.0.0.1"},{"type":"dns","value":"_.a"}]}"#);
    assert_eq!(both.problem(), "compound");
    for payload in ["{}", r#"{"identifiers":[]}"#, r#"{"identifiers":[{"type":"dns"}]}"#, "[]"] {
        assert_eq!(client.post(&url, payload).problem(), "malformed", "{payload}");
    }
}

#[test]
fn an_order_has_at_most_a_hundred_names() {
    let mut client = registered(gentle());
    let names: Vec<String> = (0..101).map(|n| format!("n{n}.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(client.try_order(&names[..100]).status, 201);
    assert_eq!(client.try_order(&names).problem(), "malformed");
}

#[test]
fn csr_is_checked() {
    let mut client = registered(gentle());
    let (_, order) = client.ready(&["a.example", "b.example"]);
    let key = rcgen::KeyPair::generate().unwrap();
    let good = csr_with(&key, &["b.example", "a.example"], Some("a.example"));
    let mut tampered = good.clone();
    *tampered.last_mut().unwrap() ^= 1;
    let ed25519 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    for bad in [
        tampered,
        csr_with(&key, &["a.example"], None),
        csr_with(&key, &["a.example", "b.example", "c.example"], None),
        csr_with(&key, &["a.example", "b.example"], Some("c.example")),
        csr_with(&key, &["a.example", "b.example", "127.0.0.1"], None),
        csr_with(&ed25519, &["a.example", "b.example"], None),
        b"no csr".to_vec(),
    ] {
        let answer = client.try_finalize(&order, &bad);
        assert_eq!((answer.status, answer.problem().as_str()), (400, "badCSR"), "{}", answer.text());
    }
    let padded = json!({"csr": format!("{}=", b64(&good))}).to_string();
    let url = order["finalize"].as_str().unwrap().to_owned();
    assert_eq!(client.post(&url, &padded).problem(), "malformed");
    assert_eq!(client.try_finalize(&order, &good).json()["status"], "valid");
}

#[test]
fn account_key_and_certificate_key_are_different_ones() {
    let mut client = registered(gentle());
    let issued = client.issue(&["a.example"]);
    let certificate_key = || {
        Key::P256(
            aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(
                &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
                issued.key.serialized_der(),
            )
            .unwrap(),
        )
    };
    let (mut other, ..) = client.with_key(certificate_key());
    let url = other.url("/new-account");
    assert_eq!(other.post(&url, "{}").problem(), "badPublicKey");

    let mut client = Client::new(other.transport, Key::p256());
    client.register();
    let account_key = rcgen::KeyPair::generate().unwrap();
    let (mut client, ..) = client.with_key(Key::P256(
        aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(
            &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            account_key.serialized_der(),
        )
        .unwrap(),
    ));
    client.register();
    let (_, order) = client.ready(&["b.example"]);
    let answer = client.try_finalize(&order, &csr_with(&account_key, &["b.example"], None));
    assert_eq!(answer.problem(), "badCSR");
    assert!(answer.detail().contains("section 11.1"));
}

#[test]
fn what_belongs_to_another_account_is_refused() {
    let mut client = registered(gentle());
    let issued = client.issue(&["a.example"]);
    let (_, order) = client.order(&["b.example"]);
    let account = client.kid.clone().unwrap();
    let authorization = urls(&order["authorizations"]).remove(0);
    let challenge_url =
        challenge(&client.read(&authorization), "http-01")["url"].as_str().unwrap().to_owned();
    let (mut stranger, ..) = client.with_key(Key::p256());
    stranger.register();
    for url in [
        issued.order_url,
        issued.certificate_url,
        account.clone(),
        format!("{account}/orders"),
        authorization,
        challenge_url,
    ] {
        let answer = stranger.post(&url, "");
        assert_eq!((answer.status, answer.problem().as_str()), (403, "unauthorized"), "{url}");
    }
    let finalize = order["finalize"].as_str().unwrap();
    assert_eq!(stranger.post(finalize, "{}").status, 403);
    for path in ["/order/none", "/authorization/none", "/challenge/none/0", "/certificate/none", "/nothing"] {
        let url = stranger.url(path);
        assert_eq!(stranger.post(&url, "").status, 404, "{path}");
    }
}

#[test]
fn orders_list_is_paged() {
    let mut client = registered(gentle());
    let made: Vec<String> = (0..4).map(|n| client.order(&[&format!("n{n}.example")]).0).collect();
    let first = client.kid.clone().unwrap() + "/orders";
    let page = client.post(&first, "");
    assert_eq!(page.json()["orders"], json!(made[..3]));
    let next = page
        .all("link")
        .into_iter()
        .find_map(|link| link.strip_suffix(">;rel=\"next\"")?.strip_prefix('<').map(str::to_owned))
        .unwrap();
    let page = client.post(&next, "");
    assert_eq!(page.json()["orders"], json!(made[3..]));
    assert_eq!(page.all("link").len(), 1);
    assert_eq!(client.post(&format!("{first}?cursor=x"), "").problem(), "malformed");
    client.transport.ca.advance(std::time::Duration::from_secs(8 * 24 * 3600));
    assert_eq!(
        client.read(&first)["orders"],
        json!([]),
        "section 7.1.2.1: invalid ones should not be listed"
    );
}

#[test]
fn authorizations_are_deactivated_and_expire() {
    let mut client = registered(gentle());
    let (url, order) = client.order(&["a.example"]);
    let authorization = urls(&order["authorizations"]).remove(0);
    assert_eq!(client.post(&authorization, r#"{"status":"valid"}"#).problem(), "malformed");
    let gone = client.post(&authorization, r#"{"status":"deactivated"}"#);
    assert_eq!(gone.json()["status"], "deactivated");
    let order = client.read(&url);
    assert_eq!(order["status"], "invalid");
    assert_eq!(order["error"]["subproblems"][0]["identifier"]["value"], "a.example");

    let (url, order) = client.order(&["b.example"]);
    client.transport.ca.advance(std::time::Duration::from_secs(8 * 24 * 3600));
    assert_eq!(client.read(&url)["status"], "invalid");
    let authorization = urls(&order["authorizations"]).remove(0);
    assert_eq!(client.read(&authorization)["status"], "expired");
}

#[test]
fn dates_of_an_order_are_those_of_the_certificate() {
    let mut client = registered(gentle());
    let url = client.url("/new-order");
    let wish = |after: &str| {
        json!({"identifiers": [{"type": "dns", "value": "a.example"}], "notBefore": "2026-11-24T00:00:00Z", "notAfter": after}).to_string()
    };
    let answer = client.post(&url, &wish("2026-11-30T12:00:00Z"));
    assert_eq!(answer.status, 201);
    let order = answer.json();
    assert_eq!(order["notAfter"], "2026-11-30T12:00:00Z");
    client.answer_all(&order, "http-01");
    client.try_finalize(&order, &csr(&["a.example"]).1);
    let issued = client.transport.ca.issued().remove(0);
    assert_eq!(issued.not_before.to_string(), "2026-11-24T00:00:00Z");
    assert_eq!(issued.not_after.to_string(), "2026-11-30T12:00:00Z");
    let null = r#"{"identifiers":[{"type":"dns","value":"a.example"}],"notBefore":null,"notAfter":null}"#;
    assert_eq!(client.post(&url, null).status, 201);
    for bad in ["2026-11-20T00:00:00Z", "2027-11-24T00:00:00Z", "tomorrow"] {
        assert_eq!(client.post(&url, &wish(bad)).problem(), "malformed", "{bad}");
    }
}

#[test]
fn revocation_by_account_by_authorizations_and_by_key() {
    let mut client = registered(gentle());
    let first = client.issue(&["a.example"]);
    for reason in [2, 6, 7, 8, 10, 99] {
        assert_eq!(client.revoke(&first.leaf(), Some(reason)).problem(), "badRevocationReason");
    }
    assert_eq!(client.revoke(&first.leaf(), Some(1)).status, 200);
    let again = client.revoke(&first.leaf(), None);
    assert_eq!((again.status, again.problem().as_str()), (400, "alreadyRevoked"));
    assert_eq!(client.revoke(b"nothing", None).status, 404);
    let issued = client.transport.ca.issued().remove(0);
    assert_eq!(issued.revoked.unwrap().1, 1);

    let second = client.issue(&["b.example", "c.example"]);
    let third = client.issue(&["d.example"]);
    let (mut other, ..) = client.with_key(Key::p256());
    other.register();
    assert_eq!(other.revoke(&second.leaf(), None).problem(), "unauthorized");
    other.ready(&["b.example"]);
    assert_eq!(other.revoke(&second.leaf(), None).problem(), "unauthorized");
    other.ready(&["c.example"]);
    assert_eq!(other.revoke(&second.leaf(), None).status, 200);

    let key = aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        third.key.serialized_der(),
    );
    let (mut by_key, ..) = other.with_key(Key::P256(key.unwrap()));
    assert_eq!(by_key.revoke(&first.leaf(), None).problem(), "unauthorized");
    assert_eq!(by_key.revoke(&third.leaf(), None).status, 200);
    assert_eq!(by_key.transport.ca.counts().revoked, 3);
}

#[test]
fn the_ca_revokes_by_itself() {
    let mut client = registered(gentle());
    client.issue(&["a.example"]);
    let ca = &mut client.transport.ca;
    let serial = ca.issued()[0].serial.to_uppercase();
    assert!(ca.revoke(&serial, crate::client::start()));
    assert!(!ca.revoke(&serial, crate::client::start()));
    assert!(!ca.revoke("00", crate::client::start()));
}

#[test]
fn validations_are_asked_for_and_told() {
    let mut config = gentle();
    config.always_valid = false;
    let mut client = registered(config);
    let (url, order) = client.order(&["a.example", "*.b.example"]);
    client.answer_all(&json!({"authorizations": [order["authorizations"][0]]}), "http-01");
    client.answer_all(&json!({"authorizations": [order["authorizations"][1]]}), "dns-01");
    let authorization = client.read(&urls(&order["authorizations"])[0]);
    assert_eq!(challenge(&authorization, "http-01")["status"], "processing");
    let ca = &mut client.transport.ca;
    let first = ca.poll_validation().unwrap();
    let second = ca.poll_validation().unwrap();
    assert!(ca.poll_validation().is_none());
    assert_eq!((first.method.challenge_type(), first.name.as_str()), ("http-01", "a.example"));
    assert_eq!((second.method.challenge_type(), second.name.as_str()), ("dns-01", "b.example"));
    assert_eq!(first.key_authorization, format!("{}.{}", first.token, client.key.thumbprint()));
    ca.validated(first.id, Ok(()), crate::client::start());
    let problem = acme_testca::Problem::new("dns", 400, "no such record");
    ca.validated(second.id, Err(problem), crate::client::start());
    ca.validated(second.id, Ok(()), crate::client::start());
    let order = client.read(&url);
    assert_eq!(order["status"], "invalid");
    assert_eq!(order["error"]["subproblems"][0]["type"], "urn:ietf:params:acme:error:dns");
    let failed = client.read(&urls(&order["authorizations"])[1]);
    assert_eq!(failed["status"], "invalid");
    assert_eq!(failed["challenges"][0]["error"]["detail"], "no such record");
    let url = failed["challenges"][0]["url"].as_str().unwrap().to_owned();
    assert_eq!(client.post(&url, "{}").problem(), "malformed");
}

#[test]
fn requests_are_logged() {
    let mut client = registered(gentle());
    client.order(&["a.example"]);
    let log = client.transport.ca.requests();
    let operations: Vec<_> = log.iter().map(|one| one.operation).collect();
    use acme_testca::Operation::{NewAccount, NewNonce, NewOrder};
    assert_eq!(operations, [NewNonce, NewAccount, NewNonce, NewOrder]);
    assert_eq!(log.iter().map(|one| one.id).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(log[3].account, client.kid);
    assert_eq!((log[3].status, log[3].method.as_str()), (Some(201), "POST"));
    assert_eq!(log[3].at, crate::client::start());
}
