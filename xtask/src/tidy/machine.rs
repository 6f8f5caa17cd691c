//! Paths that exist on one machine only.

use super::Problem;
use super::workspace::Workspace;

pub(crate) fn check(workspace: &Workspace) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in &workspace.texts {
        for (at, line) in text.lines().enumerate() {
            if let Some(directory) = DIRECTORIES.iter().find(|directory| names(line, directory)) {
                let what = format!("names a place on somebody's machine, below /{directory}");
                problems.push(Problem::at(
                    path,
                    at + 1,
                    what,
                    "use a path relative to the workspace, or a temporary one",
                ));
            }
        }
    }
    problems
}

/// Whether the line has `/directory/…` where an absolute path may start: not inside a longer path or a URL.
fn names(line: &str, directory: &str) -> bool {
    let needle = format!("/{directory}");
    line.match_indices(&needle).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + needle.len()..].chars().next();
        !before.is_some_and(is_part_of_path) && !after.is_some_and(is_part_of_name)
    })
}

fn is_part_of_path(character: char) -> bool {
    is_part_of_name(character) || "/.~}>".contains(character)
}

fn is_part_of_name(character: char) -> bool {
    character.is_alphanumeric() || "-_".contains(character)
}

/// Written without the slash, so that this file passes.
const DIRECTORIES: [&str; 2] = ["home", "work"];

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let texts = vec![("a.txt".to_owned(), text.replace('@', "/"))];
        check(&Workspace { texts, ..Workspace::default() }).into_iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn absolute_paths_are_found() {
        assert_eq!(lines("x\ncd @work@main\nHOME=@home@me\n\"@work\"\n"), [2, 3, 4]);
    }

    #[test]
    fn other_paths_are_no_matter() {
        assert_eq!(lines("https:@@host@home@x\nsrc@work\n@workers\n@homepage\n../work\n"), [0; 0]);
    }
}
