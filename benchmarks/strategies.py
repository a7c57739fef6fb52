"""All strategies in one week of each season: J, shared energy and discomfort, and what prices recover.

What `mpc-price` recovers is the part of `mpc`'s gain over `mpc-individual`.

python benchmarks/strategies.py [--scenario naples] [--controllers A,B] [--set KEY=VALUE ...]
    [--weeks DATE,DATE] [--days D] [--json FILE]
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import run_scenario

WEEKS = ("2025-01-13", "2025-04-14", "2025-07-14", "2025-10-13")
CONTROLLERS = ("rules", "rules-tuned", "preheat", "mpc-individual", "mpc-price", "mpc")
Kpis = Mapping[str, float | int | None]


def figure(kpis: Kpis, name: str) -> float:
    """A key figure; zero where it does not apply."""
    return float(kpis[name] or 0.0)


def recovered_percent(runs: Mapping[str, Kpis]) -> float | None:
    """Part of the gain of cooperation that prices alone recover, None where there is nothing to tell."""
    if not {"mpc", "mpc-individual", "mpc-price"} <= set(runs):
        return None
    alone, priced, together = (
        figure(runs[name], "objective_eur") for name in ("mpc-individual", "mpc-price", "mpc")
    )
    return 100.0 * (alone - priced) / (alone - together) if alone > together else None


def table_of(title: str, weeks: list[str], rows: Mapping[str, list[str]]) -> Table:
    """A row per controller, a column per week."""
    table = Table(title=title)
    table.add_column("controller")
    for week in weeks:
        table.add_column(week, justify="right")
    for name, values in rows.items():
        table.add_row(name, *values)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", default="naples")
    parser.add_argument("--controllers", default=",".join(CONTROLLERS))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--weeks", default=",".join(WEEKS), help="first days, separated by commas")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    weeks, names = arguments.weeks.split(","), arguments.controllers.split(",")
    runs: dict[str, dict[str, Kpis]] = {}
    for week in weeks:
        period = [f"period.start={week}", f"period.days={arguments.days}"]
        loaded = load_scenario(arguments.scenario, [*period, *arguments.overrides])
        with tempfile.TemporaryDirectory() as folder:
            runs[week] = {
                name: run_scenario(loaded, controller=name, out=Path(folder) / f"{number}.h5").kpis
                for number, name in enumerate(names)
            }
    console = Console()
    for what, digits in (("objective_eur", 2), ("energy_shared_kwh", 0), ("discomfort_kh", 2)):
        rows = {name: [f"{figure(runs[week][name], what):.{digits}f}" for week in weeks] for name in names}
        console.print(table_of(f"{arguments.scenario}, {arguments.days} days: {what}", weeks, rows))
    times = {name: [str(runs[week][name]["solve_ms_median"]) for week in weeks] for name in names}
    console.print(table_of("median milliseconds per decision", weeks, times))
    parts = {week: recovered_percent(runs[week]) for week in weeks}
    console.print("mpc-price recovers, in per cent:", parts)
    if arguments.json:
        figures = {"weeks": runs, "recovered_percent": parts}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
