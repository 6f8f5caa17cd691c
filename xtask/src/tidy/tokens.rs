//! Finds names in tokens, so that strings and comments do not count and the bodies of macros do.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A name and the line it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) line: usize,
}

/// Every path, the groups of `use` declarations taken apart: `use std::{fs, io::Read}` gives `std::fs` and
/// `std::io::Read`.
pub(crate) fn paths(tokens: &TokenStream) -> Vec<Found> {
    let mut found = Vec::new();
    let mut pending = vec![(String::new(), tokens.clone())];
    while let Some((prefix, stream)) = pending.pop() {
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while at < trees.len() {
            match &trees[at] {
                TokenTree::Group(group) => {
                    pending.push((String::new(), group.stream()));
                    at += 1;
                }
                TokenTree::Ident(_) => at = path(&trees, at, &prefix, &mut found, &mut pending),
                TokenTree::Punct(_) | TokenTree::Literal(_) => at += 1,
            }
        }
    }
    found.sort_by_key(|found| found.line);
    found
}

/// Reads the path that starts at `start`; the answer is where the next one may start.
fn path(
    trees: &[TokenTree],
    start: usize,
    prefix: &str,
    found: &mut Vec<Found>,
    pending: &mut Vec<(String, TokenStream)>,
) -> usize {
    let mut name = format!("{prefix}{}", trees[start]);
    let line = trees[start].span().start().line;
    let mut at = start + 1;
    while !KEYWORDS.contains(&name.as_str()) && is_double_colon(trees, at) {
        match trees.get(at + 2) {
            Some(TokenTree::Ident(segment)) => name = format!("{name}::{segment}"),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                pending.push((format!("{name}::"), group.stream()));
                return at + 3;
            }
            Some(TokenTree::Punct(star)) if star.as_char() == '*' => name.push_str("::*"),
            _ => break,
        }
        at += 3;
    }
    found.push(Found { name, line });
    at
}

/// The macros that are called, by their last name.
pub(crate) fn macros(tokens: &TokenStream) -> Vec<Found> {
    let called = |trees: &[TokenTree], at: usize| match (&trees[at], trees.get(at + 1), trees.get(at + 2)) {
        (TokenTree::Ident(name), Some(TokenTree::Punct(mark)), Some(TokenTree::Group(_)))
            if mark.as_char() == '!' =>
        {
            Some(name.to_string())
        }
        _ => None,
    };
    scan(tokens, called)
}

/// The attributes, each as its tokens without spaces: `cfg_attr(unix,ignore)`.
pub(crate) fn attributes(tokens: &TokenStream) -> Vec<Found> {
    let attribute = |trees: &[TokenTree], at: usize| match (&trees[at], trees.get(at + 1)) {
        (TokenTree::Punct(mark), Some(TokenTree::Group(group)))
            if mark.as_char() == '#' && group.delimiter() == Delimiter::Bracket =>
        {
            Some(group.stream().to_string().replace(' ', ""))
        }
        _ => None,
    };
    scan(tokens, attribute)
}

/// The crates that are named by `extern crate`.
pub(crate) fn extern_crates(tokens: &TokenStream) -> Vec<Found> {
    let named = |trees: &[TokenTree], at: usize| match (&trees[at], trees.get(at + 1), trees.get(at + 2)) {
        (TokenTree::Ident(first), Some(TokenTree::Ident(second)), Some(TokenTree::Ident(name)))
            if first == "extern" && second == "crate" =>
        {
            Some(name.to_string())
        }
        _ => None,
    };
    scan(tokens, named)
}

/// Offers every position of every group to `name`.
fn scan(tokens: &TokenStream, name: impl Fn(&[TokenTree], usize) -> Option<String>) -> Vec<Found> {
    let mut found = Vec::new();
    let mut pending = vec![tokens.clone()];
    while let Some(stream) = pending.pop() {
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        for (at, tree) in trees.iter().enumerate() {
            if let TokenTree::Group(group) = tree {
                pending.push(group.stream());
            }
            if let Some(name) = name(&trees, at) {
                found.push(Found { name, line: tree.span().start().line });
            }
        }
    }
    found.sort_by_key(|found| found.line);
    found
}

fn is_double_colon(trees: &[TokenTree], at: usize) -> bool {
    let is_colon =
        |at: usize| matches!(trees.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    is_colon(at) && is_colon(at + 1)
}

/// What may stand before a path that begins with `::`.
const KEYWORDS: [&str; 14] = [
    "as", "break", "const", "dyn", "else", "for", "if", "impl", "in", "match", "mut", "return", "use",
    "while",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn names(found: Vec<Found>) -> Vec<String> {
        let mut names: Vec<String> = found.into_iter().map(|found| found.name).collect();
        names.sort();
        names
    }

    fn tokens(text: &str) -> TokenStream {
        text.parse().unwrap()
    }

    #[test]
    fn groups_are_taken_apart() {
        let found = paths(&tokens("use ::std::{fs::{self, File}, env, io::*};"));
        assert_eq!(names(found), ["std::env", "std::fs::File", "std::fs::self", "std::io::*", "use"]);
    }

    #[test]
    fn bodies_of_macros_count_and_strings_do_not() {
        let found = paths(&tokens("assert!(std::fs::exists(\"std::env\"))"));
        assert_eq!(names(found), ["assert", "std::fs::exists"]);
    }

    #[test]
    fn generic_arguments_end_a_path() {
        assert_eq!(names(paths(&tokens("Vec::<a::b>::new()"))), ["Vec", "a::b", "new"]);
    }

    #[test]
    fn lines_are_those_of_the_file() {
        assert_eq!(paths(&tokens("\n\na::b"))[0], Found { name: "a::b".to_owned(), line: 3 });
    }

    #[test]
    fn macro_calls_are_found_at_any_depth() {
        assert_eq!(
            names(macros(&tokens("fn a() { if !b { std::todo!() } vec![dbg!(1)] }"))),
            ["dbg", "todo", "vec"]
        );
    }

    #[test]
    fn extern_crates_are_found_at_any_depth() {
        assert_eq!(
            names(extern_crates(&tokens("extern crate alloc; mod a { pub extern crate std as s; }"))),
            ["alloc", "std"]
        );
    }

    #[test]
    fn attributes_are_found_at_any_depth() {
        assert_eq!(names(attributes(&tokens("mod a { #[ignore = \"x\"] fn b() {} }"))), ["ignore=\"x\""]);
    }
}
