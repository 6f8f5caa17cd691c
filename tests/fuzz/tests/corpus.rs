//! What the fuzzers start from, and what they once found, without a fuzzer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use acme_fuzz::ALL;

#[test]
fn every_input_is_read() {
    for target in ALL {
        let inputs = inputs(target.name);
        assert!(!inputs.is_empty(), "{} starts from nothing", target.name);
        for path in inputs {
            let data = fs::read(&path).expect("an input");
            assert!(data.len() <= MAX_INPUT, "{} is too large", path.display());
            println!("{}", path.display());
            (target.run)(&data);
            // Cut off anywhere, it is another input.
            (target.run)(&data[..data.len() / 2]);
        }
    }
}

/// A target that nobody runs is none.
#[test]
fn every_target_has_a_program_and_a_corpus() {
    let names: BTreeSet<String> = ALL.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names.len(), ALL.len());
    assert_eq!(entries("corpus"), names);
    let programs = entries("fuzz_targets");
    let stems: BTreeSet<String> =
        programs.iter().map(|file| file.trim_end_matches(".rs").to_owned()).collect();
    assert_eq!(stems, names);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).expect("a manifest");
    for name in &names {
        assert!(
            manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")),
            "{name}"
        );
        let program = fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).expect("a program");
        assert!(program.contains(&format!("acme_fuzz::run(\"{name}\", data)")), "{name}");
    }
}

/// A service that no input names is not fuzzed.
#[test]
fn every_dns_service_has_an_input() {
    let first_word = |path: PathBuf| {
        let data = fs::read(path).expect("an input");
        let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
        String::from_utf8_lossy(line).split(' ').next().unwrap_or_default().to_owned()
    };
    let named: BTreeSet<String> = inputs("dns_service").into_iter().map(first_word).collect();
    for service in acme_solver::dns::services() {
        let mut names = std::iter::once(&service.name).chain(service.aliases);
        assert!(names.any(|name| named.contains(*name)), "{}", service.name);
    }
}

fn inputs(name: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(fuzz().join("corpus").join(name))
        .expect("a corpus")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

fn entries(directory: &str) -> BTreeSet<String> {
    fs::read_dir(fuzz().join(directory))
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect()
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

const MAX_INPUT: usize = 16 * 1024;
