"""Tunes the thermostats of `rules-tuned` on weeks that no comparison uses: one figure after the other.

Each figure in turn takes the value with the least sum of J over the weeks, the others being kept; a figure
keeps its value unless another gains more than a cent. It stops when a whole pass changes nothing.

python benchmarks/tune_rules.py [--scenario naples] [--seed 2] [--weeks DATE,DATE] [--days D] [--json FILE]
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

WEEKS = ("2025-02-03", "2025-06-16", "2025-08-04", "2025-12-01")
"""Weeks 6, 25, 32 and 49; those without heating or cooling have nothing to tune."""
INSTALLED = {"setback_heating_k": 4.0, "setback_cooling_k": 4.0, "start_heating": 1.0, "start_cooling": 1.0}
VALUES = {
    "setback_heating_k": (1.0, 2.0, 3.0, 4.0),
    "setback_cooling_k": (0.0, 1.0, 2.0, 4.0),
    "start_heating": (0.0, 0.25, 0.5, 1.0, 1.5),
    "start_cooling": (0.0, 0.5, 1.0, 1.5),
}
CONTROLLER = "recosim.controllers.tuned_rules:TunedRules"
LEAST_GAIN_EUR = 0.01


def objective_eur(
    scenario: str, seed: int, weeks: Sequence[str], days: int, options: Mapping[str, float]
) -> float:
    """Sum of J over the weeks."""
    given = [f"controller.options.{name}={value}" for name, value in options.items()]
    total = 0.0
    for start in weeks:
        period = [f"seed={seed}", f"period.start={start}", f"period.days={days}"]
        loaded = load_scenario(scenario, [*period, *given])
        with tempfile.TemporaryDirectory() as folder:
            kpis = run_scenario(loaded, controller=CONTROLLER, out=Path(folder) / "run.h5").kpis
        total += float(kpis["objective_eur"] or 0.0)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", default="naples")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--weeks", default=",".join(WEEKS), help="first days, separated by commas")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    weeks, best = arguments.weeks.split(","), dict(INSTALLED)
    known: dict[tuple[float, ...], float] = {}

    def value_of(options: Mapping[str, float]) -> float:
        key = tuple(options.values())
        if key not in known:
            known[key] = objective_eur(arguments.scenario, arguments.seed, weeks, arguments.days, options)
        return known[key]

    changed = True
    while changed:
        changed = False
        for name, values in VALUES.items():
            tried = {value: value_of({**best, name: value}) for value in values}
            least = min(tried, key=lambda value: tried[value])
            if tried[least] < value_of(best) - LEAST_GAIN_EUR:
                best[name], changed = least, True
    table = Table(title=f"{arguments.scenario}, seed {arguments.seed}, weeks from {', '.join(weeks)}")
    for column in (*INSTALLED, "J, EUR"):
        table.add_column(column.replace("_", " "), justify="right")
    for key, value in sorted(known.items(), key=lambda item: item[1]):
        table.add_row(*(f"{figure:g}" for figure in key), f"{value:.3f}")
    console = Console()
    console.print(table)
    console.print("least:", best)
    if arguments.json:
        rows = [{**dict(zip(INSTALLED, key, strict=True)), "objective_eur": v} for key, v in known.items()]
        figures = {"least": best, "rows": rows}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
