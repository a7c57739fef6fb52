"""One week of each season, a controller against a base: what it gains in J, in money and in comfort.

The base is the rules unless told otherwise; gains are in per cent of its bills. --set holds for both,
--base-set for the base alone, after --set.

python benchmarks/seasons.py [--scenario naples] [--controller mpc] [--set KEY=VALUE ...]
    [--base rules] [--base-set KEY=VALUE ...] [--weeks DATE,DATE] [--days D] [--json FILE]
python benchmarks/seasons.py --base mpc --base-set controller.options.horizon=uniform
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


def figure(kpis: Kpis, name: str) -> float:
    """A key figure; zero where it does not apply."""
    return float(kpis[name] or 0.0)


def gain_percent(base: Kpis, other: Kpis) -> float:
    """How much lower J is than the base's, in per cent of the base's bills."""
    gain = figure(base, "objective_eur") - figure(other, "objective_eur")
    return 100.0 * gain / figure(base, "bill_eur")


def row(start: str, base: Kpis, other: Kpis) -> dict[str, float | int | str | None]:
    """What one week says."""
    return {
        "week": start,
        "bill_base_eur": figure(base, "bill_eur"),
        "objective_base_eur": figure(base, "objective_eur"),
        "objective_eur": figure(other, "objective_eur"),
        "gain_eur": figure(base, "objective_eur") - figure(other, "objective_eur"),
        "gain_percent_of_bills": gain_percent(base, other),
        "shared_base_kwh": figure(base, "energy_shared_kwh"),
        "shared_kwh": figure(other, "energy_shared_kwh"),
        "discomfort_base_kh": figure(base, "discomfort_kh"),
        "discomfort_kh": figure(other, "discomfort_kh"),
        "solve_ms_median_base": base["solve_ms_median"],
        "solve_ms_median": other["solve_ms_median"],
        "solve_failures_base": base["solve_failures"],
        "solve_failures": other["solve_failures"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", default="naples")
    parser.add_argument("--controller", default="mpc")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for both")
    parser.add_argument("--base", default="rules", metavar="CONTROLLER", help="default: %(default)s")
    parser.add_argument("--base-set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--weeks", default=",".join(WEEKS), help="first days, separated by commas")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    console, rows = Console(), []
    scenario, days = arguments.scenario, arguments.days
    for start in arguments.weeks.split(","):
        base = simulate(scenario, arguments.base, start, days, [*arguments.set, *arguments.base_set])
        other = simulate(scenario, arguments.controller, start, days, arguments.set)
        rows.append(row(start, base, other))
    against = " ".join((arguments.base, *arguments.base_set))
    table = Table(title=f"{scenario}: {arguments.controller} against {against}, {days} days")
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
