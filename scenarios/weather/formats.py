"""The formats of weather files, each turned into the same table, and what their labels mean.

* **EPW**: means; the label is the end of the step, in the local standard time of the ``LOCATION`` line.
* **PVGIS**: the label is an hour in UTC; temperature and wind are values of that instant, irradiance that of
  the ``Irradiance Time Offset`` later (about 11 minutes over Italy).
* **NSRDB**: instantaneous values at the label, in the zone of the ``Time Zone`` column. (For Rome 2019,
  GHI = DHI + DNI cos(zenith) closes to 0.4 W/m2 with the sun at the label, to 10 W/m2 with the sun 7.5 min
  away from it.)

Whether the values are plausible is for :mod:`recosim.scenarios.weather.problems`.
"""

import codecs
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from recosim.arrays import IntArray
from recosim.errors import InputDataError
from recosim.scenarios.series_table import refuse_large
from recosim.scenarios.weather.instants import instant_of_sun
from recosim.scenarios.weather.table import (
    Site,
    WeatherTable,
    body_of,
    cell,
    header_numbers,
    make_table,
    numbers,
    require_columns,
    wall_times,
    zone_name,
)
from recosim.scenarios.weather.table import listed as listed
from recosim.timegrid import SECONDS_PER_HOUR

FORMATS = "an EPW file, a PVGIS typical year (CSV or JSON) or an NSRDB CSV"

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
_NSRDB_PARTS = {"direct": "DNI", "diffuse": "DHI"}
_PVGIS_OFFSET = "Irradiance Time Offset (h)"


def read_table(path: Path) -> WeatherTable:
    """Rows of a file, whose format is recognised by its content.

    Raises
    ------
    InputDataError
        Unknown format, a missing column or header, or times that are no times.
    """
    text = text_of(path)
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
    raise InputDataError(
        f"{path}: not recognised as weather; allowed: {FORMATS}, or any CSV whose columns weather.mapping of "
        "a scenario names"
    )


def text_of(path: Path) -> str:
    """Text of a file, whatever its line ends and byte-order mark.

    Raises
    ------
    InputDataError
        The file cannot be read.
    """
    try:
        refuse_large(path)
        content = path.read_bytes()
    except OSError as error:
        raise InputDataError(f"{path}: cannot be read ({error.strerror}); give {FORMATS}") from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:  # what spreadsheets on Windows write
        return content.decode("cp1252", errors="replace")


def _epw(source: str, lines: list[str]) -> WeatherTable:
    first = next((i for i, line in enumerate(lines) if line.startswith("DATA PERIODS")), None)
    if first is None:
        raise InputDataError(f"{source}: the EPW header has no DATA PERIODS line; give a complete EPW file")
    location = lines[0].split(",")
    site = header_numbers(source, "LOCATION line", location[6:10], 4)
    per_hour = int(header_numbers(source, "DATA PERIODS line", lines[first].split(",")[2:3], 1)[0])
    body, rows = body_of(source, lines, first + 1)
    _require_cells(source, body, rows)
    year, month, day, hour, minute = (numbers([cell(row, i) for row in body]) for i in range(5))
    # One record an hour is labelled by the hour alone: its minute is 0 or 60 by the writer's habit.
    seconds = hour * 3600.0 if per_hour == 1 else (hour - 1.0) * 3600.0 + minute * 60.0
    text = {name: [cell(row, i) for row in body] for name, (i, _, _) in _EPW_COLUMNS.items()}
    values = {name: numbers(cells) for name, cells in text.items()}
    for name, (_, _, missing) in _EPW_COLUMNS.items():
        values[name][values[name] == missing] = np.nan
    return make_table(
        source=source,
        kind="epw",
        site=Site(site[0], site[1], site[3], zone_name(source, site[2])),
        rows=rows,
        labels=_utc(wall_times(source, rows, (year, month, day), seconds), site[2]),
        begin="end",
        columns={name: title for name, (_, title, _) in _EPW_COLUMNS.items()},
        text=text,
        values=values,
    )


