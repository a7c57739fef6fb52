"""The formats of weather files, each turned into the same table: rows, labels and numbers as they stand.

What the labels mean, and whether the values are plausible, is for :mod:`recosim.scenarios.weather_files`.
"""

import csv
import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from recosim.arrays import FloatArray, IntArray
from recosim.errors import InputDataError
from recosim.timegrid import SECONDS_PER_DAY, SECONDS_PER_HOUR

NOMINAL_YEAR, NOMINAL_LEAP_YEAR = 2025, 2024
FORMATS = "an EPW file, a PVGIS typical year (CSV or JSON) or an NSRDB CSV"

_SITE_LIMITS = {
    "latitude": (-90.0, 90.0, "deg, north positive"),
    "longitude": (-180.0, 180.0, "deg, east positive"),
    "elevation": (-430.0, 9000.0, "m"),
    "time zone": (-12.0, 14.0, "h from UTC"),
}
_EPW_CELLS = (35, 32)  # files of the format's first years lack albedo and rain, the last three
_EPW_COLUMNS = {
    "temp": (6, "Dry Bulb Temperature", 99.9),
    "global": (13, "Global Horizontal Radiation", 9999.0),
    "direct": (14, "Direct Normal Radiation", 9999.0),
    "diffuse": (15, "Diffuse Horizontal Radiation", 9999.0),
    "wind": (21, "Wind Speed", 999.0),
}
_PVGIS_COLUMNS = {"temp": "T2m", "global": "G(h)", "direct": "Gb(n)", "diffuse": "Gd(h)", "wind": "WS10m"}
_NSRDB_COLUMNS = {"temp": "Temperature", "global": "GHI", "wind": "Wind Speed"}
_NSRDB_OPTIONAL = {"direct": "DNI", "diffuse": "DHI"}


@dataclass(frozen=True, kw_only=True)
class WeatherTable:
    """A file's rows in their order; values not yet judged.

    Parameters
    ----------
    source : str
        The file.
    kind : {"epw", "pvgis", "nsrdb"}
    latitude, longitude : float
        North and east positive [deg].
    altitude_m : float
        [m]
    timezone : str
        Standard time of the place.
    rows : array of int, shape (n_rows,)
        Line of each row in the file; in JSON its entry.
    labels : array of int, shape (n_rows,)
        POSIX time of each row's label, in the file's year or a nominal one [s].
    step_s : int
        The file's own step [s].
    columns : mapping of str to str
        Quantity (``temp``, ``global``, ``direct``, ``diffuse``, ``wind``) to the file's name of the column.
    text : mapping of str to sequence
        What stands in the file, by quantity.
    values : mapping of str to array, shape (n_rows,)
        The same as numbers, NaN where it is none [degC, W/m2, m/s].
    """

    source: str
    kind: Literal["epw", "pvgis", "nsrdb"]
    latitude: float
    longitude: float
    altitude_m: float
    timezone: str
    rows: IntArray
    labels: IntArray
    step_s: int
    columns: Mapping[str, str]
    text: Mapping[str, Sequence[Any]]
    values: Mapping[str, FloatArray]

    def where(self, row: int) -> str:
        """Tell where a row stands, for messages."""
        time = pd.Timestamp(int(self.labels[row]), unit="s", tz="UTC")
        return f"row {self.rows[row]} (label {time:%Y-%m-%d %H:%M} UTC)"


