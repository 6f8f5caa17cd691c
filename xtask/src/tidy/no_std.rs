//! The crates without I/O cannot name `std`, and read no clock.

use super::Problem;
use super::source::Source;
use super::tokens;
use super::workspace::Workspace;

pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    let pure = workspace
        .sources
        .iter()
        .filter(|source| PURE.contains(&source.package.as_str()) && source.is_product());
    pure.flat_map(of_source).collect()
}

fn of_source(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    if source.is_root() && !source.syntax.attrs.iter().any(|attribute| attribute.path().is_ident("no_std")) {
        let remedy = "put `#![no_std]` and `extern crate alloc;` after the crate's documentation";
        problems.push(Problem::at(&source.path, 1, format!("{} can name std", source.package), remedy));
    }
    let remedy = "take what comes from outside as an argument";
    for found in tokens::extern_crates(&source.product).into_iter().filter(|found| found.name == "std") {
        problems.push(Problem::at(&source.path, found.line, "brings std back", remedy));
    }
    for found in tokens::paths(&source.product) {
        if CLOCKS.iter().any(|clock| found.name == *clock || found.name.ends_with(&format!("::{clock}"))) {
            problems.push(Problem::at(
                &source.path,
                found.line,
                format!("reads a clock by {}", found.name),
                remedy,
            ));
        }
    }
    problems
}

const PURE: [&str; 2] = ["acme-proto", "acme-renewal"];

const CLOCKS: [&str; 4] = ["Instant::now", "SystemTime::now", "Timestamp::now", "Zoned::now"];

#[cfg(test)]
mod tests {
    use super::super::workspace::made_up::sources;
    use super::*;

    fn whats(path: &str, text: &str) -> Vec<String> {
        check(&sources(&[(path, text)])).into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn crate_that_can_name_std_is_found() {
        assert_eq!(whats("crates/acme-proto/src/lib.rs", "//! P."), ["acme-proto can name std"]);
        assert_eq!(
            whats("crates/acme-proto/src/lib.rs", "#![cfg_attr(not(x), no_std)]"),
            ["acme-proto can name std"]
        );
        assert_eq!(whats("crates/acme-proto/src/lib.rs", "#![no_std]\nextern crate alloc;"), [""; 0]);
        assert_eq!(whats("crates/acme-http/src/lib.rs", "//! H."), [""; 0]);
    }

    #[test]
    fn std_may_come_back_for_tests_only() {
        let path = "crates/acme-proto/src/order.rs";
        assert_eq!(whats(path, "extern crate std;"), ["brings std back"]);
        assert_eq!(whats(path, "mod a { extern crate std as s; }"), ["brings std back"]);
        assert_eq!(whats(path, "#[cfg(test)]\nextern crate std;"), [""; 0]);
    }

    #[test]
    fn clocks_are_found() {
        let path = "crates/acme-proto/src/order.rs";
        assert_eq!(
            whats(path, "fn a() { jiff::Timestamp::now() }"),
            ["reads a clock by jiff::Timestamp::now"]
        );
        assert_eq!(whats(path, "fn a() { b(Zoned::now) }"), ["reads a clock by Zoned::now"]);
        assert_eq!(whats(path, "fn a(now: Timestamp) { MyTimestamp::now() }"), [""; 0]);
    }
}
