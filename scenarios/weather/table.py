"""What every reader of weather files makes: rows, labels and numbers as they stand in the file."""

import csv
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from recosim.arrays import FloatArray, IntArray
from recosim.errors import InputDataError
from recosim.scenarios.series_table import brief
from recosim.scenarios.weather.years import NOMINAL_LEAP_YEAR, NOMINAL_YEAR
from recosim.timegrid import SECONDS_PER_DAY, SECONDS_PER_HOUR

_NUMBER_MAX = 1e15
_DIGITS_MAX = 100
Kind = Literal["epw", "pvgis", "nsrdb", "csv"]

_SITE_LIMITS = {
    "latitude": (-90.0, 90.0, "deg, north positive"),
    "longitude": (-180.0, 180.0, "deg, east positive"),
    "elevation": (-430.0, 9000.0, "m"),
}


class Site(NamedTuple):
    """Where a file's weather was.

    Parameters
    ----------
    latitude, longitude : float
        North and east positive [deg].
    altitude_m : float
        [m]
    timezone : str
        Decides local time at the place.
    """

    latitude: float
    longitude: float
    altitude_m: float
    timezone: str


@dataclass(frozen=True, kw_only=True)
class WeatherTable:
    """A file's rows in their order; values not yet judged.

    Parameters
    ----------
    source : str
        The file.
    kind : {"epw", "pvgis", "nsrdb", "csv"}
    site : Site
    rows : array of int, shape (n_rows,)
        Line of each row in the file; in JSON its entry.
    labels : array of int, shape (n_rows,)
        POSIX time of each row's label, in the file's year or a nominal one [s].
    step_s : int
        The file's own step [s].
    begin_s : int
        Begin of a row's step, from its label [s].
    instant_s : float or None
        Moment of the irradiances, from the begin of the step; None where rows are means of their step [s].
    columns : mapping of str to str
        Quantity (``temp``, ``global``, ``direct``, ``diffuse``, ``wind``) to the file's name of the column.
    text : mapping of str to sequence
        What stands in the file, by quantity.
    values : mapping of str to array, shape (n_rows,)
        The same as numbers, NaN where it is none [degC, W/m2, m/s].
    """

    source: str
    kind: Kind
    site: Site
    rows: IntArray
    labels: IntArray
    step_s: int
    begin_s: int
    instant_s: float | None
    columns: Mapping[str, str]
    text: Mapping[str, Sequence[Any]]
    values: Mapping[str, FloatArray]

    @property
    def start(self) -> int:
        """POSIX time at which the first step begins [s]."""
        return int(self.labels[0]) + self.begin_s

    def where(self, row: int) -> str:
        """Tell where a row stands, for messages."""
        return f"row {self.rows[row]} (label {stamp(int(self.labels[row]))})"


def stamp(time: int) -> str:
    """Date and time of a POSIX time, in UTC, to the minute."""
    # numpy's calendar has no first and no last year; those of pandas and datetime have.
    return f"{np.datetime64(time, 's')}"[:-3].replace("T", " ") + " UTC"


