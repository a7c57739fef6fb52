"""One week of each season, a controller against the rules: what it gains in J, in money and in comfort.

python benchmarks/seasons.py [--scenario naples] [--controller mpc] [--set KEY=VALUE ...] [--json FILE]
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import run_scenario

WEEKS = ("2025-01-13", "2025-04-14", "2025-07-14", "2025-10-13")
Kpis = Mapping[str, float | int | None]


def simulate(scenario: str, controller: str, start: str, days: int, overrides: Sequence[str]) -> Kpis:
    """Key figures of one run."""
    loaded = load_scenario(scenario, [f"period.start={start}", f"period.days={days}", *overrides])
    with tempfile.TemporaryDirectory() as folder:
        return run_scenario(loaded, controller=controller, out=Path(folder) / "run.h5").kpis


def row(start: str, rules: Kpis, other: Kpis) -> dict[str, float | int | str | None]:
    """What one week says."""

    def figure(kpis: Kpis, name: str) -> float:
        return float(kpis[name] or 0.0)

    gain = figure(rules, "objective_eur") - figure(other, "objective_eur")
    return {
        "week": start,
        "objective_rules_eur": figure(rules, "objective_eur"),
        "objective_eur": figure(other, "objective_eur"),
        "gain_eur": gain,
        "gain_percent_of_bills": 100.0 * gain / figure(rules, "bill_eur"),
        "shared_rules_kwh": figure(rules, "energy_shared_kwh"),
        "shared_kwh": figure(other, "energy_shared_kwh"),
        "discomfort_rules_kh": figure(rules, "discomfort_kh"),
        "discomfort_kh": figure(other, "discomfort_kh"),
        "solve_ms_median": other["solve_ms_median"],
        "solve_failures": other["solve_failures"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", default="naples")
    parser.add_argument("--controller", default="mpc")
    parser.add_argument("--weeks", default=",".join(WEEKS), help="first days, separated by commas")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    console, rows = Console(), []
    for start in arguments.weeks.split(","):
        common = (start, arguments.days, arguments.set)
        rules = simulate(arguments.scenario, "rules", *common)
        rows.append(row(start, rules, simulate(arguments.scenario, arguments.controller, *common)))
    table = Table(title=f"{arguments.scenario}: {arguments.controller} against rules, {arguments.days} days")
    table.add_column("week from")
    for line in rows:
        table.add_column(str(line["week"]), justify="right")
    for name in list(rows[0])[1:]:
        values = [line[name] for line in rows]
        table.add_row(name, *(f"{v:.2f}" if isinstance(v, float) else str(v) for v in values))
    console.print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
