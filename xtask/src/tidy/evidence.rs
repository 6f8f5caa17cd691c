//! The tables of what is proved: what they name has to be there.

use super::Problem;
use super::workspace::Workspace;

pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    let tables = workspace.texts.iter().filter(|(path, _)| TABLES.contains(&path.as_str()));
    tables.flat_map(|(path, text)| of_table(workspace, path, text)).collect()
}

fn of_table(workspace: &Workspace, path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with('|')) {
        if line.trim_matches('|').split('|').any(|cell| cell.trim().is_empty()) {
            let remedy = "say where it is and what proves it, or why it is left out";
            problems.push(Problem::at(path, at + 1, "an empty cell", remedy));
        }
        for name in line.split('`').skip(1).step_by(2).filter(|name| !is_there(workspace, name)) {
            let what = format!("`{name}` is not there");
            problems.push(Problem::at(path, at + 1, what, "name what took its place"));
        }
    }
    problems
}

/// Whether what a table names exists: `PACKAGE/MODULE::TEST` is a function, `PACKAGE/…/FILE.rs` a file,
/// and anything else a word of the protocol.
fn is_there(workspace: &Workspace, name: &str) -> bool {
    let Some((package, rest)) = name.split_once('/') else { return true };
    if !workspace.packages.iter().any(|member| member.name == package) {
        return true;
    }
    match rest.split_once("::") {
        Some((module, function)) => {
            let (file, head) = (format!("/{module}.rs"), format!("fn {function}"));
            let begins = |rest: &str| rest.starts_with(['(', '<']);
            workspace.sources.iter().any(|source| {
                source.package == package
                    && source.path.ends_with(&file)
                    && source.text.split(&head).skip(1).any(begins)
            })
        }
        None => {
            let file = format!("/{rest}");
            workspace.sources.iter().any(|source| source.package == package && source.path.ends_with(&file))
        }
    }
}

const TABLES: [&str; 2] = ["docs/dns.md", "docs/protocol.md"];

#[cfg(test)]
mod tests {
    use super::super::workspace::made_up::{package, sources};
    use super::*;

    fn lines(table: &str) -> Vec<usize> {
        let source = ("crates/acme-proto/tests/proto/orders.rs", "fn order_is_made() {}");
        let workspace = Workspace {
            packages: vec![package("acme-proto", &[])],
            texts: vec![(TABLES[0].to_owned(), table.to_owned())],
            ..sources(&[source])
        };
        check(&workspace).iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn what_is_there_may_be_named() {
        let table = "| `acme-proto/orders::order_is_made` | `acme-proto/tests/proto/orders.rs` |";
        assert_eq!(lines(table), [0; 0]);
        assert_eq!(lines("| `application/jose+json` | `newOrder` |"), [0; 0]);
        assert_eq!(lines("Text `acme-proto/orders::gone` outside of the table."), [0; 0]);
    }

    #[test]
    fn what_is_gone_is_found() {
        assert_eq!(lines("| a |\n| `acme-proto/orders::order_is` |"), [2]);
        assert_eq!(lines("| `acme-proto/order::order_is_made` |"), [1]);
        assert_eq!(lines("| `acme-proto/src/orders.rs` |"), [1]);
    }

    #[test]
    fn empty_cells_are_found() {
        assert_eq!(lines("| a | b |\n|---|---|\n| a |  |"), [3]);
    }
}
