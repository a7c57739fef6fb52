"""A file whose committed bytes change all at once or not at all, whatever ends the process that writes.

HDF5 changes its index of chunks in place, in many writes. A process that is killed between two of them may
leave a file in which rows written long ago cannot be found any more. `AtomicFile` stands between HDF5 and the
file: what goes beyond the committed end is written at once, where it hurts nobody; what changes committed
bytes is held back. `AtomicFile.commit` first writes the changes, as a journal, behind the end of the file,
then makes them, then cuts the journal off. A file with a whole journal is read as if it had been applied
(`opened`); an incomplete one means nothing, for then no committed byte has been touched.

The journal is a list of ranges (offset and length, 8 bytes each, then the bytes), followed by a last record:
mark, length of the list, size of the file without journal, CRC-32 of the list. HDF5 itself does not mind what
lies behind its end.

Data that the process has written survive its end, not a loss of power: for that, every commit would have to
wait for the disk.
"""

import io
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import h5py

from recosim.errors import ResultsError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

MARK = b"recosim journal\n"
_LAST = struct.Struct("<16sQQI")
_RANGE = struct.Struct("<QQ")

Changes = dict[tuple[int, int], bytes]
"""What to write, by offset and length, in this order."""


class InUseError(ResultsError):
    """Another program has the file open."""

    @classmethod
    def of(cls, path: Path) -> Self:
        """What to say of a file that is locked."""
        return cls(
            f"{path} is in use: another run writes to it, or a program (a notebook, a viewer) has it open; "
            "wait for the one, close the other, or name another file"
        )


class PatchedFile(io.RawIOBase):
    """A file as if changes had been made to it, such as those of a journal that was not applied.

    Parameters
    ----------
    file : io.FileIO
        Is closed with it.
    changes : mapping of tuple of int to bytes
    end : int
        Size with the changes.
    """

    def __init__(self, file: io.FileIO, changes: Changes, end: int) -> None:
        self._file, self._changes, self._end, self._at = file, changes, end, 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._end}[whence]
        return self._at

    def tell(self) -> int:
        """Where the next byte is read or written."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read, with the changes."""
        n_bytes = overlaid(self._file, self._changes, self._end, self._at, memoryview(buffer).cast("B"))
        self._at += n_bytes
        return n_bytes

    def close(self) -> None:
        """Close the file; the changes are not made."""
        if not self.closed:
            self._file.close()
        super().close()


