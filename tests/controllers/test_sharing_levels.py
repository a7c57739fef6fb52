"""Money for sharing as a sum over levels is what the tranches pay."""

import numpy as np
import pytest
from scipy.optimize import linprog

from recosim.contracts import SharedTranche
from recosim.controllers.sharing_levels import shared_levels

N_PODS, N_HOURS = 5, 4


def tranche(name, pool, pods):
    injecting = np.isin(np.arange(N_PODS), pods)
    return SharedTranche(name=name, pool=pool, rate_eur_per_kwh=np.zeros(4 * N_HOURS), injecting=injecting)


TRANCHES = (
    tranche("premium[0]", "premium", [0]),
    tranche("premium[1]", "premium", [1, 2]),
    tranche("valorisation[0]", "valorisation", [0, 1, 2, 3]),
)


def paid_by_programme(rate, injected, withdrawn):
    """Most money for shared energy in one hour, by pools."""
    total = 0.0
    for pool in ("premium", "valorisation"):
        rows = [j for j, t in enumerate(TRANCHES) if t.pool == pool]
        found = linprog(
            [-rate[j] for j in rows],
            A_ub=[[1.0] * len(rows)],
            b_ub=[withdrawn],
            bounds=[(0, injected[j]) for j in rows],
        )
        total -= found.fun
    return total


@pytest.mark.parametrize("seed", range(5))
def test_levels_pay_what_tranches_pay(seed):
    rng = np.random.default_rng(seed)
    rate = rng.uniform(-0.02, 0.12, (3, N_HOURS))
    by_pod = rng.uniform(0.0, 2.0, (N_HOURS, N_PODS))
    withdrawn = rng.uniform(0.0, 6.0, N_HOURS)
    injected = np.stack([by_pod @ t.injecting for t in TRANCHES])
    none = {"rate": rate, "injected_kwh": np.zeros((3, N_HOURS)), "withdrawn_kwh": np.zeros(N_HOURS)}
    known = {"rate": rate, "injected_kwh": injected, "withdrawn_kwh": withdrawn}
    expected = sum(paid_by_programme(rate[:, h], injected[:, h], withdrawn[h]) for h in range(N_HOURS))
    # all of it known beforehand
    levels = shared_levels(TRANCHES, known)
    assert -levels.taken_back_eur(levels.known_kwh) == pytest.approx(expected)
    # all of it decided by the delivery points
    levels = shared_levels(TRANCHES, none)
    counted = np.einsum("khp,hp->kh", levels.counted, by_pod)
    earned = float(np.sum(levels.rate_eur_per_kwh * counted))
    assert earned - levels.taken_back_eur(counted - withdrawn) == pytest.approx(expected)


def test_a_community_without_sharing_has_no_levels():
    given = {"rate": np.zeros((0, 3)), "injected_kwh": np.zeros((0, 0)), "withdrawn_kwh": np.ones(3)}
    levels = shared_levels((), given)
    assert levels.rate_eur_per_kwh.shape == (0, 3)
    assert levels.known_kwh.shape == (0, 3)
