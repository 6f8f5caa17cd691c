//! Programs of other people's: run without a shell, in a process group of their own, for a bounded
//! time, and what they print is kept.

use std::collections::VecDeque;
use std::io::{self, PipeReader, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::signals::{self, Signals};

/// A program and its arguments, and how it is run.
pub(crate) struct Program<'a> {
    command: Command,
    signals: &'a Signals,
    is_apart: bool,
    is_interruptible: bool,
}

/// How a program ended, and what it printed.
pub(crate) struct Ran {
    pub(crate) ending: Ending,
    /// Both streams in their order; or standard output, if it was asked for alone.
    pub(crate) printed: String,
    /// Standard error, if standard output was asked for alone.
    pub(crate) errors: String,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Exited(ExitStatus),
    /// It was ended because somebody wants no more of this.
    Interrupted,
    /// It was ended because it took too long.
    TimedOut,
}

impl<'a> Program<'a> {
    /// A program, and its arguments; what is not there can't be run.
    pub(crate) fn new(words: &[String], signals: &'a Signals) -> Self {
        let (program, arguments) = words.split_first().map_or(("", &[][..]), |(one, rest)| (one, rest));
        let mut command = Command::new(program);
        command.args(arguments);
        Self { command, signals, is_apart: false, is_interruptible: false }
    }

    /// Adds variables to those of this process.
    pub(crate) fn variables<'v>(mut self, variables: impl IntoIterator<Item = (&'v str, &'v str)>) -> Self {
        self.command.envs(variables);
        self
    }

    /// Keeps a variable of this process back.
    pub(crate) fn without_variable(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Keeps standard output and standard error apart.
    pub(crate) fn apart(self) -> Self {
        Self { is_apart: true, ..self }
    }

    /// Ends it when the end of this process is asked for.
    pub(crate) fn interruptible(self) -> Self {
        Self { is_interruptible: true, ..self }
    }

    /// Runs it to its end, or for as long as it may take: then it is ended, and what it started.
    pub(crate) fn run(mut self, limit: Duration) -> io::Result<Ran> {
        let (reader, writer) = io::pipe()?;
        let (errors, error_writer) = match self.is_apart {
            true => io::pipe().map(|(reader, writer)| (Some(reader), writer))?,
            false => (None, writer.try_clone()?),
        };
        self.command.stdin(Stdio::null()).stdout(writer).stderr(error_writer);
        // A group of its own, so that what it started is ended with it.
        let mut child = self.signals.start_group(&mut self.command)?;
        // The command holds the ends that are written to.
        drop(self.command);
        let (printed, errors) = (Printed::collect(reader), errors.map(Printed::collect));
        let group = signals::process(&child);
        let ending = wait(&mut child, group, limit, self.signals, self.is_interruptible);
        self.signals.group_ended();
        let errors = errors.map(Printed::text).unwrap_or_default();
        Ok(Ran { ending: ending?, printed: printed.text(), errors })
    }
}

fn wait(
    child: &mut Child,
    group: Option<Pid>,
    limit: Duration,
    signals: &Signals,
    is_interruptible: bool,
) -> io::Result<Ending> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ending::Exited(status));
        }
        let ending = if is_interruptible && signals.interrupt().is_triggered() {
            Ending::Interrupted
        } else if started.elapsed() >= limit {
            Ending::TimedOut
        } else {
            thread::sleep(POLL);
            continue;
        };
        end(child, group)?;
        return Ok(ending);
    }
}

/// Ends a program and its group: politely, and then not.
fn end(child: &mut Child, group: Option<Pid>) -> io::Result<()> {
    let tell = |signal| {
        // It may have ended just now.
        let _ = group.map(|group| rustix::process::kill_process_group(group, signal));
    };
    tell(Signal::TERM);
    let told = Instant::now();
    while told.elapsed() < GRACE && child.try_wait()?.is_none() {
        thread::sleep(POLL);
    }
    tell(Signal::KILL);
    child.wait().map(drop)
}

/// The last of what a program prints. A daemon that it leaves behind may keep the pipe open for ever.
struct Printed {
    text: Arc<Mutex<VecDeque<u8>>>,
    end: mpsc::Receiver<()>,
}

impl Printed {
    fn collect(mut pipe: PipeReader) -> Self {
        let text = Arc::new(Mutex::new(VecDeque::new()));
        let (ended, end) = mpsc::channel();
        let collected = Arc::clone(&text);
        let read = move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                let mut text = collected.lock().unwrap_or_else(PoisonError::into_inner);
                text.extend(buffer.iter().take(count));
                let surplus = text.len().saturating_sub(MAX_PRINTED);
                text.drain(..surplus);
            }
            let _ = ended.send(());
        };
        // Without a thread what is printed is lost, and nothing else.
        let _ = thread::Builder::new().name("acmectl-program".into()).spawn(read);
        Self { text, end }
    }

    fn text(self) -> String {
        let _ = self.end.recv_timeout(PATIENCE);
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(text.make_contiguous()).into_owned()
    }
}

/// Bytes that are kept of each stream: the last ones, for they say why something failed.
const MAX_PRINTED: usize = 16 * 1024;
const POLL: Duration = Duration::from_millis(10);
/// How long a program that is told to end may take for it.
const GRACE: Duration = Duration::from_secs(2);
/// How long what was printed is waited for once the program has ended.
const PATIENCE: Duration = Duration::from_millis(200);
