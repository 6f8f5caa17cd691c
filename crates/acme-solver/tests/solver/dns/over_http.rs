//! Providers whose requests are more than a body and a key, over real sockets: what is signed or in a
//! form arrives as it was sent.

use acme_http::Client;
use acme_proto::Solver;
use acme_solver::dns::{DnsSolver, service};
use jiff::Timestamp;

use super::served::Served;
use super::world::{Fake, SECRET};
use super::writers::challenges;
use super::{azure, gcloud, ovh};
use crate::solver::challenge::good;

fn written_and_taken_away<F: Fake + Send + 'static>(
    served: &Served<F>,
    name: &str,
    variables: &[(&str, &str)],
) {
    let find = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, text)| (*text).to_owned())
    };
    let provider = service(name).unwrap().provider(&find).unwrap();
    let client = Client::builder().danger_allow_http().build().unwrap();
    let mut solver = DnsSolver::new(provider, client);
    let challenges = challenges(1);
    let values = || -> Vec<String> {
        let names = challenges.iter().map(acme_proto::Challenge::dns_name);
        names.flat_map(|name| served.fake(|fake| fake.values(&name))).collect()
    };
    assert_eq!(good(&solver.present(&challenges)), [true; 3]);
    for challenge in &challenges {
        assert!(values().contains(&challenge.dns_value()), "{}", challenge.dns_name());
    }
    assert_eq!(good(&solver.withdraw(&challenges)), [true; 3]);
    assert!(values().is_empty());
}

#[test]
fn azure_dns_is_written() {
    let served = Served::start(azure::AzureFake::default());
    let url = served.url();
    let mut variables = azure::variables(SECRET).to_vec();
    variables.extend([("AZURE_AUTHORITY_HOST", url.as_str()), ("AZURE_MANAGEMENT_URL", url.as_str())]);
    written_and_taken_away(&served, "azuredns", &variables);
}

#[test]
fn google_cloud_dns_is_written() {
    let served = Served::start(gcloud::GoogleFake::at(Timestamp::now()));
    let url = served.url();
    let account = gcloud::account(SECRET, &format!("{url}/token"));
    let variables = [("GCE_SERVICE_ACCOUNT", account.as_str()), ("GCE_API_URL", url.as_str())];
    written_and_taken_away(&served, "gcloud", &variables);
}

#[test]
fn ovhcloud_is_written_by_keys_and_by_tokens() {
    let served = Served::start(ovh::OvhFake::default());
    let (endpoint, token_url) = (format!("{}/1.0", served.url()), format!("{}/oauth2/token", served.url()));
    let mut keys = ovh::keys(SECRET).to_vec();
    keys.push(("OVH_ENDPOINT", &endpoint));
    written_and_taken_away(&served, "ovh", &keys);
    let client = [
        ("OVH_CLIENT_ID", "a-client"),
        ("OVH_CLIENT_SECRET", SECRET),
        ("OVH_ENDPOINT", &endpoint),
        ("OVH_TOKEN_URL", &token_url),
    ];
    written_and_taken_away(&served, "ovh", &client);
}
