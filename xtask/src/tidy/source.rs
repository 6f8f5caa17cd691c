use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit_mut::{self, VisitMut};
use syn::{Block, File, ItemImpl, ItemMod, ItemTrait};

use super::Problem;

/// A Rust file of a member.
pub(crate) struct Source {
    pub(crate) package: String,
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) syntax: File,
    /// The file's tokens without its `#[cfg(test)]` items.
    pub(crate) product: TokenStream,
    place: Place,
}

impl Source {
    pub(crate) fn parse(package: &str, directory: &str, path: &str, text: &str) -> Result<Self, Problem> {
        let syntax = syn::parse_file(text).map_err(|error| {
            let line = error.span().start().line;
            Problem::at(
                path,
                line,
                format!("does not parse: {error}"),
                "make it Rust, or give it another extension",
            )
        })?;
        let mut product = syntax.clone();
        WithoutTests.visit_file_mut(&mut product);
        Ok(Self {
            package: package.to_owned(),
            path: path.to_owned(),
            text: text.to_owned(),
            syntax,
            product: product.into_token_stream(),
            place: Place::of(directory, path),
        })
    }

    /// Whether users run this code: a published crate's `src`, not its tests, examples or benches.
    pub(crate) fn is_product(&self) -> bool {
        self.place == Place::Product
    }

    /// Whether this is the first file of a library or program.
    pub(crate) fn is_root(&self) -> bool {
        ["/src/lib.rs", "/src/main.rs"].iter().any(|end| self.path.ends_with(end))
    }
}

#[derive(PartialEq, Eq)]
enum Place {
    Product,
    Support,
}

impl Place {
    fn of(directory: &str, path: &str) -> Self {
        let inside = path.strip_prefix(directory).unwrap_or(path);
        match directory.starts_with("crates/") && inside.starts_with("/src/") {
            true => Self::Product,
            false => Self::Support,
        }
    }
}

/// Whether an item is compiled for tests only: `#[cfg(test)]`, or `#[cfg(all(test, …))]`.
pub(crate) fn is_for_tests(item: &impl ToTokens) -> bool {
    let mut tokens = item.to_token_stream().into_iter();
    while let (Some(TokenTree::Punct(mark)), Some(TokenTree::Group(attribute))) =
        (tokens.next(), tokens.next())
    {
        if mark.as_char() != '#' {
            return false;
        }
        let words = attribute.stream().to_string().replace(' ', "");
        let condition = words.strip_prefix("cfg(").and_then(|rest| rest.strip_suffix(')'));
        if condition.is_some_and(|condition| condition == "test" || condition.starts_with("all(test,")) {
            return true;
        }
    }
    false
}

/// Drops what is compiled for tests only.
struct WithoutTests;

impl VisitMut for WithoutTests {
    fn visit_file_mut(&mut self, file: &mut File) {
        file.items.retain(|item| !is_for_tests(item));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !is_for_tests(item));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, item: &mut ItemImpl) {
        item.items.retain(|item| !is_for_tests(item));
        visit_mut::visit_item_impl_mut(self, item);
    }

    fn visit_item_trait_mut(&mut self, item: &mut ItemTrait) {
        item.items.retain(|item| !is_for_tests(item));
        visit_mut::visit_item_trait_mut(self, item);
    }

    fn visit_block_mut(&mut self, block: &mut Block) {
        block.stmts.retain(|statement| !is_for_tests(statement));
        visit_mut::visit_block_mut(self, block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(text: &str) -> String {
        Source::parse("a", "crates/a", "crates/a/src/lib.rs", text).unwrap().product.to_string()
    }

    #[test]
    fn test_items_are_not_product() {
        assert_eq!(product("#[cfg(test)] mod tests { fn a() {} } fn b() {}"), "fn b () { }");
        assert_eq!(product("mod x { #[allow(x)] #[cfg(all(test, unix))] use y::z; }"), "mod x { }");
        assert_eq!(product("impl A { #[cfg(test)] fn a() {} }"), "impl A { }");
        assert_eq!(product("fn a() { #[cfg(test)] b(); }"), "fn a () { }");
    }

    #[test]
    fn other_conditions_are_product() {
        for text in ["#[cfg(any(test, unix))] fn a() {}", "#[cfg(not(test))] fn a() {}", "#[test] fn a() {}"]
        {
            assert!(product(text).ends_with("fn a () { }"), "{text}");
        }
    }

    #[test]
    fn only_src_of_a_published_crate_is_product() {
        let is_product = |directory, path| Source::parse("a", directory, path, "").unwrap().is_product();
        assert!(is_product("crates/a", "crates/a/src/x/y.rs"));
        assert!(!is_product("crates/a", "crates/a/tests/y.rs"));
        assert!(!is_product("crates/a", "crates/a/examples/y.rs"));
        assert!(!is_product("xtask", "xtask/src/main.rs"));
    }

    #[test]
    fn what_does_not_parse_is_a_problem() {
        assert!(
            Source::parse("a", "crates/a", "crates/a/src/lib.rs", "\nfn {")
                .is_err_and(|problem| problem.line == 2)
        );
    }
}
