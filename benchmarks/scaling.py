"""How the cost grows with the number of dwellings.

For each size: CPU time of a re-optimisation from observation to set-points, HiGHS alone, the ratio of its
median to that of the MPC with 10 dwellings (or of the first size), building and compiling. The stochastic
MPC (nine scenarios) stands beside it. For the rules: CPU time of a simulated day.

python benchmarks/scaling.py [--members 1,10,25,50,100] [--stochastic 10] [--steps S]
    [--horizon multirate|uniform] [--rules 10,100,1000] [--days D] [--scenario naples] [--start DATE]
    [--set KEY=VALUE ...] [--json FILE]
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from common import (
    DECISION,
    REST,
    STEPS_PER_DAY,
    Row,
    Timed,
    load,
    on_one_core,
    parser,
    run,
    spread,
    table,
    write_json,
)
from year import split_cpu

from recosim.controllers.mpc import Mpc
from recosim.controllers.stochastic import StochasticMpc

REFERENCE = 10


def numbers(text: str) -> list[int]:
    """Whole numbers between commas; none in an empty text."""
    return [int(part) for part in text.split(",") if part]


def reoptimisation(
    kind: Callable[..., Any],
    scenario: str,
    members: int,
    horizon: str,
    start: str,
    steps: int,
    overrides: list[str],
) -> tuple[Row, dict[str, float]]:
    """Figures of one size, and the parts of a decision [ms]."""
    loaded = load(scenario, members, start, math.ceil(steps / STEPS_PER_DAY), overrides)
    timed = Timed(kind(**{"horizon": horizon, **loaded.controller.options}), steps)
    with timed.parts.watching(DECISION):
        run(loaded, timed)
    all_in, solver = timed.column("all_in_ms"), timed.column("solver_ms")
    row: Row = {
        "controller": "mpc" if kind is Mpc else "mpc-stochastic",
        "members": members,
        **spread(all_in),
        "highs_ms": float(np.median(solver)),
        "over_highs": float(np.median(all_in) / np.median(solver)),
        "iterations": float(np.mean(timed.column("iterations"))),
        "branches": float(np.mean(timed.column("branches"))),
        "build_s": timed.build_s,
    }
    return row, timed.mean_parts_ms()


def with_ratio(rows: list[Row]) -> list[Row]:
    """The rows with the ratio of their medians to that of the reference."""
    reference = next((row for row in rows if row["members"] == REFERENCE), rows[0])
    base = float(reference["median_ms"] or np.nan)
    return [{**row, "ratio": float(row["median_ms"] or np.nan) / base} for row in rows]


def main() -> None:
    """Run and print."""
    options = parser(__doc__)
    options.add_argument("--members", type=numbers, default=[1, 10, 25, 50, 100])
    options.add_argument("--stochastic", type=numbers, default=[10], help="sizes; empty for none")
    options.add_argument("--steps", type=int, default=48, help="re-optimisations per size")
    options.add_argument("--horizon", default="multirate", choices=("multirate", "uniform"))
    options.add_argument("--rules", type=numbers, default=[10, 100, 1000], help="sizes; empty for none")
    options.add_argument("--days", type=int, default=2, help="days under the rules")
    given = options.parse_args()
    scenario, start, overrides = given.scenario, given.start, given.overrides
    measured = [
        reoptimisation(kind, scenario, members, given.horizon, start, given.steps, overrides)
        for kind, sizes in ((Mpc, given.members), (StochasticMpc, given.stochastic))
        for members in sizes
    ]
    rows = with_ratio([row for row, _ in measured]) if measured else []
    if measured:
        table(f"{scenario}, {given.horizon}, {given.steps} steps from {start}: a re-optimisation", rows)
        sizes = [f"{row['controller']} {row['members']}" for row, _ in measured]
        by_part: list[Row] = [
            {"part": part, **dict(zip(sizes, (parts[part] for _, parts in measured), strict=True))}
            for part in (*DECISION, REST)
        ]
        table("mean of each part of a decision [ms]", by_part)
    days: list[Row] = []
    for members in given.rules:
        split = split_cpu(scenario, members, "rules", start, given.days, overrides)
        parts = {part: seconds for part, seconds in split["year_parts_s"].items() if part != "solver"}
        days.append(
            {
                "members": members,
                "day_s": split["cpu_s_per_day"],
                "year_s": split["year_cpu_s"],
                **parts,
            }
        )
    if days:
        table(f"{scenario}, rules, {given.days} days: a day, and a year by part [s of CPU]", days)
    figures = {
        "scenario": scenario,
        "steps": given.steps,
        "horizon": given.horizon,
        "start": start,
        "set": overrides,
        "reoptimisation": [{**row, "parts_ms": p} for row, (_, p) in zip(rows, measured, strict=True)],
        "rules": days,
    }
    write_json(given.json, figures)


if __name__ == "__main__":
    on_one_core()
    main()
