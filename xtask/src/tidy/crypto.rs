//! Who names a crypto library: one crate for us, one for the test CA, and rustls for its own users.

use cargo_metadata::DependencyKind;

use super::Problem;
use super::workspace::Workspace;

pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    let others = workspace.packages.iter().filter(|package| !ALLOWED.contains(&package.name.as_str()));
    others
        .flat_map(|package| {
            let named = package
                .dependencies
                .iter()
                .filter(|(to, kind)| *kind != DependencyKind::Development && CRYPTO.contains(&to.as_str()));
            named.map(|(to, _)| {
                let what = format!("{} names the crypto library {to}", package.name);
                let remedy = format!("only {} do; ask acme-keys for what is needed", ALLOWED.join(" and "));
                Problem::of(&package.manifest_path(), what, remedy)
            })
        })
        .collect()
}

const ALLOWED: [&str; 2] = ["acme-keys", "acme-testca"];

const CRYPTO: [&str; 6] = ["aws-lc-fips-sys", "aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys", "ring"];

#[cfg(test)]
mod tests {
    use super::super::workspace::made_up::{package, packages};
    use super::*;

    #[test]
    fn crypto_library_is_named_by_two_crates_only() {
        let workspace = packages(vec![
            package("acme-keys", &[("aws-lc-rs", DependencyKind::Normal)]),
            package("acme-testca", &[("aws-lc-rs", DependencyKind::Normal)]),
            package("acme-lib", &[("ring", DependencyKind::Development), ("rustls", DependencyKind::Normal)]),
            package("acme-http", &[("ring", DependencyKind::Normal)]),
        ]);
        let found = check(&workspace);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].file, "crates/acme-http/Cargo.toml");
    }
}
