"""What the benchmark scripts share: CPU time by part, a controller that times itself, tables and JSON.

Every time is CPU time of the process (`time.process_time`), so that other programs on the machine disturb it
less than a clock's time, and every ratio is between times of one run.
"""

import argparse
import gc
import json
import os
import resource
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any
from unittest.mock import patch

import highspy
import numpy as np
from rich.console import Console
from rich.table import Table

from recosim.contracts import Community, Controller, Forecast, Observation, Setpoints
from recosim.controllers.community_model import CommunityModel
from recosim.controllers.linear_program import CompiledModel
from recosim.controllers.mpc import Mpc
from recosim.controllers.solver import LiveSolver
from recosim.controllers.stochastic import StochasticModel
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import RunResult, build_plant, run_plant, run_scenario
from recosim.scenarios.schema.scenario import Scenario

DECISION: Mapping[str, Sequence[tuple[Any, str]]] = {
    "numbers": [(CommunityModel, "given"), (StochasticModel, "given")],
    "evaluation": [(CompiledModel, "evaluate")],
    "passing, branching": [(LiveSolver, "solve")],
    "highspy calls": [
        (highspy.Highs, name)
        for name in (
            "clearModel",
            "passModel",
            "changeColsCost",
            "changeColsBounds",
            "changeRowsBounds",
            "changeCoeff",
            "allVariableValues",
            "getInfo",
            "getModelStatus",
        )
    ],
    "HiGHS": [(highspy.Highs, "run")],
    "set-points": [(CommunityModel, "ask"), (StochasticModel, "ask")],
}
"""What a decision of the MPC consists of."""
REST = "rest"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
WIDTH = 130
"""Of tables that go to a file."""
RECORDED = ("solver_ms", "iterations", "branches", "objective_eur")
STEPS_PER_DAY = 96
STEPS_PER_YEAR = 365 * STEPS_PER_DAY

Row = dict[str, float | int | str | None]
After = Callable[["Timed", Observation, Forecast], None]


