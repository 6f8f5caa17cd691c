//! http-01 answered by a web server that is already there.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fchmod, fstat, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;

use crate::response::{http_token, http_types};

/// Leaves http-01 responses as files below the directory that a web server serves.
///
/// The response of a token is the file `.well-known/acme-challenge/TOKEN`, mode 0644, put there
/// whole by a rename. Directories that are missing are made, so that everybody can read them, and
/// removed again once they are empty. Directories that are there are used as they are, symbolic
/// links included; a token's file is never followed through one.
///
/// Several processes may use one directory at a time, other ACME clients too: none of their files is
/// touched, nor a file of ours whose content somebody has changed, and a directory that vanishes
/// while it is used is made again. Who made a directory removes it, or nobody: it stays if another
/// process needs it longer.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-8.3>
#[derive(Debug)]
pub struct Webroot {
    directory: PathBuf,
    /// Which of [`PARTS`] this value made.
    made: [bool; PARTS.len()],
}

impl Webroot {
    /// Takes the directory that the server serves under `/`, and checks it.
    ///
    /// # Errors
    ///
    /// As [`Webroot::check`].
    pub fn new(directory: impl Into<PathBuf>) -> Result<Self, WebrootError> {
        let webroot = Self { directory: directory.into(), made: [false; PARTS.len()] };
        webroot.check()?;
        Ok(webroot)
    }

    /// Checks that responses can be written, by writing an empty file and removing it.
    ///
    /// # Errors
    ///
    /// [`WebrootError`], if the directory is missing, is no directory, or can't be written to.
    pub fn check(&self) -> Result<(), WebrootError> {
        again(|| {
            let mut path = self.directory.clone();
            let mut directory = self.open().map_err(Failure::Other)?;
            for part in PARTS {
                match openat(&directory, part, DIRECTORY, Mode::empty()) {
                    Ok(inner) => directory = inner,
                    Err(Errno::NOENT) => break,
                    Err(errno) => return Err(WebrootError::new(&path.join(part), errno).into()),
                }
                path.push(part);
            }
            let probe = format!(".acme-check-{}", std::process::id());
            match create(&directory, &probe) {
                // In another container the same number is somebody else's, who could write it.
                Err(Errno::EXIST) => return Ok(()),
                created => created.map_err(|errno| Failure::in_opened(&path, errno))?,
            };
            match unlinkat(&directory, &probe, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => Ok(()),
                Err(errno) => Err(WebrootError::new(&path.join(probe), errno).into()),
            }
        })
    }

