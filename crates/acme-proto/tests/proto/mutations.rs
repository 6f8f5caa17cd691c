//! Responses of a CA gone mad: whatever comes, a flow ends, within its bounds, and names its error.
//!
//! A seed decides all of a run; it is printed when the run fails.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use acme_proto::Flow as _;
use acme_proto::{Error, Input, Issue, Misuse, Step};
use http::{HeaderValue, Response};
use serde_json::{Value, json};

use super::ca::Outcome;
use super::world::{World, choices, issue};

const SEEDS: u64 = 1500;
const MAX_STEPS: usize = 3000;

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.roll(choices.len())]
    }
}

fn mutate(dice: &mut Dice, mut outcome: Outcome) -> Outcome {
    let Ok(response) = &mut outcome else { return outcome };
    match dice.roll(10) {
        0 => *response.status_mut() = http::StatusCode::from_u16(100 + dice.roll(900) as u16).unwrap(),
        1 => {
            let end = dice.roll(response.body().len() + 1);
            response.body_mut().truncate(end);
        }
        2 => {
            for _ in 0..=dice.roll(4) {
                let length = response.body().len().max(1);
                let at = dice.roll(length);
                let byte = dice.roll(256) as u8;
                if let Some(old) = response.body_mut().get_mut(at) {
                    *old = byte;
                }
            }
        }
        3 => {
            let name = *dice.pick(&["replay-nonce", "retry-after", "location", "link", "content-type"]);
            let value = *dice.pick(HEADERS);
            if dice.roll(2) == 0 {
                response.headers_mut().remove(name);
            }
            response.headers_mut().append(name, HeaderValue::from_bytes(value).unwrap());
        }
        4 | 5 => mutate_json(dice, response),
        6 => *response.body_mut() = dice.pick(BODIES).to_vec(),
        7 => {
            let kind =
                dice.pick(&["badNonce", "orderNotReady", "rateLimited", "malformed", "serverInternal"]);
            *response.status_mut() =
                http::StatusCode::from_u16(*dice.pick(&[400, 403, 404, 429, 500])).unwrap();
            let document =
                json!({"type": format!("urn:ietf:params:acme:error:{kind}"), "subproblems": [[], {}]});
            *response.body_mut() = document.to_string().into_bytes();
        }
        8 => {
            response.headers_mut().insert("retry-after", HeaderValue::from_static("3600"));
        }
        _ => response.headers_mut().clear(),
    }
    outcome
}

/// Sets, removes or swaps members.
fn mutate_json(dice: &mut Dice, response: &mut Response<Vec<u8>>) {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(response.body()) else { return };
    let names: Vec<String> = members.keys().cloned().collect();
    if names.is_empty() {
        return;
    }
    let name = dice.pick(&names).clone();
    match dice.roll(4) {
        0 => {
            members.remove(&name);
        }
        1 => {
            let other = members[dice.pick(&names)].clone();
            members.insert(name, other);
        }
        2 => {
            let status =
                *dice.pick(&["pending", "processing", "ready", "valid", "invalid", "expired", "what"]);
            members.insert("status".into(), json!(status));
        }
        _ => {
            let values = [
                json!(null),
                json!(-1),
                json!(1e308),
                json!(""),
                json!([]),
                json!({}),
                json!([[null]]),
                json!("\u{0}"),
                json!("https://ca.test/order/0"),
                json!("http://plain.test/"),
                json!("//"),
                json!("valid"),
                json!(true),
                json!("x".repeat(5000)),
                json!(["https://ca.test/authz/0", "/authz/1", 7]),
            ];
            members.insert(name, dice.pick(&values).clone());
        }
    }
    *response.body_mut() = Value::Object(members).to_string().into_bytes();
}

const HEADERS: &[&[u8]] = &[
    b"",
    b"0",
    b"1",
    b"61",
    b"99999999999999999999",
    b"-7",
    b"Fri, 31 Dec 9999 23:59:59 GMT",
    b"\xff\xfe",
    b"a b",
    b"https://ca.test/order/0",
    b"/",
    b"//",
    b"://",
    b"<>;rel=alternate",
    b"<x>;rel=\"next\"",
    b"<,>;\"",
    b"stale-nonce",
];

