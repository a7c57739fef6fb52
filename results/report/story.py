"""The story of a run, or of several, as one HTML page that needs nothing else."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from recosim.errors import ResultsError
from recosim.quantities import quantity
from recosim.readable import grouped, readable, shown_unit
from recosim.results.accounts import read_accounts
from recosim.results.compare import compare
from recosim.results.export.folder import notices_of
from recosim.results.page import Plot, as_script, bars, figure, literal, plotly_script, render
from recosim.results.report.compared import compared_story
from recosim.results.report.controller import controller_story
from recosim.results.report.energy import (
    balance_plot,
    balance_table,
    energy_by_month,
    flow_plot,
    shared_plot,
)
from recosim.results.report.faults import faults_story
from recosim.results.report.money import members_plot, members_table, months_plot, months_table
from recosim.results.report.series import (
    MEMBERS_SHOWN,
    Band,
    BandOf,
    community_power,
    discomfort_by_dwelling_kh,
    week_data,
)
from recosim.results.report.words import glued, headline, in_words, incomplete_words
from recosim.results.run_file import Run, damage_told, open_run

RUNS_AT_MOST = 8


def report_page(paths: Sequence[Path], band_of: BandOf, week: str | None = None) -> str:
    """Lay out the page.

    Parameters
    ----------
    paths : sequence of Path
        Result files; where there are several, the first is the reference. A single one may be of a run that
        was interrupted: what is committed is shown.
    band_of : callable
        Works out the comfort band of a run.
    week : str, optional
        First day (``YYYY-MM-DD``) of the week that is drawn step by step; otherwise the one in which members
        took and fed in most at the same time.

    Raises
    ------
    ResultsError
        A file cannot be read or holds nothing, one of several is not complete, or the week is not in a run.
    """
    if not 1 <= len(paths) <= RUNS_AT_MOST:
        raise ResultsError(f"{len(paths)} result files given, allowed: 1 to {RUNS_AT_MOST}")
    comparison = compare(paths) if len(paths) > 1 else None
    limit = max(1, MEMBERS_SHOWN // len(paths))
    with ExitStack() as stack:
        opened = [stack.enter_context(open_run(path)) for path in paths]
        names = _names(opened)
        stories = []
        for place, run in enumerate(opened):
            with damage_told(run.path):
                band = band_of(run) if _has_dwellings(run) else None
                story = _story(run, place, names[place], band, week, limit)
                story["faults"] = faults = faults_story(run, paths)
                story["week"]["faults"] = faults["spans"] if faults is not None else []
                as_script(story["sections"])  # a number that is none shows here, while its file is known
            stories.append(story)
        compared = compared_story(comparison, opened, names) if comparison is not None else None
    plots = {p["id"]: p["figure"] for story in stories for s in story["sections"] for p in s["plots"]}
    if compared is not None:
        plots |= {p["id"]: p["figure"] for p in compared["plots"]}
    return render(
        "report.html",
        title=f"{stories[0]['scenario']}: {', '.join(names)}",
        stories=stories,
        compared=compared,
        plots=as_script(plots),
        weeks=as_script([story["week"] for story in stories]),
        plotly=plotly_script(),
    )


def _has_dwellings(run: Run) -> bool:
    return run.committed > 0 and run.has("dwelling", "temp_operative_degc")


def _names(runs: Sequence[Run]) -> list[str]:
    """Name runs by controller where that tells them apart, else by file, else by number."""
    controllers, files = [run.meta.controller for run in runs], [run.path.stem for run in runs]
    for names in (controllers, files):
        if len(set(names)) == len(names):
            return names
    return [f"{name} ({place})" for place, name in enumerate(files, start=1)]


def _story(
    run: Run, place: int, name: str, band: Band | None, week: str | None, limit: int
) -> dict[str, Any]:
    """Everything the page says about one run."""
    if run.committed == 0:
        raise ResultsError(f"{run.path} holds no recorded step: run again")
    power = community_power(run)
    months, kwh = energy_by_month(power)
    accounts = read_accounts(run) if "members" in run.settlement_tables() else None
    decisions = controller_story(run)
    shared = shared_plot(run)
    discomfort = _discomfort_plot(run) if _has_dwellings(run) else None
    shared_kwh = float(run.settlement("hourly")["energy_shared_kwh"].sum()) if shared is not None else None
    grid = run.grid_committed
    # a file can hold a settlement although its run did not end: then it is of the part that is there
    found: list[tuple[str, list[Plot | None], list[dict[str, Any] | None]]] = [
        (
            "Energy",
            [flow_plot(kwh, shared_kwh), shared, balance_plot(months, kwh)],
            [balance_table(months, kwh)],
        ),
        ("Comfort", [discomfort] if discomfort else [], []),
        (
            "Money",
            [months_plot(accounts), members_plot(accounts)] if accounts else [],
            [months_table(accounts), members_table(accounts)] if accounts else [],
        ),
        ("What the controller did", [decisions["plot"]], [decisions["table"]]),
    ]
    sections = [
        {
            "title": title,
            "words": decisions["words"] if title.startswith("What") else "",
            "plots": [{**plot, "id": f"plot-{place}-{title[0]}-{i}"} for i, plot in enumerate(plots) if plot],
            "tables": [table for table in tables if table],
        }
        for title, plots, tables in found
        if any(plots) or any(tables) or title.startswith("What")
    ]
    return {
        "place": place,
        "name": name,
        "scenario": run.meta.name,
        "controller": run.meta.controller,
        "period": grid.describe(),
        "headline": headline(run),
        "words": [
            glued(each) for each in (in_words(run, accounts) if run.complete else incomplete_words(run))
        ],
        "kpis": _kpi_groups(run),
        "band_note": band.note if band is not None else "",
        "n_dwellings": len(run.members("dwelling", "temp_operative_degc")) if band is not None else 0,
        "week": week_data(run, power, band or Band(note=""), week, limit),
        "sections": sections,
        "meta": _meta(run),
        "versions": dict(run.meta.versions),
        "notices": notices_of(run),
        "yaml": run.meta.scenario_yaml,
    }


def _kpi_groups(run: Run) -> list[dict[str, Any]]:
    groups = []
    for group, names in grouped([name for name, value in run.kpis.items() if value is not None]):
        rows = []
        for name in names:
            unit = shown_unit(name, group)
            value = readable(run.kpis[name], unit, name)
            rows.append([quantity(name).meaning, value, "" if unit == "1" else unit])
        groups.append({"title": group, "rows": rows})
    return groups


def _meta(run: Run) -> list[tuple[str, str]]:
    return [
        ("scenario", run.meta.name),
        ("controller", run.meta.controller),
        ("seed", str(run.meta.seed)),
        ("period", run.grid_committed.describe()),
        ("step", f"{run.grid.step_s / 60:g} min, {run.committed:,} of {run.grid.n_steps:,} steps"),
        ("begun", run.meta.created),
        ("file", run.path.name),
        ("hash of the scenario", run.meta.scenario_sha256),
    ]


def _discomfort_plot(run: Run) -> Plot | None:
    """Discomfort by dwelling, worst first where there are many; None where nobody had any."""
    names, kh = run.members("dwelling", "temp_operative_degc"), discomfort_by_dwelling_kh(run).tolist()
    if not any(kh):
        return None
    order = list(range(len(names)))
    if len(names) > MEMBERS_SHOWN:
        order = sorted(order, key=lambda i: -kh[i])[:MEMBERS_SHOWN]
    shown = [literal(names[i]) for i in order]
    laid_out = figure([bars("discomfort", shown, [kh[i] for i in order], 1, "K h")], "", "discomfort [K h]")
    laid_out["layout"]["xaxis"].update(type="category")
    laid_out["layout"]["yaxis"]["rangemode"] = "tozero"
    worst = max(range(len(names)), key=lambda i: kh[i])
    few = "" if len(order) == len(names) else f" The {len(order)} worst of {len(names)} dwellings."
    return {
        "title": "Discomfort by dwelling",
        "caption": "Degrees outside the band times hours, while somebody was at home: 1 K h is one degree "
        f"for an hour.{few}",
        "alt": f"Discomfort of {len(names)} dwellings: together {readable(sum(kh), 'K h')} K h, most in "
        f"{names[worst]} with {readable(kh[worst], 'K h')} K h.",
        "figure": laid_out,
    }
