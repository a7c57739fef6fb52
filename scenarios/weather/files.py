"""Weather files, recognised by their content or read as a scenario's mapping says.

What a label means differs, see :mod:`recosim.scenarios.weather.formats` and
:mod:`recosim.scenarios.weather.mapping`; every file is brought to "the mean over [t, t + step), UTC". Years
that change from month to month (typical years) are put into one nominal year.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recosim.errors import InputDataError
from recosim.scenarios.weather.csv import read_mapped
from recosim.scenarios.weather.formats import read_table
from recosim.scenarios.weather.instants import means_of_instants
from recosim.scenarios.weather.mapping import WeatherMapping
from recosim.scenarios.weather.problems import problems_of
from recosim.scenarios.weather.series import Weather, resample_weather
from recosim.scenarios.weather.table import Site, WeatherTable, stamp
from recosim.timegrid import SECONDS_PER_HOUR, TimeGrid


@dataclass(frozen=True, kw_only=True)
class WeatherCheck:
    """What ``recosim weather check`` says of a file.

    Parameters
    ----------
    source, kind : str
        The file, and what it was recognised as (``epw``, ``pvgis``, ``nsrdb``, ``csv``).
    latitude, longitude : float
        Of the file's header or the scenario, north and east positive [deg].
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


def read_weather(
    path: Path, step_s: int = 900, mapping: WeatherMapping | None = None, site: Site | None = None
) -> Weather:
    """Weather of a file, at ``step_s``.

    Parameters
    ----------
    path : Path
        An EPW file, a PVGIS typical year (CSV or JSON), an NSRDB CSV, or any CSV with a mapping.
    step_s : int
        Step wanted [s]; other steps are brought to it without changing any original step's irradiation.
    mapping : WeatherMapping, optional
        What the columns of a CSV are.
    site : Site, optional
        Where a CSV with a mapping was recorded.

    Raises
    ------
    InputDataError
        Unknown format, a missing column, a value that is no number or implausible, a gap, a duplicate or
        unordered rows, sun at the wrong time: file, column, row and time are named.
    """
    table = _table(path, mapping, site)
    problems = problems_of(table)
    if problems:
        raise InputDataError(problems[0])
    series = table.values
    weather = Weather(
        latitude=table.site.latitude,
        longitude=table.site.longitude,
        altitude_m=table.site.altitude_m,
        timezone=table.site.timezone,
        source=table.source,
        grid=TimeGrid(
            start=table.start,
            step_s=table.step_s,
            n_steps=len(table.rows),
            timezone=table.site.timezone,
        ),
        temp_outdoor_degc=series["temp"],
        irradiance_global_w_per_m2=series["global"],
        irradiance_direct_w_per_m2=series.get("direct"),
        irradiance_diffuse_w_per_m2=series.get("diffuse"),
        wind_speed_m_per_s=series["wind"],
    )
    if table.instant_s is not None:
        weather = means_of_instants(weather, table.instant_s, -table.begin_s)
    return resample_weather(weather, step_s)


def _table(path: Path, mapping: WeatherMapping | None, site: Site | None) -> WeatherTable:
    if mapping is None:
        return read_table(Path(path))
    if site is None:
        raise ValueError("a file with a mapping needs its site: a CSV does not say where it was recorded")
    return read_mapped(Path(path), mapping, site)


def check_weather(
    path: Path, mapping: WeatherMapping | None = None, site: Site | None = None
) -> WeatherCheck:
    """Say what a file holds, and every reason for which :func:`read_weather` would refuse it; its parameters.

    Raises
    ------
    InputDataError
        The file cannot be read as weather at all (format, columns, times that are no times).
    """
    table = _table(path, mapping, site)
    incomplete = ~np.isfinite(np.array(list(table.values.values()))).all(axis=0)
    advance = np.diff(table.labels)
    absent = int((advance[advance > 0] // table.step_s - 1).sum())
    ghi, temp = (table.values[name][np.isfinite(table.values[name])] for name in ("global", "temp"))
    return WeatherCheck(
        source=table.source,
        kind=table.kind,
        latitude=table.site.latitude,
        longitude=table.site.longitude,
        start=stamp(table.start),
        end=stamp(table.start + int(table.labels[-1] - table.labels[0]) + table.step_s),
        steps=len(table.rows),
        step_s=table.step_s,
        gaps=absent + int(incomplete.sum()),
        ghi_kwh_per_m2=round(float(ghi.sum()) * table.step_s / SECONDS_PER_HOUR / 1000.0, 3),
        temp_mean_degc=round(float(temp.sum()) / max(temp.size, 1), 3),
        problems=tuple(problems_of(table)),
    )
