//! Publication, the files it makes, and the hooks it calls for.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use acme_proto::SecretText;
use acme_store::{Error, Expected, Hook, Publication};

use super::support::{
    Fixture, at, certificate_pem, chain, checkpoint, entries, mode, name, publication, served_generation,
    set_mode, settings,
};

#[test]
fn a_publication_is_laid_out_for_servers() {
    let fixture = Fixture::published(1);
    let lineage = fixture.lineage();
    assert_eq!(entries(&lineage), ["0001", "current"]);
    assert_eq!(fs::read_link(lineage.join("current")).unwrap().to_str(), Some("0001"));
    assert_eq!(fixture.store.current_directory(&name()), lineage.join("current"));
    assert_eq!(served_generation(&lineage), 1);
    for (path, expected) in [
        ("certs", 0o755),
        ("certs/example.com", 0o755),
        ("certs/example.com/0001", 0o755),
        ("certs/example.com/0001/cert.pem", 0o644),
        ("certs/example.com/0001/chain.pem", 0o644),
        ("certs/example.com/0001/fullchain.pem", 0o644),
        ("certs/example.com/0001/privkey.pem", 0o600),
        ("certs/example.com/0001/combined.pem", 0o600),
    ] {
        assert_eq!(mode(fixture.dir.join(path)), expected, "{path}");
    }
}

#[test]
fn a_publication_is_one_transaction() {
    let fixture = Fixture::published(0);
    fixture.store.save_checkpoint(&name(), &checkpoint(&[])).unwrap();
    let attempt = acme_store::Attempt::new(at(0), "order", acme_store::Outcome::Temporary);
    fixture.store.record_attempt(&name(), &attempt).unwrap();
    let published = fixture.store.publish(&name(), &publication(1), at(3)).unwrap();
    let store = fixture.reopen();
    let record = store.certificate(&name()).unwrap().unwrap();
    assert_eq!(record.current.as_ref(), Some(&published));
    assert_eq!((published.generation, published.published_at, published.serial.as_str()), (1, at(3), "01"));
    assert_eq!((record.failures, record.due), (0, Some(publication(1).due)));
    assert!(store.checkpoint(&name()).unwrap().is_none());
    assert_eq!(store.publication(&name()).unwrap().unwrap(), publication(1));
}

#[test]
fn two_older_generations_are_kept() {
    let fixture = Fixture::published(5);
    assert_eq!(entries(fixture.lineage()), ["0003", "0004", "0005", "current"]);
    assert_eq!(served_generation(&fixture.lineage()), 5);
}

#[test]
fn a_key_that_somebody_else_has_is_not_written() {
    let fixture = Fixture::published(0);
    let publication = Publication { private_key_pem: None, chain_pem: String::new(), ..publication(1) };
    fixture.store.publish(&name(), &publication, at(1)).unwrap();
    let generation = fixture.lineage().join("0001");
    assert_eq!(entries(&generation), ["cert.pem", "chain.pem", "fullchain.pem"]);
    assert_eq!(fs::read_to_string(generation.join("fullchain.pem")).unwrap(), publication.certificate_pem);
    assert!(fixture.reopen().opening().repairs.is_empty());
}

#[test]
fn a_new_generation_takes_the_modes_of_the_one_before() {
    let fixture = Fixture::published(1);
    let lineage = fixture.lineage();
    set_mode(lineage.join("0001"), 0o750);
    set_mode(lineage.join("0001/privkey.pem"), 0o640);
    set_mode(lineage.join("0001/cert.pem"), 0o444);
    fixture.store.publish(&name(), &publication(2), at(2)).unwrap();
    assert_eq!(mode(lineage.join("0002")), 0o750);
    assert_eq!(mode(lineage.join("0002/privkey.pem")), 0o640);
    assert_eq!(mode(lineage.join("0002/combined.pem")), 0o600);
    assert_eq!(mode(lineage.join("0002/cert.pem")), 0o444);
}

#[test]
fn a_new_generation_takes_owner_and_group_of_the_one_before() {
    let fixture = Fixture::published(1);
    let lineage = fixture.lineage();
    let key = lineage.join("0001/privkey.pem");
    // Only root may give files away; anybody else has them stay as they are.
    let given = std::os::unix::fs::chown(&key, Some(SOMEBODY), Some(SOMEBODY)).is_ok();
    set_mode(&key, 0o640);
    fixture.store.publish(&name(), &publication(2), at(2)).unwrap();
    let before = fs::metadata(&key).unwrap();
    let after = fs::metadata(lineage.join("0002/privkey.pem")).unwrap();
    assert_eq!((after.uid(), after.gid(), after.mode()), (before.uid(), before.gid(), before.mode()));
    assert_eq!(given, after.uid() == SOMEBODY);
}

#[test]
fn a_key_group_may_read_the_keys_as_long_as_it_is_set() {
    let fixture = Fixture::published(1);
    let lineage = fixture.lineage();
    let own = fs::metadata(&fixture.dir).unwrap().gid();
    let grouped = |number| Publication { key_gid: Some(own), ..publication(number) };
    fixture.store.publish(&name(), &grouped(2), at(2)).unwrap();
    assert_eq!(mode(lineage.join("0002/privkey.pem")), 0o640);
    assert_eq!(mode(lineage.join("0002/combined.pem")), 0o640);
    assert_eq!(mode(lineage.join("0002/cert.pem")), 0o644);
    assert_eq!(fs::metadata(lineage.join("0002/privkey.pem")).unwrap().gid(), own);
    fixture.store.publish(&name(), &publication(3), at(3)).unwrap();
    assert_eq!(mode(lineage.join("0003/privkey.pem")), 0o600);
}

