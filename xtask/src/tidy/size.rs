//! How large a file and a function may be. Exceptions are checked in and may only shrink.

use std::collections::BTreeMap;

use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, Item, ItemFn, ItemImpl, ItemMod, ItemTrait, Signature, TraitItemFn, Type};

use super::Problem;
use super::source::{Source, is_for_tests};
use super::workspace::{RATCHET, Workspace};

pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    let mut exceptions = BTreeMap::new();
    let mut problems = Vec::new();
    for (at, line) in workspace.ratchet.lines().enumerate() {
        match exception(line) {
            Ok(Some((subject, lines))) => {
                exceptions.insert(subject, (at + 1, lines));
            }
            Ok(None) => {}
            Err(remedy) => problems.push(Problem::at(RATCHET, at + 1, "cannot be read", remedy)),
        }
    }
    for measure in measures(workspace) {
        problems.extend(measure.judge(exceptions.remove(&measure.subject)));
    }
    for (subject, (line, _)) in exceptions {
        problems.push(Problem::at(RATCHET, line, format!("{subject} does not exist"), "remove the line"));
    }
    problems
}

/// The largest file and the largest function.
pub(crate) fn summary(workspace: &Workspace) -> String {
    let measures = measures(workspace);
    let largest = |kind: Kind| {
        measures.iter().filter(|measure| measure.kind == kind).max_by_key(|measure| measure.lines)
    };
    let describe = |measure: Option<&Measure>| match measure {
        Some(measure) => format!("{} ({} lines)", measure.subject, measure.lines),
        None => "none".to_owned(),
    };
    format!("largest {}, largest {}", describe(largest(Kind::File)), describe(largest(Kind::Function)))
}

/// One line of the ratchet: `file PATH LINES` or `function PATH NAME LINES`.
fn exception(line: &str) -> Result<Option<(String, usize)>, String> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let parsed =
        line.rsplit_once(' ').and_then(|(subject, lines)| Some((subject.to_owned(), lines.parse().ok()?)));
    parsed.map(Some).ok_or_else(|| "write `file PATH LINES` or `function PATH NAME LINES`".to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Function,
}

impl Kind {
    fn limit(self) -> usize {
        match self {
            Self::File => FILE_LIMIT,
            Self::Function => FUNCTION_LIMIT,
        }
    }
}

/// The size of one file or function. Its subject is how the ratchet names it.
struct Measure {
    kind: Kind,
    subject: String,
    path: String,
    line: usize,
    lines: usize,
}

impl Measure {
    /// What is wrong with this size, given the ratchet's line about it.
    fn judge(&self, exception: Option<(usize, usize)>) -> Option<Problem> {
        let (lines, limit) = (self.lines, self.kind.limit());
        match exception {
            None if lines <= limit => None,
            None => {
                let what = format!("{} has {lines} lines, the limit is {limit}", self.subject);
                Some(Problem::at(&self.path, self.line, what, "split it along a noun of the domain"))
            }
            Some((at, _)) if lines <= limit => {
                let what = format!("{} has only {lines} lines now", self.subject);
                Some(Problem::at(RATCHET, at, what, "remove the line"))
            }
            Some((_, allowed)) if lines > allowed => {
                let what = format!("{} grew from {allowed} to {lines} lines", self.subject);
                Some(Problem::at(
                    &self.path,
                    self.line,
                    what,
                    "it is over the limit and may only shrink: split it",
                ))
            }
            Some((at, allowed)) if lines < allowed => {
                let what = format!("{} shrank from {allowed} to {lines} lines", self.subject);
                Some(Problem::at(RATCHET, at, what, format!("lower the number to {lines}")))
            }
            Some(_) => None,
        }
    }
}

fn measures(workspace: &Workspace) -> Vec<Measure> {
    workspace.sources.iter().flat_map(of_source).collect()
}

fn of_source(source: &Source) -> Vec<Measure> {
    let mut functions = Functions { path: &source.path, scope: Vec::new(), largest: BTreeMap::new() };
    functions.visit_file(&source.syntax);
    let file = Measure {
        kind: Kind::File,
        subject: format!("file {}", source.path),
        path: source.path.clone(),
        line: 0,
        lines: lines_without_tests(source),
    };
    std::iter::once(file).chain(functions.largest.into_values()).collect()
}

/// The lines before a trailing `#[cfg(test)] mod tests`.
fn lines_without_tests(source: &Source) -> usize {
    let end = match source.syntax.items.last() {
        Some(Item::Mod(module)) if is_for_tests(module) => {
            module.attrs.first().map_or(usize::MAX, |attribute| attribute.pound_token.span.start().line - 1)
        }
        _ => usize::MAX,
    };
    let lines: Vec<&str> = source.text.lines().take(end).collect();
    lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1)
}

/// Measures functions. Of several with one name (`from` of an `impl` each) the largest counts.
struct Functions<'a> {
    path: &'a str,
    scope: Vec<String>,
    largest: BTreeMap<String, Measure>,
}

