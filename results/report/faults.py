"""A report's faults: what was out of order and when, and what it cost."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from recosim.quantities import quantity
from recosim.readable import readable
from recosim.results.fault_costs import FaultCost, cost_beside, signed
from recosim.results.report.words import glued
from recosim.results.run_file import Run
from recosim.timegrid import SECONDS_PER_DAY, SECONDS_PER_HOUR

MEANS = {
    "meter_silent": "The controller gets no reading of this meter. What flowed is settled all the same.",
    "link_down": "No readings come from the dwelling and no set-points reach it: its devices follow their "
    "own rules.",
    "battery_trip": "The battery neither charges nor discharges, whatever is asked of it.",
    "sensor_drift": "The controller sees a wrong temperature. Thermostats have sensors of their own.",
    "forecast_down": "The controller plans with the last forecast that came.",
}
COSTS = (
    *("objective_eur", "cost_net_eur", "bill_eur", "revenue_sale_eur", "premium_eur", "valorisation_eur"),
    *("cost_comfort_eur", "cost_wear_eur", "discomfort_kh", "energy_shared_kwh", "energy_withdrawn_kwh"),
    *("energy_injected_kwh", "solve_failures", "fallbacks"),
)


def faults_story(run: Run, others: Sequence[Path]) -> dict[str, Any] | None:
    """Words, table and spans on what was out of order; None where nothing was.

    Parameters
    ----------
    run : Run
    others : sequence of Path
        The other runs of the page: one of them may be the same run without faults.
    """
    found = spans(run)
    if not found:
        return None
    cost = cost_beside(run, [path for path in others if path != run.path])
    reached = sum(each["seen"] for each in found)
    count = "One thing was" if reached == 1 else f"{reached or 'No'} things were"
    words = [
        f"{count} out of order for a while. The plant went on; the controller saw what it would see in "
        "reality."
    ]
    if reached < len(found):
        words.append(f"{len(found) - reached} more would have followed after what is in the file.")
    if cost is not None:
        words.append(glued(_cost_in_words(cost)))
    elif run.complete:
        words.append(
            "What that cost shows beside the same run without faults: make one with recosim run "
            "--without-faults and give both files to recosim report."
        )
    return {"words": words, "spans": found, "costs": None if cost is None else _costs_table(cost)}


def spans(run: Run) -> list[dict[str, Any]]:
    """Each fault with its number, POSIX times, and words for a table; in the order of time."""
    columns = run.faults()
    if not columns:
        return []
    rows = zip(*(columns[name].tolist() for name in ("start", "end", "kind", "member", "text")), strict=True)
    zone = run.grid.timezone
    return [
        {
            "number": number,
            "start": start,
            "end": end,
            "kind": kind,
            "member": member,
            "what": text.removeprefix(f"{member}: ").rsplit(", ", 1)[0],
            "who": member or "the whole community",
            "from": _moment(start, zone),
            "to": _moment(end, zone),
            "lasts": _length(end - start),
            "means": MEANS.get(kind, ""),
            "seen": start < run.grid_committed.end,
        }
        for number, (start, end, kind, member, text) in enumerate(sorted(rows), start=1)
    ]


def _moment(time: int, timezone: str) -> str:
    local = pd.Timestamp(time, unit="s", tz=timezone)
    return f"{local:%a} {local.day} {local:%B %Y, %H:%M}"


def _length(seconds: int) -> str:
    """Hours, or days where it is longer than two.

    Examples
    --------
    >>> _length(900), _length(22 * 3600), _length(9 * 86400 + 6 * 3600)
    ('0.25 hours', '22 hours', '9.25 days')
    """
    if seconds > 2 * SECONDS_PER_DAY:
        return f"{seconds / SECONDS_PER_DAY:.4g} days"
    hours = seconds / SECONDS_PER_HOUR
    return f"{hours:.4g} hour{'' if hours == 1.0 else 's'}"


def _cost_in_words(cost: FaultCost) -> str:
    def both(name: str, unit: str) -> str:
        with_faults, without = (readable(k.get(name), unit, name) for k in (cost.with_faults, cost.without))
        change = signed(cost.change(name), unit)
        return f"{with_faults} {unit} with the faults, {without} without ({change})"

    return (
        f"Beside the same run without faults ({cost.clean.name}) they cost "
        f"{readable(cost.change('objective_eur'), 'EUR')} EUR on the whole, comfort and wear included (J). "
        f"Bills are {both('bill_eur', 'EUR')}; the net cost is {both('cost_net_eur', 'EUR')}; discomfort is "
        f"{both('discomfort_kh', 'K h')}."
    )


def _costs_table(cost: FaultCost) -> dict[str, Any]:
    rows = []
    for name in COSTS:
        unit = quantity(name).unit
        values = [kpis.get(name) for kpis in (cost.without, cost.with_faults)]
        if all(value is not None for value in values):
            cells = [readable(value, unit, name) for value in values]
            rows.append([quantity(name).meaning, *cells, signed(cost.change(name), unit), unit.strip("1")])
    return {
        "caption": "What the faults cost",
        "heads": ["", "without", "with the faults", "change", "unit"],
        "rows": rows,
    }
