//! Certificates come with a chain to another root (RFC 8555 section 7.4.2).

use acme_testca::{Action, AlternateChains, Ca, ChainFault, Config, Fault, Operation};

use crate::{
    certificates::verify_by_rustls,
    client::{Answer, InProcess, ders, gentle, registered},
};

fn with(chains: AlternateChains) -> Config {
    let mut config = gentle();
    config.alternate_chains = chains;
    config
}

fn alternates(answer: &Answer) -> Vec<String> {
    let links = answer.all("link").into_iter();
    let urls = links.filter_map(|link| link.strip_suffix(">;rel=\"alternate\"")?.strip_prefix('<'));
    urls.map(str::to_owned).collect()
}

#[test]
fn each_chain_names_the_other_and_ends_in_its_own_root() {
    for (chains, start) in [
        (AlternateChains::Absolute, "https://testca.test/certificate/"),
        (AlternateChains::Relative, "/certificate/"),
    ] {
        let mut client = registered(with(chains));
        let issued = client.issue(&["a.example"]);
        let first = client.post(&issued.certificate_url, "");
        let [url] = alternates(&first).try_into().unwrap();
        assert!(url.starts_with(start), "{url}");
        let absolute = if url.starts_with('/') { client.url(&url) } else { url };
        let second = client.post(&absolute, "");
        assert_eq!(second.header("content-type"), Some("application/pem-certificate-chain"));
        let [back] = alternates(&second).try_into().unwrap();
        assert!(issued.certificate_url.ends_with(&back), "{back}");
        assert_eq!(ders(&second.text())[0], issued.leaf());
        assert_ne!(second.text(), first.text());
        let ca = &client.transport.ca;
        let (root, other) = (ca.root_pem(), ca.other_root_pem().unwrap());
        verify_by_rustls(&root, &first.text(), "a.example").unwrap();
        verify_by_rustls(&other, &second.text(), "a.example").unwrap();
        verify_by_rustls(&root, &second.text(), "a.example").unwrap_err();
        verify_by_rustls(&other, &first.text(), "a.example").unwrap_err();
    }
}

#[test]
fn gentle_ca_has_one_chain() {
    let mut client = registered(gentle());
    let issued = client.issue(&["a.example"]);
    let answer = client.post(&issued.certificate_url, "");
    assert!(alternates(&answer).is_empty());
    assert_eq!(client.post(&format!("{}/1", issued.certificate_url), "").status, 404);
}

#[test]
fn there_is_no_third_chain_and_none_for_others() {
    let mut client = registered(with(AlternateChains::Absolute));
    let issued = client.issue(&["a.example"]);
    for end in ["/0", "/2", "/1/1"] {
        assert_eq!(client.post(&format!("{}{end}", issued.certificate_url), "").status, 404, "{end}");
    }
    let (mut stranger, ..) = client.with_key(crate::client::Key::p256());
    stranger.register();
    assert_eq!(stranger.post(&format!("{}/1", issued.certificate_url), "").status, 403);
}

#[test]
fn both_roots_outlive_the_process() {
    let config = with(AlternateChains::Absolute);
    let mut client = registered(config.clone());
    let issued = client.issue(&["a.example"]);
    let other = client.transport.ca.other_root_pem();
    let saved = client.transport.ca.save();
    client.transport = InProcess::of(Ca::load(&saved, config).unwrap());
    assert_eq!(client.transport.ca.other_root_pem(), other);
    let chain = client.post(&format!("{}/1", issued.certificate_url), "").text();
    verify_by_rustls(&other.unwrap(), &chain, "a.example").unwrap();
}

#[test]
fn alternate_chain_is_spoilt_like_the_first() {
    let mut client = registered(with(AlternateChains::Absolute));
    let issued = client.issue(&["a.example"]);
    let fault = Fault::on(Operation::Certificate, Action::Chain(ChainFault::OtherKey));
    client.transport.ca.add_faults([fault]);
    let other = client.transport.ca.other_root_pem().unwrap();
    let chain = client.post(&format!("{}/1", issued.certificate_url), "").text();
    assert_ne!(ders(&chain)[0], issued.leaf());
    verify_by_rustls(&other, &chain, "a.example").unwrap();
}