impl Functions<'_> {
    fn measure(&mut self, signature: &Signature, body: &Block) {
        let first = signature.fn_token.span.start().line;
        let lines = body.brace_token.span.close().end().line - first + 1;
        let name = [self.scope.as_slice(), &[signature.ident.to_string()]].concat().join("::");
        let subject = format!("function {} {name}", self.path);
        if self.largest.get(&subject).is_none_or(|known| known.lines < lines) {
            let path = self.path.to_owned();
            self.largest
                .insert(subject.clone(), Measure { kind: Kind::Function, subject, path, line: first, lines });
        }
    }

    fn within(&mut self, name: String, visit: impl FnOnce(&mut Self)) {
        self.scope.push(name);
        visit(self);
        self.scope.pop();
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.measure(&item.sig, &item.block);
        self.within(item.sig.ident.to_string(), |this| visit::visit_item_fn(this, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.measure(&item.sig, &item.block);
        self.within(item.sig.ident.to_string(), |this| visit::visit_impl_item_fn(this, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(body) = &item.default {
            self.measure(&item.sig, body);
        }
        self.within(item.sig.ident.to_string(), |this| visit::visit_trait_item_fn(this, item));
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        self.within(type_name(&item.self_ty), |this| visit::visit_item_impl(this, item));
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        self.within(item.ident.to_string(), |this| visit::visit_item_trait(this, item));
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.within(item.ident.to_string(), |this| visit::visit_item_mod(this, item));
    }
}

fn type_name(of: &Type) -> String {
    let Type::Path(path) = of else {
        return "_".to_owned();
    };
    path.path.segments.last().map_or_else(String::new, |segment| segment.ident.to_string())
}

/// Without trailing tests. Most files should stay below half of it.
const FILE_LIMIT: usize = 600;

/// From `fn` to the closing brace. Most functions should stay below half of it.
const FUNCTION_LIMIT: usize = 70;

#[cfg(test)]
mod tests {
    use super::super::workspace::made_up::sources;
    use super::*;

    /// A file whose one function has this many lines.
    fn function(lines: usize) -> String {
        format!("impl A {{\nfn b() {{{}}}\n}}\n", "\n".repeat(lines - 1))
    }

    fn whats(text: &str, ratchet: &str) -> Vec<String> {
        let workspace = Workspace { ratchet: ratchet.to_owned(), ..sources(&[("crates/a/src/b.rs", text)]) };
        check(&workspace).into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn function_may_have_the_limit_and_no_more() {
        assert_eq!(whats(&function(FUNCTION_LIMIT), ""), [""; 0]);
        let found = whats(&function(FUNCTION_LIMIT + 1), "");
        assert_eq!(found, ["function crates/a/src/b.rs A::b has 71 lines, the limit is 70"]);
    }

    #[test]
    fn file_may_have_the_limit_and_no_more() {
        let tests = format!("\n#[cfg(test)]\nmod tests {{\n{}\n}}\n", "// x\n".repeat(FILE_LIMIT));
        let constants = "const A: u8 = 1;\n".repeat(FILE_LIMIT);
        assert_eq!(whats(&format!("{constants}{tests}"), ""), [""; 0]);
        let found = whats(&format!("{constants}const B: u8 = 1;\n{tests}"), "");
        assert_eq!(found, ["file crates/a/src/b.rs has 601 lines, the limit is 600"]);
    }

    #[test]
    fn braces_in_strings_do_not_end_a_function() {
        let text = format!("fn a() {{ let b = \"}}\"; {} }}", "\n".repeat(FUNCTION_LIMIT));
        assert_eq!(whats(&text, "").len(), 1);
    }

    #[test]
    fn functions_are_measured_wherever_they_are() {
        let body = "\n".repeat(FUNCTION_LIMIT);
        for (text, name) in [
            (format!("trait A {{ fn b() {{{body}}} }}"), "A::b"),
            (format!("mod a {{ impl B for c::D<E> {{ fn f() {{{body}}} }} }}"), "a::D::f"),
            (format!("#[cfg(test)] mod tests {{ fn b() {{{body}}} }}"), "tests::b"),
        ] {
            let found = whats(&text, "");
            assert_eq!(found, [format!("function crates/a/src/b.rs {name} has 71 lines, the limit is 70")]);
        }
    }

    #[test]
    fn exception_holds_for_its_present_size_only() {
        let exception = "# why\nfunction crates/a/src/b.rs A::b 80\n";
        assert_eq!(whats(&function(80), exception), [""; 0]);
        assert_eq!(
            whats(&function(81), exception),
            ["function crates/a/src/b.rs A::b grew from 80 to 81 lines"]
        );
        assert_eq!(
            whats(&function(79), exception),
            ["function crates/a/src/b.rs A::b shrank from 80 to 79 lines"]
        );
        assert_eq!(
            whats(&function(70), exception),
            ["function crates/a/src/b.rs A::b has only 70 lines now"]
        );
        assert_eq!(whats("", exception), ["function crates/a/src/b.rs A::b does not exist"]);
    }

    #[test]
    fn line_of_the_ratchet_that_cannot_be_read_is_found() {
        assert_eq!(whats("", "file crates/a/src/b.rs many"), ["cannot be read"]);
    }

    #[test]
    fn largest_are_named() {
        let workspace = sources(&[("crates/a/src/b.rs", &function(5)), ("crates/a/src/c.rs", &function(9))]);
        let expected =
            "largest file crates/a/src/c.rs (11 lines), largest function crates/a/src/c.rs A::b (9 lines)";
        assert_eq!(summary(&workspace), expected);
    }
}
