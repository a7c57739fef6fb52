"""Whether a result file is safe to read: it may come from anybody, and may be damaged.

HDF5 files can point to other files, ask for filters that are loaded as code, claim sizes that they do not
have, and, where their text is damaged, keep the library busy for ever. What is found here is refused before
any of it is read.
"""

import os
import struct
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path

import h5py

from recosim.results.atomic_file import PatchedFile, PatchedRun

OBJECTS_MAX = 10_000
DEPTH_MAX = 6
STEPS_MAX = 1_100_000
"""Ten years of steps of five minutes."""
NUMBERS_MAX = 400_000_000
"""In one data set: ten years of quarter-hours for 1000 dwellings."""
TEXTS_MAX = 2_000_000
ATTRIBUTE_MAX = 100_000
CHUNK_BYTES_MAX = 32_000_000
FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)
"""Those that are part of HDF5; others would be looked for on this machine and loaded."""

_HEAP = b"GCOL\x01"
_READ_BYTES = 16_000_000
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_BASE_BY_VERSION = {0: 24, 2: 12, 3: 12}
"""Where the addresses of begin and end stand, by version of the superblock, with one other between them."""
Range = tuple[int, int]
Bytes = BufferedReader | PatchedFile


class UnsafeFileError(ValueError):
    """What is wrong with a file."""


def refuse_unsafe(path: Path, file: h5py.File) -> None:
    """Refuse what recosim never writes: pointers out of the file, odd types and filters, sizes out of bounds.

    Parameters
    ----------
    path : Path
    file : h5py.File
        Open for reading.

    Raises
    ------
    UnsafeFileError
        Something of the kind is in the file, or its text is damaged.
    """
    if file.id.get_create_plist().get_sizes() != (8, 8):
        raise UnsafeFileError("its addresses are not of 8 bytes")
    stored: list[Range] = []
    for number, (name, item) in enumerate(_objects(file, "", 0)):
        if number >= OBJECTS_MAX:
            raise UnsafeFileError(f"it holds more than {OBJECTS_MAX} data sets and groups")
        _check_attributes(name, item)
        if isinstance(item, h5py.Dataset):
            _check_dataset(name, item)
            if h5py.check_string_dtype(item.dtype) is None:
                stored += _places(item)
    if isinstance(file, PatchedRun):  # a journal's own bytes, and what it is about to change, are not read
        _check_heaps(file.patched, _end(file.patched), sorted(stored))
        return
    with path.open("rb") as raw:
        _check_heaps(raw, _end(raw), sorted(stored))


def _objects(group: h5py.Group, where: str, depth: int) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
    yield where or "/", group
    if depth > DEPTH_MAX:
        raise UnsafeFileError(f"{where} is nested more than {DEPTH_MAX} deep")
    for key in group:
        name = f"{where}/{key}"
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise UnsafeFileError(f"{name} is a link, which could lead to another file")
        item = group[key]
        if isinstance(item, h5py.Group):
            yield from _objects(item, name, depth + 1)
        elif isinstance(item, h5py.Dataset):
            yield name, item
        else:
            raise UnsafeFileError(f"{name} is neither a group nor a data set")


def _check_attributes(name: str, item: h5py.Group | h5py.Dataset) -> None:
    for key in item.attrs:
        attribute = item.attrs.get_id(key)
        _check_type(f"attribute {key} of {name}", attribute.dtype)
        if attribute.get_storage_size() > ATTRIBUTE_MAX:
            raise UnsafeFileError(f"attribute {key} of {name} is larger than {ATTRIBUTE_MAX} bytes")


def _check_type(what: str, dtype: object) -> None:
    kind = getattr(dtype, "kind", "")
    is_text = h5py.check_string_dtype(dtype) is not None
    if not is_text and kind not in "biuf":
        raise UnsafeFileError(f"{what} holds neither numbers nor text ({dtype})")


def _check_dataset(name: str, dataset: h5py.Dataset) -> None:
    if dataset.shape is None:
        raise UnsafeFileError(f"{name} has no shape")
    _check_type(name, dataset.dtype)
    layout = dataset.id.get_create_plist()
    if layout.get_layout() == h5py.h5d.VIRTUAL or layout.get_external_count():
        raise UnsafeFileError(f"{name} keeps its values in another file")
    filters = [layout.get_filter(i)[0] for i in range(layout.get_nfilters())]
    unknown = [number for number in filters if number not in FILTERS]
    if unknown:
        raise UnsafeFileError(f"{name} asks for filter {unknown[0]}, which is none of HDF5's own")
    is_text = h5py.check_string_dtype(dataset.dtype) is not None
    most = TEXTS_MAX if is_text else NUMBERS_MAX
    if dataset.size > most:
        raise UnsafeFileError(f"{name} claims {dataset.size} values, allowed: {most}")
    chunk = dataset.dtype.itemsize
    for length in dataset.chunks or ():
        chunk *= length
    if chunk > CHUNK_BYTES_MAX:
        raise UnsafeFileError(f"{name} has chunks of {chunk} bytes, allowed: {CHUNK_BYTES_MAX}")


def _places(dataset: h5py.Dataset) -> list[Range]:
    """Where the values of a data set lie in the file: offset and bytes."""
    found: list[Range] = []
    if dataset.chunks is None:
        offset = dataset.id.get_offset()
        return [] if offset is None else [(offset, dataset.id.get_storage_size())]
    iterate: Callable[..., None] | None = getattr(dataset.id, "chunk_iter", None)
    if iterate is not None:  # older libraries cannot tell; then all is looked through
        iterate(lambda chunk: found.append((chunk.byte_offset, chunk.size)))
    return found


def _end(file: Bytes) -> int:
    """Where the file ends by its own account: nothing beyond, such as a write that was cut short, is read."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(48) or b""
    if len(head) < 48 or head[:8] != _SIGNATURE or head[8] not in _BASE_BY_VERSION:
        return size
    base, _, end = struct.unpack_from("<QQQ", head, _BASE_BY_VERSION[head[8]])
    return size if base else min(size, int(end))


def _check_heaps(file: Bytes, size: int, stored: list[Range]) -> None:
    """Look through all that is not a data set's values for heaps of text, and follow each to its end.

    HDF5 reads the text of a heap by stepping from one to the next, and never arrives where a step is zero.
    """
    at = 0
    for offset, length in [*stored, (size, 0)]:
        while at < offset:
            file.seek(at)
            block = file.read(min(_READ_BYTES, offset - at))
            if not block:
                raise UnsafeFileError("a data set lies beyond its end")
            for place in _found(block):
                _check_heap(file, at + place, size)
            at += len(block) if at + len(block) == offset else max(len(block) - len(_HEAP) + 1, 1)
        at = max(at, offset + length)


def _found(block: bytes) -> Iterator[int]:
    place = block.find(_HEAP)
    while place >= 0:
        yield place
        place = block.find(_HEAP, place + 1)


def _check_heap(file: Bytes, offset: int, size: int) -> None:
    file.seek(offset + 8)
    (length,) = struct.unpack("<Q", (file.read(8) or b"").ljust(8, b"\0"))
    if not 16 <= length <= size - offset:
        raise UnsafeFileError("a heap of its text reaches beyond its end")
    file.seek(offset)
    heap = file.read(length) or b""
    at = 16
    while at + 16 <= length:
        index, _, _, held = struct.unpack_from("<HHIQ", heap, at)
        step = held if index == 0 else 16 + (held + 7) // 8 * 8
        if not 0 < step <= length - at:
            raise UnsafeFileError("a heap of its text is damaged")
        at += step
