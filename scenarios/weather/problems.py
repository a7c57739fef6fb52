"""What keeps the rows of a weather file from being weather: numbers, times, units, the place of the sun."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.scenarios.series_table import brief
from recosim.scenarios.weather.table import WeatherTable, stamp
from recosim.timegrid import SECONDS_PER_DAY, SECONDS_PER_HOUR


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
# A day may hold as much sun as would come through no atmosphere only if its unit is wrong.
_JUDGED_FROM_WH_PER_M2 = 1000.0
# Clear days of a month have their middle within 21 minutes of solar noon in good files (Denver: 8.5), and a
# clock that is off by an hour puts it an hour away.
_NOON_MAX_MINUTES = 40.0
_DAYS_TO_JUDGE_NOON = 10


def problems_of(table: WeatherTable) -> list[str]:
    """Everything that keeps a table from being weather, one line each.

    The sun is looked at where nothing else is wrong.
    """
    found: list[str] = []
    for name, column in table.columns.items():
        wrong = np.flatnonzero(~np.isfinite(table.values[name]))
        if wrong.size:
            row = int(wrong[0])
            found.append(
                f"{table.source}: column {column}, {table.where(row)}: {brief(str(table.text[name][row]))!r} "
                f"is no number ({wrong.size} in all); every row needs one in "
                f"{_QUANTITIES[name].unit}: fill it in"
            )
    found += _time_problems(table) + _unit_problems(table)
    return found or _sun_problems(table)


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
        first = stamp(int(table.labels[gap[0]]) + step)
        found.append(
            f"{table.source}: time column, no row for {first}, after row "
            f"{table.rows[gap[0]]} ({int((advance[gap] // step - 1).sum())} steps missing in all); rows must "
            f"follow each other every {step} s: fill the gap"
        )
    if table.start % step:
        begin = str(np.datetime64(table.start, "s"))[-8:]
        found.append(
            f"{table.source}: time column, {table.where(0)}: its step begins at "
            f"{begin} UTC, which does not lie on a UTC step "
            f"of {step} s (zone {table.site.timezone}); allowed: a zone whose difference from UTC is a whole "
            "number of steps, labels at the begin, middle or end of a step"
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


def _sun_problems(table: WeatherTable) -> list[str]:
    """More sun than there is above the atmosphere, or a noon that is not the sun's."""
    # pvlib takes a second to import; only a file that is read needs it.
    from pvlib import irradiance, solarposition

    step = table.step_s
    middle_s = step / 2.0 if table.instant_s is None else table.instant_s
    at = np.asarray(table.labels + table.begin_s + middle_s, dtype=np.float64)
    times = pd.to_datetime(at, unit="s", utc=True)
    zenith = solarposition.ephemeris(times, table.site.latitude, table.site.longitude)["elevation"]
    above = np.maximum(np.sin(np.radians(zenith.to_numpy(dtype=np.float64))), 0.0)
    above = above * np.asarray(irradiance.get_extra_radiation(times.day_of_year.to_numpy()))
    day = ((at + table.site.longitude * SECONDS_PER_DAY / 360.0) // SECONDS_PER_DAY).astype(np.int64)
    day = day - day[0]
    ghi, rows = table.values["global"], np.bincount(day)
    per_day = [np.asarray(np.bincount(day, weights=weights), dtype=np.float64) for weights in (ghi, above)]
    judged = (rows * step >= SECONDS_PER_DAY - SECONDS_PER_HOUR) & (
        per_day[1] * step / SECONDS_PER_HOUR > _JUDGED_FROM_WH_PER_M2
    )
    share = np.divide(per_day[0], per_day[1], out=np.zeros(len(rows)), where=judged)
    first = np.asarray(np.cumsum(rows) - rows, dtype=np.int64)
    return _too_much_sun(table, share, per_day[1], first) or _noon_elsewhere(
        table, share, judged & (per_day[0] > 0.0), first, _noon_minutes(day, at, ghi, above)
    )


def _too_much_sun(table: WeatherTable, share: FloatArray, above: FloatArray, first: IntArray) -> list[str]:
    wrong = np.flatnonzero(share > 1.0)
    if not wrong.size:
        return []
    most = above[wrong[0]] * table.step_s / SECONDS_PER_HOUR / 1000.0
    return [
        f"{table.source}: column {table.columns['global']}, {table.where(int(first[wrong[0]]))}: the day has "
        f"{share[wrong[0]] * most:.1f} kWh/m2, allowed: the {most:.1f} above the atmosphere ({wrong.size} "
        f"days in all); {_IRRADIANCE_HINT}"
    ]


def _noon_minutes(day: IntArray, at: FloatArray, ghi: FloatArray, above: FloatArray) -> FloatArray:
    """Middle of each day's irradiation after that of the sun's course, NaN without sun [min]."""
    since = at - at[0]

    def middle(weights: FloatArray) -> FloatArray:
        total = np.bincount(day, weights=weights)
        moment = np.bincount(day, weights=weights * since)
        found = np.divide(moment, total, out=np.full(len(total), np.nan), where=total > 0.0)
        return np.asarray(found, dtype=np.float64)

    return np.asarray((middle(ghi) - middle(above)) / 60.0, dtype=np.float64)


def _noon_elsewhere(
    table: WeatherTable, share: FloatArray, judged: BoolArray, first: IntArray, minutes: FloatArray
) -> list[str]:
    months = pd.to_datetime(table.labels[first], unit="s").month.to_numpy()
    for month in dict.fromkeys(months):
        days = np.flatnonzero((months == month) & judged)
        if len(days) < _DAYS_TO_JUDGE_NOON:
            continue
        clearest = days[np.argsort(share[days])[-(len(days) // 3) :]]
        off = float(np.median(minutes[clearest]))
        if abs(off) > _NOON_MAX_MINUTES:
            side = "after" if off > 0.0 else "before"
            return [
                f"{table.source}: time column, {table.where(int(first[days[0]]))}: on the clear days of that "
                f"month the middle of the day's sun is {abs(off):.0f} min {side} solar noon at longitude "
                f"{table.site.longitude:g}, allowed: {_NOON_MAX_MINUTES:g}; is the file in another time "
                "zone, or in local time with clock changes, or the longitude's sign wrong?"
            ]
    return []
