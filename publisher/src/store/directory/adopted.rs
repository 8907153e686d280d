//! Files without names, which get one when all that they shall hold is in them.

use std::fs::File;
use std::io;
use std::path::Path;

/// Gives an open file a name in its own file system ([open(2)](https://man7.org/linux/man-pages/man2/open.2.html), `O_TMPFILE`).
#[cfg(target_os = "linux")]
pub(super) fn name(file: &File, path: &Path) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    use rustix::fs::{AtFlags, CWD, linkat};

    let open = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(linkat(CWD, open, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

/// Elsewhere a file that has no name gets none.
#[cfg(not(target_os = "linux"))]
pub(super) fn name(_: &File, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
