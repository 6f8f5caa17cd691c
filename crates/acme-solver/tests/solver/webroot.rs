use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use acme_proto::{Challenge, OfferedChallenge, Solver};
use acme_solver::{Webroot, WebrootError};
use tempfile::TempDir;

use super::challenge::{TOKEN, good, http, identifier, of_kind, token};

struct Site {
    root: TempDir,
    webroot: Webroot,
    challenge: Challenge,
}

impl Site {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let webroot = Webroot::new(root.path()).unwrap();
        Self { root, webroot, challenge: http("example.com", TOKEN) }
    }

    fn present(&mut self) {
        assert_eq!(good(&self.webroot.present(std::slice::from_ref(&self.challenge))), [true]);
    }

    fn withdraw(&mut self) {
        assert_eq!(good(&self.webroot.withdraw(std::slice::from_ref(&self.challenge))), [true]);
    }

    fn directory(&self) -> PathBuf {
        self.root.path().join(".well-known/acme-challenge")
    }

    fn file(&self) -> PathBuf {
        self.directory().join(TOKEN)
    }

    fn content(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().next().is_none()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn a_response_is_a_file_that_everybody_can_read() {
    let mut site = Site::new();
    site.present();
    assert_eq!(site.content(), site.challenge.key_authorization());
    assert_eq!(mode(&site.file()), 0o644);
    assert_eq!(mode(&site.directory()), 0o755);
    assert_eq!(mode(site.directory().parent().unwrap()), 0o755);
    assert_eq!(fs::read_dir(site.directory()).unwrap().count(), 1, "nothing temporary is left");
}

#[test]
fn withdrawing_leaves_the_webroot_as_it_was() {
    let mut site = Site::new();
    for _ in 0..2 {
        site.present();
        site.present();
        site.withdraw();
        assert!(is_empty(site.root.path()));
        site.withdraw();
    }
}

#[test]
fn directories_go_with_their_last_response() {
    let mut site = Site::new();
    let other = http("www.example.com", &token(30));
    site.present();
    assert_eq!(good(&site.webroot.present(std::slice::from_ref(&other))), [true]);
    site.withdraw();
    assert!(site.directory().join(&other.token).exists());
    assert_eq!(good(&site.webroot.withdraw(&[other])), [true]);
    assert!(is_empty(site.root.path()));
}

#[test]
fn directories_of_others_stay() {
    let mut site = Site::new();
    fs::create_dir(site.root.path().join(".well-known")).unwrap();
    site.present();
    site.withdraw();
    assert!(is_empty(&site.root.path().join(".well-known")), "only the inner one was made by us");
}

#[test]
fn directories_stay_while_others_use_them() {
    let mut site = Site::new();
    site.present();
    let foreign = site.directory().join("foreign");
    fs::write(&foreign, "x").unwrap();
    site.withdraw();
    assert!(foreign.exists() && !site.file().exists());
    fs::remove_file(&foreign).unwrap();
    site.withdraw();
    assert!(is_empty(site.root.path()), "and go when nobody does any more");
}

#[test]
fn a_later_process_takes_away_what_an_earlier_one_left() {
    let mut site = Site::new();
    site.present();
    site.webroot = Webroot::new(site.root.path()).unwrap();
    site.withdraw();
    assert!(is_empty(&site.directory()), "the directories are not known to be ours");
}

#[test]
fn a_file_with_other_content_is_not_ours_to_remove() {
    let mut site = Site::new();
    site.present();
    let shorter = site.content()[1..].to_owned();
    for content in ["", "something else", &format!("{}x", site.content()), &shorter] {
        fs::write(site.file(), content).unwrap();
        site.withdraw();
        assert_eq!(site.content(), content);
    }
}

#[test]
fn links_and_directories_are_not_ours_to_remove() {
    let mut site = Site::new();
    fs::create_dir_all(site.directory()).unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), site.challenge.key_authorization()).unwrap();
    symlink(outside.path(), site.file()).unwrap();
    site.withdraw();
    assert!(site.file().is_symlink() && outside.path().exists());

    fs::remove_file(site.file()).unwrap();
    fs::create_dir(site.file()).unwrap();
    site.withdraw();
    assert!(site.file().is_dir());
}

