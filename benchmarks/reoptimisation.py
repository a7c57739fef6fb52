"""One re-optimisation in several ways, on the same steps of one closed loop.

  ours             from forecast and observation to set-points: only changed numbers go to a live HiGHS
  rebuilt          the Pyomo model built anew with the numbers in it, solved by Pyomo's HiGHS interface
  persistent       the Pyomo model built once with mutable parameters, Pyomo's persistent HiGHS interface
  cold             our arrays passed to a fresh HiGHS through highspy
  rebuilt uniform  (--rebuilt-uniform) as rebuilt, on the uniform horizon whatever ours is

Our decisions move the plant, and at each step every way solves the same numbers, one after another. All solve
the same linear relaxation (exclusive pairs left out); their optima are checked to be equal to 1e-6. With
--exclusive ours enforces the pairs as well, and its plan is checked to be no better than the relaxation.

python benchmarks/reoptimisation.py [--members N] [--horizon multirate|uniform] [--steps S] [--every K]
    [--scenario naples] [--start DATE] [--set KEY=VALUE ...] [--exclusive] [--rebuilt-uniform] [--json FILE]
"""

import gc
import itertools
import math
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from time import process_time
from typing import Any
from unittest.mock import patch

import highspy
import numpy as np
import pyomo.environ as pyo
from common import (
    DECISION,
    STEPS_PER_DAY,
    STEPS_PER_YEAR,
    RelaxedMpc,
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
from pyomo.contrib.appsi.solvers import Highs as PersistentHighs

from recosim.arrays import FloatArray
from recosim.contracts import Community, Forecast, Observation
from recosim.controllers.community_model import CommunityModel
from recosim.controllers.horizon import Horizon
from recosim.controllers.mpc import Mpc

AGREES = 1e-6
"""Largest difference between two optima, relative to the objective."""
SELDOM = ("rebuilt", "persistent", "rebuilt uniform")
"""Ways that run at every K-th step only."""

Numbers = Mapping[str, FloatArray]
Way = Callable[[Observation, Forecast], Callable[[], float]]
"""Solves a step; what it returns says the value of the plan, outside the timing."""


def numbers_of(model: CommunityModel, observation: Observation, forecast: Forecast) -> Numbers:
    """The given values of a step by component."""
    vector = model.given(observation, forecast)
    return {name: vector[place] for name, place in model.compiled.parameters.items()}


def pyomo_model(model: CommunityModel, numbers: Numbers, *, mutable: bool) -> Any:
    """The community's Pyomo model with Params in place of the given variables, exclusive pairs left out.

    Plain numbers (``mutable=False``) are what makes building and solving once cheapest in Pyomo.
    """

    def given(block: Any, **index_sets: tuple[Any, ...]) -> Any:
        block.given = pyo.Block()
        for name, sets in index_sets.items():
            index = itertools.product(*sets) if len(sets) > 1 else iter(sets[0])
            values = dict(zip(index, numbers[f"{block.name}.given.{name}"].tolist(), strict=True))
            setattr(block.given, name, pyo.Param(*sets, initialize=values, mutable=mutable))
        return block.given

    built: Any = pyo.ConcreteModel()
    with ExitStack() as patches:
        for module in {type(block).__module__ for block in model.blocks.values()}:
            if hasattr(sys.modules[module], "given"):
                patches.enter_context(patch(f"{module}.given", given))
        for block in model.blocks.values():
            block.build(built)
    built.cost_eur = pyo.Objective(expr=sum(built.find_component(name).cost_eur for name in model.blocks))
    for pair in built.component_data_objects(pyo.SOSConstraint):
        pair.deactivate()
    return built


def rebuilt(model: CommunityModel) -> Way:
    """Pyomo, everything anew."""

    def solve(observation: Observation, forecast: Forecast) -> Callable[[], float]:
        built = pyomo_model(model, numbers_of(model, observation, forecast), mutable=False)
        solver = pyo.SolverFactory("appsi_highs")
        solver.highs_options = {"threads": 1}
        solver.solve(built)
        return lambda: float(pyo.value(built.cost_eur))

    return solve


def persistent(model: CommunityModel) -> Way:
    """Pyomo, built once; told that nothing but the values of parameters changes."""
    solver = PersistentHighs()
    solver.highs_options = {"threads": 1}
    for name in solver.update_config:
        if name not in ("update_params", "treat_fixed_vars_as_params"):
            solver.update_config[name] = False
    nothing = {name: np.zeros(place.stop - place.start) for name, place in model.compiled.parameters.items()}
    built = pyomo_model(model, nothing, mutable=True)
    solver.set_instance(built)

    def solve(observation: Observation, forecast: Forecast) -> Callable[[], float]:
        numbers = numbers_of(model, observation, forecast)
        for name, values in numbers.items():
            for data, value in zip(built.find_component(name).values(), values.tolist(), strict=True):
                data.set_value(value)
        try:
            solver.solve(built)
        except RuntimeError:  # HiGHS ends without a status on some inherited bases
            solver._solver_model.clearSolver()
            solver.solve(built)
        return lambda: float(pyo.value(built.cost_eur))

    return solve


def cold(model: CommunityModel) -> Way:
    """Our arrays, a HiGHS without history, its own choices otherwise."""
    compiled = model.compiled
    matrix = compiled.matrix.tocsc()
    number = matrix.copy()
    number.data = np.arange(1.0, number.nnz + 1.0)
    entries = zip(compiled.moving_row, compiled.moving_column, strict=True)
    place = np.array([number[row, column] - 1.0 for row, column in entries]).astype(np.int64)

    def solve(observation: Observation, forecast: Forecast) -> Callable[[], float]:
        program = compiled.evaluate(model.given(observation, forecast))
        matrix.data[place] = program.moving
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = compiled.n_columns, compiled.n_rows
        lp.col_cost_, lp.offset_ = program.cost, program.offset
        lp.col_lower_, lp.col_upper_ = program.column_lower, program.column_upper
        lp.row_lower_, lp.row_upper_ = program.row_lower, program.row_upper
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_, lp.a_matrix_.index_ = matrix.indptr, matrix.indices
        lp.a_matrix_.value_ = matrix.data
        highs = highspy.Highs()
        highs.setOptionValue("output_flag", False)
        highs.setOptionValue("threads", 1)
        highs.passModel(lp)
        highs.run()
        values = np.asarray(highs.allVariableValues())
        return lambda: float(program.cost @ values) + program.offset

    return solve


def uniform_model(community: Community) -> CommunityModel:
    """The same community on the uniform horizon."""
    tranches = community.sharing.rates(community.grid.times[:1], np.zeros(1))
    return CommunityModel(community, Horizon.named("uniform", community.grid.steps_per_hour), tranches)


class Comparison:
    """Solves each step of a timed MPC in the other ways, and compares the optima.

    Parameters
    ----------
    every : int
        The Pyomo ways run at every ``every``-th step.
    exclusive : bool
        Ours enforces more than the others: its plan may only be worse.
    rebuilt_uniform : bool
    """

    def __init__(self, *, every: int, exclusive: bool, rebuilt_uniform: bool) -> None:
        self._every, self._exclusive, self._rebuilt_uniform = every, exclusive, rebuilt_uniform
        self._ways: dict[str, Way] = {}
        self._cold_uniform: Way
        self.milliseconds: dict[str, dict[int, float]] = {}
        self.difference: dict[str, float] = {}

    def __call__(self, mpc: Timed, observation: Observation, forecast: Forecast) -> None:
        """Solve the step that ``mpc`` has just decided."""
        if not self._ways:
            self._begin(mpc)
        step = len(mpc.decisions) - 1
        expected = self._ways["cold"](observation, forecast)()
        excess = mpc.decisions[-1]["objective_eur"] - expected
        self._note("ours", min(excess, 0.0) if self._exclusive else excess, expected)
        for name, way in self._ways.items():
            if name in SELDOM and step % self._every:
                continue
            gc.collect()  # the garbage of the way before is not this one's
            began = process_time()
            value = way(observation, forecast)
            self.milliseconds[name][step] = 1e3 * (process_time() - began)
            same = self._cold_uniform(observation, forecast)() if name == "rebuilt uniform" else expected
            self._note(name, value() - same, same)

    def _begin(self, mpc: Timed) -> None:
        model = mpc.controller._model
        self._ways = {"rebuilt": rebuilt(model), "persistent": persistent(model), "cold": cold(model)}
        if self._rebuilt_uniform:
            uniform = uniform_model(mpc.community)
            self._ways["rebuilt uniform"], self._cold_uniform = rebuilt(uniform), cold(uniform)
        self.milliseconds = {name: {} for name in self._ways}
        self.difference = dict.fromkeys(("ours", *self._ways), 0.0)

    def _note(self, name: str, difference: float, expected: float) -> None:
        relative = abs(difference) / max(1.0, abs(expected))
        if not relative <= AGREES:
            raise ArithmeticError(f"{name} differs by {relative:.1e} of {expected:.6f} EUR")
        self.difference[name] = max(self.difference[name], relative)


def rows_of(mpc: Timed, comparison: Comparison) -> list[Row]:
    """One row per way, and how often ours fits into its median and its mean."""
    ours = mpc.column("all_in_ms")
    others = {name: list(times.values()) for name, times in comparison.milliseconds.items()}
    return [
        {
            "way": name,
            "steps": len(times),
            **spread(times),
            "mean_ms": float(np.mean(times)),
            "times_ours": float(np.median(times) / np.median(ours)),
            "times_ours_mean": float(np.mean(times) / np.mean(ours)),
            "year_min": float(np.mean(times)) * STEPS_PER_YEAR / 60e3,
            "difference": comparison.difference.get(name),
        }
        for name, times in {"ours": ours, "of that HiGHS": mpc.column("solver_ms"), **others}.items()
    ]


def main() -> None:
    """Run and print."""
    options = parser(__doc__)
    options.add_argument("--members", type=int, default=10)
    options.add_argument("--horizon", default="multirate", choices=("multirate", "uniform"))
    options.add_argument("--steps", type=int, default=96, help="consecutive re-optimisations")
    options.add_argument("--every", type=int, default=1, help="the Pyomo ways run at every K-th step (odd)")
    options.add_argument("--exclusive", action="store_true", help="ours enforces the exclusive pairs")
    options.add_argument("--rebuilt-uniform", action="store_true", help="also Pyomo rebuilt, uniform horizon")
    given = options.parse_args()
    if given.every % 2 == 0:
        options.error(f"--every {given.every}, allowed: odd numbers, which meet every quarter of the hour")
    comparison = Comparison(
        every=given.every, exclusive=given.exclusive, rebuilt_uniform=given.rebuilt_uniform
    )
    days = math.ceil(given.steps / STEPS_PER_DAY)
    scenario = load(given.scenario, given.members, given.start, days, given.overrides)
    kind = Mpc if given.exclusive else RelaxedMpc
    controller = kind(**{"horizon": given.horizon, **scenario.controller.options})
    mpc = Timed(controller, given.steps, comparison)
    with mpc.parts.watching(DECISION):
        run(scenario, mpc)
    rows = rows_of(mpc, comparison)
    parts = mpc.mean_parts_ms()
    ratio = float(np.median(mpc.column("all_in_ms")) / np.median(mpc.column("solver_ms")))
    named = f"{given.scenario}, {given.members} members, {given.horizon}, {given.steps} steps"
    table(f"{named} from {given.start}{', pairs enforced' if given.exclusive else ''}", rows)
    title = f"ours, mean of each part; all-in over HiGHS alone {ratio:.2f} (medians)"
    table(title, [{"part": part, "ms": ms} for part, ms in parts.items()])
    figures = {
        "scenario": given.scenario,
        "members": given.members,
        "horizon": given.horizon,
        "steps": given.steps,
        "start": given.start,
        "set": given.overrides,
        "exclusive": given.exclusive,
        "ways": {str(row.pop("way")): row for row in rows},
        "all_in_over_highs": ratio,
        "parts_ms": parts,
        "branches_mean": float(np.mean(mpc.column("branches"))),
        "build_s": mpc.build_s,
    }
    write_json(given.json, figures)


if __name__ == "__main__":
    on_one_core()
    main()
