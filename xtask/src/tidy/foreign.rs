//! Crates that must not be built with the default features, however far down.

use super::Problem;
use super::workspace::Workspace;

pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut above: Vec<&str> = Vec::new();
    for (depth, name) in workspace.tree.lines().filter_map(entry) {
        above.truncate(depth);
        above.push(name);
        if UNWANTED.contains(&name) {
            let what = format!("{name} is built, because of {}", above.join(" -> "));
            problems.push(Problem::of(
                "Cargo.lock",
                what,
                "turn off the feature that asks for it; aws-lc-rs is enough",
            ));
        }
    }
    problems
}

/// `2http v1.5.0` is the crate `http` at depth 2.
fn entry(line: &str) -> Option<(usize, &str)> {
    let digits = line.find(|character: char| !character.is_ascii_digit())?;
    let name = line[digits..].split(' ').next()?;
    Some((line[..digits].parse().ok()?, name))
}

const UNWANTED: [&str; 3] = ["openssl", "openssl-sys", "ring"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwanted_crate_is_found_with_the_way_to_it() {
        let tree = "0acme-cli v0.1.0 (x)\n1http v1.0.0\n2bytes v1.0.0\n1rustls v0.23.0\n2ring v0.17.0\n\n0acme-lib v0.1.0\n";
        let found = check(&Workspace { tree: tree.to_owned(), ..Workspace::default() });
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].what, "ring is built, because of acme-cli -> rustls -> ring");
    }

    #[test]
    fn similar_names_are_no_matter() {
        let tree = "0acme-cli v0.1.0\n1ring-buffer v0.1.0\n1openssl-probe v0.1.0\n";
        assert_eq!(check(&Workspace { tree: tree.to_owned(), ..Workspace::default() }), []);
    }
}
