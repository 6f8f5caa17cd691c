//! Files and directories, without ever following a symbolic link that somebody put there.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use crate::error::{Error, Expected};

/// An open directory below the store's.
pub(crate) struct Directory {
    fd: OwnedFd,
    path: PathBuf,
}

/// Who may do what with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) owner: Option<u32>,
    pub(crate) group: Group,
    pub(crate) mode: u32,
}

/// The group of a file, and what happens if this user may not give it to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// The user's own.
    Own,
    /// The one of an earlier file; without it the group has no access.
    Inherited(u32),
    /// The one that was asked for; without it there is no file.
    Wanted(u32),
}

/// What is found at the place of a file.
pub(crate) enum Found {
    Absent,
    /// The file with the right content.
    Right,
    /// A file with other content.
    Wrong(Access),
    /// Something other than a regular file.
    Other,
}

impl Access {
    pub(crate) fn of_mode(mode: u32) -> Self {
        Self { owner: None, group: Group::Own, mode }
    }

    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let mode = metadata.permissions().mode() & 0o777;
        Ok(Self { owner: Some(metadata.uid()), group: Group::Inherited(metadata.gid()), mode })
    }
}

impl Directory {
    /// Opens a directory, by a path that may have links in it.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let fd = rustix::fs::open(path, DIRECTORY_FLAGS, Mode::empty())
            .map_err(|errno| Error::from_io(path, errno.into()))?;
        Ok(Self { fd, path: path.to_path_buf() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a directory in this one, if there is one.
    pub(crate) fn subdirectory(&self, name: &str) -> Result<Option<Self>, Error> {
        let path = self.path.join(name);
        match rustix::fs::openat(&self.fd, name, DIRECTORY_FLAGS | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, path })),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => {
                Err(Error::Obstructed { path, expected: Expected::Directory })
            }
            Err(errno) => Err(Error::from_io(&path, errno.into())),
        }
    }

    /// Opens a directory in this one, and makes it if there is none.
    pub(crate) fn make_subdirectory(&self, name: &str, mode: u32) -> Result<Self, Error> {
        if let Some(found) = self.subdirectory(name)? {
            return Ok(found);
        }
        // Killed between making it and opening it to others, we would leave it closed for good.
        let made = self.make_temporary(UNNAMED)?;
        made.set_access(Access::of_mode(mode))?;
        self.rename(UNNAMED, name)?;
        self.sync()?;
        let path = self.path.join(name);
        self.subdirectory(name)?.ok_or_else(|| Error::from_io(&path, io::ErrorKind::NotFound.into()))
    }

    /// Makes an empty directory for this user alone, in place of what has its temporary name.
    pub(crate) fn make_temporary(&self, name: &str) -> Result<Self, Error> {
        self.remove(name)?;
        let failed = |errno: Errno| Error::from_io(&self.path.join(name), errno.into());
        rustix::fs::mkdirat(&self.fd, name, Mode::RWXU).map_err(failed)?;
        self.subdirectory(name)?.ok_or_else(|| failed(Errno::NOENT))
    }

    /// The names of what is in it.
    pub(crate) fn entries(&self) -> Result<Vec<OsString>, Error> {
        let failed = |errno: Errno| Error::from_io(&self.path, errno.into());
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.fd).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                entries.push(OsString::from_vec(name));
            }
        }
        Ok(entries)
    }

    /// Compares a file with what it should be.
    pub(crate) fn find(&self, name: &str, content: &[u8]) -> Result<Found, Error> {
        let failed = |error| Error::from_io(&self.path.join(name), error);
        // A pipe in its place must not keep us waiting.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT) => return Ok(Found::Absent),
            Err(Errno::LOOP | Errno::NXIO) => return Ok(Found::Other),
            Err(errno) => return Err(failed(errno.into())),
        };
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Ok(Found::Other);
        }
        let access = Access::of(&file).map_err(failed)?;
        if usize::try_from(metadata.len()) != Ok(content.len()) {
            return Ok(Found::Wrong(access));
        }
        let mut found = zeroize::Zeroizing::new(Vec::with_capacity(content.len() + 1));
        file.take(metadata.len() + 1).read_to_end(&mut found).map_err(failed)?;
        Ok(if *found == content { Found::Right } else { Found::Wrong(access) })
    }

    /// Who may do what with a file or directory in this one; `None` where it is absent or a link.
    pub(crate) fn access(&self, name: &str) -> Option<Access> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty()).ok()?;
        Access::of(&File::from(fd)).ok()
    }

    /// Makes a file that was not there; it is durable, its entry in the directory is not yet.
    pub(crate) fn create(&self, name: &str, content: &[u8], access: Access) -> Result<(), Error> {
        let path = self.path.join(name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| file_error(&path, errno.into()))?;
        let mut file = File::from(fd);
        set_access(&file, access)
            .and_then(|()| file.write_all(content))
            .and_then(|()| file.sync_all())
            .map_err(|error| Error::from_io(&path, error))
    }

    /// Puts a file in place of what is there, in one step.
    pub(crate) fn replace(&self, name: &str, content: &[u8], access: Access) -> Result<(), Error> {
        let temporary = temporary(name);
        self.remove(&temporary)?;
        self.create(&temporary, content, access)?;
        match self.rename(&temporary, name) {
            Err(Error::Io { path, .. }) if is_directory(&path) => {
                self.remove(&temporary)?;
                Err(Error::Obstructed { path, expected: Expected::File })
            }
            result => result,
        }?;
        self.sync()
    }

    /// Points a link to `target`, in one step.
    pub(crate) fn link(&self, name: &str, target: &str) -> Result<(), Error> {
        let temporary = temporary(name);
        self.remove(&temporary)?;
        rustix::fs::symlinkat(target, &self.fd, &*temporary)
            .map_err(|errno| Error::from_io(&self.path.join(&temporary), errno.into()))?;
        match self.rename(&temporary, name) {
            Err(Error::Io { path, .. }) if is_directory(&path) => {
                self.remove(&temporary)?;
                Err(Error::Obstructed { path, expected: Expected::Link })
            }
            result => result,
        }?;
        self.sync()
    }

    /// What a link points to; `None` where there is no link.
    pub(crate) fn link_target(&self, name: &str) -> Result<Option<OsString>, Error> {
        match rustix::fs::readlinkat(&self.fd, name, Vec::new()) {
            Ok(target) => Ok(Some(OsString::from_vec(target.into_bytes()))),
            Err(Errno::NOENT | Errno::INVAL) => Ok(None),
            Err(errno) => Err(Error::from_io(&self.path.join(name), errno.into())),
        }
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        rustix::fs::renameat(&self.fd, from, &self.fd, to)
            .map_err(|errno| Error::from_io(&self.path.join(to), errno.into()))
    }

    /// Removes a file, a link, or a directory with all that is in it; absent ones are fine.
    pub(crate) fn remove(&self, name: impl AsRef<OsStr>) -> Result<(), Error> {
        let name = name.as_ref();
        let path = self.path.join(name);
        let result = match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            // Some systems say the one, some the other; and the other has more meanings.
            Err(Errno::ISDIR | Errno::PERM) if is_directory(&path) => fs::remove_dir_all(&path),
            Err(errno) => Err(errno.into()),
        };
        result.map_err(|error| Error::from_io(&path, error))
    }

    pub(crate) fn set_access(&self, access: Access) -> Result<(), Error> {
        let fd = self.fd.try_clone().map_err(|error| Error::from_io(&self.path, error))?;
        set_access(&File::from(fd), access).map_err(|error| Error::from_io(&self.path, error))
    }

    /// Makes the entries of the directory durable.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        match rustix::fs::fsync(&self.fd) {
            // Some file systems can't, and then there is nothing to be done.
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(errno) => Err(Error::from_io(&self.path, errno.into())),
        }
    }
}

