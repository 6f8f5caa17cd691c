//! Every crate lives under the lints of the workspace.

use super::Problem;
use super::workspace::Workspace;

pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    let without = workspace.packages.iter().filter(|package| !inherits_lints(&package.manifest));
    without
        .map(|package| {
            let remedy = "add a section `[lints]` with the line `workspace = true`";
            Problem::of(&package.manifest_path(), "does not inherit the lints", remedy)
        })
        .collect()
}

fn inherits_lints(manifest: &str) -> bool {
    let section = manifest.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1);
    section.take_while(|line| !line.starts_with('[')).any(|line| line.replace(' ', "") == "workspace=true")
}

#[cfg(test)]
mod tests {
    use super::super::workspace::made_up::{package, packages};
    use super::*;

    #[test]
    fn crate_without_the_lints_is_found() {
        let mut bare = package("acme-b", &[]);
        for manifest in
            ["", "[lints]\n", "[package]\nedition.workspace = true\n", "[dependencies]\nworkspace = true\n"]
        {
            bare.manifest = manifest.to_owned();
            let found = check(&packages(vec![package("acme-a", &[]), bare.clone()]));
            assert_eq!(found.len(), 1, "{manifest}");
            assert_eq!(found[0].file, "crates/acme-b/Cargo.toml");
        }
    }
}
