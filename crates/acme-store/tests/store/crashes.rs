//! What a crash, or somebody with an editor, leaves behind, and how the next opening mends it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use acme_store::{Error, Expected, RepairKind, Store};

use super::support::{
    Fixture, at, checkpoint, child, entries, given_directory, mode, name, publication, served_generation,
    set_mode, settings, spawn, tell,
};

/// Opens the store again, and checks that it mended exactly this.
fn mended(fixture: &Fixture, expected: &[(&str, RepairKind)]) {
    let store = fixture.reopen();
    let repairs: Vec<(String, RepairKind)> = store
        .opening()
        .repairs
        .iter()
        .map(|repair| {
            (repair.path.strip_prefix(fixture.lineage()).unwrap().display().to_string(), repair.kind)
        })
        .collect();
    let expected: Vec<(String, RepairKind)> =
        expected.iter().map(|(path, kind)| ((*path).into(), *kind)).collect();
    assert_eq!(repairs, expected);
    assert!(store.opening().failures.is_empty());
    assert!(fixture.reopen().opening().repairs.is_empty(), "the second opening finds all well");
}

/// Makes the files look as they did before the newest generation was projected.
fn unproject(fixture: &Fixture, newest: &str, before: &str) {
    fs::remove_dir_all(fixture.lineage().join(newest)).unwrap();
    fs::remove_file(fixture.lineage().join("current")).unwrap();
    symlink(before, fixture.lineage().join("current")).unwrap();
}

#[test]
fn killed_after_the_transaction() {
    let fixture = Fixture::published(2);
    unproject(&fixture, "0002", "0001");
    mended(&fixture, &[("0002", RepairKind::Completed)]);
    assert_eq!(served_generation(&fixture.lineage()), 2);
}

#[test]
fn killed_after_the_first_transaction_of_all() {
    let fixture = Fixture::published(1);
    fs::remove_dir_all(fixture.dir.join("certs")).unwrap();
    mended(&fixture, &[("0001", RepairKind::Completed)]);
    assert_eq!(served_generation(&fixture.lineage()), 1);
    assert_eq!(mode(fixture.dir.join("certs")), 0o755);
}

#[test]
fn killed_while_the_files_were_written() {
    let fixture = Fixture::published(2);
    unproject(&fixture, "0002", "0001");
    let half = fixture.lineage().join(".0002.new");
    fs::create_dir(&half).unwrap();
    set_mode(&half, 0o700);
    fs::write(half.join("privkey.pem"), "-----BEGIN PRIV").unwrap();
    mended(&fixture, &[("0002", RepairKind::Completed)]);
    assert_eq!(entries(fixture.lineage()), ["0001", "0002", "current"]);
    assert_eq!(served_generation(&fixture.lineage()), 2);
}

#[test]
fn killed_before_the_link_was_swapped() {
    let fixture = Fixture::published(2);
    fs::remove_file(fixture.lineage().join("current")).unwrap();
    symlink("0001", fixture.lineage().join("current")).unwrap();
    symlink("0002", fixture.lineage().join(".current.new")).unwrap();
    mended(&fixture, &[("current", RepairKind::Completed)]);
    assert_eq!(entries(fixture.lineage()), ["0001", "0002", "current"]);
    assert_eq!(served_generation(&fixture.lineage()), 2);
}

#[test]
fn killed_before_old_generations_were_removed() {
    let fixture = Fixture::published(4);
    fs::create_dir(fixture.lineage().join("0001")).unwrap();
    fs::write(fixture.lineage().join("0001/privkey.pem"), "old").unwrap();
    mended(&fixture, &[]);
    assert_eq!(entries(fixture.lineage()), ["0002", "0003", "0004", "current"]);
}

#[test]
fn killed_while_a_directory_was_made() {
    let fixture = Fixture::published(1);
    fs::remove_dir_all(fixture.dir.join("certs")).unwrap();
    fs::create_dir(fixture.dir.join(".directory.new")).unwrap();
    set_mode(fixture.dir.join(".directory.new"), 0o700);
    mended(&fixture, &[("0001", RepairKind::Completed)]);
    assert!(!fixture.dir.join(".directory.new").exists());
    assert_eq!(mode(fixture.dir.join("certs")), 0o755);
}

#[test]
fn killed_while_a_certificate_was_deleted() {
    let fixture = Fixture::published(1);
    fixture.sql(
        "PRAGMA foreign_keys = ON; DELETE FROM certificates; INSERT INTO removals VALUES ('example.com')",
    );
    fs::remove_file(fixture.lineage().join("0001/cert.pem")).unwrap();
    mended(&fixture, &[("", RepairKind::Removed)]);
    assert!(!fixture.lineage().exists());
}