    /// The directory that it was made with.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn place(&mut self, token: &str, content: &str) -> Result<(), WebrootError> {
        let result = again(|| {
            let (directory, path) = self.make_directories()?;
            write(&directory, token, content.as_bytes()).map_err(|error| match Errno::from_io_error(&error) {
                Some(errno @ Errno::NOENT) => Failure::in_opened(&path, errno),
                _ => WebrootError::from_io(&path.join(token), error).into(),
            })
        });
        if result.is_err() {
            self.remove_directories();
        }
        result
    }

    /// Removes the file of a token, if it is one and has the content that we wrote.
    fn remove(&mut self, token: &str, content: &str) -> Result<(), WebrootError> {
        let result = match self.open_inner() {
            Ok(directory) => {
                // A crash may have left it. Nobody else has this token.
                let _ = unlinkat(&directory, temporary(token), AtFlags::empty());
                unlink_same(&directory, token, content.as_bytes())
            }
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
            Err(errno) => Err(errno.into()),
        };
        self.remove_directories();
        result.map_err(|error| WebrootError::from_io(&self.path(token), error))
    }

    fn make_directories(&mut self) -> Result<(OwnedFd, PathBuf), Failure> {
        let mut directory = self.open().map_err(Failure::Other)?;
        let mut path = self.directory.clone();
        for (part, made) in PARTS.into_iter().zip(&mut self.made) {
            let is_new = match mkdirat(&directory, part, DIRECTORY_MODE) {
                Ok(()) => true,
                Err(Errno::EXIST) => false,
                Err(errno) => return Err(Failure::in_opened(&path, errno)),
            };
            *made |= is_new;
            let flags = if is_new { DIRECTORY | OFlags::NOFOLLOW } else { DIRECTORY };
            let opened = openat(&directory, part, flags, Mode::empty()).and_then(|inner| {
                if is_new {
                    open_to_all(&inner)?;
                }
                Ok(inner)
            });
            directory = opened.map_err(|errno| match errno {
                Errno::NOENT => Failure::in_opened(&path, errno),
                _ => WebrootError::new(&path.join(part), errno).into(),
            })?;
            path.push(part);
        }
        Ok((directory, path))
    }

    /// Removes the directories that this value made, unless somebody else uses them by now.
    fn remove_directories(&mut self) {
        let Ok(root) = self.open() else { return };
        let [well_known, challenges] = PARTS;
        let [made_well_known, made_challenges] = &mut self.made;
        let remove = |parent: &OwnedFd, part, made: &mut bool| {
            if *made && unlinkat(parent, part, AtFlags::REMOVEDIR).is_ok() {
                *made = false;
            }
        };
        if *made_challenges && let Ok(inner) = openat(&root, well_known, DIRECTORY, Mode::empty()) {
            remove(&inner, challenges, made_challenges);
        }
        remove(&root, well_known, made_well_known);
    }

    fn open(&self) -> Result<OwnedFd, WebrootError> {
        openat(CWD, &self.directory, DIRECTORY, Mode::empty()).map_err(|errno| match errno {
            Errno::NOENT => WebrootError::Missing { path: self.directory.clone() },
            errno => WebrootError::new(&self.directory, errno),
        })
    }

    fn open_inner(&self) -> Result<OwnedFd, Errno> {
        let path = PARTS.iter().fold(self.directory.clone(), |path, part| path.join(part));
        openat(CWD, &path, DIRECTORY, Mode::empty())
    }

    fn path(&self, token: &str) -> PathBuf {
        PARTS.iter().fold(self.directory.clone(), |path, part| path.join(part)).join(token)
    }
}

impl Solver for Webroot {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        http_types(identifier)
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        let present = |challenge: &Challenge| {
            self.place(http_token(challenge)?, challenge.key_authorization())?;
            tracing::debug!(identifier = %challenge.identifier, "http-01 response presented");
            Ok(())
        };
        challenges.iter().map(present).collect()
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        let withdraw = |challenge: &Challenge| {
            self.remove(http_token(challenge)?, challenge.key_authorization())?;
            tracing::debug!(identifier = %challenge.identifier, "http-01 response withdrawn");
            Ok(())
        };
        challenges.iter().map(withdraw).collect()
    }
}

/// Why a webroot can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebrootError {
    /// Anything else that the system reports, such as a full disk.
    #[error("'{}' could not be written", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The directory does not exist.
    #[error("'{}' does not exist", path.display())]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// It is not a directory.
    #[error("'{}' is not a directory", path.display())]
    NotADirectory {
        /// What was to be one.
        path: PathBuf,
    },
    /// Nothing can be made in the directory, by this user or at all.
    #[error("'{}' is not writable", path.display())]
    NotWritable {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

impl WebrootError {
    /// Tells whether a later try may fare better.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Io { .. } => true,
            Self::Missing { .. } | Self::NotADirectory { .. } | Self::NotWritable { .. } => false,
        }
    }

    fn new(path: &Path, errno: Errno) -> Self {
        let path = path.to_path_buf();
        match errno {
            Errno::NOTDIR => Self::NotADirectory { path },
            Errno::ACCESS | Errno::PERM | Errno::ROFS => Self::NotWritable { path, source: errno.into() },
            _ => Self::Io { path, source: errno.into() },
        }
    }

    /// For what could not be made in a directory that was just opened: `/proc` and its kin say
    /// "no such file" to that.
    fn unwritable(path: &Path, errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::NotWritable { path: path.to_path_buf(), source: errno.into() },
            _ => Self::new(path, errno),
        }
    }

    fn from_io(path: &Path, error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(errno) => Self::new(path, errno),
            None => Self::Io { path: path.to_path_buf(), source: error },
        }
    }
}

