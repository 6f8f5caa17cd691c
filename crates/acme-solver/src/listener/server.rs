//! The listener's thread: one poll loop over a fixed number of slots.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::{Conversation, MAX_CONNECTIONS, PAUSE, is_transient};

pub(super) struct Server<F, C> {
    listener: TcpListener,
    stopped: UnixStream,
    time_limit: Duration,
    converse: F,
    slots: [Option<Connection<C>>; MAX_CONNECTIONS],
    /// Until when no connection is accepted, after the system had no descriptor for one.
    paused: Option<Instant>,
}

impl<F: FnMut() -> Option<C>, C: Conversation> Server<F, C> {
    pub(super) fn new(listener: TcpListener, stopped: UnixStream, time_limit: Duration, converse: F) -> Self {
        Self {
            listener,
            stopped,
            time_limit,
            converse,
            slots: [const { None }; MAX_CONNECTIONS],
            paused: None,
        }
    }

    /// Serves until the other end of `stopped` hangs up.
    pub(super) fn run(mut self, name: &str) {
        loop {
            self.expire(Instant::now());
            match self.wait() {
                Ok(Ready { stop: true, .. }) => return,
                Ok(ready) => self.serve(&ready),
                Err(Errno::INTR) => {}
                Err(errno) => {
                    tracing::warn!(%errno, name, "the listener stopped");
                    return;
                }
            }
        }
    }

    fn expire(&mut self, now: Instant) {
        for slot in &mut self.slots {
            slot.take_if(|connection| connection.deadline <= now);
        }
        self.paused.take_if(|until| *until <= now);
    }

    fn wait(&self) -> Result<Ready, Errno> {
        let wanted = if self.paused.is_some() { PollFlags::empty() } else { PollFlags::IN };
        let mut fds = Vec::with_capacity(2 + self.slots.len());
        fds.push(PollFd::new(&self.stopped, PollFlags::IN));
        fds.push(PollFd::new(&self.listener, wanted));
        let open = self.slots.iter().enumerate().filter_map(|(at, slot)| Some((at, slot.as_ref()?)));
        let (open, polled): (Vec<usize>, Vec<PollFd<'_>>) =
            open.map(|(at, open)| (at, PollFd::new(&open.stream, open.conversation.wanted()))).unzip();
        fds.extend(polled);
        poll(&mut fds, self.time_left().as_ref())?;
        let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
        let mut ready = fds.iter().map(is_ready);
        Ok(Ready {
            stop: ready.next().unwrap_or(true),
            accept: ready.next().unwrap_or(false),
            slots: open.into_iter().zip(ready).filter_map(|(at, ready)| ready.then_some(at)).collect(),
        })
    }

    /// Until the first deadline; `None` if nothing has one.
    fn time_left(&self) -> Option<Timespec> {
        let deadlines = self.slots.iter().filter_map(|slot| Some(slot.as_ref()?.deadline));
        let first = deadlines.chain(self.paused).min()?;
        // No deadline is further off than the time limit, so the conversion can't fail.
        Timespec::try_from(first.saturating_duration_since(Instant::now())).ok()
    }

    fn serve(&mut self, ready: &Ready) {
        for at in &ready.slots {
            if let Some(slot) = self.slots.get_mut(*at) {
                slot.take_if(|open| open.conversation.advance(&open.stream).is_none());
            }
        }
        if ready.accept && self.paused.is_none() {
            self.accept();
        }
    }

    fn accept(&mut self) {
        match self.listener.accept() {
            Ok((stream, _)) if stream.set_nonblocking(true).is_ok() => {
                let Some(conversation) = (self.converse)() else { return };
                let connection =
                    Connection { stream, deadline: Instant::now() + self.time_limit, conversation };
                // A free slot, else the oldest connection's: who is slow must not keep others out.
                if let Some(slot) = self.slots.iter_mut().min_by_key(|slot| slot.as_ref().map(|c| c.deadline))
                {
                    *slot = Some(connection);
                }
            }
            Ok(_) => {}
            Err(error) if is_transient(error.kind()) || error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::debug!(%error, "no connection accepted for a moment");
                self.paused = Some(Instant::now() + PAUSE);
            }
        }
    }
}

struct Ready {
    stop: bool,
    accept: bool,
    slots: Vec<usize>,
}

struct Connection<C> {
    stream: TcpStream,
    deadline: Instant,
    conversation: C,
}
