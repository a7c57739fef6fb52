"""Readings of real meters, and the prices they are settled with."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recosim.arrays import FloatArray, IntArray
from recosim.errors import InputDataError
from recosim.scenarios.price_files import PUN_COLUMNS, ZONAL_COLUMN, refuse_implausible
from recosim.scenarios.schema.messages import suggestion
from recosim.scenarios.schema.metered import MeteredCommunity
from recosim.scenarios.series_csv import ends_a_line, read_series
from recosim.scenarios.series_table import SeriesTable, brief, regular_step
from recosim.scenarios.weather.series import describe_time
from recosim.simulators.settlement.premium import market_zone_of_region
from recosim.timegrid import SECONDS_PER_HOUR, TimeGrid

WITHDRAWAL, INJECTION = "withdrawal_kwh", "injection_kwh"
STEPS_S = (SECONDS_PER_HOUR, 900)
CUT_SHORT = "{source} ends without a line end: was it cut short? Its last number may lack digits"


@dataclass(frozen=True, kw_only=True)
class Readings:
    """What the meters of a community counted.

    Parameters
    ----------
    source : str
        The file.
    grid : TimeGrid
        Whole hours, in steps of an hour or a quarter.
    pods : tuple of str
        Delivery points, in the order of the community.
    withdrawn_kwh, injected_kwh : array, shape (n_steps, n_pods) [kWh]
        Zero where the file has no such column.
    notes : tuple of str
        What the reader of the figures should know of the file.
    """

    source: str
    grid: TimeGrid
    pods: tuple[str, ...]
    withdrawn_kwh: FloatArray
    injected_kwh: FloatArray
    notes: tuple[str, ...] = ()


def read_readings(path: Path, community: MeteredCommunity, community_source: str) -> Readings:
    """Readings of a CSV file.

    Columns: ``time`` (ISO 8601 with its offset, start of the quarter-hour or hour), then
    ``<pod>:withdrawal_kwh`` and ``<pod>:injection_kwh``, at least one of them for each delivery point.

    Parameters
    ----------
    path : Path
    community : MeteredCommunity
    community_source : str
        Its file, for messages.

    Raises
    ------
    InputDataError
        A delivery point is in one file and not in the other, or a row or a cell is wrong: see
        :mod:`recosim.scenarios.series_csv`.
    """
    table = read_series(Path(path), "readings")
    places = _places(table, community, community_source)
    step_s = regular_step(table, STEPS_S)
    _refuse_negative(table)
    _refuse_part_hours(table, step_s)
    pods = community.pods
    place_of = {pod: place for place, pod in enumerate(pods)}
    shape = (len(table.times), len(pods))
    flows = {WITHDRAWAL: np.zeros(shape), INJECTION: np.zeros(shape)}
    for (pod, flow), column in places.items():
        flows[flow][:, place_of[pod]] = table.values[:, column]
    grid = TimeGrid(
        start=int(table.times[0]), step_s=step_s, n_steps=len(table.times), timezone=community.timezone
    )
    return Readings(
        source=table.source,
        grid=grid,
        pods=pods,
        withdrawn_kwh=flows[WITHDRAWAL],
        injected_kwh=flows[INJECTION],
        notes=() if ends_a_line(Path(path)) else (CUT_SHORT.format(source=table.source),),
    )


@dataclass(frozen=True, kw_only=True)
class HourlyPrices:
    """Prices of each hour that was read.

    Parameters
    ----------
    zonal_eur_per_mwh : array, shape (n_hours,) [EUR/MWh]
    pun_eur_per_mwh : array, shape (n_hours,), or None [EUR/MWh]
        None where it is not in the file or not needed.
    """

    zonal_eur_per_mwh: FloatArray
    pun_eur_per_mwh: FloatArray | None = None


def read_hourly_prices(path: Path, community: MeteredCommunity, hours: IntArray) -> HourlyPrices:
    """Prices of each hour, from a CSV file: the mean where they change within the hour.

    Columns: ``time`` (or ``time_utc``, then without offset), ``zonal_price_eur_per_mwh`` or the market zone
    of the community's region, such as CSUD; where the community has a tariff that needs it,
    ``pun_eur_per_mwh`` or PUN; others are ignored. Rows may be an hour or a part of it, and change from one
    to the other, as the market did in October 2025.

    Parameters
    ----------
    path : Path
    community : MeteredCommunity
    hours : array of int, shape (n_hours,)
        POSIX start of each hour wanted [s].

    Returns
    -------
    HourlyPrices

    Raises
    ------
    InputDataError
        An hour has no price or only a part of one, or a price is implausible.
    """
    zone = market_zone_of_region(community.region)
    pun_columns = PUN_COLUMNS if community.tariff is not None and community.tariff.needs_pun else ()
    table = read_series(Path(path), "prices", (ZONAL_COLUMN, zone, *pun_columns))
    name = next((column for column in (ZONAL_COLUMN, zone) if column in table.columns), None)
    if name is None:
        raise InputDataError(
            f"{path}: column {ZONAL_COLUMN} (or {zone}, the zone of {community.region}) is missing; name the "
            "column of the zonal prices so"
        )
    pun = next((column for column in pun_columns if column in table.columns), None)
    return HourlyPrices(
        zonal_eur_per_mwh=_by_hour(table, name, community.timezone, hours),
        pun_eur_per_mwh=None if pun is None else _by_hour(table, pun, community.timezone, hours),
    )


def _by_hour(table: SeriesTable, name: str, timezone: str, hours: IntArray) -> FloatArray:
    """Means of a column over the hours wanted, shape (n_hours,)."""
    price = table.column(name)
    least_s = int(np.diff(table.times).min()) if len(table.times) > 1 else SECONDS_PER_HOUR
    refuse_implausible(f"{table.source}: column {name}", price, table.where, least_s)
    hour = table.times // SECONDS_PER_HOUR
    first = np.flatnonzero(np.diff(hour, prepend=-1))
    count = np.diff(first, append=hour.size)
    step = SECONDS_PER_HOUR / count
    within = (
        table.times
        - hour * SECONDS_PER_HOUR
        - np.repeat(step, count) * (np.arange(hour.size) - np.repeat(first, count))
    )
    whole = np.add.reduceat(np.abs(within), first) == 0.0
    wanted = hours // SECONDS_PER_HOUR
    at = np.minimum(np.searchsorted(hour[first], wanted), first.size - 1)
    lacking = np.flatnonzero((hour[first][at] != wanted) | ~whole[at])
    if lacking.size:
        begin, end = (describe_time(int(time), timezone) for time in table.times[[0, -1]])
        what = "a part of the price" if hour[first][at[lacking[0]]] == wanted[lacking[0]] else "no price"
        raise InputDataError(
            f"{table.source}: column {name}: {what} for the hour from "
            f"{describe_time(int(hours[lacking[0]]), timezone)} (hours without: {lacking.size}); "
            f"the file has rows from {begin} to {end}: give prices for every hour of the readings"
        )
    means = np.add.reduceat(price, first) / count
    return np.asarray(means[at], dtype=np.float64)


def _places(
    table: SeriesTable, community: MeteredCommunity, community_source: str
) -> dict[tuple[str, str], int]:
    """Delivery point and flow of each column, as the place of the column."""
    places: dict[tuple[str, str], int] = {}
    for name, place in table.columns.items():
        pod, _, flow = name.rpartition(":")
        if flow not in (WITHDRAWAL, INJECTION) or not pod.strip():
            raise InputDataError(
                f"{table.source}: column {brief(name)}: unknown; allowed: time, <pod>:{WITHDRAWAL} and "
                f"<pod>:{INJECTION}"
            )
        if (pod.strip(), flow) in places:
            raise InputDataError(f"{table.source}: column {brief(name)} is there twice; delete one of them")
        places[pod.strip(), flow] = place
    listed = community.pods
    metered = {pod: name for name, (pod, _) in zip(reversed(table.columns), reversed(places), strict=True)}
    for pod, name in reversed(metered.items()):
        if pod not in listed:
            close = f"{suggestion(pod, listed).rstrip('?')};"
            raise InputDataError(
                f"{table.source}: column {brief(name)}: delivery point {brief(pod)!r} is neither a member's "
                f"nor a plant's in {community_source}{close} list it there, or delete its columns"
            )
    for member in community.members:
        if member.pod not in metered:
            close = f"{suggestion(member.pod, list(metered)).rstrip('?')};"
            raise InputDataError(
                f"{table.source}: no column for the member {member.pod!r} of {community_source}{close} give "
                f"{member.pod}:{WITHDRAWAL}, or delete the member"
            )
    for plant in community.plants:
        if (plant.pod, INJECTION) not in places:
            raise InputDataError(
                f"{table.source}: column {plant.pod}:{INJECTION} is missing, but a plant of "
                f"{plant.power_kw:g} kW stands behind {plant.pod!r} in {community_source}; give the column, "
                "or delete the plant"
            )
    return places


def _refuse_negative(table: SeriesTable) -> None:
    if table.values.size == 0 or table.values.min() >= 0.0:
        return
    row, place = (int(i) for i in np.argwhere(table.values < 0.0)[0])
    raise InputDataError(
        f"{table.source}: column {brief(list(table.columns)[place])}, {table.where(row)}: "
        f"{table.values[row, place]:g} kWh, allowed: 0 or more; withdrawal and injection have "
        "columns of their own"
    )


def _refuse_part_hours(table: SeriesTable, step_s: int) -> None:
    """Refuse a first or last hour of which quarters are missing: sharing is by the whole hour."""
    times = table.times
    if times[0] % SECONDS_PER_HOUR:
        quarters = (
            "are the times ends of the quarters? They must be starts" if step_s < 3600 else "correct it"
        )
        raise InputDataError(f"{table.source}: {table.where(0)} does not begin an hour; {quarters}")
    if (times[-1] + step_s) % SECONDS_PER_HOUR:
        raise InputDataError(
            f"{table.source}: the last row, {table.where(len(times) - 1)}, does not end an hour; was the "
            "file cut short? Give the missing quarters, or delete those of the last hour"
        )
