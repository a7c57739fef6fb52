"""Price files: a CSV of zonal prices and PUN in UTC."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from recosim.arrays import FloatArray, IntArray
from recosim.errors import InputDataError
from recosim.scenarios.prices import MARKET_TIMEZONE, Prices
from recosim.scenarios.series_table import brief, refuse_large, refuse_other_centuries
from recosim.scenarios.weather.formats import listed
from recosim.timegrid import SECONDS_PER_DAY, SECONDS_PER_HOUR, TimeGrid

TIME_COLUMNS = ("time_utc", "time")
PUN_COLUMNS = ("PUN", "pun_eur_per_mwh")
ZONAL_COLUMN = "zonal_price_eur_per_mwh"
# The harmonised limits of the day-ahead market, rounded outwards.
PRICE_MIN_EUR_PER_MWH, PRICE_MAX_EUR_PER_MWH = -500.0, 5000.0
PEAK_MIN_EUR_PER_MWH = 2.0


def read_prices(path: Path, zone: str = "CSUD") -> Prices:
    """Prices of a CSV file.

    Columns: ``time_utc`` or ``time`` (ISO 8601; without an offset it is UTC; start of the step), ``PUN`` or
    ``pun_eur_per_mwh``, and the zone's name or ``zonal_price_eur_per_mwh``; others are ignored. Steps of an
    hour or a whole part of it. Rows that are missing stay NaN: :func:`recosim.scenarios.prices.prices_on`
    refuses them if a run needs them.

    Parameters
    ----------
    path : Path
        The file.
    zone : str
        Market zone.

    Raises
    ------
    InputDataError
        The file cannot be read, a column is missing, a value is no number or implausible, a time is no time,
        twice there or out of order: file, column, row and time are named.
    """
    path = Path(path)
    header, body = _cells(path)
    time_column = _present(path, header, TIME_COLUMNS)
    pun_column = _present(path, header, PUN_COLUMNS)
    zonal_column = _present(path, header, (zone, ZONAL_COLUMN), "name the column so, or choose another zone")
    text = {
        column: [row[header.index(column)] if header.index(column) < len(row) else "" for row in body]
        for column in (time_column, pun_column, zonal_column)
    }
    times = _times(path, time_column, text[time_column])
    step_s = _step(path, time_column, times)
    n_steps = int(times[-1] - times[0]) // step_s + 1
    grid = TimeGrid(start=int(times[0]), step_s=step_s, n_steps=n_steps, timezone=MARKET_TIMEZONE)

    def series(column: str) -> FloatArray:
        whole = np.full(n_steps, np.nan)
        whole[(times - times[0]) // step_s] = _values(path, column, text[column], times, step_s)
        return whole

    return Prices(
        grid=grid,
        price_zonal_eur_per_mwh=series(zonal_column),
        price_pun_eur_per_mwh=series(pun_column),
        zone=zone,
        source=str(path),
    )


def _cells(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        refuse_large(path)
        text = path.read_text(encoding="utf-8-sig").rstrip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputDataError(
            f"{path}: cannot be read as text ({error}); give a CSV file of prices"
        ) from error
    delimiter = ";" if ";" in text.split("\n", 1)[0] else ","
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    if len(rows) < 3:
        raise InputDataError(f"{path}: {max(len(rows) - 1, 0)} rows of prices; give at least two hours")
    return [name.strip() for name in rows[0]], rows[1:]


def _present(path: Path, header: list[str], names: tuple[str, ...], cure: str = "name the column so") -> str:
    for name in names:
        if name in header:
            return name
    raise InputDataError(
        f"{path}: column {' or '.join(names)} is missing; the columns found are {listed(header)}: {cure}"
    )


def _times(path: Path, column: str, text: list[str]) -> IntArray:
    parsed = pd.to_datetime(pd.Series(text), utc=True, format="ISO8601", errors="coerce")
    wrong = np.flatnonzero(parsed.isna().to_numpy())
    if wrong.size:
        raise InputDataError(
            f"{path}: column {column}, row {wrong[0] + 2}: {brief(text[wrong[0]])!r} is no time; "
            "allowed: ISO 8601 such as 2025-01-31T23:00Z"
        )
    whole = parsed.dt.tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.int64)
    times = np.asarray(whole, dtype=np.int64)
    refuse_other_centuries(str(path), times)
    return times


def _step(path: Path, column: str, times: IntArray) -> int:
    advance = np.diff(times)
    for wrong, what in (
        (advance == 0, "has the time of the row before (times must be UTC): delete one of them"),
        (advance < 0, "is earlier than the row before: put the rows in order of time"),
    ):
        at = np.flatnonzero(wrong)
        if at.size:
            raise InputDataError(f"{path}: column {column}, {_where(times, int(at[0]) + 1)} {what}")
    steps, counts = np.unique(advance, return_counts=True)
    step = int(steps[np.argmax(counts)])
    if SECONDS_PER_HOUR % step or times[0] % step:
        raise InputDataError(
            f"{path}: column {column} has a step of {step} s, allowed: 1 h or a whole part of it"
        )
    off = np.flatnonzero(advance % step)
    if off.size:
        raise InputDataError(
            f"{path}: column {column}, {_where(times, int(off[0]) + 1)} does not lie on the file's step of "
            f"{step} s: correct the time"
        )
    return step


def _values(path: Path, column: str, text: list[str], times: IntArray, step_s: int) -> FloatArray:
    values = np.array(pd.to_numeric(pd.Series(text, dtype=object), errors="coerce"), dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        row = int(wrong[0])
        raise InputDataError(
            f"{path}: column {column}, {_where(times, row)}: {brief(text[row])!r} is no number "
            f"({wrong.size} in all); every row needs one in EUR/MWh, with a decimal point: "
            "fill it in or delete the row"
        )
    refuse_implausible(f"{path}: column {column}", values, lambda row: _where(times, row), step_s)
    return values


def refuse_implausible(column: str, values: FloatArray, where: Callable[[int], str], step_s: int) -> None:
    """Refuse prices that are none, or in another unit.

    Parameters
    ----------
    column : str
        File and column, for messages.
    values : array, shape (n_rows,) [EUR/MWh]
    where : callable
        Describes a row.
    step_s : int
        Length of a row; the unit is judged by a day or more [s].

    Raises
    ------
    InputDataError
        A price lies outside the limits of the market, or all are so small that they must be in EUR/kWh.
    """
    outside = np.flatnonzero((values < PRICE_MIN_EUR_PER_MWH) | (values > PRICE_MAX_EUR_PER_MWH))
    if outside.size:
        row = int(outside[0])
        raise InputDataError(
            f"{column}, {where(row)}: {values[row]:g}, allowed "
            f"[{PRICE_MIN_EUR_PER_MWH:g}, {PRICE_MAX_EUR_PER_MWH:g}] EUR/MWh; check the column's unit"
        )
    largest = float(np.abs(values).max())
    if len(values) * step_s >= SECONDS_PER_DAY and 0.0 < largest < PEAK_MIN_EUR_PER_MWH:
        raise InputDataError(
            f"{column}: the largest price is {largest:g}, expected EUR/MWh; is the column in EUR/kWh? "
            "Multiply it by 1000"
        )


def _where(times: IntArray, row: int) -> str:
    return f"row {row + 2} ({pd.Timestamp(int(times[row]), unit='s', tz='UTC'):%Y-%m-%d %H:%M} UTC)"
