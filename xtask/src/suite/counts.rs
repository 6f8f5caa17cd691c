use std::fmt;

/// How many tests passed and failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    passed: usize,
    failed: usize,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// Adds what a line reports if it is a runner's summary: nextest's (`Summary [ 1.0s] 3 tests run: …`) or
    /// libtest's (`test result: ok. …`). An indented one of libtest is the output of a test that nextest ran.
    pub(crate) fn read(&mut self, line: &str) {
        let of_nextest = line.trim_start().strip_prefix("Summary [");
        let of_libtest = line.strip_prefix("test result: ");
        let list = match (of_nextest, of_libtest) {
            (Some(rest), _) => rest.split_once(" run: "),
            (None, Some(rest)) => rest.split_once(". "),
            (None, None) => None,
        };
        let Some((_, list)) = list else { return };
        for part in list.split([',', ';']) {
            let Some((number, what)) = part.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<usize>() else {
                continue;
            };
            match what.split(' ').next() {
                Some("passed") => self.passed += number,
                Some("failed" | "exec" | "timed") => self.failed += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> String {
        let mut counts = Counts::default();
        counts.read(line);
        counts.to_string()
    }

    #[test]
    fn summary_of_nextest_is_read() {
        let line = "     Summary [   0.005s] 9 tests run: 5 passed (1 slow), 1 failed, 2 timed out, 1 exec failed, 0 skipped";
        assert_eq!(read(line), "5 passed, 4 failed");
        assert_eq!(
            read("     Summary [   0.005s] 1/9 tests run: 0 passed, 1 failed, 0 skipped"),
            "0 passed, 1 failed"
        );
    }

    #[test]
    fn summary_of_libtest_is_read() {
        let line = "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.10s";
        assert_eq!(read(line), "3 passed, 1 failed");
    }

    #[test]
    fn other_lines_are_not() {
        assert_eq!(read("    test result: FAILED. 0 passed; 1 failed"), "0 passed, 0 failed");
        assert_eq!(read("error: 3 passed, 1 failed"), "0 passed, 0 failed");
    }
}
