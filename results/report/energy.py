"""A report's energy: the balance by month, where the year's energy went, when energy was shared."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from recosim.arrays import FloatArray, IntArray
from recosim.readable import readable
from recosim.results.page import Plot, bars, by_month, figure
from recosim.results.report.series import CommunityPower
from recosim.results.run_file import Run

HOURS_PER_DAY = 24
SUPPLY = {"pv": "photovoltaics", "withdrawn": "from the grid", "discharge": "from batteries"}
USE = {
    "load": "households and common services",
    "heating": "heating",
    "cooling": "cooling",
    "standby": "standby of heating and cooling",
    "hot_water": "hot water",
    "car": "cars",
    "auxiliary": "the plants' own draw",
    "other": "other devices",
    "charge": "into batteries",
    "injected": "into the grid",
}
OUTSIDE, FROM_OUTSIDE = "to the grid, not shared", "from the grid, not shared"
SMALLEST_FLOW = 1e-3
"""Of all energy: thinner bands of the flow diagram could not be seen."""
SMALL_USE = 0.02
"""Of all energy: where there are several uses below, they are drawn as one, as their names would overlap."""
ALL_ELSE = "all else"


def months_of(power: CommunityPower) -> tuple[list[str], IntArray]:
    """Local months such as ``2025-01``, and the month's number of each step."""
    names = power.grid.local.strftime("%Y-%m").to_numpy()
    months, number = np.unique(names, return_inverse=True)
    return [str(month) for month in months], number.astype(np.int64)


def energy_by_month(power: CommunityPower) -> tuple[list[str], dict[str, FloatArray]]:
    """Months, and the energy of each kind of supply and use in them, shape (n_months,) [kWh]."""
    months, number = months_of(power)
    kwh: dict[str, FloatArray] = {
        name: power.grid.step_h
        * np.bincount(number, weights=power.kw[name], minlength=len(months)).astype(np.float64)
        for name in (*SUPPLY, *USE)
        if name in power.kw
    }
    return months, kwh


def balance_plot(months: list[str], kwh: Mapping[str, FloatArray]) -> Plot:
    """Supply above the line, use below it, by month."""
    traces = [
        bars(label, months, (sign * kwh[name]).tolist(), colour, "kWh")
        for colour, (name, label, sign) in enumerate(
            [(n, w, 1.0) for n, w in SUPPLY.items()] + [(n, w, -1.0) for n, w in USE.items()]
        )
        if name in kwh and np.abs(kwh[name]).max() > 0.0
    ]
    for trace in traces:
        if trace["meta"]["colour"] >= len(SUPPLY) + 5:
            trace["marker"] = {"pattern": {"shape": "/"}}
    told = "; ".join(f"{w} {_kwh(kwh[n].sum())}" for n, w in {**SUPPLY, **USE}.items() if n in kwh)
    laid_out = figure(traces, "", "energy [kWh]")
    by_month(laid_out, len(months))
    return {
        "title": "Energy by month",
        "caption": "What the community had is above the line, what became of it below. "
        "Both are equally long.",
        "alt": f"Energy of the whole period: {told}.",
        "figure": laid_out,
    }


def balance_table(months: list[str], kwh: Mapping[str, FloatArray]) -> dict[str, Any]:
    """The same in figures, with what is left over."""
    supply = [name for name in SUPPLY if name in kwh]
    use = [name for name in USE if name in kwh]
    left = np.sum([kwh[n] for n in supply], axis=0) - np.sum([kwh[n] for n in use], axis=0)
    columns = [(SUPPLY[n], kwh[n]) for n in supply] + [(USE[n], kwh[n]) for n in use]
    rows = [[m, *(readable(c[i], "kWh") for _, c in columns), f"{left[i]:.1e}"] for i, m in enumerate(months)]
    total = ["together", *(readable(c.sum(), "kWh") for _, c in columns), f"{left.sum():.1e}"]
    return {
        "caption": "Energy by month [kWh]; what is left over comes from the file's single precision",
        "heads": ["month", *(label for label, _ in columns), "left over"],
        "rows": [*rows, total],
    }


def flows_kwh(kwh: Mapping[str, float], shared_kwh: float | None) -> list[tuple[str, str, float]]:
    """Flows from where energy came to where it went: (from, to, energy).

    Parameters
    ----------
    kwh : mapping of str to float
        Energy of the period by the names of ``SUPPLY`` and ``USE`` [kWh].
    shared_kwh : float or None
        Shared energy; None where it has not been settled [kWh].

    Examples
    --------
    >>> found = flows_kwh({"pv": 10.0, "withdrawn": 5.0, "injected": 6.0, "load": 9.0}, 2.0)
    >>> [flow for flow in found if "community" not in flow[1]][:2]
    [('photovoltaics', 'used behind the meter', 4.0), ('photovoltaics', 'shared', 2.0)]
    >>> sum(e for _, to, e in found if to == "use") == sum(e for start, _, e in found if start == "use")
    True
    """
    shared = shared_kwh or 0.0
    stored = kwh.get("charge", 0.0) - kwh.get("discharge", 0.0)
    other = kwh.get("other", 0.0)
    pv, withdrawn, injected = kwh.get("pv", 0.0), kwh["withdrawn"], kwh["injected"]
    used = {label: kwh.get(name, 0.0) for name, label in USE.items() if name not in ("charge", "injected")}
    used |= {USE["other"]: max(other, 0.0), "kept or lost in batteries": max(stored, 0.0)}
    more = {"stored before": max(-stored, 0.0), "other sources": max(-other, 0.0)}
    if shared > pv:  # batteries fed in, for others, what they had bought: a round trip that cannot be drawn
        found = [
            ("photovoltaics", "use", pv),
            *((start, "use", energy) for start, energy in more.items()),
            ("from the grid", "use", withdrawn),
            ("use", "to the grid", injected),
        ]
    else:
        own = "used behind the meter" if pv > injected else "use"
        found = [
            ("photovoltaics", own, pv - injected),
            *((start, own, energy) for start, energy in more.items()),
            ("photovoltaics", "shared", shared),
            ("photovoltaics", OUTSIDE, min(pv, injected) - shared),
            ("shared", "use", shared),
            (FROM_OUTSIDE, "use", withdrawn - shared),
            ("use", OUTSIDE, injected - pv),  # sold by batteries, which had bought it
        ]
        if own != "use":
            found.append((own, "use", pv - injected + sum(more.values())))
    found += [("use", label, energy) for label, energy in used.items()]
    return [flow for flow in found if flow[2] > 0.0]


