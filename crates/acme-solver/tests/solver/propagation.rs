//! Waiting for all servers of a zone, and for no dead one.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError};
use acme_solver::dns::Delegation;
use acme_solver::{MIN_LOOKS, Propagated, Resolver, Sighting, Standing};
use hickory_proto::op::ResponseCode;

use super::challenge::{TOKEN, account, identifier, of_kind};
use super::name_server::{Content, Servers};
use super::resolver::resolver;

/// Puts records on the servers that are up to date.
struct Zone {
    content: Vec<Arc<Mutex<Content>>>,
    is_good: bool,
}

impl Solver for Zone {
    fn challenge_types(&self, _: &Identifier) -> Vec<ChallengeType> {
        vec![ChallengeType::Dns01]
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        challenges
            .iter()
            .map(|challenge| {
                if !self.is_good {
                    return Err(SolverError::permanent("no such zone"));
                }
                for content in &self.content {
                    content.lock().unwrap().add_text(&challenge.dns_name(), &[&challenge.dns_value()]);
                }
                Ok(())
            })
            .collect()
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        challenges.iter().map(|_| Ok(())).collect()
    }
}

/// A zone on servers of which the first `prompt` ones take what is put there at once.
struct World {
    servers: Arc<Servers>,
    solver: Propagated<Zone>,
    seen: Arc<Mutex<Vec<Sighting>>>,
}

fn world(count: u8, prompt: usize, pause: impl FnMut(&Servers) + Send + 'static) -> World {
    let servers = Arc::new(Servers::start(count + 1));
    servers.serve("example.test", 1);
    let content = servers.each[1..=prompt].iter().map(|server| Arc::clone(&server.content)).collect();
    let seen = Arc::<Mutex<Vec<Sighting>>>::default();
    let (shared, told) = (Arc::downgrade(&servers), Arc::clone(&seen));
    let mut pause = pause;
    let solver = Propagated::new(Zone { content, is_good: true }, resolver(&servers))
        .pause_by(move |_| pause(&shared.upgrade().unwrap()))
        .observe(move |sighting| told.lock().unwrap().push(sighting.clone()));
    World { servers, solver, seen }
}

fn challenge(name: &str) -> Challenge {
    of_kind("dns-01", name, TOKEN)
}

/// A challenge whose record differs from that of [`challenge`].
fn another(name: &str) -> Challenge {
    let mut challenge = serde_json::to_value(challenge(name)).unwrap();
    challenge["digest"] = serde_json::json!(vec![8; 32]);
    serde_json::from_value(challenge).unwrap()
}

fn standings(sighting: &Sighting) -> Vec<Standing> {
    sighting.standings().map(|(_, _, standing)| standing).collect()
}

#[test]
fn all_servers_that_are_alive_have_to_show_the_record() {
    let wanted = challenge("www.example.test");
    let (name, value) = (wanted.dns_name(), wanted.dns_value());
    let mut pauses = 0;
    let mut world = world(3, 1, move |servers| {
        pauses += 1;
        if let 2 | 3 = pauses {
            servers.change(pauses, |content| content.add_text(&name, &[&value]));
        }
    });
    assert!(world.solver.present(&[wanted])[0].is_ok());
    let seen = world.seen.lock().unwrap();
    assert_eq!((seen.len(), seen[0].looks, seen[0].waited), (1, 4, Duration::from_millis(250 + 500 + 1000)));
    assert_eq!(standings(&seen[0]), [Standing::Shows; 3]);
    let lateness = seen[0].standings().map(|(_, address, _)| seen[0].lateness(address));
    let millis = lateness.map(|late| late.map(|time| time.as_millis()));
    assert_eq!(millis.collect::<Vec<_>>(), [None, Some(750), Some(1750)]);
}

#[test]
fn record_that_is_there_is_not_waited_for() {
    let mut world = world(2, 2, |_| panic!("no wait"));
    let apex_and_wildcard = [challenge("example.test"), another("*.example.test")];
    assert!(world.solver.present(&apex_and_wildcard).iter().all(Result::is_ok));
    assert_eq!(world.seen.lock().unwrap()[0].records.len(), 2);
    assert_eq!(world.servers.each[1].content.lock().unwrap().asked, 2);
}

#[test]
fn record_at_a_name_of_the_account_is_waited_for_too() {
    let wanted = account("www.example.test");
    let (name, value) = (wanted.dns_name(), wanted.dns_value());
    let mut world = world(1, 0, move |servers| {
        servers.change(1, |content| content.add_text(&name, &[&value]));
    });
    assert!(world.solver.present(&[wanted])[0].is_ok());
    let seen = world.seen.lock().unwrap();
    assert_eq!((seen[0].looks, standings(&seen[0])), (2, vec![Standing::Shows]));
}

