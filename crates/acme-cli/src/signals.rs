//! Ctrl-C and SIGTERM: the first one ends what is under way in good order, the second one at once.
//! While a child process is what this one is about, it gets them all.

use std::io::{self, IsTerminal as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use acme_lib::Interrupt;
use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals as Arrivals;
use signal_hook::low_level;

use crate::error::Error;
use crate::exit::Status;

/// Whether the end was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    interrupt: Interrupt,
    asked: Arc<(Mutex<bool>, Condvar)>,
    child: Arc<Mutex<Option<Pid>>>,
    group: Arc<Mutex<Option<Pid>>>,
}

impl Signals {
    /// Begins to listen for signals.
    pub(crate) fn listen() -> io::Result<Self> {
        let signals = Self::default();
        let mut arrivals = Arrivals::new([SIGINT, SIGTERM])?;
        let listener = signals.clone();
        thread::Builder::new().name("acmectl-signals".into()).spawn(move || {
            for signal in arrivals.forever() {
                if listener.is_passed_on(signal) {
                    continue;
                }
                if listener.interrupt.is_triggered() {
                    listener.kill_group();
                    low_level::exit(i32::from(Status::Interrupted.code()));
                }
                listener.trigger();
            }
        })?;
        Ok(signals)
    }

    /// What an issuance is ended by.
    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Fails if the end was asked for.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.interrupt.is_triggered() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Lets time pass; fails as soon as the end is asked for.
    pub(crate) fn wait(&self, time: Duration) -> Result<(), Error> {
        let asked = self.asked.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.asked.1.wait_timeout_while(asked, time, |asked| !*asked));
        self.check()
    }

    /// Does something that only looks, and waits for it until the end is asked for.
    pub(crate) fn unless_ended<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (told, outcome) = mpsc::channel();
        // Nobody may be there any more to be told.
        let look = move || drop(told.send(look()));
        thread::Builder::new().name("acmectl-look".into()).spawn(look).map_err(Error::Signals)?;
        loop {
            self.check()?;
            match outcome.recv_timeout(PART) {
                Ok(outcome) => return Ok(outcome),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Error::Interrupted),
            }
        }
    }

    /// Starts a child process that has the signals from its first moment on.
    pub(crate) fn start(&self, command: &mut Command) -> io::Result<Child> {
        // A signal that comes before the child is known waits for the lock.
        let mut slot = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command.spawn()?;
        *slot = process(&child);
        drop(slot);
        if self.interrupt.is_triggered() {
            self.is_passed_on(SIGTERM);
        }
        Ok(child)
    }

    /// Has the signals again.
    pub(crate) fn take_back(&self) {
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Starts a child process in a group of its own, which does not outlive this process if a second
    /// signal ends it.
    pub(crate) fn start_group(&self, command: &mut Command) -> io::Result<Child> {
        // A signal that comes before the child is known waits for the lock.
        let mut slot = self.group.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command.process_group(0).spawn()?;
        *slot = process(&child);
        Ok(child)
    }

    /// Takes note that the child of the group has ended.
    pub(crate) fn group_ended(&self) {
        *self.group.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn kill_group(&self) {
        let group = self.group.lock().unwrap_or_else(PoisonError::into_inner);
        // It may just have ended.
        let _ = group.map(|group| rustix::process::kill_process_group(group, Signal::KILL));
    }

    fn is_passed_on(&self, signal: i32) -> bool {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(child) = *child else { return false };
        // A terminal tells all of its foreground of Ctrl-C, and twice may mean something else.
        let is_told = signal == SIGINT && io::stdin().is_terminal();
        if !is_told {
            // It may just have ended.
            let _ = rustix::process::kill_process(
                child,
                if signal == SIGINT { Signal::INT } else { Signal::TERM },
            );
        }
        true
    }

    fn trigger(&self) {
        self.interrupt.trigger();
        *self.asked.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.asked.1.notify_all();
    }
}

/// A child's process identifier, in the words of the system.
pub(crate) fn process(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// How long somebody who asks for the end may wait for it.
const PART: Duration = Duration::from_millis(50);
