//! What a CA sends in the body or in a header of one response.

use acme_proto::limits::{
    MAX_IDENTIFIERS, MAX_NONCE, MAX_RENEWAL_INFO_WAIT, MAX_RETRY_AFTER, MIN_RENEWAL_INFO_WAIT,
};
use acme_proto::{
    Account, Authorization, CertificateId, Chain, Challenge, Directory, Error, Identifier, Intent,
    OfferedChallenge, Order, OrdersPage, PersistPolicy, PersistRecord, Problem, RenewalInfo,
};
use http::HeaderValue;

use crate::conversation::{URL, ask, intent, now, reply, session};

pub(crate) fn account(data: &[u8]) {
    if let Ok(account) = ask(Account::read(), &reply(200, b"", &[], data)) {
        for url in account.orders.iter().chain([&account.url]) {
            assert_url(url);
        }
    }
}

pub(crate) fn authorization(data: &[u8]) {
    let Ok(authorization) = ask(Authorization::read(URL), &reply(200, b"", &[], data)) else { return };
    let respondent = session().respondent().expect("an account");
    for offered in &authorization.challenges {
        assert_url(&offered.url);
        let Ok(challenge) = Challenge::respond(&authorization, offered, &respondent) else { continue };
        if let Some(record) = challenge.persist_record() {
            assert_eq!(record.issuer.parse::<Identifier>().expect("a name").to_string(), record.issuer);
            continue;
        }
        assert_token(&challenge.token);
        assert!(challenge.http_path().ends_with(&challenge.token));
    }
    let _ = authorization.refusal().map(|refusal| refusal.to_string());
    assert!(!authorization.identifier.is_wildcard());
}

pub(crate) fn challenge(data: &[u8]) {
    if let Ok(challenge) = ask(OfferedChallenge::answer(URL), &reply(200, b"", &[], data)) {
        assert_url(&challenge.url);
        challenge.safe_token().map(assert_token).unwrap_or_default();
    }
}

/// The value of a TXT record: what was read can be written and read again, and two readers agree.
pub(crate) fn persist_record(data: &[u8]) {
    let Ok(value) = str::from_utf8(data) else { return };
    let Ok(record) = PersistRecord::parse("a.example", value) else { return };
    let written = record.to_string();
    assert_eq!(PersistRecord::parse("a.example", &written).as_ref(), Ok(&record));
    let policy = PersistPolicy::new(vec![record.issuer.clone()], vec![record.account_uri.clone()]);
    let findings = policy.examine(&[value.to_owned(), written], now());
    let is_good = record.until.is_none_or(|until| until >= now());
    assert_eq!(findings.permitted, is_good.then_some(record.until));
    assert_eq!(findings.faults.len(), if is_good { 0 } else { 2 });
}

pub(crate) fn directory(data: &[u8]) {
    let mut session = session();
    let response = reply(200, b"", &[], data);
    let directory =
        crate::conversation::drive(Directory::fetch(), &mut session, None, &mut |_| Ok(response.clone()));
    assert_eq!(directory.is_ok(), session.directory().is_some());
}

/// Several links may be in one header, and several headers in one response.
pub(crate) fn link(data: &[u8]) {
    let mut response = reply(200, b"", &[], br#"{"orders":[]}"#);
    for line in data.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(line) else { continue };
        response.headers_mut().append("link", value);
    }
    let page = ask(OrdersPage::read(URL), &response).expect("a page");
    page.next.as_deref().map(assert_url).unwrap_or_default();
    *response.body_mut() = include_bytes!("chain.pem").to_vec();
    let chain = ask(Chain::download(URL), &response).expect("a chain");
    chain.alternates.iter().for_each(|url| assert_url(url));
    *response.status_mut() = http::StatusCode::FORBIDDEN;
    if let Err(Error::Problem(refusal)) = ask(Account::read(), &response) {
        refusal.help.iter().for_each(|url| assert_url(url));
    }
}