#[test]
fn dead_server_is_passed_over_and_named() {
    let mut world = world(3, 3, |_| {});
    world.servers.change(2, |content| content.is_silent = true);
    assert!(world.solver.present(&[challenge("www.example.test")])[0].is_ok());
    let seen = world.seen.lock().unwrap();
    assert_eq!(seen[0].looks, MIN_LOOKS);
    assert_eq!(standings(&seen[0]), [Standing::Shows, Standing::Dead, Standing::Shows]);
}

#[test]
fn server_that_is_never_told_is_named_in_the_end() {
    let world = world(2, 1, |_| {});
    let mut solver = world.solver.longest_wait(Duration::from_secs(3));
    let outcome = solver.present(&[challenge("www.example.test")]).remove(0).unwrap_err();
    assert!(outcome.is_temporary());
    let text = std::error::Error::source(&outcome).map_or_else(|| outcome.to_string(), ToString::to_string);
    assert_eq!(
        text,
        "not all servers of the zone example.test show the records: ns1.example.test (127.0.0.2) shows them; \
         ns2.example.test (127.0.0.3) knows no such name at _acme-challenge.www.example.test"
    );
    assert_eq!(world.seen.lock().unwrap()[0].waited, Duration::from_secs(3));
}

#[test]
fn all_dead_is_no_success() {
    let world = world(1, 1, |_| {});
    world.servers.change(1, |content| content.is_silent = true);
    let mut solver = world.solver.longest_wait(Duration::from_millis(600));
    assert!(solver.present(&[challenge("www.example.test")])[0].is_err());
}

#[test]
fn each_zone_is_watched_at_its_own_servers() {
    let mut world = world(2, 2, |_| {});
    world.servers.serve("other.test", 2);
    let outcomes = world.solver.present(&[
        challenge("example.test"),
        challenge("other.test"),
        challenge("nowhere.invalid"),
    ]);
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false]);
    assert!(!outcomes[2].as_ref().unwrap_err().is_temporary());
    let zones: Vec<_> =
        world.seen.lock().unwrap().iter().map(|sighting| sighting.zone.name.clone()).collect();
    assert_eq!(zones, ["example.test", "other.test"]);
}

#[test]
fn alias_is_looked_at_where_it_leads() {
    let mut world = world(1, 0, |_| panic!("no wait"));
    let wanted = challenge("alias.test");
    world.servers.change(0, |content| content.add_alias("_acme-challenge.alias.test", "proof.example.test"));
    world.servers.change(1, |content| content.add_text("proof.example.test", &[&wanted.dns_value()]));
    assert!(world.solver.present(&[wanted])[0].is_ok());
    assert_eq!(world.seen.lock().unwrap()[0].records[0].0, "proof.example.test");
}

#[test]
fn what_the_solver_could_not_do_is_not_waited_for() {
    let servers = Servers::start(1);
    let zone = Zone { content: Vec::new(), is_good: false };
    let mut solver = Propagated::new(zone, resolver(&servers)).pause_by(|_| panic!("no wait"));
    assert!(solver.present(&[challenge("example.test")])[0].is_err());
    assert!(solver.withdraw(&[challenge("example.test")])[0].is_ok());
    assert_eq!(solver.challenge_types(&identifier("example.test")), [ChallengeType::Dns01]);
    assert_eq!(servers.each[0].content.lock().unwrap().asked, 0);
}

#[test]
fn what_nobody_can_see_is_for_the_ca_to_judge_where_that_is_wanted() {
    let world = world(1, 1, |_| panic!("no wait"));
    let mut solver = world.solver.go_on_unseen();
    assert!(solver.present(&[challenge("www.nowhere.invalid")])[0].is_ok());
    world.servers.change(0, |content| content.is_silent = true);
    assert!(solver.present(&[challenge("www.example.test")])[0].is_ok());
    world
        .servers
        .change(0, |content| (content.is_silent, content.code) = (false, Some(ResponseCode::ServFail)));
    assert!(solver.present(&[challenge("www.example.test")])[0].as_ref().unwrap_err().is_temporary());
}

#[test]
fn records_are_written_where_cnames_lead() {
    let world = world(1, 1, |_| {});
    let resolver = resolver(&world.servers);
    world.servers.change(0, |content| content.add_alias("_acme-challenge.a.test", "proof.example.test"));
    assert_eq!(resolver.canonical("_acme-challenge.a.test").unwrap(), "proof.example.test");
    assert_eq!(resolver.canonical("_acme-challenge.b.test").unwrap(), "_acme-challenge.b.test");
    world.servers.change(0, |content| content.code = Some(ResponseCode::ServFail));
    assert!(resolver.canonical("_acme-challenge.a.test").unwrap_err().is_temporary());
}