/// Makes a directory that servers may pass through, with the ones above it, if it is not there.
pub(crate) fn make_public(path: &Path) -> Result<(), Error> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => return Err(Error::Obstructed { path: path.to_path_buf(), expected: Expected::Directory }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(Error::Obstructed { path: path.to_path_buf(), expected: Expected::Directory });
        }
        Err(error) => return Err(Error::from_io(path, error)),
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| Error::from_io(parent, error))?;
    }
    match fs::create_dir(path) {
        Ok(()) => {
            fs::set_permissions(path, Permissions::from_mode(0o755))
                .map_err(|error| Error::from_io(path, error))?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(Error::from_io(path, error)),
    }
    sync_parent(path)
}

/// Makes the entry of a file in its directory durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), Error> {
    path.parent().map_or(Ok(()), |parent| Directory::open(parent)?.sync())
}

/// Makes a directory for this user alone, if it is not there.
pub(crate) fn make_private(path: &Path) -> Result<PathBuf, Error> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return Ok(path.to_path_buf()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(Error::from_io(path, error)),
    }
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => Ok(path.to_path_buf()),
        Ok(_) => Err(Error::Obstructed { path: path.to_path_buf(), expected: Expected::Directory }),
        Err(error) => Err(Error::from_io(path, error)),
    }
}

/// The error of opening a file: links and directories are in the way of one.
pub(crate) fn file_error(path: &Path, error: io::Error) -> Error {
    match Errno::from_io_error(&error) {
        Some(Errno::LOOP | Errno::ISDIR) => {
            Error::Obstructed { path: path.to_path_buf(), expected: Expected::File }
        }
        Some(_) | None => Error::from_io(path, error),
    }
}

/// The name under which something is written before it takes its place.
pub(crate) fn temporary(name: &str) -> String {
    format!(".{name}{TEMPORARY}")
}

/// Tells whether a name is one of [`temporary`]'s.
pub(crate) fn is_temporary(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(TEMPORARY))
}

fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

fn set_access(file: &File, access: Access) -> io::Result<()> {
    let mut mode = access.mode;
    let group = match access.group {
        Group::Own => None,
        Group::Inherited(group) | Group::Wanted(group) => Some(group),
    };
    if let Some(group) = group {
        let metadata = file.metadata()?;
        let is_given =
            metadata.gid() == group || rustix::fs::fchown(file, None, Some(Gid::from_raw(group))).is_ok();
        match access.group {
            Group::Wanted(_) if !is_given => return Err(io::ErrorKind::PermissionDenied.into()),
            // What that group may do must not fall to another.
            Group::Inherited(_) if !is_given => mode &= 0o707,
            Group::Own | Group::Inherited(_) | Group::Wanted(_) => {}
        }
    }
    if let Some(owner) = access.owner
        && file.metadata()?.uid() != owner
    {
        // Only root may; anybody else goes on as the owner.
        let _ = rustix::fs::fchown(file, Some(Uid::from_raw(owner)), None);
    }
    rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?;
    Ok(())
}

const DIRECTORY_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const TEMPORARY: &str = ".new";
/// The temporary name of a directory whose own may be too long to have anything added.
const UNNAMED: &str = ".directory.new";