pub(crate) fn location(data: &[u8]) {
    let created = reply(201, data, &[], br#"{"status":"pending"}"#);
    if let Ok(order) = ask(Order::create(&intent()), &created) {
        assert_url(&order.url);
    }
    // A directory may be elsewhere.
    let _ = ask(Directory::fetch(), &created);
}

/// A nonce that comes with a response is used for the next request: nobody asks for another one.
pub(crate) fn nonce(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let mut session = session();
    let mut responses = 0;
    let mut peer = |exchange: &acme_proto::Exchange| {
        responses += 1;
        assert!(str::from_utf8(exchange.request.body()).is_ok_and(|body| body.is_ascii()));
        assert!(exchange.request.body().len() < 4 * MAX_NONCE + 4096);
        let mut response = reply(200, b"", &[], br#"{"newNonce":"/nonce","status":"valid"}"#);
        response.headers_mut().insert("replay-nonce", value.clone());
        Ok(response)
    };
    let first = crate::conversation::drive(Account::read(), &mut session, None, &mut peer);
    let second = crate::conversation::drive(Account::read(), &mut session, None, &mut peer);
    assert_eq!(first.is_ok(), second.is_ok());
    assert!(first.is_err() || responses == 3, "{responses} responses");
}

pub(crate) fn renewal_info(data: &[u8]) {
    let id = CertificateId::new(b"issuer", b"serial");
    let Ok(info) = ask(RenewalInfo::read(&id), &reply(200, b"", &[], data)) else { return };
    let window = info.suggested_window;
    for seed in [0, 1, u64::MAX / 2, u64::MAX] {
        let moment = info.moment(None, seed);
        assert!(window.start <= moment.at && moment.at < window.end);
    }
    assert!((MIN_RENEWAL_INFO_WAIT..=MAX_RENEWAL_INFO_WAIT).contains(&info.retry_after));
}

pub(crate) fn order(data: &[u8]) {
    let Ok(order) = ask(Order::read(URL), &reply(200, b"", &[], data)) else { return };
    assert!(order.authorizations.len() <= MAX_IDENTIFIERS);
    for url in order.authorizations.iter().chain(&order.finalize).chain(&order.certificate) {
        assert_url(url);
    }
    // What the CA calls the names may be asked for again.
    let intent = Intent::new(order.identifiers.clone(), Vec::new(), None);
    let _ = ask(Order::create(&intent), &reply(201, b"/order/1", &[], data));
    for identifier in &order.identifiers {
        let _: (String, Identifier) = (identifier.to_string(), identifier.base());
    }
}

pub(crate) fn orders_page(data: &[u8]) {
    if let Ok(page) = ask(OrdersPage::read(URL), &reply(200, b"", &[], data)) {
        page.orders.iter().for_each(|url| assert_url(url));
    }
}

pub(crate) fn problem(data: &[u8]) {
    for status in [400, 403, 429, 503] {
        let Err(error) = ask(Account::read(), &reply(status, b"", &[], data)) else {
            panic!("{status} is no success");
        };
        let _ = (error.to_string(), error.is_temporary(), error.retry_after());
        if let Error::Problem(refusal) = error {
            assert_eq!(refusal.problem.status, Some(status));
        }
    }
    let Ok(document) = serde_json::from_slice(data) else { return };
    let problem = Problem::from_json(&document);
    let again = serde_json::to_value(&problem).expect("JSON");
    assert_eq!(serde_json::from_value::<Problem>(again).expect("a problem"), problem);
}

pub(crate) fn retry_after(data: &[u8]) {
    let mut response = reply(200, b"", &[], br#"{"status":"processing"}"#);
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    response.headers_mut().insert("retry-after", value);
    let order = ask(Order::read(URL), &response).expect("an order");
    assert!(order.retry_after.is_none_or(|wait| wait <= MAX_RETRY_AFTER));
    assert!(now().checked_add(order.retry_after.unwrap_or_default()).is_ok());
}

fn assert_url(url: &str) {
    let uri: http::Uri = url.parse().expect("a URL");
    assert!(uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty()), "{url}");
}

fn assert_token(token: &str) {
    assert!((OfferedChallenge::MIN_TOKEN..=OfferedChallenge::MAX_TOKEN).contains(&token.len()));
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{token}");
}
