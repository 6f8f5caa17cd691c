//! What servers say when something is wrong, and what is said of it.

use acme_conformance::primary::{KEY, Program, SECRET};
use acme_keys::{TsigAlgorithm, TsigKey};
use acme_proto::Solver as _;
use acme_solver::dns::{DnsUpdate, TsigFault, UpdateError};
use jiff::{SignedDuration, Timestamp};

use super::{challenge, each_server, solver, start, unsigned};

each_server!(
    fault_of_the_key_is_told,
    fault_of_the_clock_is_told,
    what_is_not_permitted_is_told,
    name_elsewhere_is_told,
    cname_in_the_way_is_told
);

const OTHER_SECRET: &str = "YW5vdGhlci1zZWNyZXQtdGhhbi10aGF0LW9mLXRoZS10ZXN0cw==";

fn error(solver: &mut DnsUpdate, name: &str) -> UpdateError {
    let result = solver.present(&[challenge(name, 1)]).remove(0).unwrap_err();
    result.get_ref().downcast_ref::<UpdateError>().unwrap().clone()
}

fn fault(solver: &mut DnsUpdate) -> TsigFault {
    let error = error(solver, "example.test");
    let UpdateError::Tsig { fault, .. } = error else { panic!("{error}") };
    fault
}

fn fault_of_the_key_is_told(program: Program) {
    let server = start(program);
    let with = |name: &str, algorithm, secret| {
        let key = TsigKey::from_base64(algorithm, secret).unwrap();
        unsigned(server.address()).with_key(name, key).unwrap()
    };
    let secret = fault(&mut with(KEY, TsigAlgorithm::HmacSha256, OTHER_SECRET));
    let name = fault(&mut with("other-key", TsigAlgorithm::HmacSha256, SECRET));
    let algorithm = fault(&mut with(KEY, TsigAlgorithm::HmacSha512, SECRET));
    let (key, other_key) = (KEY.to_owned(), "other-key".to_owned());
    if program == Program::PowerDns {
        // It says of none what is wrong.
        let unsigned = |key| TsigFault::Unsigned { key, code: "NOTAUTH".to_owned() };
        assert_eq!([secret, name, algorithm], [unsigned(key.clone()), unsigned(other_key), unsigned(key)]);
        return;
    }
    assert_eq!(secret, TsigFault::Secret { key: key.clone() });
    assert_eq!(name, TsigFault::Key { key: other_key, algorithm: "hmac-sha256" });
    assert_eq!(algorithm, TsigFault::Key { key, algorithm: "hmac-sha512" });
}

fn fault_of_the_clock_is_told(program: Program) {
    let server = start(program);
    let mut slow = solver(server.address()).with_clock(an_hour_ago);
    let fault = fault(&mut slow);
    if program == Program::PowerDns {
        assert!(fault.to_string().contains("set both clocks"), "{fault}");
        return;
    }
    let TsigFault::Clock { seconds } = fault else { panic!("{fault}") };
    assert!((3590..3660).contains(&seconds), "{seconds}");
}

fn an_hour_ago() -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(1)
}

fn what_is_not_permitted_is_told(program: Program) {
    let server = start(program);
    let refused = error(&mut unsigned(server.address()), "example.test");
    let UpdateError::Refused { code, advice, .. } = &refused else { panic!("{refused}") };
    let expected = if program == Program::Knot { "NOTAUTH" } else { "REFUSED" };
    assert_eq!(code, expected);
    assert!(advice.contains("permit"), "{advice}");
}

fn name_elsewhere_is_told(program: Program) {
    let server = start(program);
    let other = error(&mut solver(server.address()), "example.org");
    assert!(matches!(other, UpdateError::NoZone { .. }), "{other}");
    let delegated = error(&mut solver(server.address()), "www.sub.example.test");
    let UpdateError::Delegated { zone, to, .. } = delegated else { panic!("{delegated}") };
    assert_eq!((zone.as_str(), to), ("sub.example.test", vec!["ns.sub.example.test".to_owned()]));
    let mut given = solver(server.address()).with_zones(["example.org"]).unwrap();
    let unknown = given.present(&[challenge("example.org", 1)]).remove(0).unwrap_err();
    assert!(unknown.get_ref().to_string().contains("NOTAUTH"), "{unknown}");
}

fn cname_in_the_way_is_told(program: Program) {
    let server = start(program);
    let alias = error(&mut solver(server.address()), "alias.example.test");
    let UpdateError::Alias { names, .. } = alias else { panic!("{alias}") };
    assert_eq!(names, ["_acme-challenge.alias.example.test"]);
}
