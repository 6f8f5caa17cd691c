//! The test CA in a process of its own, so that its work is not counted as the client's.

use std::error::Error;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use acme_testca::{Config, Finalize, TestCa};

/// Runs a CA that validates nothing, until standard input ends.
///
/// It prints the URL of its directory and the name of the file with its root, and for each line
/// of input the number of requests so far. Orders are `processing` after finalize, as those of
/// Let's Encrypt and of Pebble are, and `valid` at the first look.
///
/// # Errors
/// When it can't be started.
pub fn serve() -> Result<(), Box<dyn Error>> {
    let mut config = Config::gentle();
    config.always_valid = true;
    config.finalize = Finalize::AfterPolls(0);
    let ca = TestCa::builder().config(config).start()?;
    let directory = tempfile::tempdir()?;
    let root = directory.path().join("root.pem");
    std::fs::write(&root, ca.root_pem())?;
    println!("{}\n{}", ca.directory_url(), root.display());
    for line in io::stdin().lock().lines() {
        line?;
        println!("{}", ca.counts().requests);
    }
    Ok(())
}

/// A CA that another process runs.
#[derive(Debug)]
pub struct CaProcess {
    url: String,
    root: PathBuf,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl CaProcess {
    /// Starts it: a command that ends in [`serve`].
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let output = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut ca = Self { url: String::new(), root: PathBuf::new(), child, input, output };
        ca.url = ca.line()?;
        ca.root = ca.line()?.into();
        Ok(ca)
    }

    /// The URL of its directory.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file with its root.
    #[must_use]
    pub fn root(&self) -> &PathBuf {
        &self.root
    }

    /// How many requests there were.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn requests(&mut self) -> io::Result<u64> {
        writeln!(self.input)?;
        self.line()?.parse().map_err(io::Error::other)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for CaProcess {
    fn drop(&mut self) {
        // It would take away its own files at the end of its input; nobody waits for that here.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
