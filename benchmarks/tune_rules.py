"""Tunes the thermostats of `rules-tuned` on weeks that no comparison uses: one figure after the other.

Each figure in turn takes the value with the least sum of J over the weeks, the others being kept, if that
gains more than 0.1 % of J, and if discomfort stays within 5 % of what it is under `rules`: comfort is not for
sale. It stops when a whole pass changes nothing.

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
    "setback_heating_k": (2.0, 3.0, 4.0),
    "setback_cooling_k": (2.0, 4.0),
    "start_heating": (0.25, 0.5, 1.0, 1.5),
    "start_cooling": (0.5, 1.0, 1.5),
}
CONTROLLER = "recosim.controllers.tuned_rules:TunedRules"
LEAST_GAIN = 0.001
DISCOMFORT_MOST = 1.05


Sums = tuple[float, float]
"""J [EUR] and discomfort [K h] over the weeks."""


def sums_of(
    scenario: str, seed: int, weeks: Sequence[str], days: int, controller: str, options: Mapping[str, float]
) -> Sums:
    """J and discomfort over the weeks."""
    given = [f"controller.options.{name}={value}" for name, value in options.items()]
    objective = discomfort = 0.0
    for start in weeks:
        period = [f"seed={seed}", f"period.start={start}", f"period.days={days}"]
        loaded = load_scenario(scenario, [*period, *given])
        with tempfile.TemporaryDirectory() as folder:
            kpis = run_scenario(loaded, controller=controller, out=Path(folder) / "run.h5").kpis
        objective += float(kpis["objective_eur"] or 0.0)
        discomfort += float(kpis["discomfort_kh"] or 0.0)
    return objective, discomfort


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
    where = (arguments.scenario, arguments.seed, weeks, arguments.days)
    installed = sums_of(*where, "rules", {})
    known: dict[tuple[float, ...], Sums] = {}

    def value_of(options: Mapping[str, float]) -> float:
        """J, infinite where it is bought with discomfort."""
        key = tuple(options.values())
        if key not in known:
            known[key] = sums_of(*where, CONTROLLER, options)
        objective, discomfort = known[key]
        return objective if discomfort <= DISCOMFORT_MOST * installed[1] else float("inf")

    changed = True
    while changed:
        changed = False
        for name, values in VALUES.items():
            tried = {value: value_of({**best, name: value}) for value in values}
            least = min(tried, key=lambda value: tried[value])
            present = value_of(best)
            if tried[least] < present - LEAST_GAIN * abs(present):
                best[name], changed = least, True
    table = Table(title=f"{arguments.scenario}, seed {arguments.seed}, weeks from {', '.join(weeks)}")
    for column in (*INSTALLED, "J, EUR", "discomfort, K h"):
        table.add_column(column.replace("_", " "), justify="right")
    for key, sums in sorted(known.items(), key=lambda item: item[1]):
        table.add_row(*(f"{figure:g}" for figure in key), *(f"{figure:.3f}" for figure in sums))
    table.add_row("rules", "", "", "", *(f"{figure:.3f}" for figure in installed))
    console = Console()
    console.print(table)
    console.print("least:", best)
    if arguments.json:
        rows = [
            {**dict(zip(INSTALLED, key, strict=True)), "objective_eur": v[0], "discomfort_kh": v[1]}
            for key, v in known.items()
        ]
        figures = {"least": best, "rows": rows}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
