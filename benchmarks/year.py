"""CPU seconds of a run by part, scaled to a year, and its peak memory.

  building      reading the scenario, making series and world, building and compiling the controller's model
  mosaik        scheduling the simulators and passing values between them
  plant         the simulators: inputs, dwellings, photovoltaics, batteries, meters, hourly settlement
  forecast      what the controller is told to expect
  model update  the rest of the controller: for the MPC everything but HiGHS
  solver        HiGHS
  recorder      collecting, checking and writing the results
  closing       settlement of the period, key figures

What is stepped through is scaled from the simulated days, warm-up included, to a year with its warm-up;
building and closing count as they are.

python benchmarks/year.py [--members N] [--controller C] [--days D] [--scenario naples] [--start DATE]
    [--set KEY=VALUE ...] [--json FILE]
"""

from importlib import import_module
from typing import Any
from unittest.mock import patch

import highspy
from common import Row, Stopwatch, load, on_one_core, parser, peak_memory_mb, run, table, write_json

from recosim.controllers import forecasts
from recosim.scenarios.world import SIMULATORS, RecosimWorld

DAYS_PER_YEAR = 365
STEPPED = ("mosaik", "plant", "forecast", "model update", "solver", "recorder")
PARTS = ("building", *STEPPED, "closing")
KPIS = ("solve_ms_median", "solve_ms_p95", "solve_failures", "fallbacks", "balance_residual_kwh")
LABELS = {"controller": "model update", "recorder": "recorder"}
"""Simulators that are not the plant."""


def watched() -> dict[str, list[tuple[Any, str]]]:
    """Methods by the part they belong to; what a run spends elsewhere is mosaik's."""
    methods: dict[str, list[tuple[Any, str]]] = {part: [] for part in STEPPED if part != "mosaik"}
    for name, start in SIMULATORS.items():
        module, _, kind = start["python"].partition(":")
        simulator = getattr(import_module(module), kind)
        methods[LABELS.get(name, "plant")] += [(simulator, "step"), (simulator, "get_data")]
    methods["forecast"] += [
        (kind, "at") for kind in vars(forecasts).values() if isinstance(kind, type) and "at" in vars(kind)
    ]
    methods["solver"] += [(highspy.Highs, "run")]
    return methods


def split_cpu(
    scenario: str, members: int, controller: str, start: str, days: int, overrides: list[str]
) -> dict[str, Any]:
    """CPU seconds of each part as measured and for a year, and some key figures of the run."""
    watch = Stopwatch()
    steps_through = RecosimWorld.run

    def run_world(world: RecosimWorld) -> None:
        with watch.measuring("mosaik"):
            steps_through(world)
        watch.relabel("closing")

    with (
        watch.measuring("building"),
        watch.watching(watched()),
        patch.object(RecosimWorld, "run", run_world),
    ):
        loaded = load(scenario, members, start, days, overrides)
        kpis = run(loaded, controller).kpis
    seconds = {part: watch.seconds[part] for part in PARTS}
    warmup = loaded.period.warmup_days
    factor = (DAYS_PER_YEAR + warmup) / (days + warmup)
    year = {part: seconds[part] * (factor if part in STEPPED else 1.0) for part in PARTS}
    return {
        "members": members,
        "controller": controller,
        "days": days,
        "warmup_days": warmup,
        "cpu_s": sum(seconds.values()),
        "parts_s": seconds,
        "year_cpu_s": sum(year.values()),
        "year_parts_s": year,
        "cpu_s_per_day": sum(seconds[part] for part in STEPPED) / (days + warmup),
        "kpis": {name: kpis[name] for name in KPIS},
    }


def main() -> None:
    """Run and print."""
    options = parser(__doc__)
    options.set_defaults(start="2025-01-01")
    options.add_argument("--members", type=int, default=10)
    options.add_argument("--controller", default="mpc")
    options.add_argument("--days", type=int, default=DAYS_PER_YEAR)
    given = options.parse_args()
    figures = split_cpu(
        given.scenario, given.members, given.controller, given.start, given.days, given.overrides
    )
    figures["peak_memory_mb"] = peak_memory_mb()
    year, total = figures["year_parts_s"], figures["year_cpu_s"]
    rows: list[Row] = [
        {"part": p, "cpu_s": figures["parts_s"][p], "year_s": year[p], "percent": 100.0 * year[p] / total}
        for p in PARTS
    ]
    rows.append({"part": "all", "cpu_s": figures["cpu_s"], "year_s": total, "percent": 100.0})
    table(f"{given.scenario}, {given.members} members, {given.controller}, {given.days} days", rows)
    table("", [{"peak_memory_mb": figures["peak_memory_mb"], **figures["kpis"]}])
    write_json(given.json, figures)


if __name__ == "__main__":
    on_one_core()
    main()