#[test]
fn a_link_in_the_place_of_a_file_is_replaced_and_not_followed() {
    let mut site = Site::new();
    fs::create_dir_all(site.directory()).unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    symlink(outside.path(), site.file()).unwrap();
    symlink(outside.path(), site.directory().join(format!(".{TOKEN}.tmp"))).unwrap();
    site.present();
    assert!(!site.file().is_symlink());
    assert_eq!(site.content(), site.challenge.key_authorization());
    assert_eq!(fs::read_to_string(outside.path()).unwrap(), "");
    site.withdraw();
    assert!(is_empty(&site.directory()));
}

#[test]
fn a_temporary_file_left_by_a_crash_is_in_nobodys_way() {
    let mut site = Site::new();
    fs::create_dir_all(site.directory()).unwrap();
    fs::write(site.directory().join(format!(".{TOKEN}.tmp")), "half").unwrap();
    site.present();
    site.withdraw();
    assert!(is_empty(&site.directory()));
}

#[test]
fn directories_may_be_links() {
    let mut site = Site::new();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::create_dir(site.root.path().join(".well-known")).unwrap();
    symlink(elsewhere.path(), site.directory()).unwrap();
    site.webroot.check().unwrap();
    site.present();
    assert!(elsewhere.path().join(TOKEN).exists());
    site.withdraw();
    assert!(is_empty(elsewhere.path()) && site.directory().is_symlink());
}

#[test]
fn a_failed_response_leaves_no_directories() {
    let mut site = Site::new();
    site.webroot.check().unwrap();
    fs::write(site.root.path().join(".well-known"), "").unwrap();
    let error = site.webroot.present(std::slice::from_ref(&site.challenge)).remove(0).unwrap_err();
    assert!(!error.is_temporary());
    assert!(matches!(error.get_ref().downcast_ref(), Some(WebrootError::NotADirectory { .. })));
    site.withdraw();

    fs::remove_file(site.root.path().join(".well-known")).unwrap();
    fs::create_dir_all(site.file()).unwrap();
    assert!(site.webroot.present(std::slice::from_ref(&site.challenge)).remove(0).is_err());
    assert_eq!(fs::read_dir(site.directory()).unwrap().count(), 1, "nothing temporary is left");
}

#[test]
fn a_webroot_is_checked_before_any_ca_hears_of_it() {
    let root = tempfile::tempdir().unwrap();
    let check = |path: &Path| Webroot::new(path).unwrap_err();
    let missing = root.path().join("missing");
    assert!(matches!(check(&missing), WebrootError::Missing { path } if path == missing));
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(check(&file), WebrootError::NotADirectory { path } if path == file));
    assert!(matches!(check(&file.join("below")), WebrootError::NotADirectory { .. }));
    fs::write(root.path().join(".well-known"), "").unwrap();
    let inner = root.path().join(".well-known");
    assert!(matches!(check(root.path()), WebrootError::NotADirectory { path } if path == inner));
}

#[test]
#[cfg(target_os = "linux")]
fn a_directory_that_takes_no_files_is_said_not_to() {
    let error = Webroot::new("/proc").unwrap_err();
    assert!(matches!(&error, WebrootError::NotWritable { path, .. } if path == Path::new("/proc")));
    assert_eq!(error.to_string(), "'/proc' is not writable");
    assert!(!error.is_temporary());
}

#[test]
fn a_check_leaves_nothing_behind() {
    let site = Site::new();
    assert!(is_empty(site.root.path()));
    let left = site.root.path().join(format!(".acme-check-{}", std::process::id()));
    fs::write(&left, "").unwrap();
    site.webroot.check().unwrap();
    assert!(is_empty(site.root.path()));
}

#[test]
fn a_vanished_webroot_is_an_error_to_present_and_none_to_withdraw() {
    let mut site = Site::new();
    fs::remove_dir(site.root.path()).unwrap();
    let error = site.webroot.present(std::slice::from_ref(&site.challenge)).remove(0).unwrap_err();
    assert!(matches!(error.get_ref().downcast_ref(), Some(WebrootError::Missing { .. })));
    site.withdraw();
}