class Stopwatch:
    """CPU seconds by label; what passes inside an inner label does not count in the outer one.

    Watched methods count only inside a block that is itself measured.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._running: list[str] = []
        self._since = 0.0

    @contextmanager
    def measuring(self, label: str) -> Iterator[None]:
        """Count the CPU time of the block under ``label``."""
        self._begin(label)
        try:
            yield
        finally:
            self._end()

    @contextmanager
    def watching(self, methods: Mapping[str, Sequence[tuple[Any, str]]]) -> Iterator[None]:
        """Count every call of the methods, given as (class or module, name) by label."""
        with ExitStack() as patches:
            for label, targets in methods.items():
                for owner, name in targets:
                    patches.enter_context(patch.object(owner, name, self._timed(label, getattr(owner, name))))
            yield

    def relabel(self, label: str) -> None:
        """From now on the innermost block counts under another label."""
        self._end()
        self._begin(label)

    def _timed(self, label: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            if not self._running:
                return method(*args, **kwargs)
            self._begin(label)
            try:
                return method(*args, **kwargs)
            finally:
                self._end()

        return timed

    def _begin(self, label: str) -> None:
        now = process_time()
        if self._running:
            self.seconds[self._running[-1]] += now - self._since
        self._running.append(label)
        self._since = now

    def _end(self) -> None:
        now = process_time()
        self.seconds[self._running.pop()] += now - self._since
        self._since = now


class RelaxedMpc(Mpc):
    """The MPC without exclusive pairs: each decision is one linear programme."""

    def reset(self, community: Community, seed: int) -> None:
        """Build and compile, then leave the pairs out."""
        super().reset(community, seed)
        none = np.zeros((0, 2), dtype=np.int64)
        self._solver = LiveSolver(replace(self._model.compiled, exclusive=none), self._guards)


class Timed:
    """A controller timed at each decision, for a limited number of steps.

    Parameters
    ----------
    controller : Controller
        With a ``record`` of its last decision, as the MPC has.
    n_steps : int
        Decisions to time; afterwards every device follows its own rule.
    after : callable, optional
        Called after each timed decision, outside the timing.
    """

    def __init__(self, controller: Any, n_steps: int, after: After | None = None) -> None:
        self.controller = controller
        self.community: Community
        self.build_s = 0.0
        self.decisions: list[dict[str, float]] = []
        self.failure: Exception | None = None
        self.parts = Stopwatch()
        self._n_steps, self._after = n_steps, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self.controller, name)

    def reset(self, community: Community, seed: int) -> None:
        """Build and compile, timed."""
        self.community = community
        began = process_time()
        self.controller.reset(community, seed)
        self.build_s = process_time() - began

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        """Decide, timed from the observation to the set-points."""
        if len(self.decisions) == self._n_steps or self.failure:
            return Setpoints()
        try:
            gc.collect()  # the garbage of others is not this decision's
            began = process_time()
            with self.parts.measuring(REST):
                setpoints: Setpoints = self.controller.decide(observation, forecast)
            all_in_ms = 1e3 * (process_time() - began)
            self.decisions.append(
                {
                    "all_in_ms": all_in_ms,
                    **{name: float(self.controller.record[name]) for name in RECORDED},
                }
            )
            if self._after is not None:
                self._after(self, observation, forecast)
        except Exception as error:
            self.failure = error  # the host would go on with the local rules
            raise
        return setpoints

    def mean_parts_ms(self) -> dict[str, float]:
        """Mean time of each part of a decision, of a run inside ``parts.watching(DECISION)`` [ms]."""
        n = len(self.decisions)
        return {label: 1e3 * self.parts.seconds[label] / n for label in (*DECISION, REST)}

    def column(self, name: str) -> list[float]:
        """One figure over the decisions."""
        return [decision[name] for decision in self.decisions]


def load(
    scenario: str, members: int | None, start: str, days: int, overrides: Sequence[str] = ()
) -> Scenario:
    """A scenario of the library with ``members`` dwellings, over ``days`` days from ``start``."""
    size = [] if members is None else [f"community.size={members}"]
    return load_scenario(scenario, [f"period.start={start}", f"period.days={days}", *size, *overrides])


def run(scenario: Scenario, controller: Controller | str) -> RunResult:
    """Simulate into a temporary file; a controller may be handed over as it is."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        if isinstance(controller, str):
            result = run_scenario(scenario, controller=controller, out=path)
        else:
            began = process_time()
            plant = build_plant(scenario, getattr(controller, "horizon_steps", 0))
            name = type(controller).__name__
            result = run_plant(scenario, plant, controller, name=name, path=path, began=began)
    failure = getattr(controller, "failure", None)
    if failure is not None:
        raise failure
    return result


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far [MB]."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def spread(milliseconds: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile."""
    return {
        "median_ms": float(np.median(milliseconds)),
        "p95_ms": float(np.percentile(milliseconds, 95)),
    }


def table(title: str, rows: Sequence[Row]) -> None:
    """Print rows of equal keys."""
    shown = Table(title=title)
    for number, name in enumerate(rows[0]):
        shown.add_column(name.replace("_", " "), justify="right" if number else "left")
    for row in rows:
        shown.add_row(*(_text(value) for value in row.values()))
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(shown)


def _text(value: float | int | str | None) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) and abs(value) < 1e3 else f"{value}".partition(".")[0]


def on_one_core() -> None:
    """Start the script again with one thread for linear algebra, if it was given more.

    Idle threads of numpy's BLAS spin, which counts as CPU time of whatever runs beside them: HiGHS then seems
    to take twice as long with a hundred dwellings.
    """
    if any(os.environ.get(name) != "1" for name in THREADS):
        os.environ.update(dict.fromkeys(THREADS, "1"))
        os.execv(sys.executable, [sys.executable, *sys.argv])


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with what all scripts understand."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--scenario", default="naples")
    made.add_argument("--start", default="2025-07-14", help="first day (default %(default)s)")
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    made.add_argument("--json", type=Path, help="also write the figures to this file")
    return made


def write_json(path: Path | None, figures: Mapping[str, Any]) -> None:
    """Write the figures, if a path was given."""
    if path is not None:
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
