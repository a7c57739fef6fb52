import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recosim.simulators.settlement.allocation import (
    KEYS,
    Allocation,
    close_cents,
    coalition_value,
    shapley_exact,
    shapley_sampled,
    weights,
)
from recosim.simulators.settlement.checks import SettlementError


@given(
    st.floats(-1e6, 1e6), st.lists(st.floats(0, 1e6), min_size=1, max_size=60).filter(lambda w: sum(w) > 1e-6)
)
def test_cents_close_and_stay_within_one_cent(total: float, weight: list[float]) -> None:
    parts = close_cents(total, weight)
    cents = np.rint(100 * parts)
    assert cents.sum() == round(total * 100)
    assert 100 * parts == pytest.approx(cents, abs=1e-6)
    exact = total * np.array(weight) / sum(weight)
    assert np.abs(parts - exact).max() <= 0.0151  # a cent, and half a cent of the total's own rounding


def test_cents_refused() -> None:
    with pytest.raises(SettlementError, match="allowed 0 or more"):
        close_cents(1.0, [1.0, -1.0])
    with pytest.raises(SettlementError, match="no weight"):
        close_cents(1.0, [0.0, 0.0])
    assert close_cents(0.0, [0.0]).tolist() == [0.0]


def case(n: int, hours: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    injected = 3 * rng.random((hours, n)) * (np.arange(n) < max(1, n // 3))
    return injected, rng.random((hours, n)), 80 + 40 * rng.random(hours)


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_shapley_axioms(n: int) -> None:
    injected, withdrawn, rate = case(n)
    injected[:, n - 1] = withdrawn[:, n - 1] = 0.0  # somebody who does nothing
    if n >= 3:
        injected[:, 1], withdrawn[:, 1] = injected[:, 0], withdrawn[:, 0]  # twins
    value = shapley_exact(injected, withdrawn, rate)
    whole = coalition_value(injected.sum(axis=1), withdrawn.sum(axis=1), rate)
    assert value.sum() == pytest.approx(float(whole))
    assert value[n - 1] == pytest.approx(0.0, abs=1e-12)
    if n >= 3:
        assert value[0] == pytest.approx(value[1])


@pytest.mark.parametrize("n_producers", [3, 12])
def test_sampled_shapley_errs_as_much_as_it_says(n_producers: int) -> None:
    rng = np.random.default_rng(4)
    injected = 3 * rng.random((60, 12)) * (np.arange(12) < n_producers)
    withdrawn, rate = rng.random((60, 12)), 80 + 40 * rng.random(60)
    exact = shapley_exact(injected, withdrawn, rate)
    off = []
    for seed in range(25):
        value, error = shapley_sampled(injected, withdrawn, rate, np.random.default_rng(seed), 200)
        assert value.sum() == pytest.approx(exact.sum())
        off.append((value - exact) / error)
    assert np.abs(off).max() < 4.5  # 300 draws
    assert 0.8 < np.sqrt(np.mean(np.square(off))) < 1.2
    again, _ = shapley_sampled(injected, withdrawn, rate, np.random.default_rng(24), 200)
    assert (again == value).all()
    _, finer = shapley_sampled(injected, withdrawn, rate, np.random.default_rng(24), 1800)
    assert finer.sum() == pytest.approx(error.sum() / 3, rel=0.25)


def test_sampled_shapley_of_few_orders() -> None:
    for n_samples in (1, 2, 3, 5):
        value, error = shapley_sampled(*case(13, hours=6), np.random.default_rng(0), n_samples)
        assert np.isfinite(value).all()
        assert np.isfinite(error).all()


def test_sampled_above_twelve_members_and_exact_up_to_them() -> None:
    for n, sampled in ((12, False), (13, True)):
        injected, withdrawn, rate = case(n, hours=6)
        shared = np.minimum(injected.sum(axis=1), withdrawn.sum(axis=1))
        found = weights(Allocation(key="shapley", n_samples=50), shared, withdrawn, injected, rate)
        assert (found.standard_error > 0).any() == sampled
        assert found.weight.sum() == pytest.approx(1.0)
    with pytest.raises(SettlementError, match="too many"):
        shapley_exact(*case(21, hours=2))


@pytest.mark.parametrize("key", KEYS)
def test_keys_add_up_even_without_energy(key: str) -> None:
    injected, withdrawn, rate = case(4)
    for scale in (1.0, 0.0):
        shared = scale * np.minimum(injected.sum(axis=1), withdrawn.sum(axis=1))
        found = weights(Allocation(key=key), shared, scale * withdrawn, scale * injected, scale * rate)
        assert found.weight.sum() == pytest.approx(1.0)
        assert (found.weight >= 0).all()


def test_coincident_withdrawal_of_members_among_others() -> None:
    found = weights(
        Allocation(),
        np.array([6.0]),
        np.array([[1.0, 2.0]]),
        np.zeros((1, 2)),
        np.array([100.0]),
        np.array([12.0]),
    )
    assert found.weight == pytest.approx([1 / 3, 2 / 3])


def test_refused() -> None:
    with pytest.raises(SettlementError, match="allocation key = 'lottery'"):
        Allocation(key="lottery")
    with pytest.raises(SettlementError, match=r"fund_share = 1.5, allowed \[0, 1\]"):
        Allocation(fund_share=1.5)
    with pytest.raises(SettlementError, match="2 or more"):
        Allocation(n_samples=1)
