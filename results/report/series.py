"""The series that a report draws: the community's power, temperatures against their band, batteries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from recosim.arrays import FloatArray
from recosim.errors import ResultsError
from recosim.results.report.pack import Pack
from recosim.results.run_file import Run
from recosim.timegrid import SECONDS_PER_HOUR, TimeGrid

FINE_DAYS = 7
MEMBERS_SHOWN = 50
WORST_SHOWN = 10
OTHER_KW = 1e-3
"""Below that, what devices and meters say differs by rounding only."""
NODE = {
    "pv": (("photovoltaics", "power_pv_kw"),),
    "discharge": (("battery", "power_discharge_kw"),),
    "load": (("load", "power_load_kw"), ("appliance", "power_appliance_kw")),
    "heating": (("dwelling", "power_heating_kw"),),
    "cooling": (("dwelling", "power_cooling_kw"),),
    "standby": (("dwelling", "power_standby_kw"),),
    "hot_water": (("water_heater", "power_water_heating_kw"),),
    "car": (("car", "power_car_kw"),),
    "auxiliary": (("photovoltaics", "power_auxiliary_kw"),),
    "charge": (("battery", "power_charge_kw"),),
}
SOURCES = ("pv", "discharge")
HVAC = ("heating", "cooling", "standby")


@dataclass(frozen=True, kw_only=True)
class Band:
    """Where the operative temperature was wanted.

    Parameters
    ----------
    note : str
        What to know about it, in a sentence.
    low_degc, high_degc : array, shape (n_steps, n_dwellings) or (n_steps, 1), or None
        NaN where the season asks for nothing; None where the band is not known [degC].
    """

    note: str
    low_degc: FloatArray | None = None
    high_degc: FloatArray | None = None


BandOf: TypeAlias = Callable[[Run], Band]


@dataclass(frozen=True, kw_only=True)
class CommunityPower:
    """Sums over the community, by step.

    Parameters
    ----------
    grid : TimeGrid
        The committed steps.
    kw : mapping of str to array, shape (n_steps,)
        The names of ``NODE`` that were recorded, ``withdrawn``, ``injected``, and ``other``: what devices of
        other kinds take, from the balance of the rest [kW].
    """

    grid: TimeGrid
    kw: Mapping[str, FloatArray]

    def of(self, *names: str) -> FloatArray:
        """Sum of some of them, 0 where none was recorded, shape (n_steps,) [kW]."""
        return sum((self.kw[name] for name in names if name in self.kw), np.zeros(self.grid.n_steps))

    @cached_property
    def drawn(self) -> dict[str, FloatArray]:
        """What the plot of a week shows, by label [kW]."""
        shown = {
            "photovoltaic production": self.of("pv"),
            "households, common services": self.of("load"),
            "heating and cooling": self.of(*HVAC),
        }
        labels = {"hot_water": "hot water", "car": "cars", "other": "other devices"}
        shown |= {label: self.kw[name] for name, label in labels.items() if name in self.kw}
        if "charge" in self.kw:
            shown["batteries (charging above zero)"] = self.of("charge") - self.of("discharge")
        shown["grid (withdrawal above zero)"] = self.of("withdrawn") - self.of("injected")
        return shown


def community_power(run: Run) -> CommunityPower:
    """Add up what the devices and meters of a run recorded.

    Raises
    ------
    ResultsError
        The file lacks the meters, or is damaged.
    """
    grid = run.grid_committed
    kw: dict[str, FloatArray] = {}
    for name, series in NODE.items():
        there = [each for each in series if run.has(*each)]
        if there:
            kw[name] = sum((_summed(run, *each) for each in there), np.zeros(grid.n_steps))
    for name in ("withdrawn", "injected"):
        kw[name] = _summed(run, "meter", f"energy_{name}_kwh") / grid.step_h
    taken = sum((kw[name] for name in NODE if name in kw and name not in SOURCES), np.zeros(grid.n_steps))
    given = sum((kw[name] for name in SOURCES if name in kw), np.zeros(grid.n_steps))
    other = kw["withdrawn"] - kw["injected"] + given - taken
    if np.abs(other).max(initial=0.0) > OTHER_KW:
        kw["other"] = other
    return CommunityPower(grid=grid, kw=kw)


def _summed(run: Run, group: str, quantity: str) -> FloatArray:
    total = np.zeros(run.committed)
    for rows in run.blocks(len(run.members(group, quantity))):
        total[rows] = run.values(group, quantity, rows).sum(axis=1)
    return total


def hourly(values: FloatArray, steps_per_hour: int) -> FloatArray:
    """Means over whole hours, of the last also where it is incomplete, along the first axis."""
    if len(values) == 0 or steps_per_hour == 1:
        return values
    starts = np.arange(0, len(values), steps_per_hour)
    counts = np.diff(np.append(starts, len(values))).reshape(-1, *(1,) * (values.ndim - 1))
    means: FloatArray = np.add.reduceat(values, starts, axis=0) / counts
    return means


def fine_rows(grid: TimeGrid, power: CommunityPower, week: str | None) -> slice:
    """Steps of the week that is drawn step by step: the one asked for, or the one that could share most.

    Raises
    ------
    ResultsError
        ``week`` is no date, or lies outside the run.
    """
    local = grid.local
    days = pd.DatetimeIndex(local.tz_localize(None)).normalize()
    first_rows = np.flatnonzero(np.append(True, days[1:] != days[:-1]))
    if week is not None:
        try:
            date = pd.Timestamp(pd.to_datetime(week, format="%Y-%m-%d"))
        except ValueError:
            raise ResultsError(f"--week {week}: allowed: a date such as {days[0]:%Y-%m-%d}") from None
        if not days[0] <= date <= days[-1]:
            raise ResultsError(
                f"--week {week} lies outside the run, allowed: {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}"
            )
        day = int(days[first_rows].searchsorted(date))
    else:
        both = np.minimum(power.of("withdrawn"), power.of("injected"))
        by_day = np.add.reduceat(both, first_rows)
        weeks = np.convolve(by_day, np.ones(FINE_DAYS))[FINE_DAYS - 1 :]
        day = int(np.argmax(weeks[: max(1, len(by_day) - FINE_DAYS + 1)]))
    day = max(0, min(day, len(first_rows) - FINE_DAYS))
    end = day + FINE_DAYS
    return slice(int(first_rows[day]), int(first_rows[end]) if end < len(first_rows) else grid.n_steps)


def members_shown(discomfort_kh: FloatArray, limit: int = MEMBERS_SHOWN) -> list[int]:
    """Dwellings that are drawn: all, or those with most discomfort and others evenly spread."""
    n = len(discomfort_kh)
    if n <= limit:
        return list(range(n))
    worst = np.argsort(-discomfort_kh, kind="stable")[: min(WORST_SHOWN, limit)].tolist()
    others = [i for i in range(n) if i not in set(worst)]
    spread = np.linspace(0, len(others) - 1, limit - len(worst)).round().astype(int)
    return sorted({*worst, *(others[i] for i in spread)})


def pack_both(pack: Pack, values: FloatArray, grid: TimeGrid, fine: slice) -> dict[str, list[int]]:
    """Keep a series by the hour, and by the step in the chosen week."""
    return {"hours": pack.add(hourly(values, grid.steps_per_hour)), "steps": pack.add(values[fine])}


def selected(run: Run, group: str, quantity: str, members: Sequence[int]) -> FloatArray:
    """Some members of a quantity, read block by block, shape (n_steps, n_selected)."""
    found = np.empty((run.committed, len(members)))
    for rows in run.blocks(len(run.members(group, quantity))):
        found[rows] = run.values(group, quantity, rows)[:, members]
    return found


def week_data(
    run: Run, power: CommunityPower, band: Band, week: str | None, limit: int = MEMBERS_SHOWN
) -> dict[str, Any]:
    """Everything that the plots with the slider draw, ready for JSON.

    Parameters
    ----------
    run : Run
    power : CommunityPower
    band : Band
    week : str or None
        First day of the week that is drawn step by step.
    limit : int
        Most dwellings, and most batteries, to hold.
    """
    grid = run.grid_committed
    fine = fine_rows(grid, power, week)
    pack = Pack()

    def keep(values: FloatArray) -> dict[str, list[int]]:
        return pack_both(pack, values, grid, fine)

    data: dict[str, Any] = {
        "start": grid.start,
        "hour_s": SECONDS_PER_HOUR,
        "step_s": grid.step_s,
        "fine_start": grid.start + fine.start * grid.step_s,
        "day_starts": _day_starts(grid),
        "offsets": _offsets(grid),
        "fine_day": _day_of(grid, fine.start),
        "power": [{"label": label, **keep(values)} for label, values in power.drawn.items()],
        "outdoor": None,
        "dwellings": [],
        "batteries": [],
    }
    if run.has("weather", "temp_outdoor_degc"):
        data["outdoor"] = keep(selected(run, "weather", "temp_outdoor_degc", [0])[:, 0])
    if run.has("dwelling", "temp_operative_degc"):
        data["dwellings"] = _dwellings(run, band, keep, limit)
    if run.has("battery", "energy_battery_kwh"):
        data["batteries"] = _batteries(run, keep, limit)
    return {**data, "packed": pack.text()}


Keep: TypeAlias = Callable[[FloatArray], dict[str, list[int]]]


def _dwellings(run: Run, band: Band, keep: Keep, limit: int) -> list[dict[str, Any]]:
    names = run.members("dwelling", "temp_operative_degc")
    members = members_shown(discomfort_by_dwelling_kh(run), limit)
    temp_degc = selected(run, "dwelling", "temp_operative_degc", members)
    edges: dict[int, dict[str, Any]] = {}

    def edge(values: FloatArray | None, member: int) -> dict[str, list[int]] | None:
        if values is None:
            return None
        column = member if values.shape[1] > 1 else 0
        key = 2 * column + (values is band.high_degc)
        if key not in edges:
            edges[key] = keep(values[:, column])
        return edges[key]

    return [
        {
            "label": names[member],
            "temp": keep(temp_degc[:, i]),
            "low": edge(band.low_degc, member),
            "high": edge(band.high_degc, member),
        }
        for i, member in enumerate(members)
    ]


def _batteries(run: Run, keep: Keep, limit: int) -> list[dict[str, Any]]:
    names = run.members("battery", "energy_battery_kwh")
    members = members_shown(np.zeros(len(names)), limit)
    found = [{"label": "all together", **keep(_summed(run, "battery", "energy_battery_kwh"))}]
    if len(names) > 1:
        energy_kwh = selected(run, "battery", "energy_battery_kwh", members)
        found += [{"label": names[m], **keep(energy_kwh[:, i])} for i, m in enumerate(members)]
    return found


def discomfort_by_dwelling_kh(run: Run) -> FloatArray:
    """Kelvin hours outside the band while occupied, shape (n_dwellings,) [K h]."""
    total = np.zeros(len(run.members("dwelling", "temp_operative_degc")))
    for name in ("discomfort_heating_k", "discomfort_cooling_k"):
        if run.has("dwelling", name):
            for rows in run.blocks(len(total)):
                total += run.values("dwelling", name, rows).sum(axis=0) * run.grid.step_h
    return total


def _day_starts(grid: TimeGrid) -> list[int]:
    """POSIX time at which each local day of the run begins, and at which the last one ends."""
    days = pd.DatetimeIndex(grid.local.tz_localize(None)).normalize()
    firsts = np.flatnonzero(np.append(True, days[1:] != days[:-1]))
    return [*grid.times[firsts].tolist(), grid.end]


def _day_of(grid: TimeGrid, row: int) -> int:
    return int(np.searchsorted(_day_starts(grid), grid.times[row], side="right")) - 1


def _offsets(grid: TimeGrid) -> list[list[int]]:
    """From which POSIX second on local time is how many seconds ahead of UTC."""
    shift = (grid.local.tz_localize(None) - grid.utc.tz_localize(None)).total_seconds().to_numpy(dtype=int)
    firsts = np.flatnonzero(np.append(True, shift[1:] != shift[:-1]))
    return [[int(grid.times[row]), int(shift[row])] for row in firsts]