#[test]
fn killed_while_a_certificate_was_deleted_and_made_again() {
    let fixture = Fixture::published(1);
    fixture.sql(
        "PRAGMA foreign_keys = ON; DELETE FROM certificates; INSERT INTO removals VALUES ('example.com')",
    );
    fixture.store.create_certificate(&name(), &settings(), at(0)).unwrap();
    assert!(!fixture.lineage().exists());
    fixture.store.publish(&name(), &publication(1), at(1)).unwrap();
    mended(&fixture, &[]);
}

#[test]
fn a_damaged_file_is_written_again_and_the_others_are_not() {
    let fixture = Fixture::published(1);
    let generation = fixture.lineage().join("0001");
    let untouched = fs::metadata(generation.join("cert.pem")).unwrap().modified().unwrap();
    fs::write(generation.join("fullchain.pem"), "scribble").unwrap();
    fs::remove_file(generation.join("privkey.pem")).unwrap();
    // The same length, so that only a look at the content tells.
    let mut combined = fs::read(generation.join("combined.pem")).unwrap();
    combined[30] ^= 1;
    fs::write(generation.join("combined.pem"), combined).unwrap();
    mended(
        &fixture,
        &[
            ("0001/fullchain.pem", RepairKind::Rewritten),
            ("0001/privkey.pem", RepairKind::Rewritten),
            ("0001/combined.pem", RepairKind::Rewritten),
        ],
    );
    assert_eq!(served_generation(&fixture.lineage()), 1);
    assert_eq!(mode(generation.join("privkey.pem")), 0o600);
    assert_eq!(fs::metadata(generation.join("cert.pem")).unwrap().modified().unwrap(), untouched);
}

#[test]
fn a_lost_link_is_made_again() {
    let fixture = Fixture::published(2);
    fs::remove_file(fixture.lineage().join("current")).unwrap();
    mended(&fixture, &[("current", RepairKind::Completed)]);
    assert_eq!(served_generation(&fixture.lineage()), 2);
}

#[test]
fn links_in_the_place_of_files_are_replaced_and_not_followed() {
    let fixture = Fixture::published(2);
    let elsewhere = tempfile::tempdir().unwrap();
    let victim = elsewhere.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let generation = fixture.lineage().join("0002");
    fs::remove_file(generation.join("privkey.pem")).unwrap();
    symlink(&victim, generation.join("privkey.pem")).unwrap();
    symlink(&victim, generation.join(".privkey.pem.new")).unwrap();
    mended(&fixture, &[("0002/privkey.pem", RepairKind::Rewritten)]);

    fs::rename(&generation, elsewhere.path().join("0002")).unwrap();
    symlink(elsewhere.path().join("0002"), &generation).unwrap();
    symlink(elsewhere.path(), fixture.lineage().join(".0002.new")).unwrap();
    mended(&fixture, &[("0002", RepairKind::Completed)]);
    assert!(fs::symlink_metadata(&generation).unwrap().is_dir());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(entries(elsewhere.path()), ["0002", "victim"]);
    assert_eq!(served_generation(&fixture.lineage()), 2);
}

#[test]
fn a_pipe_in_the_place_of_a_file_keeps_nobody_waiting() {
    let fixture = Fixture::published(1);
    let path = fixture.lineage().join("0001/cert.pem");
    fs::remove_file(&path).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    )
    .unwrap();
    mended(&fixture, &[("0001/cert.pem", RepairKind::Rewritten)]);
}

#[test]
fn directories_in_the_place_of_files_are_named() {
    for (place, wanted) in [("0001/cert.pem", Expected::File), ("current", Expected::Link)] {
        let fixture = Fixture::published(1);
        let path = fixture.lineage().join(place);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let store = fixture.reopen();
        let [(_, error)] = &store.opening().failures[..] else { panic!("{:?}", store.opening()) };
        assert!(
            matches!(error, Error::Obstructed { path: named, expected } if *named == path && *expected == wanted),
            "{error:?}"
        );
    }
}

#[test]
fn one_certificate_that_can_not_be_completed_does_not_keep_the_others() {
    let fixture = Fixture::published(1);
    let other: acme_store::CertificateName = "zzz.example".parse().unwrap();
    fixture.store.create_certificate(&other, &settings(), at(0)).unwrap();
    fixture.store.publish(&other, &publication(1), at(1)).unwrap();
    fs::remove_dir_all(fixture.dir.join("certs")).unwrap();
    fs::create_dir(fixture.dir.join("certs")).unwrap();
    fs::write(fixture.lineage(), "in the way").unwrap();
    let projection = fixture.store.project_all().unwrap();
    assert_eq!(projection.failures.len(), 1);
    assert_eq!(projection.repairs[0].certificate, other);
    assert_eq!(served_generation(&fixture.dir.join("certs/zzz.example")), 1);
}

