"""Folders that commands write several files into, and the tables of numbers among these."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from recosim.errors import ResultsError


def nearest_there(path: Path) -> Path:
    """The path itself where it is there, else the nearest of its folders that is."""
    return next(place for place in (path, *path.absolute().parents) if place.exists())


def check_folder(folder: Path, force: bool) -> None:
    """Refuse a folder that cannot be written to or holds something, before anything is computed for it.

    Parameters
    ----------
    folder : Path
    force : bool
        Files of the same names may be replaced; others are left alone either way.

    Raises
    ------
    ResultsError
        The folder is a file, holds something and ``force`` is not given, or cannot be written to.
    """
    folder = Path(folder)
    there = nearest_there(folder)
    if not there.is_dir():
        raise ResultsError(f"{folder}: {there} is a file, not a folder; name another folder")
    if not os.access(there, os.W_OK):
        raise ResultsError(f"{folder} cannot be written: {there} is read-only; name another folder")
    if folder.exists() and not force and any(folder.iterdir()):
        raise ResultsError(
            f"{folder} is not empty: name another folder, or replace files of the same names with --force"
        )


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Give a place for files that come into ``folder`` all at once, when all of them are written.

    Where an error ends the writing, nothing is left behind, and what was there before is as it was.

    Raises
    ------
    ResultsError
        A file cannot be written.
    """
    folder = Path(folder)
    # in the same file system, so that moving is no copying
    there = nearest_there(folder)
    try:
        with TemporaryDirectory(prefix=".recosim-", dir=there) as name:
            yield Path(name)
            folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(Path(name).iterdir()):
                path.replace(folder / path.name)
    except OSError as error:
        raise ResultsError(
            f"{folder} cannot be written: {error.strerror or error}; free some room or name another folder"
        ) from error


def write_csv(path: Path, columns: Mapping[str, Any]) -> None:
    """Write columns of text and numbers; numbers with as many digits as tell them apart, NaN as blank.

    Raises
    ------
    ResultsError
        The file cannot be written.
    """
    write_text(path, pd.DataFrame(columns).to_csv(index=False, lineterminator="\n"))


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8; its folder is made if need be.

    Raises
    ------
    ResultsError
        The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResultsError(f"{path} cannot be written: {error.strerror}; name another folder") from error
