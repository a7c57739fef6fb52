"""Rows of time and numbers from a file, and the checks they have to pass."""

from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG

import numpy as np
import pandas as pd

from recosim.arrays import FloatArray, IntArray
from recosim.errors import InputDataError

CELL_WIDTH = 50
FILE_MAX_BYTES = 200_000_000
"""Of weather and prices, which are read as a whole: a year by the minute has about 50 MB."""
READINGS_MAX_BYTES = 4_000_000_000
"""Of readings, which are many columns: a year of 10,000 delivery points in quarter-hours has 3.5 GB."""

TIME_FIRST, TIME_LAST = -2_208_988_800, 7_258_118_400
"""1900 and 2200: beyond, calendars and their clock changes are not known [POSIX s]."""


def refuse_other_centuries(source: str, times: IntArray) -> None:
    """Refuse times that no meter and no market has seen; an InputDataError names the row."""
    wrong = np.flatnonzero((times < TIME_FIRST) | (times > TIME_LAST))
    if wrong.size:
        raise InputDataError(
            f"{source}: row {wrong[0] + 2}: its time is not in the years 1900 to 2200; correct it"
        )


def refuse_large(path: Path, most: int = FILE_MAX_BYTES) -> None:
    """Refuse what is no file or would not fit into memory, before it is read; an OSError where none is."""
    status = path.stat()
    if not S_ISREG(status.st_mode) and not S_ISDIR(status.st_mode):  # a device or a pipe may never end
        raise InputDataError(f"{path}: is no ordinary file; give one")
    size = status.st_size
    if size > most:
        raise InputDataError(f"{path}: has {size} bytes, allowed: {most}; give the period needed alone")


def brief(text: str) -> str:
    """Text of a file as a message shows it: on one line, the end left out where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= CELL_WIDTH else line[: CELL_WIDTH - 1] + "…"


@dataclass(frozen=True, kw_only=True)
class SeriesTable:
    """Rows of a CSV file, in the order of time.

    Parameters
    ----------
    source : str
        The file, for messages.
    times : array of int, shape (n_rows,)
        POSIX start of each row [s].
    text : sequence of str
        The times as they stand in the file.
    columns : mapping of str to int
        Place of each column in ``values``.
    values : array, shape (n_rows, n_columns)
        Finite.
    """

    source: str
    times: IntArray
    text: "pd.Series[str]"
    columns: dict[str, int]
    values: FloatArray

    def where(self, row: int) -> str:
        """A row as a person finds it."""
        return f"row {row + 2} ({brief(self.text.iloc[row])})"

    def column(self, name: str) -> FloatArray:
        """One column, shape (n_rows,)."""
        return np.asarray(self.values[:, self.columns[name]], dtype=np.float64)


def regular_step(table: SeriesTable, allowed_s: tuple[int, ...]) -> int:
    """Step of a table whose rows follow one another without a gap [s].

    Parameters
    ----------
    table : SeriesTable
    allowed_s : tuple of int
        Steps allowed, the first one for a table of one row [s].

    Raises
    ------
    InputDataError
        The step is not allowed or changes, a row does not begin a step, or one is missing.
    """
    times, source = table.times, table.source
    if times.size < 2:
        return allowed_s[0]
    advance = np.diff(times)
    steps, counts = np.unique(advance, return_counts=True)
    step = int(steps[np.argmax(counts)])
    minutes = " or ".join(f"{allowed // 60}" for allowed in allowed_s)
    if step not in allowed_s:
        raise InputDataError(
            f"{source}: {table.where(1)} is {step / 60:g} min after the row before, allowed: {minutes} min"
        )
    other = np.flatnonzero(advance != step)
    pairs = other[:-1][(np.diff(other) == 1) & (advance[other[:-1]] == advance[other[1:]])]
    if pairs.size and advance[pairs[0]] in allowed_s:
        raise InputDataError(
            f"{source}: from {table.where(int(pairs[0]))} the rows are {advance[pairs[0]] // 60} min apart, "
            f"others {step // 60} min; give each step a file of its own, or add up to hours"
        )
    off = np.flatnonzero(times % step)
    if off.size:
        raise InputDataError(
            f"{source}: {table.where(int(off[0]))} does not begin a step of {step // 60} min; correct the "
            "time"
        )
    if other.size:
        after = int(times[other[0]]) + step
        zone = pd.Timestamp(table.text.iloc[int(other[0])]).tz or "UTC"
        missing = int((advance[other] // step - 1).sum())
        raise InputDataError(
            f"{source}: no row for {pd.Timestamp(after, unit='s', tz='UTC').tz_convert(zone).isoformat()} "
            f"({missing} missing in the file); fill it in from the meter's own register"
        )
    return step


def refuse_disorder(table: SeriesTable) -> None:
    """Refuse times that do not increase; an InputDataError names the row."""
    advance = np.diff(table.times)
    for wrong, problem in (
        (advance == 0, "has the time of the row before: delete one of them"),
        (advance < 0, "is earlier than the row before: put the rows in the order of time, each once"),
    ):
        at = np.flatnonzero(wrong)
        if at.size:
            raise InputDataError(f"{table.source}: {table.where(int(at[0]) + 1)} {problem}")


def refuse_blanks(table: SeriesTable) -> None:
    """Refuse cells without a finite number; an InputDataError names the first."""
    bad = ~np.isfinite(table.values)
    if not bad.any():
        return
    row, place = (int(i) for i in np.argwhere(bad)[0])
    name = list(table.columns)[place]
    last = row == len(table.times) - 1
    hint = "; was the file cut short?" if last else ""
    raise InputDataError(
        f"{table.source}: column {brief(name)}, {table.where(row)}: blank or no finite number "
        f"({int(bad.sum())} in the file); give every cell a number, 0 where there was none{hint}"
    )
