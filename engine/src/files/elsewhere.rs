//! Files and folders on systems that can't open names relative to a folder: by their paths.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::guests::Id;
use super::open_options::{LastLink, OpenOptions};

pub(super) fn open(path: &Path, how: OpenOptions) -> io::Result<File> {
    let OpenOptions { read, write, append, create, new, private: _ } = how;
    let mut options = File::options();
    options.read(read).write(write && !append).append(append).create(create).create_new(new);
    options.open(path)
}

pub(super) fn known(path: &Path) -> io::Result<Metadata> {
    fs::metadata(path)
}

pub(super) fn check_permission(path: &Path) -> io::Result<()> {
    fs::metadata(path).map(drop)
}

pub(super) fn place(path: &Path, _: LastLink) -> io::Result<(OpenFolder, OsString)> {
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    Ok((OpenFolder(path.parent().unwrap_or(Path::new("")).to_owned()), name.to_owned()))
}

pub(super) fn let_wait(_: &File) -> io::Result<()> {
    Ok(())
}

pub(super) fn let_append(_: &File) -> io::Result<()> {
    Ok(())
}

pub(super) fn check_stdin() -> io::Result<()> {
    Ok(())
}

pub(super) fn read_stdin(buffer: &mut [u8]) -> io::Result<usize> {
    io::Read::read(&mut io::stdin(), buffer)
}

pub(super) fn wait_for_stdin() -> io::Result<()> {
    Err(io::ErrorKind::WouldBlock.into())
}

pub(super) fn check_stdout() -> io::Result<()> {
    Ok(())
}

pub(super) fn write_stdout(bytes: &[u8]) -> io::Result<usize> {
    let mut stdout = io::stdout().lock();
    io::Write::write_all(&mut stdout, bytes)?;
    io::Write::flush(&mut stdout)?;
    Ok(bytes.len())
}

pub(super) fn wait_for_stdout() -> io::Result<()> {
    Err(io::ErrorKind::WouldBlock.into())
}

pub(super) fn wait_for_writer(_: &File) -> io::Result<()> {
    Ok(())
}

pub(super) fn has_no_reader(_: &io::Error) -> bool {
    false
}

pub(super) fn is_no_file(error: &io::Error) -> bool {
    error.raw_os_error().is_none() && error.kind() == io::ErrorKind::PermissionDenied
}

#[derive(Debug)]
pub(super) struct OpenFolder(PathBuf);

impl OpenFolder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if fs::metadata(path)?.is_dir() {
            Ok(Self(path.to_owned()))
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    pub(super) fn private(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Self::open(path)
    }

    pub(super) fn id(&self) -> Option<Id> {
        None
    }

    pub(super) fn path(&self) -> Option<PathBuf> {
        Some(self.0.clone())
    }

    /// The path of a name, unless that leads out of the folder or is a link.
    fn within(&self, name: &Path) -> io::Result<PathBuf> {
        let stays = name.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        let path = self.0.join(name);
        let is_link = fs::symlink_metadata(&path).is_ok_and(|known| known.is_symlink());
        if stays && !is_link { Ok(path) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }

    pub(super) fn open_in(&self, name: &Path, how: OpenOptions) -> io::Result<File> {
        open(&self.within(name)?, how)
    }

    pub(super) fn open_itself(&self, name: &OsStr, how: OpenOptions) -> io::Result<File> {
        self.open_in(Path::new(name), how)
    }

    pub(super) fn is_there(&self, name: &OsStr) -> bool {
        fs::symlink_metadata(self.0.join(name)).is_ok()
    }

    pub(super) fn known_in(&self, name: &Path) -> io::Result<Metadata> {
        fs::metadata(self.within(name)?)
    }

    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    pub(super) fn rename(&self, from: &OsStr, to: &Self, name: &OsStr) -> io::Result<()> {
        fs::rename(self.0.join(from), to.0.join(name))
    }

    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
