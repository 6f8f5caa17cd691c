//! Which of our crates may open a door to which.

use cargo_metadata::DependencyKind;

use super::Problem;
use super::workspace::{Package, Workspace};

pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    workspace.packages.iter().flat_map(of_package).collect()
}

/// The edges between our crates, counted.
pub(crate) fn summary(workspace: &Workspace) -> String {
    let count: usize = workspace.packages.iter().map(|package| ours(package).count()).sum();
    format!("{count} edges between {} crates", workspace.packages.len())
}

fn of_package(package: &Package) -> Vec<Problem> {
    if FREE.contains(&package.name.as_str()) {
        return Vec::new();
    }
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package.name) else {
        let what = format!("{} has no row in the table of edges", package.name);
        return vec![Problem::of(&package.manifest_path(), what, "add one to xtask/src/tidy/edges.rs")];
    };
    let forbidden = ours(package)
        .filter(|(to, kind)| !allowed.contains(&to.as_str()) && !is_test_edge(package, to, *kind));
    forbidden
        .map(|(to, _)| {
            let what = format!("{} must not depend on {to}", package.name);
            let remedy =
                format!("it may depend on [{}]; move the code, or turn the edge round", allowed.join(", "));
            Problem::of(&package.manifest_path(), what, remedy)
        })
        .collect()
}

fn ours(package: &Package) -> impl Iterator<Item = &(String, DependencyKind)> {
    package.dependencies.iter().filter(|(to, _)| is_ours(to))
}

fn is_ours(name: &str) -> bool {
    FREE.contains(&name) || ALLOWED.iter().any(|(ours, _)| *ours == name)
}

/// Tests of any crate may talk to the test CA. Its own tests share no code with what they test either.
/// Those of the asynchronous library compare it with the blocking one.
fn is_test_edge(package: &Package, to: &str, kind: DependencyKind) -> bool {
    let is_test_ca = to == TEST_CA && package.name != TEST_CA;
    let is_twin = (package.name.as_str(), to) == ("acme-tokio", "acme-lib");
    kind == DependencyKind::Development && (is_test_ca || is_twin)
}

/// Not published, and above everything.
const FREE: [&str; 3] = ["acme-conformance", "acme-fuzz", "xtask"];

const TEST_CA: &str = "acme-testca";

/// A new row or a new entry is a decision about the architecture; ARCHITECTURE.md has the same table.
const ALLOWED: &[(&str, &[&str])] = &[
    ("acme-proto", &[]),
    ("acme-keys", &["acme-proto"]),
    ("acme-http", &["acme-proto"]),
    ("acme-solver", &["acme-proto", "acme-keys", "acme-http"]),
    ("acme-store", &["acme-proto"]),
    ("acme-lib", &["acme-proto", "acme-keys", "acme-http", "acme-solver"]),
    ("acme-tokio", &["acme-proto", "acme-keys", "acme-http", "acme-solver"]),
    (TEST_CA, &[]),
    ("acme-cli", &["acme-proto", "acme-keys", "acme-http", "acme-solver", "acme-store", "acme-lib", TEST_CA]),
];

#[cfg(test)]
mod tests {
    use super::super::workspace::made_up::{package, packages};
    use super::*;

    fn problems(name: &str, dependencies: &[(&str, DependencyKind)]) -> Vec<String> {
        let found = check(&packages(vec![package(name, dependencies)]));
        found.into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn edge_against_the_table_is_found() {
        let found = problems(
            "acme-proto",
            &[("acme-keys", DependencyKind::Normal), ("http", DependencyKind::Normal)],
        );
        assert_eq!(found, ["acme-proto must not depend on acme-keys"]);
        assert_eq!(problems("acme-store", &[("acme-lib", DependencyKind::Build)]).len(), 1);
        assert_eq!(problems("acme-keys", &[("acme-proto", DependencyKind::Normal)]).len(), 0);
    }

    #[test]
    fn only_the_command_and_tests_depend_on_the_test_ca() {
        assert_eq!(problems("acme-lib", &[(TEST_CA, DependencyKind::Normal)]).len(), 1);
        assert_eq!(problems("acme-lib", &[(TEST_CA, DependencyKind::Development)]).len(), 0);
        assert_eq!(problems("acme-cli", &[(TEST_CA, DependencyKind::Normal)]).len(), 0);
    }

    #[test]
    fn only_tests_compare_the_two_libraries() {
        assert_eq!(problems("acme-tokio", &[("acme-lib", DependencyKind::Normal)]).len(), 1);
        assert_eq!(problems("acme-tokio", &[("acme-lib", DependencyKind::Development)]).len(), 0);
        assert_eq!(problems("acme-lib", &[("acme-tokio", DependencyKind::Development)]).len(), 1);
    }

    #[test]
    fn test_ca_shares_nothing_even_in_its_tests() {
        assert_eq!(problems(TEST_CA, &[("acme-proto", DependencyKind::Development)]).len(), 1);
        assert_eq!(problems(TEST_CA, &[("acme-conformance", DependencyKind::Development)]).len(), 1);
    }

    #[test]
    fn crate_without_a_row_is_found() {
        assert_eq!(problems("acme-new", &[]), ["acme-new has no row in the table of edges"]);
        assert_eq!(problems("xtask", &[("acme-store", DependencyKind::Normal)]).len(), 0);
    }

    #[test]
    fn edges_are_counted() {
        let workspace = packages(vec![
            package("acme-keys", &[("acme-proto", DependencyKind::Normal), ("der", DependencyKind::Normal)]),
            package("acme-proto", &[]),
        ]);
        assert_eq!(summary(&workspace), "1 edges between 2 crates");
    }
}
