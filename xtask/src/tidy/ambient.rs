//! Who touches files, and who reads the environment.

use super::Problem;
use super::source::Source;
use super::tokens::{self, Found};
use super::workspace::Workspace;

pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    workspace.sources.iter().filter(|source| source.is_product()).flat_map(of_source).collect()
}

fn of_source(source: &Source) -> Vec<Problem> {
    let found = tokens::paths(&source.product);
    let rules =
        RULES.iter().filter(|rule| !rule.allowed.iter().any(|prefix| source.path.starts_with(prefix)));
    rules.flat_map(|rule| rule.broken_by(&source.path, &found)).collect()
}

/// Names that only files with these beginnings may use.
struct Rule {
    names: &'static [&'static str],
    allowed: &'static [&'static str],
    what: &'static str,
    remedy: &'static str,
}

impl Rule {
    fn broken_by(&self, path: &str, found: &[Found]) -> Vec<Problem> {
        let breaks = |found: &&Found| self.names.iter().any(|name| is_within(&found.name, name));
        let broken = found.iter().filter(breaks);
        broken
            .map(|found| {
                Problem::at(path, found.line, format!("{} by {}", self.what, found.name), self.remedy)
            })
            .collect()
    }
}

fn is_within(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

const RULES: [Rule; 2] = [
    Rule {
        names: &["rustix::fs", "std::fs", "tokio::fs"],
        allowed: &[
            "crates/acme-cli/src/",
            "crates/acme-keys/src/key_file",
            "crates/acme-lib/src/persist",
            "crates/acme-solver/src/",
            "crates/acme-store/src/",
        ],
        what: "touches files",
        remedy: "take the content as an argument; only store, solver, cli, acme-lib's persist and acme-keys' key_file touch files",
    },
    Rule {
        names: &["std::env"],
        allowed: &["crates/acme-cli/src/"],
        what: "reads the environment",
        remedy: "make it a setting; only the command reads arguments and environment",
    },
];

#[cfg(test)]
mod tests {
    use super::super::workspace::made_up::sources;
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&sources(&[(path, text)])).len()
    }

    #[test]
    fn files_are_touched_by_few() {
        let text = "use std::{fs::File, io};";
        for path in [
            "acme-proto/src/a.rs",
            "acme-lib/src/account.rs",
            "acme-testca/src/lib.rs",
            "acme-http/src/lib.rs",
        ] {
            assert_eq!(count(&format!("crates/{path}"), text), 1, "{path}");
        }
        for path in [
            "acme-store/src/a.rs",
            "acme-lib/src/persist/file.rs",
            "acme-cli/src/main.rs",
            "acme-http/tests/a.rs",
        ] {
            assert_eq!(count(&format!("crates/{path}"), text), 0, "{path}");
        }
    }

    #[test]
    fn environment_is_read_by_the_command() {
        assert_eq!(count("crates/acme-store/src/a.rs", "fn a() { std::env::var(\"A\"); }"), 1);
        assert_eq!(count("crates/acme-cli/src/a.rs", "fn a() { std::env::var(\"A\"); }"), 0);
        assert_eq!(count("crates/acme-store/src/a.rs", "fn a() { env!(\"A\"); std::environment::b() }"), 0);
    }

    #[test]
    fn tests_may() {
        assert_eq!(count("crates/acme-http/src/a.rs", "#[cfg(test)]\nmod tests { use std::fs; }"), 0);
    }
}