def flow_plot(kwh: Mapping[str, FloatArray], shared_kwh: float | None) -> Plot:
    """Sankey diagram of the period."""
    flows = flows_kwh({name: float(values.sum()) for name, values in kwh.items()}, shared_kwh)
    ends = {to for _, to, _ in flows}
    whole = sum(energy for start, _, energy in flows if start not in ends)
    flows = [flow for flow in flows if flow[2] > SMALLEST_FLOW * whole]
    flows, folded = _folded(flows, SMALL_USE * whole)
    names = list(dict.fromkeys(name for start, to, _ in flows for name in (start, to)))
    into = {name: sum(e for _, to, e in flows if to == name) for name in names}
    out = {name: sum(e for start, _, e in flows if start == name) for name in names}
    labels = [f"{name}<br>{_kwh(max(into[name], out[name]))}" for name in names]
    trace = {
        "type": "sankey",
        "arrangement": "snap",
        "valueformat": ",.1f",
        "valuesuffix": " kWh",
        "node": {"label": labels, "meta": list(range(len(names))), "pad": 28, "thickness": 14},
        "link": {
            "source": [names.index(start) for start, _, _ in flows],
            "target": [names.index(to) for _, to, _ in flows],
            "value": [energy for _, _, energy in flows],
            "meta": [names.index(start) for start, _, _ in flows],
        },
    }
    laid_out = figure([trace], "", "")
    laid_out["layout"] = {"margin": {"l": 8, "r": 8, "t": 20, "b": 20}, "height": 460, "font": {"size": 12}}
    told = "; ".join(f"{start} → {to} {_kwh(energy)}" for start, to, energy in flows)
    return {
        "title": "Where the energy came from and went",
        "wide": True,
        "caption": "Shared energy is what plants fed in while members took as much in the same hour. "
        f"Flows below a thousandth are left out of the drawing.{folded}",
        "alt": f"Flows of energy: {told}.",
        "figure": laid_out,
    }


def _folded(flows: list[tuple[str, str, float]], smallest: float) -> tuple[list[tuple[str, str, float]], str]:
    """Draw several small uses as one, and say which they are."""
    ends = {to for _, to, _ in flows} - {start for start, _, _ in flows}
    small = [flow for flow in flows if flow[0] == "use" and flow[1] in ends and flow[2] < smallest]
    if len(small) < 2:
        return flows, ""
    kept = [flow for flow in flows if flow not in small]
    told = ", ".join(f"{label} {_kwh(energy)}" for _, label, energy in small)
    return [*kept, ("use", ALL_ELSE, sum(flow[2] for flow in small))], f" {ALL_ELSE.capitalize()}: {told}."


def shared_plot(run: Run) -> Plot | None:
    """Mean shared energy by hour of day and month; None where nothing was settled or shared."""
    if "hourly" not in run.settlement_tables():
        return None
    table = run.settlement("hourly")
    if not table["energy_shared_kwh"].any():
        return None
    local = pd.DatetimeIndex(pd.to_datetime(table["time"], unit="s", utc=True)).tz_convert(run.grid.timezone)
    shared_kwh = pd.Series(table["energy_shared_kwh"])
    mean = shared_kwh.groupby([local.strftime("%Y-%m"), local.hour]).mean().unstack()
    mean = mean.reindex(columns=range(HOURS_PER_DAY))
    cells = [[None if np.isnan(v) else round(float(v), 4) for v in row] for row in mean.to_numpy()]
    trace = {
        "type": "heatmap",
        "x": list(range(HOURS_PER_DAY)),
        "y": [str(month) for month in mean.index],
        "z": cells,
        "zmin": 0.0,
        "hoverongaps": False,
        "xgap": 1,
        "ygap": 1,
        "colorbar": {"title": {"text": "kWh"}, "thickness": 12},
        "hovertemplate": "%{y}, from %{x}:00: %{z:.2f} kWh in the hour<extra></extra>",
    }
    laid_out = figure([trace], "hour of day, local time", "")
    laid_out["layout"]["xaxis"].update(dtick=3, showgrid=False)
    laid_out["layout"]["yaxis"].update(type="category", autorange="reversed", showgrid=False)
    laid_out["layout"]["height"] = max(220, 120 + 28 * len(cells))
    by_hour, by_month = mean.mean(axis=0), mean.mean(axis=1)
    return {
        "title": "Shared energy by hour and month",
        "caption": "Mean of each hour of the day in each month.",
        "alt": f"Shared energy is largest in the hour from {int(by_hour.argmax()):02d}:00, "
        f"on average {by_hour.max():.2f} kWh in the hour, and in {by_month.idxmax()}; "
        f"in all {_kwh(float(shared_kwh.sum()))}.",
        "figure": laid_out,
    }


def _kwh(energy: float) -> str:
    return f"{readable(float(energy), 'kWh')} kWh"
