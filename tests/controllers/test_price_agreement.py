"""ADMM finds the prices at which mixes of plans cost the community least."""

import numpy as np
import pytest
from scipy.optimize import linprog

from recosim.controllers.price_agreement import Apartments, Coordinator, on_simplex
from recosim.controllers.sharing_levels import SharedLevels

N_APARTMENTS, N_PLANS, N_HOURS = 6, 5, 8


@pytest.fixture(params=range(4))
def case(request):
    rng = np.random.default_rng(request.param)
    levels = SharedLevels(
        rate_eur_per_kwh=rng.uniform(0.05, 0.12, (1, N_HOURS)),
        counted=np.ones((1, N_HOURS, N_APARTMENTS)),
        injected_kwh=rng.uniform(0.0, 4.0, (1, N_HOURS)),
        withdrawn_kwh=rng.uniform(0.0, 1.0, N_HOURS),
    )
    costs = rng.uniform(0.0, 0.3, (N_PLANS, N_APARTMENTS))
    exchanges = rng.uniform(-1.5, 1.0, (N_PLANS, N_APARTMENTS, 1, N_HOURS))
    return levels, costs, exchanges


def value(levels, apartments):
    total = levels.known_kwh + apartments.exchange_kwh.sum(axis=0)
    return float(apartments.cost_eur.sum()) + levels.taken_back_eur(total)


def least(levels, costs, exchanges):
    """The same by one linear programme that knows every plan: weights, and what is injected beyond."""
    n = N_PLANS * N_APARTMENTS
    rate = levels.rate_eur_per_kwh[0]
    each = exchanges[:, :, 0].transpose(1, 0, 2).reshape(n, N_HOURS)
    found = linprog(
        np.concatenate([costs.T.ravel(), rate]),
        A_ub=np.hstack([each.T, -np.eye(N_HOURS)]),
        b_ub=-levels.known_kwh[0],
        A_eq=np.hstack(
            [np.kron(np.eye(N_APARTMENTS), np.ones((1, N_PLANS))), np.zeros((N_APARTMENTS, N_HOURS))]
        ),
        b_eq=np.ones(N_APARTMENTS),
    )
    return found.fun - float(np.sum(rate * levels.injected_kwh[0]))


def talked(levels, costs, exchanges, rounds):
    apartments = Apartments(N_APARTMENTS, (1, N_HOURS))
    for cost, exchange in zip(costs, exchanges, strict=True):
        apartments.add(cost, exchange)
    coordinator = Coordinator(levels, N_APARTMENTS, 0.5 * levels.rate_eur_per_kwh)
    for _ in range(rounds):
        apartments.answer(coordinator.respond(apartments.exchange_kwh))
    return apartments, coordinator


def test_rounds_end_where_one_programme_would(case):
    apartments, coordinator = talked(*case, rounds=400)
    assert value(case[0], apartments) == pytest.approx(least(*case), abs=2e-3)
    assert coordinator.imbalance_kwh < 0.02
    assert apartments.moved_kwh < 0.02


def test_any_round_leaves_mixes_that_can_be_carried_out(case):
    for rounds in (1, 3, 10):
        apartments, coordinator = talked(*case, rounds=rounds)
        np.testing.assert_allclose(apartments.weights.sum(axis=1), 1.0)
        assert (apartments.weights >= 0.0).all()
        price, rate = coordinator.price_eur_per_kwh, case[0].rate_eur_per_kwh
        assert ((price >= 0.0) & (price <= rate)).all()
        assert value(case[0], apartments) >= least(*case) - 1e-9


def test_an_answer_depends_on_the_price_and_on_nobody_else(case):
    levels, costs, exchanges = case
    other = costs.copy(), exchanges.copy()
    other[0][:, 1:] += 1.0
    other[1][:, 1:] *= -2.0
    price = 0.4 * levels.rate_eur_per_kwh
    answers = []
    for c, e in ((costs, exchanges), other):
        apartments = Apartments(N_APARTMENTS, (1, N_HOURS))
        for cost, exchange in zip(c, e, strict=True):
            apartments.add(cost, exchange)
        answers.append(apartments.answer(price))
    np.testing.assert_allclose(answers[0][0], answers[1][0])
    assert not np.allclose(answers[0][1], answers[1][1])


def test_too_much_injection_lowers_what_it_earns():
    levels = SharedLevels(
        rate_eur_per_kwh=np.full((1, 2), 0.1),
        counted=np.ones((1, 2, 1)),
        injected_kwh=np.array([[5.0, 0.0]]),
        withdrawn_kwh=np.array([0.0, 5.0]),
    )
    coordinator = Coordinator(levels, 1, np.full((1, 2), 0.05))
    for _ in range(3):
        coordinator.respond(np.zeros((1, 1, 2)))
    # the price is what a withdrawal is paid: all of the rate where there is too much, none where too little
    np.testing.assert_allclose(coordinator.price_eur_per_kwh, [[0.1, 0.0]])


def test_on_simplex_is_the_nearest_point():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(50, 4))
    nearest = on_simplex(points)
    np.testing.assert_allclose(nearest.sum(axis=1), 1.0)
    assert (nearest >= 0.0).all()
    for _ in range(200):
        others = rng.dirichlet(np.ones(4), 50)
        assert (((nearest - points) ** 2).sum(1) <= ((others - points) ** 2).sum(1) + 1e-12).all()
