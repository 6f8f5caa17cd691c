//! Headers, characters and links: what RFC 8555 says of every response.

use http::Method;

use crate::client::{challenge, client, gentle, registered, urls};

#[test]
fn every_response_has_the_headers_of_section_6() {
    let mut client = registered(gentle());
    let (url, order) = client.order(&["a.example"]);
    let authorization = urls(&order["authorizations"]).remove(0);
    let challenge_url =
        challenge(&client.read(&authorization), "http-01")["url"].as_str().unwrap().to_owned();
    let kid = client.kid.clone().unwrap();
    let orders = format!("{kid}/orders");
    let mut answers = vec![client.get("/directory"), client.get("/new-nonce"), client.get("/nothing")];
    for url in [&url, &authorization, &challenge_url, &kid, &orders, &client.url("/nothing")] {
        let answer = client.post(url, "");
        assert!(answer.header("replay-nonce").is_some(), "section 6.5: {url}");
        answers.push(answer);
    }
    for (index, answer) in answers.iter().enumerate() {
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "section 6.1");
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert_eq!(exposed, "Link, Replay-Nonce, Location, Retry-After");
        assert_eq!(answer.header("content-language"), Some("en").filter(|_| !answer.body.is_empty()));
        let index_link = "<https://testca.test/directory>;rel=\"index\"";
        assert_eq!(answer.all("link").contains(&index_link), index > 0, "section 7.1");
    }
    let up = format!("<{authorization}>;rel=\"up\"");
    assert!(answers[5].all("link").contains(&up.as_str()), "section 7.1: {:?}", answers[5].headers);
}

#[test]
fn bodies_that_are_no_utf_8_are_refused() {
    let mut client = registered(gentle());
    let url = client.url("/new-order");
    let protected = client.protected(&url);
    let mut body = client.key.jws(&protected, "{}").to_string().into_bytes();
    let position = body.iter().position(|octet| *octet == b':').unwrap();
    body.insert(position + 2, 0xff);
    let headers = [("user-agent", "test/1"), ("content-type", "application/jose+json")];
    let answer = client.send(Method::POST, &url, &headers, body).unwrap();
    assert_eq!((answer.status, answer.problem().as_str()), (400, "malformed"));
    assert!(answer.detail().contains("RFC 8555 section 6.2"), "{}", answer.detail());
}

#[test]
fn directory_names_the_website() {
    let mut config = gentle();
    config.website = Some("https://testca.test/about".to_owned());
    assert_eq!(client(config).get("/directory").json()["meta"]["website"], "https://testca.test/about");
}

#[test]
fn answers_with_unknown_members_are_taken_and_others_refused() {
    let mut client = registered(gentle());
    let (_, order) = client.order(&["a.example", "b.example"]);
    let challenges: Vec<String> = urls(&order["authorizations"])
        .iter()
        .map(|url| challenge(&client.read(url), "http-01")["url"].as_str().unwrap().to_owned())
        .collect();
    for payload in ["[]", "null", "\"\"", "1"] {
        let answer = client.post(&challenges[0], payload);
        assert_eq!((answer.status, answer.problem().as_str()), (400, "malformed"), "{payload}");
    }
    assert_eq!(client.post(&challenges[0], "").json()["status"], "pending", "section 7.5.1: reading");
    let answer = client.post(&challenges[0], r#"{"keyAuthorization":"x","unknown":[1]}"#);
    assert_eq!(answer.json()["status"], "valid");
    assert!(answer.json().get("unknown").is_none());
    assert_eq!(client.post(&challenges[1], "{}").json()["status"], "valid");
    assert_eq!(client.post(&challenges[1], "{}").json()["status"], "valid", "once more does no harm");
}

#[test]
fn names_of_resources_cannot_be_guessed() {
    let mut client = registered(gentle());
    let issued = client.issue(&["a.example"]);
    let order = client.read(&issued.order_url);
    let authorization = urls(&order["authorizations"]).remove(0);
    let token = challenge(&client.read(&authorization), "dns-01")["token"].as_str().unwrap().to_owned();
    assert!(token.len() >= 22, "section 11.3: 128 bits");
    for url in [issued.order_url, issued.certificate_url, authorization] {
        let id = url.rsplit('/').next().unwrap();
        assert!(id.len() >= 16, "{url}");
    }
}