def read_table(path: Path) -> WeatherTable:
    """Rows of a file, whose format is recognised by its content.

    Raises
    ------
    InputDataError
        Unknown format, a missing column or header, or times that are no times.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise InputDataError(f"{path}: cannot be read ({error.strerror}); give {FORMATS}") from error
    lines = text.splitlines()
    head = lines[:40]
    if text.lstrip().startswith("{"):
        return _pvgis_json(str(path), text)
    if head and head[0].startswith("LOCATION,"):
        return _epw(str(path), lines)
    if any(line.startswith(("time(UTC)", "Latitude (decimal degrees)")) for line in head):
        return _pvgis_csv(str(path), lines)
    if head and head[0].startswith("Source,") and "Latitude" in head[0]:
        return _nsrdb(str(path), lines)
    raise InputDataError(f"{path}: not recognised as weather; allowed: {FORMATS}")


def _epw(source: str, lines: list[str]) -> WeatherTable:
    first = next((i for i, line in enumerate(lines) if line.startswith("DATA PERIODS")), None)
    if first is None:
        raise InputDataError(f"{source}: the EPW header has no DATA PERIODS line; give a complete EPW file")
    location = lines[0].split(",")
    site = _floats(source, "LOCATION line", location[6:10], 4)
    per_hour = int(_floats(source, "DATA PERIODS line", lines[first].split(",")[2:3], 1)[0])
    body, rows = _body(lines, first + 1)
    _require_cells(source, body, rows)
    year, month, day, hour, minute = (_numbers([_cell(row, i) for row in body]) for i in range(5))
    # One record an hour is labelled by the hour alone: its minute is 0 or 60 by the writer's habit.
    seconds = hour * 3600.0 if per_hour == 1 else (hour - 1.0) * 3600.0 + minute * 60.0
    text = {name: [_cell(row, i) for row in body] for name, (i, _, _) in _EPW_COLUMNS.items()}
    values = {name: _numbers(cells) for name, cells in text.items()}
    for name, (_, _, missing) in _EPW_COLUMNS.items():
        values[name][values[name] == missing] = np.nan
    labels = _labels(source, rows, year, month, day, seconds, site[2])
    columns = {name: title for name, (_, title, _) in _EPW_COLUMNS.items()}
    return _table(source, "epw", (site[0], site[1], site[3], site[2]), rows, labels, columns, text, values)


def _pvgis_csv(source: str, lines: list[str]) -> WeatherTable:
    head = dict(line.split(":", 1) for line in lines[:40] if ":" in line and not line.startswith("time("))
    site = [
        _floats(source, f"header line {key}", [head.get(key, "")], 1)[0]
        for key in ("Latitude (decimal degrees)", "Longitude (decimal degrees)", "Elevation (m)")
    ]
    first = next((i for i, line in enumerate(lines) if line.startswith("time(UTC)")), None)
    if first is None:
        raise InputDataError(
            f"{source}: column time(UTC) is missing; give the PVGIS file as it was downloaded"
        )
    names = [name.strip() for name in lines[first].split(",")]
    # The explanations at the end of the file follow an empty line.
    end = next((i for i in range(first + 1, len(lines)) if not lines[i].strip()), len(lines))
    body, rows = _body(lines[:end], first + 1)
    records = [dict(zip(names, row, strict=False)) for row in body]
    return _pvgis(source, names, records, rows, site)


def _pvgis_json(source: str, text: str) -> WeatherTable:
    try:
        content = json.loads(text)
        location = content["inputs"]["location"]
        site = [float(location[key]) for key in ("latitude", "longitude", "elevation")]
        records = list(content["outputs"]["tmy_hourly"])
        names = list(records[0])
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise InputDataError(
            f"{source}: not the JSON of a PVGIS typical year ({type(error).__name__}: {error}); needed: "
            "inputs.location with latitude, longitude and elevation, and outputs.tmy_hourly"
        ) from error
    return _pvgis(source, names, records, np.arange(1, len(records) + 1), site)


def _pvgis(
    source: str, names: list[str], records: list[dict[str, Any]], rows: IntArray, site: list[float]
) -> WeatherTable:
    _require(source, {"time": "time(UTC)", **_PVGIS_COLUMNS}, names)
    times = [str(record.get("time(UTC)", "")) for record in records]
    year, month, day, hour, minute = (
        _numbers([time[a:b] for time in times]) for a, b in ((0, 4), (4, 6), (6, 8), (9, 11), (11, 13))
    )
    labels = _labels(source, rows, year, month, day, hour * 3600.0 + minute * 60.0, 0.0)
    text = {name: [record.get(column, "") for record in records] for name, column in _PVGIS_COLUMNS.items()}
    values = {name: _numbers(cells) for name, cells in text.items()}
    return _table(source, "pvgis", (*site, 0.0), rows, labels, _PVGIS_COLUMNS, text, values)


def _nsrdb(source: str, lines: list[str]) -> WeatherTable:
    header = [next(csv.reader([line]), []) for line in (*lines[:3], "", "")[:3]]
    about = dict(zip(header[0], header[1], strict=False))
    keys = ("Latitude", "Longitude", "Elevation", "Local Time Zone", "Time Zone")
    site = [_floats(source, f"header field {key}", [about.get(key, "")], 1)[0] for key in keys]
    names = [name.strip() for name in header[2]]
    clock = {name: name for name in ("Year", "Month", "Day", "Hour", "Minute")}
    columns = _NSRDB_COLUMNS | {name: title for name, title in _NSRDB_OPTIONAL.items() if title in names}
    if "Air Temperature" in names:
        columns["temp"] = "Air Temperature"
    _require(source, clock | columns, names)
    body, rows = _body(lines, 3)
    text = {key: [_cell(row, names.index(title)) for row in body] for key, title in (clock | columns).items()}
    year, month, day, hour, minute = (_numbers(text[name]) for name in clock)
    labels = _labels(source, rows, year, month, day, hour * 3600.0 + minute * 60.0, site[4])
    values = {name: _numbers(text[name]) for name in columns}
    return _table(source, "nsrdb", (site[0], site[1], site[2], site[3]), rows, labels, columns, text, values)


def _table(
    source: str,
    kind: Literal["epw", "pvgis", "nsrdb"],
    site: Sequence[float],
    rows: IntArray,
    labels: IntArray,
    columns: Mapping[str, str],
    text: Mapping[str, Sequence[Any]],
    values: Mapping[str, FloatArray],
) -> WeatherTable:
    for (what, (low, high, unit)), value in zip(_SITE_LIMITS.items(), site, strict=True):
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
    return WeatherTable(
        source=source,
        kind=kind,
        latitude=site[0],
        longitude=site[1],
        altitude_m=site[2],
        timezone=_zone_name(site[3]),
        rows=rows,
        labels=labels,
        step_s=step,
        columns=columns,
        text=text,
        values=values,
    )


def _labels(
    source: str,
    rows: IntArray,
    year: FloatArray,
    month: FloatArray,
    day: FloatArray,
    seconds: FloatArray,
    zone_h: float,
) -> IntArray:
    """POSIX time of the labels, a typical year's months in one nominal year."""
    changes = np.flatnonzero(np.diff(year) != 0)
    new_year = (np.diff(year) == 1) & (month[:-1] == 12) & (month[1:] == 1)
    if not new_year[changes].all():
        leap = bool(((month == 2) & (day == 29)).any())
        year = np.full_like(year, NOMINAL_LEAP_YEAR if leap else NOMINAL_YEAR)
    days = pd.to_datetime(pd.DataFrame({"year": year, "month": month, "day": day}), errors="coerce")
    wrong = np.flatnonzero(days.isna().to_numpy() | ~((seconds >= 0) & (seconds <= SECONDS_PER_DAY)))
    if wrong.size:
        raise InputDataError(
            f"{source}: time column, row {rows[wrong[0]]} is no date and time; "
            "write the row as the format asks"
        )
    midnights = np.asarray(days.to_numpy().astype("datetime64[s]").astype(np.int64), dtype=np.int64)
    return np.asarray(midnights + np.round(seconds - zone_h * 3600.0).astype(np.int64), dtype=np.int64)