def _pvgis_csv(source: str, lines: list[str]) -> WeatherTable:
    head = dict(line.split(":", 1) for line in lines[:40] if ":" in line and not line.startswith("time("))
    site = [
        header_numbers(source, f"header line {key}", [head.get(key, "")], 1)[0]
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
    body, rows = body_of(source, lines[:end], first + 1)
    records = [dict(zip(names, row, strict=False)) for row in body]
    return _pvgis(source, names, records, rows, site, head.get(_PVGIS_OFFSET))


def _pvgis_json(source: str, text: str) -> WeatherTable:
    try:
        content = json.loads(text)
        location = content["inputs"]["location"]
        site = [float(location[key]) for key in ("latitude", "longitude", "elevation")]
        records = [dict(record) for record in content["outputs"]["tmy_hourly"]]
        names = list(records[0])
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise InputDataError(
            f"{source}: not the JSON of a PVGIS typical year ({type(error).__name__}: {error}); needed: "
            "inputs.location with latitude, longitude and elevation, and outputs.tmy_hourly"
        ) from error
    offset = location.get("irradiance_time_offset", location.get("irradiance time offset"))
    return _pvgis(source, names, records, np.arange(1, len(records) + 1), site, offset)


def _pvgis(
    source: str,
    names: list[str],
    records: list[dict[str, Any]],
    rows: IntArray,
    site: list[float],
    offset_h: Any,
) -> WeatherTable:
    require_columns(source, {"time": "time(UTC)", **_PVGIS_COLUMNS}, names)
    times = [str(record.get("time(UTC)", "")) for record in records]
    year, month, day, hour, minute = (
        numbers([time[a:b] for time in times]) for a, b in ((0, 4), (4, 6), (6, 8), (9, 11), (11, 13))
    )
    labels = wall_times(source, rows, (year, month, day), hour * 3600.0 + minute * 60.0)
    text = {name: [record.get(column, "") for record in records] for name, column in _PVGIS_COLUMNS.items()}
    values = {name: numbers(cells) for name, cells in text.items()}
    if offset_h is None:
        instant_s = instant_of_sun(labels, values, site[0], site[1])
    else:
        instant_s = header_numbers(source, _PVGIS_OFFSET, [str(offset_h)], 1)[0] * SECONDS_PER_HOUR
    if not -SECONDS_PER_HOUR <= instant_s <= SECONDS_PER_HOUR:
        raise InputDataError(f"{source}: header, {_PVGIS_OFFSET} = {offset_h}, allowed [-1, 1] h")
    return make_table(
        source=source,
        kind="pvgis",
        site=Site(site[0], site[1], site[2], "UTC"),
        rows=rows,
        labels=labels,
        begin="start",
        instant_s=instant_s,
        columns=_PVGIS_COLUMNS,
        text=text,
        values=values,
    )


def _nsrdb(source: str, lines: list[str]) -> WeatherTable:
    header = [next(csv.reader([line]), []) for line in (*lines[:3], "", "")[:3]]
    about = dict(zip(header[0], header[1], strict=False))
    keys = ("Latitude", "Longitude", "Elevation", "Local Time Zone", "Time Zone")
    site = [header_numbers(source, f"header field {key}", [about.get(key, "")], 1)[0] for key in keys]
    names = [name.strip() for name in header[2]]
    clock = {name: name for name in ("Year", "Month", "Day", "Hour", "Minute")}
    columns = dict(_NSRDB_COLUMNS)
    if "Air Temperature" in names:
        columns["temp"] = "Air Temperature"
    if set(_NSRDB_PARTS.values()) <= set(names):
        columns |= _NSRDB_PARTS
    require_columns(source, clock | columns, names)
    body, rows = body_of(source, lines, 3)
    text = {key: [cell(row, names.index(title)) for row in body] for key, title in (clock | columns).items()}
    year, month, day, hour, minute = (numbers(text[name]) for name in clock)
    return make_table(
        source=source,
        kind="nsrdb",
        site=Site(site[0], site[1], site[2], zone_name(source, site[3])),
        rows=rows,
        labels=_utc(wall_times(source, rows, (year, month, day), hour * 3600.0 + minute * 60.0), site[4]),
        begin="instant",
        columns=columns,
        text=text,
        values={name: numbers(text[name]) for name in columns},
    )


def _utc(wall: IntArray, zone_h: float) -> IntArray:
    return np.asarray(wall - round(zone_h * SECONDS_PER_HOUR), dtype=np.int64)


def _require_cells(source: str, body: list[list[str]], rows: IntArray) -> None:
    """Refuse EPW rows that are too short: their columns have no names, so one that lacks shifts the rest."""
    for row, cells in zip(rows, body, strict=True):
        if len(cells) < max(_EPW_CELLS) and len(cells) not in _EPW_CELLS:
            raise InputDataError(
                f"{source}: row {row} has {len(cells)} columns, allowed: {_EPW_CELLS[0]}; a column is "
                "missing or the file was cut short: give the complete file"
            )