def make_table(
    *,
    source: str,
    kind: Kind,
    site: Site,
    rows: IntArray,
    labels: IntArray,
    begin: Literal["start", "middle", "end", "instant"],
    instant_s: float | None = None,
    columns: Mapping[str, str],
    text: Mapping[str, Sequence[Any]],
    values: Mapping[str, FloatArray],
) -> WeatherTable:
    """Table of a file, its step found and its place checked; the parameters are those of the table.

    Parameters
    ----------
    begin : {"start", "middle", "end", "instant"}
        What a label is of its step; an instant lies in the middle of its step, or begins it.
    instant_s : float, optional
        As in the table.

    Raises
    ------
    InputDataError
        A place off the earth, or no step of an hour or a whole part of it.
    """
    for (what, (low, high, unit)), value in zip(_SITE_LIMITS.items(), site[:3], strict=True):
        if not low <= value <= high:
            raise InputDataError(f"{source}: header, {what} = {value:g}, allowed [{low:g}, {high:g}] {unit}")
    advance = np.diff(labels)
    steps, counts = np.unique(advance[advance > 0], return_counts=True)
    if not steps.size:
        raise InputDataError(f"{source}: fewer than two rows in order of time; give at least a day of data")
    step = int(steps[np.argmax(counts)])
    if SECONDS_PER_HOUR % step:
        raise InputDataError(
            f"{source}: time column has a step of {step} s, allowed: 1 h or a whole part of it"
        )
    if begin == "instant":
        at_middle = 2 * (int(labels[0]) % step) == step
        begin, instant_s = ("middle", step / 2.0) if at_middle else ("start", 0.0)
    return WeatherTable(
        source=source,
        kind=kind,
        site=site,
        rows=rows,
        labels=labels,
        step_s=step,
        begin_s={"start": 0, "middle": -step // 2, "end": -step}[begin],
        instant_s=instant_s,
        columns=columns,
        text=text,
        values=values,
    )


def wall_times(
    source: str,
    rows: IntArray,
    date: Sequence[FloatArray],
    seconds: FloatArray,
) -> IntArray:
    """Seconds since 1970 as the file's clock shows them, a typical year's months in one nominal year.

    A leap year whose 29 February was left out becomes a nominal year of 365 days as well.

    Parameters
    ----------
    source : str
        The file.
    rows : array of int, shape (n_rows,)
        Lines, for messages.
    date : three arrays, shape (n_rows,)
        Year, month and day.
    seconds : array, shape (n_rows,)
        Time of day; a whole day is the next midnight [s].

    Raises
    ------
    InputDataError
        A row is no date and time.
    """
    year, month, day = date
    changes = np.flatnonzero(np.diff(year) != 0)
    new_year = (np.diff(year) == 1) & (month[:-1] == 12) & (month[1:] == 1)
    leap_days = (month == 2) & (day == 29)
    if not new_year[changes].all():
        year = np.full_like(year, NOMINAL_LEAP_YEAR if leap_days.any() else NOMINAL_YEAR)
    elif not changes.size and not leap_days.any() and {2.0, 3.0} <= set(month):
        year = np.full_like(year, NOMINAL_YEAR) if year[0] % 4 == 0 else year
    days = pd.to_datetime(pd.DataFrame({"year": year, "month": month, "day": day}), errors="coerce")
    wrong = np.flatnonzero(days.isna().to_numpy() | ~((seconds >= 0) & (seconds <= SECONDS_PER_DAY)))
    if wrong.size:
        raise InputDataError(
            f"{source}: time column, row {rows[wrong[0]]} is no date and time; "
            "write the row as the format asks"
        )
    midnights = np.asarray(days.to_numpy().astype("datetime64[s]").astype(np.int64), dtype=np.int64)
    return np.asarray(midnights + np.round(seconds).astype(np.int64), dtype=np.int64)


def zone_name(source: str, hours: float) -> str:
    """Name of a fixed difference from UTC.

    Raises
    ------
    InputDataError
        There is no such zone.
    """
    low, high = -12.0, 14.0
    if not low <= hours <= high:
        raise InputDataError(
            f"{source}: header, time zone = {hours:g}, allowed [{low:g}, {high:g}] h from UTC"
        )
    if hours == round(hours):
        return "UTC" if hours == 0 else f"Etc/GMT{-round(hours):+d}"
    minutes = round(abs(hours) * 60)
    return f"UTC{'+' if hours > 0 else '-'}{minutes // 60:02d}:{minutes % 60:02d}"


def require_columns(
    source: str,
    columns: Mapping[str, str],
    names: Sequence[str],
    cure: str = "download the file again with it",
) -> None:
    """Refuse a file that lacks one of the columns."""
    missing = [column for column in columns.values() if column not in names]
    if missing:
        raise InputDataError(
            f"{source}: column {', '.join(missing)} is missing; the columns found are {listed(names)}: {cure}"
        )


def listed(names: Sequence[str], most: int = 20) -> str:
    """Names of columns for a message: not too many, none too long."""
    shown = [textwrap.shorten(name, 40, placeholder="…") for name in names[:most] if name]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(shown) or "none") + more


def body_of(
    source: str, lines: list[str], first: int, delimiter: str = ","
) -> tuple[list[list[str]], IntArray]:
    """Cells of the lines from ``first`` on, empty lines at the end left out, and their line numbers."""
    end = len(lines)
    while end > first and not lines[end - 1].strip():
        end -= 1
    try:
        # Line by line: a stray quotation mark must not swallow the rows that follow.
        body = [next(csv.reader([line], delimiter=delimiter), []) for line in lines[first:end]]
    except csv.Error as error:
        raise InputDataError(
            f"{source}: no table of text ({error}); give the file as it was written"
        ) from error
    return body, np.arange(first + 1, end + 1)


def cell(row: list[str], index: int) -> str:
    """Cell of a row, empty where the row is too short."""
    return row[index] if index < len(row) else ""


def numbers(cells: Sequence[Any]) -> FloatArray:
    """Numbers of cells, NaN where there is none."""
    # Whole numbers of more digits than a float knows are not coerced but raise.
    short = ["" if len(str(one)) > _DIGITS_MAX else one for one in cells]
    found = np.array(pd.to_numeric(pd.Series(short, dtype=object), errors="coerce"), dtype=np.float64)
    return np.where(np.abs(found) < _NUMBER_MAX, found, np.nan)


def header_numbers(source: str, where: str, cells: Sequence[str], count: int) -> list[float]:
    """Exactly ``count`` numbers of a header.

    Raises
    ------
    InputDataError
        There are others.
    """
    values = numbers(cells)
    if len(values) != count or not np.isfinite(values).all():
        raise InputDataError(f"{source}: {where} needs {count} number(s), found {brief(', '.join(cells))!r}")
    return [float(value) for value in values]
