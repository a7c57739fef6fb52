"""Putting a result file in its place, and what to tell where that is not possible."""

import errno
import os
from pathlib import Path

from recosim.errors import ResultsError
from recosim.results.atomic_file import lock
from recosim.results.folders import nearest_there
from recosim.results.run_file import one_line

_CURES = {
    errno.ENOSPC: "the disk is full, so make room on it, or name a file on another with --out",
    errno.EDQUOT: "your quota on that disk is used up, so make room on it, or name another with --out",
    errno.EFBIG: "files may not become larger there (ulimit -f, or the file system); name another with --out",
    errno.EROFS: "that disk is read-only; name another with --out",
    errno.EACCES: "you may not write there; name another file with --out",
    errno.EPERM: "the file or its folder is protected; name another with --out",
    errno.EIO: "the disk fails; name a file on another with --out",
    errno.ESTALE: "the network drive is gone; when it is back, go on with --resume",
}
"""What to do, by what the system says."""


def check_target(path: Path, force: bool) -> None:
    """Refuse a result file that cannot be, before anything is computed for it.

    Raises
    ------
    ResultsError
        The file exists and ``force`` is not given, is none, or its folder cannot be written to.
    """
    path = Path(path)
    if path.is_dir():
        raise ResultsError(f"{path} is a folder: name a file in it, such as {path / 'run.h5'}")
    if path.exists() and not path.is_file():
        raise ResultsError(f"{path} is not an ordinary file: name another")
    if path.exists() and not force:
        raise ResultsError(f"{path} exists already: name another file, or replace it with --force")
    there = nearest_there(path)
    if there != path and not there.is_dir():
        raise ResultsError(f"{path} cannot be written: {there} is a file, not a folder; name another file")
    if not os.access(there, os.W_OK):
        raise ResultsError(f"{path} cannot be written: {there} is read-only; name another file")


def put_whole(path: Path, image: memoryview) -> None:
    """Put a new file in a place, whole or not at all; a program that has the old one open keeps it."""
    place = path.resolve()  # a link is followed, not replaced
    if place.exists():
        with place.open("rb", buffering=0) as old:
            lock(old, path, alone=True)
    new = place.with_name(place.name + ".new")
    try:
        new.write_bytes(image)
        new.replace(place)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def cannot_be_written(path: Path, error: Exception) -> ResultsError:
    """Error of ours for one of the system, with what to do about it."""
    cure = _CURES.get(getattr(error, "errno", None) or 0, "name another file with --out")
    reason = getattr(error, "strerror", None) or one_line(error)
    return ResultsError(f"{path} cannot be written ({reason}): {cure}")