impl From<WebrootError> for SolverError {
    fn from(error: WebrootError) -> Self {
        if error.is_temporary() { Self::temporary(error) } else { Self::permanent(error) }
    }
}

/// Why one try failed.
enum Failure {
    /// Somebody removed a directory after it was opened, or the system has no better word for what
    /// it does not allow.
    Gone(WebrootError),
    Other(WebrootError),
}

impl Failure {
    /// For what could not be made in a directory that was just opened.
    fn in_opened(path: &Path, errno: Errno) -> Self {
        let error = WebrootError::unwritable(path, errno);
        if errno == Errno::NOENT { Self::Gone(error) } else { Self::Other(error) }
    }
}

impl From<WebrootError> for Failure {
    fn from(error: WebrootError) -> Self {
        Self::Other(error)
    }
}

/// Tries again while directories vanish: who made one removes it when it is empty, which it is
/// until our file is there.
fn again<T>(mut attempt: impl FnMut() -> Result<T, Failure>) -> Result<T, WebrootError> {
    let mut tries = 1;
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(Failure::Gone(_)) if tries < MAX_TRIES => tries += 1,
            Err(Failure::Gone(error) | Failure::Other(error)) => return Err(error),
        }
    }
}

/// Gives back the bits that the umask took away and that the server's user needs; what else the
/// directory got from the one above, its group's say, it keeps.
fn open_to_all(directory: &OwnedFd) -> Result<(), Errno> {
    let mode = Mode::from_raw_mode(fstat(directory)?.st_mode);
    if mode.contains(DIRECTORY_MODE) { Ok(()) } else { fchmod(directory, mode | DIRECTORY_MODE) }
}

/// Writes a file whole: a reader sees all of it or none.
fn write(directory: &OwnedFd, name: &str, content: &[u8]) -> io::Result<()> {
    let temporary = temporary(name);
    let written = create(directory, &temporary).map_err(io::Error::from).and_then(|mut file| {
        file.write_all(content)?;
        // The umask may have taken bits away that the server's user needs.
        fchmod(&file, FILE_MODE)?;
        Ok(renameat(directory, &temporary, directory, name)?)
    });
    if written.is_err() {
        let _ = unlinkat(directory, &temporary, AtFlags::empty());
    }
    written
}

/// The name of a file until it is whole. A dot in front, so that it is no token and no server lists it.
fn temporary(name: &str) -> String {
    format!(".{name}.tmp")
}

/// Makes a file; one that is there already was left by a crash, and is replaced.
fn create(directory: &OwnedFd, name: &str) -> Result<File, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match openat(directory, name, flags, FILE_MODE) {
        Err(Errno::EXIST) => {
            unlinkat(directory, name, AtFlags::empty())?;
            openat(directory, name, flags, FILE_MODE)?
        }
        result => result?,
    };
    Ok(file.into())
}

fn unlink_same(directory: &OwnedFd, name: &str, content: &[u8]) -> io::Result<()> {
    // Without NONBLOCK a pipe in the file's place would hold us up.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(directory, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        // Nothing, a symbolic link (two names for it), or a socket: not ours.
        Err(Errno::NOENT | Errno::LOOP | Errno::MLINK | Errno::NXIO) => return Ok(()),
        Err(errno) => return Err(errno.into()),
    };
    if FileType::from_raw_mode(fstat(file.as_fd())?.st_mode) != FileType::RegularFile {
        return Ok(());
    }
    let mut found = Vec::with_capacity(content.len() + 1);
    file.take(content.len() as u64 + 1).read_to_end(&mut found)?;
    if found != content {
        return Ok(());
    }
    match unlinkat(directory, name, AtFlags::empty()) {
        // Somebody was faster.
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// The directories between the webroot and a token.
const PARTS: [&str; 2] = [".well-known", "acme-challenge"];

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

const DIRECTORY_MODE: Mode = Mode::from_bits_retain(0o755);

const FILE_MODE: Mode = Mode::from_bits_retain(0o644);

/// How often something is tried while others remove the directories that it needs.
const MAX_TRIES: u32 = 64;
