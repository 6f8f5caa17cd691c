//! Names and places of modules, and the first line of a crate.

use syn::ItemMod;
use syn::visit::{self, Visit};

use super::Problem;
use super::source::Source;
use super::workspace::Workspace;

pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    workspace.sources.iter().flat_map(of_source).collect()
}

fn of_source(source: &Source) -> Vec<Problem> {
    let mut modules = Modules { path: &source.path, problems: Vec::new() };
    modules.visit_file(&source.syntax);
    let mut problems = modules.problems;
    if source.path.ends_with("/mod.rs") {
        problems.push(Problem::of(
            &source.path,
            "is a mod.rs",
            "name it after its directory, and put it beside that",
        ));
    }
    if source.is_root() && !source.text.starts_with("//!") {
        let remedy = "start with `//!`: what the crate is, and what it is not";
        problems.push(Problem::at(&source.path, 1, "the crate does not say what it is", remedy));
    }
    problems
}

struct Modules<'a> {
    path: &'a str,
    problems: Vec<Problem>,
}

impl<'ast> Visit<'ast> for Modules<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        let name = module.ident.to_string();
        if EMPTY.contains(&name.as_str()) {
            let what = format!("a module called `{name}` says nothing");
            let remedy = "name it after the thing of the domain that it holds";
            self.problems.push(Problem::at(self.path, module.ident.span().start().line, what, remedy));
        }
        visit::visit_item_mod(self, module);
    }
}

const EMPTY: [&str; 7] = ["common", "helper", "helpers", "misc", "types", "util", "utils"];

#[cfg(test)]
mod tests {
    use super::super::workspace::made_up::sources;
    use super::*;

    #[test]
    fn empty_names_are_found_at_any_depth() {
        let text = "//! x\nmod order;\n#[cfg(test)]\nmod tests { mod util {} }";
        let found = check(&sources(&[("crates/a/src/lib.rs", text)]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 4);
    }

    #[test]
    fn mod_rs_is_found() {
        let workspace = sources(&[("crates/a/src/order/mod.rs", ""), ("crates/a/src/order.rs", "")]);
        assert_eq!(check(&workspace).len(), 1);
    }

    #[test]
    fn crate_that_does_not_say_what_it_is_is_found() {
        let workspace = sources(&[
            ("crates/a/src/lib.rs", "use a::b;"),
            ("crates/b/src/main.rs", "#![no_std]\n//! Late."),
            ("crates/c/src/lib.rs", "//! C."),
            ("crates/c/src/order.rs", "use a::b;"),
        ]);
        assert_eq!(check(&workspace).len(), 2);
    }
}