class AtomicFile(PatchedFile):
    """A file object for h5py's ``fileobj`` driver, for writing.

    Parameters
    ----------
    path : Path
        An existing file; a journal it has is applied.

    Attributes
    ----------
    error : OSError or None
        What went wrong with a write.
    is_discarded : bool
        Whether what is written is forgotten.

    Raises
    ------
    InUseError
        Another program has it open.
    OSError
        It cannot be opened for writing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__(path.open("r+b", buffering=0), {}, 0)
        try:
            lock(self._file, path, alone=True)
            found = journal_of(self._file)
            if found is not None:
                self._apply(*found)
        except BaseException:
            self.close()
            raise
        self._committed = self._end = self._size_seen = self._size()
        self.is_discarded = False
        self.error: OSError | None = None

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Any) -> int:
        """Write beyond the committed end, and hold back the rest; what goes wrong is told by `commit`."""
        view = memoryview(data).cast("B")
        first, n_bytes = self._at, len(view)
        n_held = min(max(self._committed - first, 0), n_bytes)
        if n_held:
            key = (first, n_held)
            self._changes.pop(key, None)  # to the end: later changes win
            self._changes[key] = bytes(view[:n_held])
        if n_held < n_bytes and self.error is None and not self.is_discarded:
            with suppress(OSError):  # told by commit: HDF5 must not stop in the middle of something
                self._written(first + n_held, view[n_held:])
        self._at = first + n_bytes
        self._end = max(self._end, self._at)
        return n_bytes

    def truncate(self, size: int | None = None) -> int:
        """Set the size; on the disk with the next commit."""
        self._end = self._at if size is None else size
        return self._end

    def commit(self) -> None:
        """Make everything written so far part of the file.

        Raises
        ------
        OSError
            The file cannot be written; what was committed before stays.
        InUseError
            Another program has written to the file, or put another in its place.
        """
        if self.closed:
            return
        if self.error is not None:
            raise self.error
        self.check_it_is_ours()
        if self._changes:
            held = b"".join(_RANGE.pack(*key) + data for key, data in self._changes.items())
            last = _LAST.pack(MARK, len(held), self._end, zlib.crc32(held))
            begins = max(self._end, self._committed, self._size())
            self._written(begins, memoryview(held))
            self._written(begins + len(held), memoryview(last))
        self._apply(self._changes, self._end)
        self._changes = {}
        self._committed = self._size_seen = self._end

    def discard(self) -> None:
        """Forget what was not committed, and whatever is written from now on."""
        self.is_discarded = True

    def _apply(self, changes: Changes, end: int) -> None:
        for (first, _), data in changes.items():
            _write_at(self._file, first, memoryview(data))
        if self._size() != end:
            self._file.truncate(end)

    def _written(self, first: int, data: memoryview) -> None:
        try:
            _write_at(self._file, first, data)
        except OSError as error:
            self.error = error
            with suppress(OSError):  # what was not committed only takes room
                self._file.truncate(self._committed)
            raise
        self._size_seen = max(self._size_seen, first + len(data))

    def _size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def is_in_place(self) -> bool:
        """Whether the path still leads to this file."""
        try:
            there, ours = self._path.stat(), os.fstat(self._file.fileno())
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def check_it_is_ours(self) -> None:
        """Notice a second writer where locks do not work, and a file that was deleted or replaced.

        Raises
        ------
        InUseError
            Somebody else had a hand in it.
        """
        if not self.is_in_place():
            gone = "replaced" if self._path.exists() else "deleted or moved"
            raise InUseError(f"{self._path} was {gone} while the run wrote to it: run again")
        if self._size() != self._size_seen:
            raise InUseError(
                f"{self._path} was changed by another program while the run wrote to it: run again, "
                "with --out FILE"
            )


class PatchedRun(h5py.File):  # type: ignore[misc]
    """An HDF5 file that closes what it is read from, and so gives up the lock."""

    def __init__(self, patched: PatchedFile) -> None:
        super().__init__(patched, "r")
        self.patched = patched

    def close(self) -> None:
        """Close both."""
        super().close()
        self.patched.close()


def opened(path: Path) -> h5py.File:
    """Open an HDF5 file for reading, as it was committed last.

    Raises
    ------
    OSError
        It cannot be opened.
    """
    file = path.open("rb", buffering=0)
    try:
        if journal_of(file) is not None:
            lock(file, path, alone=False)  # else the journal is being applied
            found = journal_of(file)
            if found is not None:
                return PatchedRun(PatchedFile(file, *found))
        file.close()
        return h5py.File(path, "r")
    except BaseException:
        file.close()
        raise


def lock(file: io.FileIO, path: Path, *, alone: bool) -> None:
    """Lock a file as HDF5 does: one writer or many readers; not where the file system knows no locks.

    Raises
    ------
    InUseError
        Another program has locked it.
    """
    if fcntl is None:
        return
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InUseError.of(path) from None
    except OSError:
        return


def journal_of(file: io.FileIO) -> tuple[Changes, int] | None:
    """Changes and later size of a file with a whole journal; None where it has none."""
    size = os.fstat(file.fileno()).st_size
    if size < _LAST.size:
        return None
    mark, length, end, checksum = _LAST.unpack(_read_at(file, size - _LAST.size, _LAST.size))
    begins = size - _LAST.size - length
    if mark != MARK or begins < end:
        return None
    held = _read_at(file, begins, length)
    if zlib.crc32(held) != checksum:
        return None
    return dict(_ranges(held)), end


def _ranges(held: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    at = 0
    while at < len(held):
        first, n_bytes = _RANGE.unpack_from(held, at)
        at += _RANGE.size
        yield (first, n_bytes), held[at : at + n_bytes]
        at += n_bytes


def overlaid(file: io.FileIO, changes: Changes, end: int, first: int, view: memoryview) -> int:
    """Fill a buffer with bytes from ``first`` on, at most to ``end``, as changed; how many there were."""
    n_bytes = max(min(len(view), end - first), 0)
    data = _read_at(file, first, n_bytes)
    view[: len(data)] = data
    view[len(data) :] = bytes(len(view) - len(data))  # HDF5 takes what is not there for zeros
    for (begins, length), change in changes.items():
        low, high = max(begins, first), min(begins + length, first + n_bytes)
        if low < high:
            view[low - first : high - first] = change[low - begins : high - begins]
    return n_bytes


def _read_at(file: io.FileIO, first: int, n_bytes: int) -> bytes:
    file.seek(first)
    parts = []
    while n_bytes > 0:
        part = file.read(n_bytes)
        if not part:
            break
        parts.append(part)
        n_bytes -= len(part)
    return b"".join(parts)


def _write_at(file: io.FileIO, first: int, data: memoryview) -> None:
    file.seek(first)
    while data:  # a disk that is nearly full takes a part, and refuses the next
        data = data[file.write(data) or 0 :]
