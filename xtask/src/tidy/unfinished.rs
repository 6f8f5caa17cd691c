//! What is left behind: unfinished code, skipped tests, stray prints.

use quote::ToTokens;

use super::Problem;
use super::source::Source;
use super::tokens;
use super::workspace::Workspace;

pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    workspace.sources.iter().flat_map(of_source).collect()
}

fn of_source(source: &Source) -> Vec<Problem> {
    let all = source.syntax.to_token_stream();
    let problem = |line, what: String, remedy: &str| Problem::at(&source.path, line, what, remedy);
    let mut problems = Vec::new();
    for found in tokens::macros(&all).into_iter().filter(|found| UNFINISHED.contains(&found.name.as_str())) {
        problems.push(problem(found.line, format!("calls {}!", found.name), "finish it, or return an error"));
    }
    for found in tokens::attributes(&all).into_iter().filter(|found| ignores(&found.name)) {
        problems.push(problem(
            found.line,
            "a test that never runs".to_owned(),
            "assert what happens today, and say why it is wrong",
        ));
    }
    for (at, _) in source.text.lines().enumerate().filter(|(_, line)| is_ignored_example(line)) {
        problems.push(problem(
            at + 1,
            "an example that is never built".to_owned(),
            "make it run, or mark it `no_run`",
        ));
    }
    if source.is_product() && !PRINTING.contains(&source.package.as_str()) {
        for found in
            tokens::macros(&source.product).into_iter().filter(|found| PRINTS.contains(&found.name.as_str()))
        {
            problems.push(problem(found.line, format!("calls {}!", found.name), "return it, or trace it"));
        }
    }
    problems
}

/// `#[ignore]`, `#[ignore = "…"]`, and either under a `cfg_attr`.
fn ignores(attribute: &str) -> bool {
    let is_ignore = |word: &str| word.trim_end_matches(')').split('=').next() == Some("ignore");
    match attribute.strip_prefix("cfg_attr(") {
        Some(rest) => rest.split(',').skip(1).any(is_ignore),
        None => is_ignore(attribute),
    }
}

fn is_ignored_example(line: &str) -> bool {
    let line = line.trim_start();
    let comment = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
    let fence = comment.and_then(|text| text.trim_start().strip_prefix("```"));
    fence.is_some_and(|words| words.split(',').any(|word| word.trim() == "ignore"))
}

const UNFINISHED: [&str; 2] = ["todo", "unimplemented"];

const PRINTS: [&str; 5] = ["dbg", "eprint", "eprintln", "print", "println"];

/// The command writes to its own streams, and says there why it may.
const PRINTING: [&str; 1] = ["acme-cli"];

#[cfg(test)]
mod tests {
    use super::super::workspace::made_up::sources;
    use super::*;

    fn whats(path: &str, text: &str) -> Vec<String> {
        check(&sources(&[(path, text)])).into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn unfinished_code_is_found_in_tests_too() {
        assert_eq!(whats("crates/a/src/b.rs", "fn a() { todo!() }"), ["calls todo!"]);
        assert_eq!(
            whats("crates/a/tests/b.rs", "fn a() { unimplemented!(\"b\") }"),
            ["calls unimplemented!"]
        );
    }

    #[test]
    fn tests_that_never_run_are_found() {
        for attribute in [
            "ignore",
            "ignore = \"slow\"",
            "cfg_attr(windows, ignore)",
            "cfg_attr(all(a, b), ignore = \"x\")",
        ] {
            let text = format!("#[cfg(test)]\nmod tests {{ #[test] #[{attribute}] fn a() {{}} }}");
            assert_eq!(whats("crates/a/src/b.rs", &text), ["a test that never runs"], "{attribute}");
        }
        assert_eq!(whats("crates/a/src/b.rs", "#[serde(ignore)]\n#[cfg(ignored)]\nfn ignore() {}"), [""; 0]);
    }

    #[test]
    fn examples_that_are_never_built_are_found() {
        assert_eq!(
            whats("crates/a/src/b.rs", "/// ```rust,ignore\n/// x\n/// ```\nfn a() {}"),
            ["an example that is never built"]
        );
        assert_eq!(whats("crates/a/src/b.rs", "/// ```no_run\n/// x\n/// ```\nfn a() {}"), [""; 0]);
    }

    #[test]
    fn prints_are_found_in_libraries() {
        let text = "fn a() { println!(\"x\") }\n#[cfg(test)]\nmod tests { fn b() { eprintln!() } }";
        assert_eq!(whats("crates/a/src/b.rs", text), ["calls println!"]);
        assert_eq!(whats("crates/a/tests/b.rs", text), [""; 0]);
        assert_eq!(whats("crates/acme-cli/src/b.rs", text), [""; 0]);
    }
}
