//! Checks the rules of the house that no compiler knows. One file per rule.

use std::error::Error;
use std::fmt;
use std::path::Path;

use workspace::Workspace;

mod ambient;
mod crypto;
mod edges;
mod evidence;
mod foreign;
mod layout;
mod machine;
mod manifest;
mod no_std;
mod size;
mod source;
mod tokens;
mod unfinished;
mod workspace;

/// Checks the workspace at `root` and prints what it found; `false` if anything is wrong.
pub(crate) fn run(root: &Path) -> Result<bool, Box<dyn Error>> {
    let (workspace, mut problems) = Workspace::load(root)?;
    problems.extend(check(&workspace));
    for problem in &problems {
        println!("{problem}");
    }
    println!("tidy: {}, {}", size::summary(&workspace), edges::summary(&workspace));
    match problems.len() {
        0 => println!("tidy: nothing to complain about"),
        count => println!("tidy: {count} to mend"),
    }
    Ok(problems.is_empty())
}

fn check(workspace: &Workspace) -> Vec<Problem> {
    CHECKS.iter().flat_map(|check| check(workspace)).collect()
}

/// One violation: where it is, what is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    file: String,
    line: usize,
    what: String,
    remedy: String,
}

impl Problem {
    /// A violation at a line of a file.
    fn at(file: &str, line: usize, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into(), remedy: remedy.into() }
    }

    /// A violation of a file as a whole.
    fn of(file: &str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::at(file, 0, what, remedy)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}\n    {}", self.what, self.remedy)
    }
}

const CHECKS: [fn(&Workspace) -> Vec<Problem>; 11] = [
    edges::check,
    crypto::check,
    foreign::check,
    manifest::check,
    layout::check,
    size::check,
    no_std::check,
    ambient::check,
    unfinished::check,
    machine::check,
    evidence::check,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workspace_is_tidy() {
        assert!(run(&crate::root().unwrap()).unwrap(), "see the list above");
    }

    #[test]
    fn problem_names_file_line_and_remedy() {
        let problem = Problem::at("a.rs", 3, "too long", "split it");
        assert_eq!(problem.to_string(), "a.rs:3: too long\n    split it");
        assert_eq!(Problem::of("a.rs", "too long", "split it").to_string(), "a.rs: too long\n    split it");
    }
}
