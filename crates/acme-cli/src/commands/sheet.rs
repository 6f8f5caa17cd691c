//! Labels and values, one below the other.

use crate::output::Output;

/// What is said of one thing, line by line.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    lines: Vec<(String, String)>,
}

impl Sheet {
    /// Adds a value.
    pub(super) fn add(&mut self, label: &str, value: impl Into<String>) {
        self.lines.push((format!("{label}:"), value.into()));
    }

    /// Adds another line to the last value.
    pub(super) fn go_on(&mut self, value: impl Into<String>) {
        self.lines.push((String::new(), value.into()));
    }

    /// Adds values of one label, if there are any.
    pub(super) fn add_all(&mut self, label: &str, values: impl IntoIterator<Item = String>) {
        for (index, value) in values.into_iter().enumerate() {
            if index == 0 {
                self.add(label, value);
            } else {
                self.go_on(value);
            }
        }
    }

    /// Prints all of it, the values below each other.
    pub(super) fn print(&self, output: &Output) {
        let width = self.lines.iter().map(|(label, _)| label.len()).max().unwrap_or_default();
        for (label, value) in &self.lines {
            output.result(format_args!("{label:width$}  {value}"));
        }
    }
}
