use acme_keys::AccountKey;
use acme_proto::{Algorithm, ChallengeType, Signer as _, Solver, Thumbprint};
use acme_solver::{CheckError, Outcome, SelfCheck, StatelessHttp01};

use super::challenge::{TOKEN, good, http, identifier};
use super::peer::WebServer;
use super::tls_alpn01::tls;

fn thumbprint() -> Thumbprint {
    Thumbprint::new(AccountKey::generate(Algorithm::Es256).unwrap().jwk(), acme_keys::sha256)
}

/// A challenge of the account with a thumbprint.
fn of(thumbprint: &Thumbprint) -> acme_proto::Challenge {
    let mut json = serde_json::to_value(http("example.com", TOKEN)).unwrap();
    json["key_authorization"] = thumbprint.key_authorization(TOKEN).into();
    serde_json::from_value(json).unwrap()
}

#[test]
fn challenges_of_the_account_are_answered_already() {
    let thumbprint = thumbprint();
    let mut solver = StatelessHttp01::new(thumbprint.clone());
    let others = of(&self::thumbprint());
    let challenges = [of(&thumbprint), others, tls("example.com", TOKEN)];
    assert_eq!(good(&solver.present(&challenges)), [true, false, false]);
    assert_eq!(good(&solver.withdraw(&challenges)), [true, true, true], "nothing is in place");
    assert_eq!(solver.challenge_types(&identifier("a.example")), [ChallengeType::Http01]);
    assert_eq!(solver.challenge_types(&identifier("*.a.example")), []);
}

#[test]
fn a_made_up_token_shows_whether_a_server_answers() {
    let thumbprint = thumbprint();
    let right = thumbprint.as_str().to_owned();
    let server = WebServer::start(move |path, host| {
        let token = path.strip_prefix("/.well-known/acme-challenge/").unwrap();
        let body = match host.split(':').next().unwrap() {
            "right.example" => format!("{token}.{right}\n"),
            "old.example" => format!("{token}.an-older-thumbprint"),
            _ => String::new(),
        };
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    });
    let check = SelfCheck::new(server.address.port()).resolve_all(server.address.ip());
    let names = ["right.example", "old.example", "none.example", "*.bad.example"].map(identifier);
    let findings = check.check_thumbprint(&names, TOKEN, &thumbprint);
    let of_names: Vec<_> = findings.iter().map(|finding| finding.identifier.clone()).collect();
    assert_eq!(of_names, names);
    assert!(matches!(findings[0].outcome, Outcome::Same));
    assert!(!findings[0].is_warning() && findings[1..].iter().all(|finding| finding.is_warning()));
    assert!(findings[1].to_string().contains(".an-older-thumbprint'"), "{}", findings[1]);
    assert!(matches!(findings[3].outcome, Outcome::Unreachable { reason: CheckError::Unfit, .. }));
}
