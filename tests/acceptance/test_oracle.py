"""The live path finds what Pyomo finds: on random steps of every kind of scenario, the same objective.

Live means what the controller does: one model compiled once, one HiGHS that gets only the numbers that
changed and starts from the basis before, through stretches of consecutive steps and the jumps between them.
The oracle is the same Pyomo model with the same numbers, solved from nothing by Pyomo's own interface.
"""

import itertools
from dataclasses import dataclass, replace
from unittest.mock import patch

import numpy as np
import pytest

from recosim.controllers.solver import Guards, LiveSolver

EXACT = Guards(gap_relative=1e-9, branch_limit=100_000)
SCENARIOS = ("naples", "naples-small")
SIZES = (1, 3, 10, 25)
HORIZONS = {
    "multirate": "multirate",
    "uniform": "uniform",
    "custom": (1,) * 4 + (2,) * 4 + (4,) * 5 + (12,) * 4,  # quarters, halves, hours, three hours: 20 h
}
KINDS = ("perfect", "persistence", "low", "medium", "high")
SEASONS = ("winter", "spring", "summer", "autumn")
START, DAYS, STEPS_PER_DAY = "2025-01-01", 364, 96
CONSECUTIVE = 4
STRETCHES = {1: 3, 3: 3, 10: 2, 25: 1}
"""Stretches of consecutive steps by size, for each scenario and horizon: fewer where Pyomo takes long."""
FLAT = "tariff.price_all_in_eur_per_kwh=0.25"
"""With this price the relaxation is broken in many slots."""


@dataclass(frozen=True)
class Stretch:
    """Consecutive steps of the year, and how they are forecast."""

    season: str
    kind: str
    first: int


@dataclass(frozen=True)
class Case:
    """A model, and the stretches that its live solver goes through."""

    scenario: str
    size: int
    horizon: str
    stretches: tuple[Stretch, ...]

    def __str__(self) -> str:
        return f"{self.scenario}-{self.size}-{self.horizon}"


def cases(stretches: dict[int, int], seed: int) -> list[Case]:
    """Every scenario with every horizon and the sizes in ``stretches``; days and times drawn at random.

    Seasons and forecasts go round with 4 and 5, so any twenty stretches hold each pair of them.
    """
    rng = np.random.default_rng(seed)
    days = np.arange(np.datetime64(START), np.datetime64(START) + DAYS - 1)
    month = days.astype("datetime64[M]").astype(int) % 12
    season_of_day = (month + 1) % 12 // 3
    numbers = itertools.count(int(rng.integers(20)))
    drawn = []
    for size, scenario, horizon in itertools.product(stretches, SCENARIOS, HORIZONS):
        there = []
        for number in itertools.islice(numbers, stretches[size]):
            season = number % len(SEASONS)
            day = int(rng.choice(np.flatnonzero(season_of_day == season)))
            first = STEPS_PER_DAY * day + int(rng.integers(STEPS_PER_DAY))
            there.append(Stretch(SEASONS[season], KINDS[number % len(KINDS)], first))
        drawn.append(Case(scenario, size, horizon, tuple(there)))
    return drawn


ALL = cases(STRETCHES, seed=20)
FEW = [case for case in cases({1: 1, 3: 1}, seed=21) if (case.size, case.horizon) != (3, "uniform")]
WHOLE = [case for case in cases({1: 2, 3: 1}, seed=22) if case.horizon != "uniform"]


def compare(scene, model_of, pyomo_optimum, case: Case, *overrides: str, relaxed: bool) -> int:
    """Solve the steps of a case in both ways; returns how often the live solver branched."""
    key = (case.scenario, START, f"period.days={DAYS}", f"community.size={case.size}", *overrides)
    model = model_of(*key, horizon=HORIZONS[case.horizon])
    compiled = model.compiled
    if relaxed:
        compiled = replace(compiled, exclusive=np.zeros((0, 2), dtype=np.int64))
    live, branches = LiveSolver(compiled, EXACT), 0
    with patch.object(LiveSolver, "_pass_whole", autospec=True, side_effect=LiveSolver._pass_whole) as cold:
        for stretch in case.stretches:
            here = scene(*key).expecting(stretch.kind)
            rng = np.random.default_rng(stretch.first)
            for step in range(stretch.first, stretch.first + CONSECUTIVE):
                # the model holds coefficients of earlier steps: both sides must see one and the same vector
                parameters = model.given(here.observation(step, rng), here.forecast(step)).copy()
                solution = live.solve(compiled.evaluate(parameters))
                where = f"{case}, {stretch}, step {step}"
                assert solution.status == "optimal", where
                expected = pyomo_optimum(model, parameters, relaxed=relaxed)
                assert solution.objective == pytest.approx(expected, rel=1e-6), where
                branches += solution.branches
    assert cold.call_count == 1  # all later steps began from the basis before
    return branches


def test_the_cases_hold_every_combination():
    """200 steps; every size with every scenario and horizon, every two of the other choices together."""
    assert CONSECUTIVE * sum(len(case.stretches) for case in ALL) >= 200
    assert len({(case.scenario, case.size, case.horizon) for case in ALL}) == 2 * 4 * 3
    rows = {
        (case.scenario, case.size, case.horizon, s.season, s.kind) for case in ALL for s in case.stretches
    }
    choices = (SCENARIOS, SIZES, tuple(HORIZONS), SEASONS, KINDS)
    for one, other in itertools.combinations(range(len(choices)), 2):
        there = {(row[one], row[other]) for row in rows}
        assert there == set(itertools.product(choices[one], choices[other]))
    assert {s.first % 4 for case in ALL for s in case.stretches} == {0, 1, 2, 3}


@pytest.mark.slow
@pytest.mark.parametrize("case", ALL, ids=str)
def test_live_solver_finds_the_relaxations_optimum(scene, model_of, pyomo_optimum, case):
    compare(scene, model_of, pyomo_optimum, case, relaxed=True)


@pytest.mark.parametrize("case", FEW, ids=str)
def test_live_solver_finds_the_relaxations_optimum_of_few(scene, model_of, pyomo_optimum, case):
    compare(scene, model_of, pyomo_optimum, case, relaxed=True)


@pytest.mark.slow
@pytest.mark.parametrize("case", WHOLE, ids=str)
def test_live_solver_finds_the_optimum_with_all_pairs(scene, model_of, pyomo_optimum, case):
    """Under a flat price, so that pairs bind: Pyomo's side is a mixed-integer programme.

    In naples-small nothing feeds in behind a flat's meter: no pair can be broken.
    """
    branches = compare(scene, model_of, pyomo_optimum, case, FLAT, relaxed=False)
    assert (branches > 0) == (case.scenario == "naples")