#[test]
fn servers_of_a_zone_are_looked_up_once_for_many_names() {
    let world = world(1, 1, |_| panic!("no wait"));
    let challenges: Vec<_> =
        (0..20).map(|number| challenge(&format!("host-{number}.example.test"))).collect();
    let mut solver = world.solver;
    assert!(solver.present(&challenges).iter().all(Result::is_ok));
    assert_eq!(world.servers.each[0].content.lock().unwrap().asked, 20 + 3, "NS, A and AAAA");
}

#[test]
fn zone_without_a_server_is_not_waited_for() {
    let mut world = world(1, 1, |_| panic!("no wait"));
    world.servers.change(0, |content| content.add_soa("bare.test"));
    let error = world.solver.present(&[challenge("bare.test")]).remove(0).unwrap_err();
    let text = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
    assert!(text.ends_with("none of its servers has an address"), "{text}");
}

#[test]
fn a_wait_ends_when_it_is_to_end() {
    let over = Arc::new(AtomicBool::new(false));
    let (ends, asks) = (Arc::clone(&over), Arc::clone(&over));
    // The second server never shows them; the end is asked for in the first pause.
    let World { solver, servers, seen } = world(2, 1, move |_| {
        assert!(!ends.swap(true, Ordering::SeqCst), "no pause after the end");
    });
    let mut solver = solver.end_when(move || asks.load(Ordering::SeqCst));
    let error = solver.present(&[challenge("example.test")]).remove(0).unwrap_err();
    assert!(error.is_temporary());
    assert_eq!(error.to_string(), "the wait for the servers of the zone was ended");
    assert!(seen.lock().unwrap().is_empty(), "there is nothing to tell");
    // Before the first question, too.
    let error = solver.present(&[another("example.test")]).remove(0).unwrap_err();
    assert_eq!(error.to_string(), "the wait for the servers of the zone was ended");
    drop(servers);
}

#[test]
fn a_server_that_is_silent_is_not_waited_for_at_the_end() {
    let over = Arc::new(AtomicBool::new(false));
    let asks = Arc::clone(&over);
    // It takes the question, and has no answer for it.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let resolver = Resolver::new([silent.local_addr().unwrap()]);
    let solver = Propagated::new(Zone { content: Vec::new(), is_good: true }, resolver);
    let mut solver = solver.end_when(move || asks.load(Ordering::SeqCst));
    let listener = thread::spawn(move || {
        silent.recv_from(&mut [0; 512]).unwrap();
        over.store(true, Ordering::SeqCst);
        silent
    });
    let error = solver.present(&[challenge("example.test")]).remove(0).unwrap_err();
    assert_eq!(error.to_string(), "the wait for the servers of the zone was ended");
    listener.join().unwrap();
}

#[test]
fn resolver_is_asked_where_no_server_can_be() {
    let wanted = challenge("www.example.test");
    let (name, value) = (wanted.dns_name(), wanted.dns_value());
    let mut world =
        world(2, 2, move |servers| servers.change(0, |content| content.add_text(&name, &[&value])));
    for at in [1, 2] {
        world.servers.change(at, |content| content.is_silent = true);
    }
    assert!(world.solver.present(&[wanted])[0].is_ok());
    let seen = world.seen.lock().unwrap();
    assert_eq!(standings(&seen[0]), [Standing::Dead; 2]);
    // It said that it would remember the absence for a minute, and was not asked before.
    assert_eq!((seen[0].looks, seen[0].waited), (2, Duration::from_secs(60)));
    let hearsay = seen[0].hearsay.as_ref().unwrap();
    assert_eq!(hearsay.to_string(), "the resolver shows the records");
    assert_eq!(hearsay.absent_for, None);
}

#[test]
fn resolver_that_remembers_an_absence_for_long_is_not_waited_for() {
    let world = world(1, 1, |_| panic!("no wait"));
    world.servers.change(1, |content| content.is_silent = true);
    let mut solver = world.solver.longest_wait(Duration::from_secs(59));
    let error = solver.present(&[challenge("www.example.test")]).remove(0).unwrap_err();
    let text = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
    assert!(text.ends_with("the resolver lacks records, and may go on so for 60 s"), "{text}");
    assert!(solver.go_on_unseen().present(&[challenge("www.example.test")])[0].is_ok());
}
