"""Any CSV of weather, read as the mapping of a scenario says."""

import re
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path

import numpy as np
import pandas as pd

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.errors import InputDataError
from recosim.scenarios.series_table import brief
from recosim.scenarios.weather.formats import text_of
from recosim.scenarios.weather.mapping import IrradianceColumn, TemperatureColumn, WeatherMapping, WindColumn
from recosim.scenarios.weather.table import (
    Site,
    WeatherTable,
    body_of,
    cell,
    make_table,
    numbers,
    require_columns,
)
from recosim.scenarios.weather.years import in_nominal_year
from recosim.timegrid import SECONDS_PER_DAY

_OFFSET = re.compile(r"(?::\d{2}(?:[.,]\d+)?|T\d{2,6}) ?(Z|[+-]\d{2}(?::?\d{2})?)$")
_HOUR_24 = re.compile(r"(?<!\d)24(?=(?::?00){0,2}$)")
_W_PER_M2 = {"W/m2": 1.0, "kW/m2": 1000.0}
_J_PER_M2 = {"Wh/m2": 3600.0, "kWh/m2": 3.6e6, "J/cm2": 1e4, "kJ/m2": 1e3, "MJ/m2": 1e6}
_DEGC = {"degC": (1.0, 0.0), "K": (1.0, -273.15), "degF": (5.0 / 9.0, -160.0 / 9.0)}
_M_PER_S = {"m/s": 1.0, "km/h": 1.0 / 3.6, "kn": 1852.0 / 3600.0}


def read_mapped(path: Path, mapping: WeatherMapping, site: Site) -> WeatherTable:
    """Rows of a CSV file.

    Parameters
    ----------
    path : Path
        The file.
    mapping : WeatherMapping
        What its columns are.
    site : Site
        Where it was recorded.

    Raises
    ------
    InputDataError
        The file cannot be read, lacks a column, or has times that are no times.
    """
    source = str(path)
    lines = text_of(path).splitlines()
    header, _ = body_of(source, lines[: mapping.header_row], mapping.header_row - 1, mapping.delimiter)
    names = [name.strip() for name in header[0]] if header else []
    described = _columns(mapping)
    wanted = {name: column.column for name, column in described.items()}
    clock = {f"time {i}": name for i, name in enumerate(mapping.time)}
    cure = "correct weather.mapping (columns, delimiter or header_row) or the file"
    require_columns(source, clock | wanted, names, cure)
    body, rows = body_of(source, lines, mapping.header_row, mapping.delimiter)
    text = {name: [cell(row, names.index(title)) for row in body] for name, title in wanted.items()}
    places = [names.index(name) for name in mapping.time]
    times = [" ".join(cell(row, place).strip() for place in places) for row in body]
    values = {name: _numbers(text[name], mapping.decimal) for name in text}
    if mapping.wind_speed_m_per_s is not None:
        values["wind"] = np.full(len(rows), mapping.wind_speed_m_per_s)
    table = make_table(
        source=source,
        kind="csv",
        site=site,
        rows=rows,
        labels=_labels(source, mapping, rows, times),
        begin=mapping.label,
        columns=wanted,
        text=text,
        values=values,
    )
    for name, column in described.items():
        values[name] = _in_our_unit(values[name], column, table.step_s)
    return table


def _columns(mapping: WeatherMapping) -> dict[str, IrradianceColumn | TemperatureColumn | WindColumn]:
    columns = {
        "temp": mapping.temperature,
        "global": mapping.ghi,
        "direct": mapping.dni,
        "diffuse": mapping.dhi,
        "wind": mapping.wind,
    }
    return {name: column for name, column in columns.items() if column is not None}


def _numbers(cells: Sequence[str], decimal: str) -> FloatArray:
    return numbers(cells if decimal == "." else [text.replace(decimal, ".") for text in cells])


def _in_our_unit(
    values: FloatArray, column: IrradianceColumn | TemperatureColumn | WindColumn, step_s: int
) -> FloatArray:
    """Values in W/m2, degC or m/s."""
    scaled = values * column.factor
    if isinstance(column, TemperatureColumn):
        scale, offset = _DEGC[column.unit]
        return scaled * scale + offset
    if isinstance(column, WindColumn):
        return scaled * _M_PER_S[column.unit]
    if column.unit in _J_PER_M2:
        return scaled * (_J_PER_M2[column.unit] / step_s)
    return scaled * _W_PER_M2[column.unit]