const BODIES: &[&[u8]] = &[
    b"",
    b"null",
    b"[]",
    b"{}",
    b"<html>",
    b"\xff\xfe\x00",
    b"{\"status\":\"valid\"}",
    b"[[[[[[[[[[[[",
    b"-----BEGIN ",
];

/// One issuance whose responses go bad now and then. In the end it may be cancelled, or resumed.
fn run(seed: u64) -> String {
    let mut dice = Dice(seed);
    let mut world = World::warm();
    world.ca.is_mad = true;
    world.ca.validates_after = dice.roll(3) as u32;
    world.ca.issues_after = dice.roll(3) as u32;
    world.ca.has_orders_list = dice.roll(2) == 0;
    let rate = 2 + dice.roll(10);
    let mut flow = issue(&["a.example", "*.a.example", "b.example"]);
    for _ in 0..2 {
        let cancel = (dice.roll(4) == 0).then(|| dice.roll(12));
        let outcome = finish(&mut dice, &mut world, &mut flow, rate, cancel);
        world.note(&format!("end {}", outcome.as_ref().map_or_else(kind, |()| "done")));
        if let Err(error) = &outcome {
            assert!(!matches!(error, Error::Misuse(Misuse::Input)), "{error}");
            assert!(!error.to_string().is_empty());
        }
        let (true, Some(checkpoint)) = (outcome.is_err(), world.saved.clone()) else { break };
        let choices = choices(&checkpoint.intent.identifiers);
        flow = Issue::resume_from(checkpoint, choices).expect("a checkpoint that can be resumed");
    }
    assert!(world.ca.in_place.is_empty());
    world.transcript().to_string()
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Cancelled => "cancelled",
        Error::Misuse(_) => "misuse",
        Error::Problem(_) => "problem",
        Error::Protocol(_) => "protocol",
        Error::Unfinished(_) => "unfinished",
        Error::Sign(_) | Error::Solver { .. } | Error::Store(_) | Error::Transport { .. } | _ => {
            panic!("what is not the CA's doing: {error}")
        }
    }
}

fn finish(
    dice: &mut Dice,
    world: &mut World,
    flow: &mut Issue,
    rate: usize,
    cancel: Option<usize>,
) -> Result<(), Error> {
    let mut input = Input::Start;
    for count in 0..MAX_STEPS {
        if cancel == Some(count) {
            input = Input::Cancel;
        }
        let step = flow.resume(&mut world.session, input, world.now)?;
        if matches!(step, Step::Done(_)) {
            return Ok(());
        }
        input = world.perform(step).map_err(|_| "done").expect("a step");
        if let Input::Responses(outcomes) = input {
            let bad = outcomes
                .into_iter()
                .map(|outcome| if dice.roll(rate) == 0 { mutate(dice, outcome) } else { outcome })
                .collect();
            input = Input::Responses(bad);
        }
    }
    panic!("no end after {MAX_STEPS} steps");
}

#[test]
fn flow_ends_whatever_the_ca_sends() {
    let mut ends = BTreeMap::new();
    for seed in 0..SEEDS {
        let outcome = catch_unwind(AssertUnwindSafe(|| run(seed)));
        let transcript = outcome.unwrap_or_else(|_| panic!("seed {seed}"));
        for end in transcript.lines().filter_map(|line| line.strip_prefix("end ")) {
            *ends.entry(end.to_string()).or_insert(0) += 1;
        }
    }
    // Every way to end is gone, or the test would say nothing.
    for end in ["cancelled", "done", "misuse", "problem", "protocol", "unfinished"] {
        assert!(ends.get(end).is_some_and(|count| *count > 5), "{ends:?}");
    }
}

#[test]
fn same_seed_is_the_same_run() {
    for seed in 0..20 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}
