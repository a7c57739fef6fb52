"""No plan is physically impossible, in any slot: where the linear relaxation fails, the solver decides."""

import numpy as np
import pytest

from recosim.controllers.mpc import Mpc
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import run_scenario

TOLERANCE_KW = 1e-6


class Watched(Mpc):
    """The MPC, remembering the worst side of an exclusive pair in all its plans."""

    worst_kw = 0.0
    broken_relaxations = 0

    def _solve(self, program):
        solution, fallback, reason = super()._solve(program)
        pairs = self._model.compiled.exclusive
        both = np.minimum(solution.values[pairs[:, 0]], solution.values[pairs[:, 1]])
        self.worst_kw = max(self.worst_kw, float(both.max()))
        self.broken_relaxations += solution.branches > 0
        return solution, fallback, reason


def plans(monkeypatch, tmp_path, start, days, *overrides):
    made = Watched()
    monkeypatch.setattr("recosim.scenarios.runner.make_controller", lambda *_, **__: made)
    given = [f"period.start={start}", f"period.days={days}", "period.warmup_days=1", *overrides]
    kpis = run_scenario(load_scenario("naples", given), out=tmp_path / "run.h5").kpis
    assert kpis["solve_failures"] == 0
    return made


FLAT = "tariff.price_all_in_eur_per_kwh=0.25"


@pytest.mark.parametrize("start", ["2025-07-15", "2025-04-15"])
def test_no_plan_does_two_opposite_things_with_a_flat_price(monkeypatch, tmp_path, start):
    made = plans(monkeypatch, tmp_path, start, 1, FLAT)
    assert made.worst_kw <= TOLERANCE_KW
    assert made.broken_relaxations > 20  # with this price the relaxation fails for much of the day


@pytest.mark.slow
@pytest.mark.parametrize("start", ["2025-01-13", "2025-04-14", "2025-07-14", "2025-10-13"])
def test_no_plan_of_four_weeks_does(monkeypatch, tmp_path, start):
    assert plans(monkeypatch, tmp_path, start, 7).worst_kw <= TOLERANCE_KW


@pytest.mark.slow
def test_batteries_that_charge_from_the_grid_never_inject(monkeypatch, tmp_path):
    grid = [f"community.dwellings[{i}].battery.grid_charging=true" for i in (2, 3, 5, 8)]
    assert plans(monkeypatch, tmp_path, "2025-07-14", 2, FLAT, *grid).worst_kw <= TOLERANCE_KW
