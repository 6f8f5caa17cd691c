//! Flows made of tasks: what goes out together, and what a driver may do wrong.

#![expect(clippy::wildcard_enum_match_arm, reason = "any other step is wrong")]

use std::future;
use std::time::Duration;

use acme_proto::{Delivery, Error, Flow, Input, Misuse, Step, TransportError, TransportErrorKind};
use acme_solver::dns::{Api, DnsErrorKind, DnsFlow, Profile, all};
use http::{Request, Response};
use jiff::Timestamp;

fn profile() -> Profile {
    Profile::new("A service", "a key", |_| None, &[])
}

fn get(path: &str) -> Request<Vec<u8>> {
    Request::get(format!("https://dns.example{path}")).body(Vec::new()).unwrap()
}

fn ok() -> Response<Vec<u8>> {
    Response::new(Vec::new())
}

fn resume<T>(flow: &mut DnsFlow<T>, input: Input) -> Step<Result<T, acme_solver::dns::DnsError>> {
    flow.resume(&mut (), input, Timestamp::UNIX_EPOCH).unwrap()
}

#[test]
fn requests_of_tasks_go_out_together_and_not_too_many() {
    let count = Api::WIDTH + 3;
    let mut flow = DnsFlow::new(profile(), |api: Api| async move {
        let paths: Vec<String> = (0..count).map(|number| format!("/{number}")).collect();
        let replies = all(paths.iter().map(|path| api.send(get(path)))).await;
        Ok(replies.into_iter().map(|reply| reply.unwrap().body).collect::<Vec<_>>())
    });
    let mut input = Input::Start;
    let mut rounds = Vec::new();
    let output = loop {
        match resume(&mut flow, input) {
            Step::Exchange(exchanges) => {
                rounds.push(exchanges.len());
                let answer = |path: &str| Ok(Response::new(path.as_bytes().to_vec()));
                input = Input::Responses(
                    exchanges.iter().map(|exchange| answer(exchange.request.uri().path())).collect(),
                );
            }
            Step::Done(output) => break output.unwrap(),
            other => panic!("unexpected: {other:?}"),
        }
    };
    assert_eq!(rounds, [Api::WIDTH, 3]);
    let expected: Vec<Vec<u8>> = (0..count).map(|number| format!("/{number}").into_bytes()).collect();
    assert_eq!(output, expected);
}

#[test]
fn waits_of_tasks_overlap() {
    let mut flow = DnsFlow::new(profile(), |api: Api| async move {
        all([5, 2, 5].map(|seconds| api.wait(Duration::from_secs(seconds)))).await;
        Ok(())
    });
    let Step::Wait(first) = resume(&mut flow, Input::Start) else { panic!() };
    let Step::Wait(second) = resume(&mut flow, Input::Elapsed) else { panic!() };
    assert_eq!([first, second].map(|time| time.as_secs()), [2, 3]);
    assert!(matches!(resume(&mut flow, Input::Elapsed), Step::Done(Ok(()))));
}

#[test]
fn request_that_was_lost_is_repeated_and_then_given_up() {
    let mut flow = DnsFlow::new(profile(), |api: Api| async move { api.send(get("/")).await });
    let mut step = resume(&mut flow, Input::Start);
    let (mut sent, mut waited) = (0, Vec::new());
    let error = loop {
        step = match step {
            Step::Exchange(_) => {
                sent += 1;
                let lost = TransportError::new(Delivery::Unknown, TransportErrorKind::Io, "reset");
                resume(&mut flow, Input::Responses(vec![Err(lost)]))
            }
            Step::Wait(time) => {
                waited.push(time.as_secs());
                resume(&mut flow, Input::Elapsed)
            }
            Step::Done(result) => break result.unwrap_err(),
            other => panic!("unexpected: {other:?}"),
        };
    };
    assert_eq!((sent, waited), (Api::MAX_TRIES, vec![1, 2, 4]));
    assert!(matches!(error.kind, DnsErrorKind::Transport(_)) && error.is_temporary());
}

#[test]
fn too_long_a_wait_is_handed_back() {
    let mut flow = DnsFlow::new(profile(), |api: Api| async move { api.send(get("/")).await });
    let _ = resume(&mut flow, Input::Start);
    let later = "Thu, 01 Jan 1970 01:00:00 GMT";
    let busy = Response::builder().status(503).header("retry-after", later).body(Vec::new()).unwrap();
    let Step::Done(Err(error)) = resume(&mut flow, Input::Responses(vec![Ok(busy)])) else { panic!() };
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    let error = acme_proto::SolverError::from(error);
    assert!(error.is_temporary());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
}

#[test]
fn driver_that_answers_another_question_is_told() {
    let mut flow = DnsFlow::new(profile(), |api: Api| async move { api.send(get("/")).await });
    let _ = resume(&mut flow, Input::Start);
    for wrong in [Input::Elapsed, Input::Saved(Ok(())), Input::Responses(vec![Ok(ok()), Ok(ok())])] {
        let error = flow.resume(&mut (), wrong, Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(matches!(error, Error::Misuse(Misuse::Input)));
    }
}

#[test]
fn cancelled_flow_ends_and_a_foreign_wait_is_found_out() {
    let mut flow = DnsFlow::new(profile(), |api: Api| async move { api.send(get("/")).await });
    let _ = resume(&mut flow, Input::Start);
    let error = flow.resume(&mut (), Input::Cancel, Timestamp::UNIX_EPOCH).unwrap_err();
    assert!(matches!(error, Error::Cancelled));

    let mut flow = DnsFlow::new(profile(), |_| async {
        future::pending::<()>().await;
        Ok(())
    });
    let error = flow.resume(&mut (), Input::Start, Timestamp::UNIX_EPOCH).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::Input)));
}
