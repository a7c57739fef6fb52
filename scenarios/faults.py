"""From the faults of a scenario to steps and devices; what is wrong with them, and how they are told."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from recosim.contracts import Community
from recosim.scenarios.community import COMMON
from recosim.scenarios.foreign.values import listed
from recosim.scenarios.input_series import timezone_of
from recosim.scenarios.schema.faults import Fault, SensorDrift
from recosim.scenarios.schema.messages import MOST_PROBLEMS, suggestion
from recosim.scenarios.schema.scenario import Period, Scenario
from recosim.simulators.faults import Drift, Faults, Outage
from recosim.timegrid import TimeGrid

WHAT = {
    "meter_silent": "meter silent",
    "link_down": "link down",
    "battery_trip": "battery tripped",
    "sensor_drift": "sensor off",
    "forecast_down": "no forecasts",
}
_LEAVE_OUT = "or leave the faults out with --set 'faults=[]'"


def problems(scenario: Scenario) -> list[str]:
    """What does not fit the rest of the scenario, a line each, a few at most: times, members, overlaps."""
    found = list(_problems(scenario))
    more = [f"and {len(found) - MOST_PROBLEMS} more faults that do not fit"]
    return found[:MOST_PROBLEMS] + (more if len(found) > MOST_PROBLEMS else [])


def _problems(scenario: Scenario) -> Iterator[str]:
    period = scenario.period
    first, last = bounds_of(period)
    zone = ZoneInfo(timezone_of(scenario))
    for number, fault in enumerate(scenario.faults):
        where = f"faults[{number}]"
        for name, moment in (("start", fault.start), ("end", fault.end)):
            shown = f"{where}.{name} = {shown_time(moment)}"
            if not first <= moment <= last:
                yield (
                    f"{shown}, allowed: within the period, {shown_time(first)} to {shown_time(last)}; change "
                    f"it, {_LEAVE_OUT}"
                )
            elif (moment - first) % timedelta(minutes=period.step_minutes):
                yield f"{shown}, allowed: whole steps of {period.step_minutes} minutes from midnight on"
            elif not _exists(moment, zone):
                yield f"{shown} is skipped when the clocks change, allowed: an hour earlier or later"
        if fault.end <= fault.start:
            yield f"{where}.end = {shown_time(fault.end)}, allowed: after start = {shown_time(fault.start)}"
        yield from _unknown_member(scenario, fault, where)
    yield from _overlaps(scenario.faults)


def _unknown_member(scenario: Scenario, fault: Fault, where: str) -> Iterator[str]:
    member = getattr(fault, "member", None)
    names = may_have(scenario, fault)
    if member is None or member in names:
        return
    of = {"battery_trip": "a dwelling with a battery", "meter_silent": "a delivery point"}
    kind = of.get(fault.kind, "a dwelling")
    if isinstance(fault, SensorDrift) and fault.quantity == "temp_tank_degc":
        kind = "a dwelling with hot_water"
    among = f"{kind}: {listed(names)}" if names else f"{kind}, of which there is none"
    yield f"{where}.member = {member!r}{suggestion(member, names) or ','} allowed: {among}"


def may_have(scenario: Scenario, fault: Fault) -> list[str]:
    """Members that may have such a fault."""
    community = scenario.community
    flats = community.dwellings
    if fault.kind == "battery_trip":
        return [flat.name for flat in flats if flat.battery is not None]
    if isinstance(fault, SensorDrift) and fault.quantity == "temp_tank_degc":
        return [flat.name for flat in flats if flat.hot_water is not None]
    names = [flat.name for flat in flats]
    if fault.kind == "meter_silent":
        names += [COMMON] if community.common_services is not None else []
        names += [plant.name for plant in community.plants if plant.pod == "own"]
    return names


def _overlaps(faults: Sequence[Fault]) -> Iterator[str]:
    latest: dict[tuple[Any, ...], tuple[int, Fault]] = {}
    for number, fault in sorted(enumerate(faults), key=lambda each: each[1].start):
        key = (fault.kind, getattr(fault, "member", None), getattr(fault, "quantity", None))
        before = latest.get(key)
        if before is not None and fault.start < before[1].end:
            yield (
                f"faults[{number}] begins {shown_time(fault.start)}, before faults[{before[0]}] of the same "
                f"kind has ended, {shown_time(before[1].end)}; make one of them, or part them"
            )
        if before is None or fault.end > before[1].end:
            latest[key] = number, fault


def bounds_of(period: Period) -> tuple[datetime, datetime]:
    """Local midnights between which a period lies."""
    start = period.date_start
    first = datetime(start.year, start.month, start.day)  # noqa: DTZ001  local, as everything here
    return first, first + timedelta(days=period.days)


def within(faults: Sequence[Fault], period: Period) -> tuple[Fault, ...]:
    """The parts of faults that lie in a period."""
    first, last = bounds_of(period)
    return tuple(
        fault.model_copy(update={"start": max(fault.start, first), "end": min(fault.end, last)})
        for fault in faults
        if fault.start < last and fault.end > first
    )


def _exists(moment: datetime, zone: ZoneInfo) -> bool:
    time = moment.replace(tzinfo=zone).timestamp()
    return datetime.fromtimestamp(time, zone).replace(tzinfo=None) == moment


def shown_time(moment: datetime) -> str:
    """Local time to the minute, to the second where it has any."""
    return moment.isoformat(sep=" ", timespec="seconds" if moment.second else "minutes")


def told(fault: Fault) -> str:
    """A fault in words.

    Examples
    --------
    >>> from recosim.scenarios.schema.faults import BatteryTrip
    >>> told(BatteryTrip(kind="battery_trip", member="flat-03", start="2025-07-15", end="2025-07-16T08:00"))
    'flat-03: battery tripped, 2025-07-15 00:00 to 2025-07-16 08:00'
    """
    member = getattr(fault, "member", None)
    what = WHAT[fault.kind]
    if isinstance(fault, SensorDrift):
        place = "hot water" if fault.quantity == "temp_tank_degc" else "indoor"
        offset = f"{fault.offset_k:+g} K" if fault.offset_k else ""
        drift = f"{fault.drift_k_per_day:+g} K a day" if fault.drift_k_per_day else ""
        what = f"{place} {what} by {' and '.join(filter(None, (offset, drift)))}"
    where = f"{member}: " if member is not None else ""
    return f"{where}{what}, {shown_time(fault.start)} to {shown_time(fault.end)}"


def table_of(scenario: Scenario) -> dict[str, list[Any]]:
    """Columns for the result file: kind, member, POSIX times and words; a row for each fault."""
    faults, zone = scenario.faults, timezone_of(scenario)
    return {
        "kind": [fault.kind for fault in faults],
        "member": [getattr(fault, "member", "") for fault in faults],
        "start": [posix(fault.start, zone) for fault in faults],
        "end": [posix(fault.end, zone) for fault in faults],
        "text": [told(fault) for fault in faults],
    }


def posix(moment: datetime, timezone: str) -> int:
    """POSIX time of a local time, the first of two where clocks are put back [s]."""
    return int(moment.replace(tzinfo=ZoneInfo(timezone)).timestamp())


def faults_of(scenario: Scenario, community: Community, grid: TimeGrid) -> Faults | None:
    """Faults by step and index, None where there are none.

    Parameters
    ----------
    scenario : Scenario
    community : Community
    grid : TimeGrid
        What is simulated, warm-up included.
    """
    if not scenario.faults:
        return None
    pods, devices = community.pods.names, community.devices
    found: dict[str, list[Any]] = {kind: [] for kind in WHAT}
    for fault in sorted(scenario.faults, key=lambda each: each.start):
        steps = [(posix(t, grid.timezone) - grid.start) // grid.step_s for t in (fault.start, fault.end)]
        member: str = getattr(fault, "member", "")
        span = {"first": steps[0], "end": steps[1]}
        if isinstance(fault, SensorDrift):
            kind = "water_heater" if fault.quantity == "temp_tank_degc" else "dwelling"
            found[fault.kind].append(
                Drift(
                    **span,
                    index=int(list(devices[kind].node).index(pods.index(member))),
                    # what is taken for the mass is worked out from what the air is read to be
                    states=("temp_indoor_degc", "temp_mass_degc")
                    if kind == "dwelling"
                    else (fault.quantity,),
                    offset_k=fault.offset_k,
                    drift_k_per_day=fault.drift_k_per_day,
                )
            )
        elif fault.kind == "battery_trip":
            at = list(devices["battery"].node).index(pods.index(member))
            found[fault.kind].append(Outage(**span, index=int(at)))
        elif fault.kind == "forecast_down":
            before = found[fault.kind]
            if before and before[-1].end == span["first"]:
                span["first"] = before.pop().first
            before.append(Outage(**span))
        else:
            found[fault.kind].append(Outage(**span, index=pods.index(member)))
    return Faults(
        meters=tuple(found["meter_silent"]),
        links=tuple(found["link_down"]),
        drifts=tuple(found["sensor_drift"]),
        forecasts=tuple(found["forecast_down"]),
        trips=tuple(found["battery_trip"]),
    )