#[test]
fn tokens_are_checked_before_they_become_paths() {
    let mut site = Site::new();
    let challenges = [
        http("example.com", "../../../../tmp/a-token-that-climbs"),
        http("example.com", "/tmp/an-absolute-token-of-some-length"),
        http("example.com", "a.token.with.dots.of.some.length"),
        http("example.com", "a-token-with-a-null\0-character"),
        http("example.com", &token(OfferedChallenge::MIN_TOKEN - 1)),
        http("example.com", &token(OfferedChallenge::MIN_TOKEN)),
        http("example.com", &token(OfferedChallenge::MAX_TOKEN)),
        http("example.com", &token(OfferedChallenge::MAX_TOKEN + 1)),
        of_kind("dns-01", "example.com", TOKEN),
    ];
    let expected = [false, false, false, false, false, true, true, false, false];
    assert_eq!(good(&site.webroot.present(&challenges)), expected);
    assert_eq!(fs::read_dir(site.directory()).unwrap().count(), 2);
    assert_eq!(good(&site.webroot.withdraw(&challenges)), expected);
    assert!(is_empty(site.root.path()));
}

#[test]
fn wildcards_can_not_be_proved() {
    let site = Site::new();
    assert_eq!(site.webroot.challenge_types(&identifier("example.com")).len(), 1);
    assert_eq!(site.webroot.challenge_types(&identifier("*.example.com")), []);
}

#[test]
fn a_directory_keeps_what_it_has_from_the_one_above() {
    let mut site = Site::new();
    fs::set_permissions(site.root.path(), fs::Permissions::from_mode(0o2755)).unwrap();
    site.present();
    assert_eq!(mode(&site.directory()), 0o2755, "the group of new files is that of the webroot");
}

#[test]
fn what_a_killed_process_was_writing_is_taken_away() {
    let mut site = Site::new();
    site.present();
    let temporary = site.directory().join(format!(".{TOKEN}.tmp"));
    fs::write(&temporary, "half").unwrap();
    site.withdraw();
    assert!(is_empty(site.root.path()));
}

#[test]
fn many_processes_share_one_directory() {
    if let Some(root) = std::env::var_os(SHARED) {
        return share(Path::new(&root));
    }
    let root = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let start = |_| {
        Command::new(&program)
            .args(["--exact", "solver::webroot::many_processes_share_one_directory"])
            .env(SHARED, root.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut children: Vec<Child> = (0..PROCESSES).map(start).collect();
    // Another client, which makes directories as it needs them and takes only its file away.
    let directory = root.path().join(".well-known/acme-challenge");
    let mut rounds = 0;
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        let file = directory.join("foreign");
        let written = fs::create_dir_all(&directory).and_then(|()| fs::write(&file, "foreign"));
        if written.is_ok() {
            rounds += 1;
            assert_eq!(fs::read_to_string(&file).unwrap(), "foreign");
            fs::remove_file(&file).unwrap();
        }
    }
    assert!(rounds > 0);
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    assert!(!directory.exists() || is_empty(&directory), "nothing but directories is left");
}

/// One of many that put responses into a directory and take them away.
fn share(root: &Path) {
    let challenge = http("example.com", &format!("{TOKEN}-{}", std::process::id()));
    let file = root.join(".well-known/acme-challenge").join(&challenge.token);
    let challenges = std::slice::from_ref(&challenge);
    for _ in 0..ROUNDS {
        let mut webroot = Webroot::new(root).unwrap();
        let results = webroot.present(challenges);
        assert!(results[0].is_ok(), "{results:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), challenge.key_authorization());
        assert!(webroot.withdraw(challenges)[0].is_ok());
        assert!(!file.exists());
    }
}

/// The variable that tells a process which directory it shares.
const SHARED: &str = "ACME_SOLVER_TEST_SHARED_WEBROOT";
const PROCESSES: u32 = 6;
const ROUNDS: u32 = 200;