#[test]
fn a_shorter_file_keeps_nothing_of_a_longer_one() {
    let fixture = Fixture::published(1);
    let long = Publication { chain_pem: certificate_pem(&"x".repeat(10_000)), ..publication(2) };
    fixture.store.publish(&name(), &long, at(2)).unwrap();
    fixture.store.publish(&name(), &publication(3), at(3)).unwrap();
    assert_eq!(served_generation(&fixture.lineage()), 3);
}

#[test]
fn what_is_no_pem_never_replaces_what_works() {
    let fixture = Fixture::published(1);
    let good = publication(2);
    let text = |text: &str| Some(SecretText::new(text.into()));
    let unfit = [
        Publication { certificate_pem: String::new(), ..good.clone() },
        Publication { certificate_pem: good.full_chain_pem(), ..good.clone() },
        Publication { certificate_pem: good.certificate_pem.trim_end().into(), ..good.clone() },
        Publication { chain_pem: "<html>".into(), ..good.clone() },
        Publication { chain_pem: good.chain_pem.clone() + &super::support::key_pem(2), ..good.clone() },
        Publication { private_key_pem: text(""), ..good.clone() },
        Publication { private_key_pem: text(&good.certificate_pem), ..good.clone() },
    ];
    for publication in unfit {
        let error = fixture.store.publish(&name(), &publication, at(2)).unwrap_err();
        assert!(matches!(error, Error::UnfitPublication { .. }), "{error:?}");
        assert!(error.to_string().starts_with("what was to be published as 'example.com' is not"), "{error}");
    }
    assert_eq!(served_generation(&fixture.lineage()), 1);
}

#[test]
fn a_certificate_whose_files_can_not_be_written_is_not_lost() {
    let fixture = Fixture::published(1);
    let elsewhere = tempfile::tempdir().unwrap();
    fs::remove_dir_all(fixture.lineage()).unwrap();
    symlink(elsewhere.path(), fixture.lineage()).unwrap();
    let error = fixture.store.preflight(&name()).unwrap_err();
    assert!(matches!(error, Error::Obstructed { expected: Expected::Directory, .. }), "{error:?}");
    let error = fixture.store.publish(&name(), &publication(2), at(2)).unwrap_err();
    assert!(matches!(error, Error::Projection { generation: 2, .. }), "{error:?}");
    let text = chain(&error);
    assert!(
        text.starts_with("generation 2 of 'example.com' is stored, but its files could not be written: "),
        "{text}"
    );
    assert!(text.ends_with("certs/example.com is in the way: a directory has to be there"), "{text}");
    assert!(entries(elsewhere.path()).is_empty());

    let store = fixture.reopen();
    assert_eq!(store.opening().failures[0].0, name());
    fs::remove_file(fixture.lineage()).unwrap();
    fixture.reopen();
    assert_eq!(served_generation(&fixture.lineage()), 2);
}

#[test]
fn preflight_leaves_nothing_behind() {
    let fixture = Fixture::published(0);
    fixture.store.preflight(&name()).unwrap();
    assert!(entries(fixture.lineage()).is_empty());
}

#[test]
fn the_longest_name_has_files_too() {
    let fixture = Fixture::new();
    let name = acme_store::CertificateName::new("x".repeat(255)).unwrap();
    fixture.store.create_certificate(&name, &settings(), at(0)).unwrap();
    fixture.store.publish(&name, &publication(1), at(0)).unwrap();
    let _lock = fixture.store.lock_certificate(&name).unwrap();
}

#[test]
fn hooks_are_pending_until_they_succeed() {
    let fixture = Fixture::new();
    let mut settings = settings();
    settings.deploy_hook = Some("deploy".into());
    settings.reload = Some("reload".into());
    fixture.store.create_certificate(&name(), &settings, at(0)).unwrap();
    assert!(fixture.store.pending_hooks().unwrap().is_empty());
    fixture.store.publish(&name(), &publication(1), at(1)).unwrap();
    let store = fixture.reopen();
    let pending = store.pending_hooks().unwrap();
    let kinds: Vec<_> = pending.iter().map(|hook| (hook.hook, hook.generation, hook.failures)).collect();
    assert_eq!(kinds, [(Hook::Deploy, 1, 0), (Hook::Reload, 1, 0)]);
    store.hook_failed(&pending[0], "exit status 1").unwrap();
    store.hook_succeeded(&pending[1]).unwrap();
    let left = store.certificate(&name()).unwrap().unwrap().pending_hooks;
    assert_eq!((left.len(), left[0].failures, left[0].last_error.as_deref()), (1, 1, Some("exit status 1")));
    assert_eq!(store.pending_hooks().unwrap(), left);
}

#[test]
fn a_hook_that_ran_for_an_older_generation_stays_pending() {
    let fixture = Fixture::new();
    let mut settings = settings();
    settings.deploy_hook = Some("deploy".into());
    fixture.store.create_certificate(&name(), &settings, at(0)).unwrap();
    fixture.store.publish(&name(), &publication(1), at(1)).unwrap();
    let old = fixture.store.pending_hooks().unwrap().remove(0);
    fixture.store.publish(&name(), &publication(2), at(2)).unwrap();
    fixture.store.hook_succeeded(&old).unwrap();
    fixture.store.hook_failed(&old, "too late").unwrap();
    let pending = fixture.store.pending_hooks().unwrap().remove(0);
    assert_eq!((pending.generation, pending.failures), (2, 0));
    fixture.store.hook_succeeded(&pending).unwrap();
    assert!(fixture.store.pending_hooks().unwrap().is_empty());
}

#[test]
fn debug_hides_the_key() {
    assert!(!format!("{:?}", publication(1)).contains("key1"));
    assert!(!format!("{:?}", Fixture::published(1).store).contains("key1"));
}

const SOMEBODY: u32 = 12_345;
