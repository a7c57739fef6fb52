"""A leaderboard as one HTML page that needs nothing else: style, data and plotly are in it."""

from typing import Any

from recosim.results.leaderboard.cells import columns, number, title
from recosim.results.leaderboard.ranking import ForecastTable, Leaderboard, Measured
from recosim.results.page import as_script, figure, plotly_script, render

DASHES = ("solid", "dash", "dot", "dashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "cross")
HOURS_PER_DAY = 24


def leaderboard_page(board: Leaderboard) -> str:
    """Lay out the whole leaderboard, with plots."""
    sections = [_section(board, table, number) for number, table in enumerate(board.tables, start=1)]
    plots = {plot["id"]: plot["figure"] for section in sections for plot in section["plots"]}
    return render(
        "leaderboard.html", board=board, sections=sections, plots=as_script(plots), plotly=plotly_script()
    )


def _section(board: Leaderboard, table: ForecastTable, place: int) -> dict[str, Any]:
    found = [
        ("cost", cost_and_discomfort(table)),
        ("day", mean_days(table)),
        ("members", who_gains(table)),
    ]
    return {
        "title": title(board, table),
        "columns": columns(table),
        "standings": table.standings,
        "first": table.first,
        "plots": [{"id": f"{name}-{place}", **plot} for name, plot in found if plot is not None],
    }


def _colour(table: ForecastTable, controller: str) -> int:
    """Place of a controller among all, by which a page colours it alike in all its plots."""
    return list(table.power_net_kw).index(controller)


def cost_and_discomfort(table: ForecastTable) -> dict[str, Any] | None:
    """Net cost against discomfort: each run faint, each controller's mean large; None without dwellings."""
    if any(each.discomfort_kh is None for each in table.standings):
        return None
    traces: list[dict[str, Any]] = []
    at = "%{x:.2f} K h, %{y:.2f} EUR"
    for each in table.standings:
        place = _colour(table, each.controller)
        runs: list[Measured] = [run for run in table.runs if run.controller == each.controller]
        common = {
            "type": "scatter",
            "mode": "markers",
            "legendgroup": each.controller,
            "meta": {"colour": place},
        }
        symbol = SYMBOLS[place % len(SYMBOLS)]
        traces += [
            {
                **common,
                "name": f"{each.controller}, a run",
                "showlegend": False,
                "x": [run.kpi("discomfort_kh") for run in runs],
                "y": [run.kpi("cost_net_eur") for run in runs],
                "text": [f"{run.period}, seed {run.seed}" for run in runs],
                "hovertemplate": f"%{{text}}<br>{at}<extra>%{{fullData.legendgroup}}</extra>",
                "marker": {"symbol": symbol, "size": 6, "opacity": 0.35},
            },
            {
                **common,
                "name": each.controller,
                "x": [each.discomfort_kh],
                "y": [each.cost_net_eur.mean],
                "hovertemplate": f"mean: {at}<extra>%{{fullData.name}}</extra>",
                "marker": {"symbol": symbol, "size": 15, "line": {"width": 1.5}},
            },
        ]
    told = "; ".join(
        f"{each.controller} {number(each.cost_net_eur.mean)} EUR and {number(each.discomfort_kh)} K h"
        for each in table.standings
    )
    return {
        "title": "Cost against discomfort",
        "caption": "Each faint mark is a run, each large one a controller's mean. Lower left is better.",
        "alt": f"Net cost against discomfort, means of a run: {told}.",
        "figure": figure(traces, "discomfort of a run [K h]", "net cost of a run [EUR]"),
    }


def mean_days(table: ForecastTable) -> dict[str, Any]:
    """Mean day of the community's net withdrawal, by controller."""
    traces, told = [], []
    for name, day in table.power_net_kw.items():
        place = _colour(table, name)
        hours = [HOURS_PER_DAY * step / len(day) for step in range(len(day) + 1)]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "x": hours,
                "y": [*day, day[-1]],
                "line": {"shape": "hv", "width": 2, "dash": DASHES[place % len(DASHES)]},
                "hovertemplate": "%{y:.2f} kW",
                "meta": {"colour": place},
            }
        )
        known = [(power, hour) for power, hour in zip(day, hours, strict=False) if power is not None]
        most, least = max(known), min(known)
        told.append(
            f"{name} from {number(least[0])} kW at {_clock(least[1])} "
            f"to {number(most[0])} kW at {_clock(most[1])}"
        )
    laid_out = figure(traces, "local time [h]", "net power [kW]")
    laid_out["layout"]["xaxis"].update(range=[0, HOURS_PER_DAY], dtick=3)
    laid_out["layout"]["hovermode"] = "x unified"
    return {
        "title": "Mean day of the community",
        "caption": "Power withdrawn from the grid less power injected into it, mean of all days of all runs.",
        "alt": f"Mean day of the community's net power: {'; '.join(told)}.",
        "figure": laid_out,
    }


def _clock(hour: float) -> str:
    return f"{int(hour):02d}:{round(hour % 1 * 60):02d}"


def who_gains(table: ForecastTable) -> dict[str, Any] | None:
    """Difference of each member's net cost to the first controller; None where there is no other."""
    if not table.member_to_first_eur:
        return None
    first = table.first
    traces, told = [], []
    for name, members in table.member_to_first_eur.items():
        traces.append(
            {
                "type": "bar",
                "name": name,
                "x": list(members),
                "y": list(members.values()),
                "hovertemplate": "%{y:+.2f} EUR",
                "meta": {"colour": _colour(table, name)},
            }
        )
        n_paying_less = sum(value < 0.0 for value in members.values())
        told.append(
            f"under {name} {n_paying_less} of {len(members)} pay less than under {first}, the changes reach "
            f"from {number(min(members.values()))} to {number(max(members.values()))} EUR"
        )
    laid_out = figure(traces, "", f"net cost, change to {first} [EUR per run]")
    laid_out["layout"].update(barmode="group", hovermode="x unified")
    laid_out["layout"]["xaxis"].update(type="category")
    return {
        "title": "Who gains",
        "caption": (
            "Mean change of each delivery point's bill, less sale and its shares of premium and "
            "valorisation. Below zero it pays less. The community's fees, and premium that the rule on the "
            "excess takes from members, are in nobody's."
        ),
        "alt": f"Change of each member's net cost: {'; '.join(told)}.",
        "figure": laid_out,
    }