def _zone_name(hours: float) -> str:
    if hours == round(hours):
        return "UTC" if hours == 0 else f"Etc/GMT{-round(hours):+d}"
    minutes = round(abs(hours) * 60)
    return f"UTC{'+' if hours > 0 else '-'}{minutes // 60:02d}:{minutes % 60:02d}"


def _require(source: str, columns: Mapping[str, str], names: Sequence[str]) -> None:
    missing = [column for column in columns.values() if column not in names]
    if missing:
        raise InputDataError(
            f"{source}: column {', '.join(missing)} is missing; the columns found are {listed(names)}: "
            "download the file again with it"
        )


def _require_cells(source: str, body: list[list[str]], rows: IntArray) -> None:
    """Refuse EPW rows that are too short: their columns have no names, so one that lacks shifts the rest."""
    for row, cells in zip(rows, body, strict=True):
        if len(cells) < max(_EPW_CELLS) and len(cells) not in _EPW_CELLS:
            raise InputDataError(
                f"{source}: row {row} has {len(cells)} columns, allowed: {_EPW_CELLS[0]}; a column is "
                "missing or the file was cut short: give the complete file"
            )


def listed(names: Sequence[str], most: int = 20) -> str:
    """Names of columns for a message: not too many, none too long."""
    shown = [textwrap.shorten(name, 40, placeholder="…") for name in names[:most] if name]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(shown) or "none") + more


def _body(lines: list[str], first: int) -> tuple[list[list[str]], IntArray]:
    """Cells of the lines from ``first`` on, empty lines at the end left out, and their line numbers."""
    end = len(lines)
    while end > first and not lines[end - 1].strip():
        end -= 1
    return list(csv.reader(lines[first:end])), np.arange(first + 1, end + 1)


def _cell(row: list[str], index: int) -> str:
    return row[index] if index < len(row) else ""


def _numbers(cells: Sequence[Any]) -> FloatArray:
    numbers = np.array(pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce"), dtype=np.float64)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _floats(source: str, where: str, cells: Sequence[str], count: int) -> list[float]:
    values = _numbers(cells)
    if len(values) != count or not np.isfinite(values).all():
        raise InputDataError(f"{source}: {where} needs {count} number(s), found {', '.join(cells)!r}")
    return [float(value) for value in values]
