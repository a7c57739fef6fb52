"""Weather files: EPW, PVGIS typical year (CSV or JSON) and NSRDB CSV, recognised by their content.

What a label means differs, and every file is brought to "the mean over [t, t + step), UTC":

* **EPW**: the label is the end of the step, in the local standard time of the ``LOCATION`` line.
* **PVGIS**: the label is an hour in UTC; irradiance is an instantaneous value some minutes later (its
  ``Irradiance Time Offset``, about 11 minutes over Italy). It is taken as the mean of the hour that begins at
  the label, as PVGIS's own sums take it, so a file's irradiation is kept.
* **NSRDB**: values are instantaneous at the label, in the zone of the ``Time Zone`` column. (For Rome 2019,
  GHI = DHI + DNI cos(zenith) closes to 0.4 W/m2 with the sun at the label, to 10 W/m2 with the sun 7.5 min
  away from it.) Labels on the step are averaged with the next one; labels at mid-step stand for their step.

Years that change from month to month (typical years) are put into one nominal year.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from recosim.errors import InputDataError
from recosim.scenarios.weather import Weather, resample_weather
from recosim.scenarios.weather_formats import WeatherTable, read_table
from recosim.timegrid import SECONDS_PER_DAY, SECONDS_PER_HOUR, TimeGrid


class _Quantity(NamedTuple):
    unit: str
    low: float
    high: float
    hint: str
    # Days after which a peak below 5 W/m2 can only be a figure in kW/m2 (the beam may stay away for weeks).
    days_to_judge_peak: float = np.inf


_IRRADIANCE_HINT = "is the column in kJ/m2, J/m2 or mW/m2? Convert it to W/m2"
_QUANTITIES = {
    "temp": _Quantity("degC", -60.0, 60.0, "is the column in kelvin? Convert it to degC"),
    "global": _Quantity("W/m2", 0.0, 1600.0, _IRRADIANCE_HINT, 1.0),
    "direct": _Quantity("W/m2", 0.0, 1600.0, _IRRADIANCE_HINT, 30.0),
    "diffuse": _Quantity("W/m2", 0.0, 1600.0, _IRRADIANCE_HINT, 1.0),
    "wind": _Quantity("m/s", 0.0, 100.0, "is the column in km/h?"),
}
_PEAK_MIN_W_PER_M2 = 5.0


@dataclass(frozen=True, kw_only=True)
class WeatherCheck:
    """What ``recosim weather check`` says of a file.

    Parameters
    ----------
    source, kind : str
        The file, and what it was recognised as (``epw``, ``pvgis``, ``nsrdb``).
    latitude, longitude : float
        Of the file's header, north and east positive [deg].
    start, end : str
        Begin of the first step and end of the last, UTC, in the file's year or a nominal one.
    steps : int
        Rows of the file, at its own step.
    step_s : int
        The file's own step [s].
    gaps : int
        Steps between the first and the last without a row, or whose row lacks a number.
    ghi_kwh_per_m2 : float
        Global horizontal irradiation of the rows there are [kWh/m2].
    temp_mean_degc : float
        Mean outdoor temperature of the rows there are [degC].
    problems : tuple of str
        Why :func:`read_weather` refuses the file, one line each; empty where it does not.
    """

    source: str
    kind: str
    latitude: float
    longitude: float
    start: str
    end: str
    steps: int
    step_s: int
    gaps: int
    ghi_kwh_per_m2: float
    temp_mean_degc: float
    problems: tuple[str, ...] = ()


def read_weather(path: Path, step_s: int = 900) -> Weather:
    """Weather of a file, at ``step_s``.

    Parameters
    ----------
    path : Path
        An EPW file, a PVGIS typical year (CSV or JSON) or an NSRDB CSV.
    step_s : int
        Step wanted [s]; other steps are brought to it without changing any original step's irradiation.

    Raises
    ------
    InputDataError
        Unknown format, a missing column, a value that is no number or implausible, a gap, a duplicate or
        unordered rows: file, column, row and time are named.
    """
    table = read_table(Path(path))
    problems = _problems(table)
    if problems:
        raise InputDataError(problems[0])
    series = dict(table.values)
    step, start = table.step_s, _start(table)
    if table.kind == "nsrdb" and start == table.labels[0]:
        series = {name: (values + np.append(values[1:], values[-1])) / 2.0 for name, values in series.items()}
    weather = Weather(
        latitude=table.latitude,
        longitude=table.longitude,
        altitude_m=table.altitude_m,
        timezone=table.timezone,
        source=table.source,
        grid=TimeGrid(start=start, step_s=step, n_steps=len(table.rows), timezone=table.timezone),
        temp_outdoor_degc=series["temp"],
        irradiance_global_w_per_m2=series["global"],
        irradiance_direct_w_per_m2=series.get("direct"),
        irradiance_diffuse_w_per_m2=series.get("diffuse"),
        wind_speed_m_per_s=series["wind"],
    )
    return resample_weather(weather, step_s)


def _start(table: WeatherTable) -> int:
    """POSIX time at which the first step begins: what the first label means."""
    label, step = int(table.labels[0]), table.step_s
    if table.kind == "epw":
        return label - step
    return label - label % step if table.kind == "nsrdb" else label


def _stamp(time: int) -> str:
    return f"{pd.Timestamp(time, unit='s', tz='UTC'):%Y-%m-%d %H:%M} UTC"


def check_weather(path: Path) -> WeatherCheck:
    """Say what a file holds, and every reason for which :func:`read_weather` would refuse it.

    Raises
    ------
    InputDataError
        The file cannot be read as weather at all (format, columns, times that are no times).
    """
    table = read_table(Path(path))
    incomplete = ~np.isfinite(np.array(list(table.values.values()))).all(axis=0)
    advance = np.diff(table.labels)
    absent = int((advance[advance > 0] // table.step_s - 1).sum())
    ghi, temp = (table.values[name][np.isfinite(table.values[name])] for name in ("global", "temp"))
    return WeatherCheck(
        source=table.source,
        kind=table.kind,
        latitude=table.latitude,
        longitude=table.longitude,
        start=_stamp(_start(table)),
        end=_stamp(_start(table) + int(table.labels[-1] - table.labels[0]) + table.step_s),
        steps=len(table.rows),
        step_s=table.step_s,
        gaps=absent + int(incomplete.sum()),
        ghi_kwh_per_m2=round(float(ghi.sum()) * table.step_s / SECONDS_PER_HOUR / 1000.0, 3),
        temp_mean_degc=round(float(temp.sum()) / max(temp.size, 1), 3),
        problems=tuple(_problems(table)),
    )


def _problems(table: WeatherTable) -> list[str]:
    """Everything that keeps a table from being weather, one line each."""
    found: list[str] = []
    for name, column in table.columns.items():
        wrong = np.flatnonzero(~np.isfinite(table.values[name]))
        if wrong.size:
            row = int(wrong[0])
            found.append(
                f"{table.source}: column {column}, {table.where(row)}: {table.text[name][row]!r} "
                f"is no number ({wrong.size} in all); every row needs one in "
                f"{_QUANTITIES[name].unit}: fill it in"
            )
    return found + _time_problems(table) + _unit_problems(table)


def _time_problems(table: WeatherTable) -> list[str]:
    found: list[str] = []
    advance, step = np.diff(table.labels), table.step_s
    for wrong, what in (
        (advance == 0, "has the time of the row before: delete one of them"),
        (advance < 0, "is earlier than the row before: put the rows in order of time"),
        (
            (advance > 0) & (advance % step != 0),
            f"is not a whole number of steps of {step} s after the row before",
        ),
    ):
        at = np.flatnonzero(wrong)
        if at.size:
            found.append(f"{table.source}: time column, {table.where(int(at[0]) + 1)} {what}")
    gap = np.flatnonzero(advance > step)
    if gap.size:
        first = pd.Timestamp(int(table.labels[gap[0]]) + step, unit="s", tz="UTC")
        found.append(
            f"{table.source}: time column, no row for {first:%Y-%m-%d %H:%M} UTC, after row "
            f"{table.rows[gap[0]]} ({int((advance[gap] // step - 1).sum())} steps missing in all); rows must "
            f"follow each other every {step} s: fill the gap"
        )
    if table.kind == "nsrdb" and 2 * (int(table.labels[0]) % step) not in (0, step):
        found.append(
            f"{table.source}: time column, {table.where(0)} lies neither on a step nor in its middle"
        )
    if table.kind != "nsrdb" and int(table.labels[0]) % step:
        found.append(
            f"{table.source}: time column, {table.where(0)} does not lie on a UTC step of {step} s (zone "
            f"{table.timezone}); allowed: a zone whose difference from UTC is a whole number of steps"
        )
    return found


def _unit_problems(table: WeatherTable) -> list[str]:
    found: list[str] = []
    days = len(table.rows) * table.step_s / SECONDS_PER_DAY
    for name, column in table.columns.items():
        values, quantity = table.values[name], _QUANTITIES[name]
        outside = np.flatnonzero((values < quantity.low) | (values > quantity.high))
        if outside.size:
            row = int(outside[0])
            found.append(
                f"{table.source}: column {column}, {table.where(row)}: {values[row]:g}, allowed "
                f"[{quantity.low:g}, {quantity.high:g}] {quantity.unit} ({outside.size} in all); "
                f"{quantity.hint}"
            )
        peak = float(np.nanmax(values, initial=0.0))
        if days >= quantity.days_to_judge_peak and peak < _PEAK_MIN_W_PER_M2:
            found.append(
                f"{table.source}: column {column}: the largest of {days:.0f} days is {peak:g}, expected W/m2 "
                f"with a peak above {_PEAK_MIN_W_PER_M2:g}; is the column in kW/m2? Multiply it by 1000"
            )
    return found