#[test]
fn a_disk_that_is_full_for_the_files_leaves_the_old_ones_in_use() {
    let fixture = Fixture::published(1);
    let large = acme_store::Publication {
        chain_pem: super::support::certificate_pem(&"x".repeat(4 << 20)),
        ..publication(2)
    };
    fixture.store.publish(&name(), &large, at(2)).unwrap();
    unproject(&fixture, "0002", "0001");
    // Files may have a megabyte or two; the signal that says so is ignored, so that writes fail.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\""]);
    shell.arg(std::env::current_exe().unwrap());
    let output = child(shell, "store::crashes::child_that_opens", &fixture.dir).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let expected = format!("no space left for {}/.0002.new/chain.pem", fixture.lineage().display());
    assert!(output.contains(&expected), "{output}");
    assert_eq!(served_generation(&fixture.lineage()), 1);
    mended(&fixture, &[("0002", RepairKind::Completed)]);
}

#[test]
fn child_that_opens() {
    let Some(dir) = given_directory() else { return };
    tell(&format!("\n{}", Store::open(&dir).unwrap().opening().failures[0].1));
}

#[test]
fn a_deletion_that_can_not_remove_the_files_is_finished_later() {
    let fixture = Fixture::published(1);
    let certificates = fixture.dir.join("certs");
    fs::rename(&certificates, fixture.dir.join("aside")).unwrap();
    symlink("aside", &certificates).unwrap();
    let error = fixture.store.delete_certificate(&name()).unwrap_err();
    assert!(matches!(error, Error::Removal { .. }), "{error:?}");
    assert_eq!(error.to_string(), "'example.com' is deleted, but its files could not be removed");
    assert!(fixture.store.certificate(&name()).unwrap().is_none());
    fs::remove_file(&certificates).unwrap();
    fs::rename(fixture.dir.join("aside"), &certificates).unwrap();
    mended(&fixture, &[("", RepairKind::Removed)]);
    assert!(!fixture.lineage().exists());
}

#[test]
fn a_database_from_an_older_backup_is_the_truth() {
    let fixture = Fixture::published(2);
    fixture.sql("DELETE FROM publications WHERE generation = 2");
    mended(&fixture, &[("current", RepairKind::Completed)]);
    assert_eq!(served_generation(&fixture.lineage()), 1);
    let different = acme_store::Publication {
        private_key_pem: Some(acme_proto::SecretText::new(super::support::key_pem(7))),
        ..publication(7)
    };
    fixture.store.publish(&name(), &different, at(3)).unwrap();
    let key = fs::read_to_string(fixture.lineage().join("current/privkey.pem")).unwrap();
    assert_eq!(key, super::support::key_pem(7));
}

#[test]
fn every_transaction_survives_without_a_close() {
    let fixture = Fixture::published(1);
    fixture.store.save_checkpoint(&name(), &checkpoint(&["one"])).unwrap();
    // What the disk has now, with the log that was not yet copied back.
    let copy = tempfile::tempdir().unwrap();
    for file in
        entries(&fixture.dir).iter().filter(|file| file.starts_with("acme.db") && !file.ends_with("-shm"))
    {
        fs::copy(fixture.dir.join(file), copy.path().join(file)).unwrap();
    }
    let store = Store::open(copy.path()).unwrap();
    assert_eq!(store.checkpoint(&name()).unwrap().unwrap(), checkpoint(&["one"]));
    assert_eq!(store.presented().unwrap().len(), 1);
    assert_eq!(served_generation(&copy.path().join("certs/example.com")), 1);
}

#[test]
fn killed_anywhere_in_a_row_of_publications() {
    let fixture = Fixture::published(0);
    for _ in 0..8 {
        let mut child = spawn("store::crashes::child_that_publishes", &fixture.dir);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let told: u32 =
            lines.filter_map(|line| line.strip_prefix("published ")?.parse().ok()).take(3).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        check_after_kill(&fixture.dir, told);
    }
}

#[test]
fn child_that_publishes() {
    let Some(dir) = given_directory() else { return };
    let store = Store::open(&dir).unwrap();
    let last = store.certificate(&name()).unwrap().unwrap().current.map_or(0, |current| current.generation);
    tell("");
    for number in last + 1.. {
        store.save_checkpoint(&name(), &checkpoint(&["one"])).unwrap();
        store.publish(&name(), &publication(number), at(number.into())).unwrap();
        tell(&format!("published {number}"));
    }
}

/// Whoever was told that a generation is published finds it or a newer one, whole.
fn check_after_kill(dir: &Path, told: u32) {
    let lineage = dir.join("certs/example.com");
    assert!(
        served_generation(&lineage) >= told,
        "servers have a whole generation even before the next start"
    );
    let store = Store::open(dir).unwrap();
    let record = store.certificate(&name()).unwrap().unwrap();
    let stored = record.current.unwrap().generation;
    assert!(stored >= told);
    assert_eq!(served_generation(&lineage), stored);
    assert!(entries(&lineage).iter().all(|entry| !entry.starts_with('.')));
    store.verify().unwrap();
}
