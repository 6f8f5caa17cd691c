//! The test CA in a process of its own, so that its work is not counted as the client's.

use std::error::Error;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::server::{Protocol, Server};

/// Runs a CA that validates nothing, until standard input ends; every round trip to it takes at
/// least so long.
///
/// It prints the URL of its directory and the name of the file with the root of its HTTPS
/// certificate, and for each line of input the number of requests so far and the time that it took
/// to answer them, in nanoseconds. Orders are `processing` after finalize, as those of Let's Encrypt
/// and of Pebble are, and `valid` at the first look.
///
/// # Errors
/// When it can't be started.
pub fn serve(protocol: Protocol, round_trip: Duration) -> Result<(), Box<dyn Error>> {
    let server = Server::start(protocol, round_trip)?;
    let directory = tempfile::tempdir()?;
    let root = directory.path().join("root.pem");
    std::fs::write(&root, server.root_pem())?;
    println!("{}\n{}", server.directory_url(), root.display());
    for line in io::stdin().lock().lines() {
        line?;
        let work = server.work();
        println!("{} {}", work.requests, work.time.as_nanos());
    }
    Ok(())
}

/// What a CA has done so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    /// How many requests it has answered.
    pub requests: u64,
    /// How long that took it.
    pub time: Duration,
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

    /// What it has done.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn work(&mut self) -> io::Result<Work> {
        writeln!(self.input)?;
        let line = self.line()?;
        let (requests, time) = line.split_once(' ').ok_or(io::ErrorKind::InvalidData)?;
        let requests = requests.parse().map_err(io::Error::other)?;
        let time = Duration::from_nanos(time.parse().map_err(io::Error::other)?);
        Ok(Work { requests, time })
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