def _labels(source: str, mapping: WeatherMapping, rows: IntArray, times: list[str]) -> IntArray:
    """POSIX time of the labels, in the file's year or a nominal one [s]."""
    with_offset = np.array([_OFFSET.search(time) is not None for time in times], dtype=np.bool_)
    if mapping.time_format is not None and "%z" in mapping.time_format:
        with_offset[:] = True
    if with_offset.any() and not with_offset.all():
        row = int(np.flatnonzero(~with_offset)[0])
        raise InputDataError(
            f"{source}: column {_title(mapping)}, row {rows[row]}: {brief(times[row])!r} has no offset from "
            "UTC, others have one; write all of them alike"
        )
    utc = bool(with_offset.any())
    parsed = _parsed(source, mapping, rows, times, utc=utc)
    # Each row's own year decides when its clock changes: the nominal year comes after UTC.
    return in_nominal_year(parsed if utc else _from_wall(source, mapping, rows, parsed, times))


def _parsed(source: str, mapping: WeatherMapping, rows: IntArray, times: list[str], *, utc: bool) -> IntArray:
    """Seconds since 1970 in UTC, or as the clock on the wall shows them [s]."""
    written = mapping.time_format or "ISO8601"

    def parse(texts: list[str]) -> pd.DatetimeIndex:
        try:
            return pd.DatetimeIndex(
                pd.to_datetime(pd.Series(texts, dtype=object), format=written, errors="coerce", utc=utc)
            )
        except ValueError as error:
            raise InputDataError(
                f"{source}: weather.mapping.time_format = {written!r} is no strptime format ({error}); "
                "allowed: such as %d/%m/%Y %H:%M"
            ) from error

    parsed = parse(times)
    failed = np.flatnonzero(parsed.isna())
    # No format knows the 24:00 that ends a day.
    next_midnight = parse([_midnight(times[row]) for row in failed])
    wrong = failed[next_midnight.isna()]
    if wrong.size:
        row = int(wrong[0])
        raise InputDataError(
            f"{source}: column {_title(mapping)}, row {rows[row]}: {brief(times[row])!r} is no time as "
            f"{written} ({wrong.size} in all); correct it, or say in weather.mapping.time_format how "
            "times are written"
        )
    seconds = _seconds(parsed)
    seconds[failed] = _seconds(next_midnight) + SECONDS_PER_DAY
    return seconds


def _midnight(time: str) -> str:
    """A time with 00 in place of the hour 24, others as they are."""
    offset = _OFFSET.search(time)
    clock = time if offset is None else time[: offset.start(1)].rstrip()
    return _HOUR_24.sub("00", clock) + time[len(clock) :]


def _seconds(times: pd.DatetimeIndex) -> IntArray:
    naive = times if times.tz is None else times.tz_localize(None)
    return np.array(naive.to_numpy().astype("datetime64[s]").astype(np.int64), dtype=np.int64)


def _from_wall(
    source: str, mapping: WeatherMapping, rows: IntArray, wall: IntArray, times: list[str]
) -> IntArray:
    """POSIX time of what the clock on the wall shows [s].

    Of an hour that occurs twice the first row of each time is before the change, the next one after it.
    """
    zone = mapping.zone
    local = pd.DatetimeIndex(pd.to_datetime(wall, unit="s"))
    seen_before: BoolArray = pd.Series(wall).duplicated().to_numpy(dtype=np.bool_)
    known = local.tz_localize(zone, ambiguous=~seen_before, nonexistent="NaT")
    absent = np.flatnonzero(known.isna())
    if absent.size:
        row = int(absent[0])
        raise InputDataError(
            f"{source}: column {_title(mapping)}, row {rows[row]}: {brief(times[row])!r} does not exist in "
            f"{mapping.timezone}, the clocks skip that hour; if the file keeps standard time all year, set "
            "weather.mapping.timezone to its offset, such as UTC+01:00"
        )
    return _seconds(known.tz_convert(UTC))


def _title(mapping: WeatherMapping) -> str:
    return " and ".join(mapping.time)
