"""What every settlement must satisfy, on random communities and days of 92, 96 and 100 quarters."""

from datetime import date
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recosim.simulators.settlement.allocation import KEYS, Allocation
from recosim.simulators.settlement.configuration import MEMBER_KINDS, Configuration, Members, Plants
from recosim.simulators.settlement.outcome import Settlement
from recosim.simulators.settlement.premium import REGIONS
from recosim.simulators.settlement.scheme import make_scheme
from recosim.timegrid import TimeGrid

DAYS = ("2025-03-30", "2025-07-02", "2025-10-26", "2024-12-31", "2026-03-29")


class Case:
    """A random community and a day or two of its meters."""

    def __init__(self, seed: int, n_pods: int, n_plants: int, day: str, options: dict[str, Any]) -> None:
        rng = np.random.default_rng(seed)
        self.grid = TimeGrid.from_local_date(day, 1 + seed % 2, 900)
        n = self.grid.n_steps
        pod = rng.integers(0, n_pods, n_plants)
        new_at_pod = np.ones(n_pods, dtype=bool)
        if options["configuration"] != "CER":  # where existing plants are limited to 30 %
            new_at_pod = rng.random(n_pods) < 0.7
        age = np.where(new_at_pod[pod], date(2022, 1, 1).toordinal(), date(2015, 1, 1).toordinal())
        self.plants = Plants(
            pod=pod,
            power_kw=rng.choice([3.0, 20.0, 199.0, 300.0, 900.0], n_plants),
            photovoltaic=rng.random(n_plants) < 0.8,
            commissioned=age + rng.integers(0, 600, n_plants),
            grant_percent=rng.choice([0.0, 0.0, 10.0, 40.0], n_plants),
            voltage=tuple(("LV", "MV")[p % 2] for p in pod),
        )
        self.members = Members(pod=np.arange(n_pods), kind=tuple(rng.choice(MEMBER_KINDS, n_pods)))
        self.withdrawn = rng.random((n, n_pods)) * (rng.random((n, n_pods)) < 0.6)
        self.injected = np.zeros((n, n_pods))
        self.injected[:, pod] = 5 * rng.random((n, pod.size)) * (rng.random((n, pod.size)) < 0.5)
        self.price = np.repeat(300 * rng.random(n // 4) - 60, 4)
        self.options = options | {"region": str(rng.choice(REGIONS)), "tariff_year": 2025}

    def settle(self, **changes: Any) -> Settlement:
        scheme = make_scheme(
            Configuration(**self.options | changes), self.plants, self.members, self.withdrawn.shape[1]
        )
        return scheme.settle(self.grid.times, self.withdrawn, self.injected, self.price)


cases = st.builds(
    Case,
    seed=st.integers(0, 2**32 - 1),
    n_pods=st.integers(1, 50),
    n_plants=st.integers(1, 5),
    day=st.sampled_from(DAYS),
    options=st.fixed_dictionaries(
        {
            "configuration": st.sampled_from(["CER", "GAC", "AID"]),
            "attribution": st.sampled_from(["seniority", "pro_rata"]),
            "incentive_basis": st.sampled_from(["eligible_only", "attributed"]),
            "excess_variant": st.sampled_from(["points", "ratio"]),
            "allocation": st.builds(
                Allocation,
                key=st.sampled_from(KEYS),
                fund_share=st.sampled_from([0.0, 0.2]),
                n_samples=st.just(5),
            ),
        }
    ),
)


@settings(max_examples=60, deadline=None)
@given(cases)
def test_premium_is_shares_and_excess_to_the_cent(case: Case) -> None:
    found = case.settle()
    paid = found.share_premium_eur.sum() + found.fund_premium_eur + found.premium_excess_eur
    assert abs(paid - found.premium_total_eur) <= 0.005 + 1e-9
    valorised = found.share_valorisation_eur.sum() + found.fund_valorisation_eur
    assert abs(valorised - found.valorisation_total_eur) <= 0.005 + 1e-9
    assert (found.share_premium_eur >= 0.0).all()
    assert 0.0 <= found.premium_excess_eur <= found.premium_total_eur + 1e-9


@settings(max_examples=60, deadline=None)
@given(cases)
def test_incentivised_within_shared_within_the_meters(case: Case) -> None:
    found = case.settle()
    hours = case.grid.n_steps // 4
    withdrawn = case.withdrawn.sum(axis=1).reshape(hours, 4).sum(axis=1)
    injected = case.injected.sum(axis=1).reshape(hours, 4).sum(axis=1)
    incentivised = found.energy_incentivised_kwh.sum(axis=1)
    assert found.times.size == hours
    assert (found.energy_incentivised_kwh >= 0.0).all()
    assert (incentivised <= found.energy_shared_kwh + 1e-9).all()
    assert np.abs(found.energy_shared_kwh - np.minimum(withdrawn, injected)).max() <= 1e-9


@settings(max_examples=40, deadline=None)
@given(cases)
def test_the_hourly_rule_never_shares_less_than_the_quarter_rule(case: Case) -> None:
    hour, quarter = case.settle(), case.settle(settlement_step="quarter")
    assert (hour.energy_shared_kwh >= quarter.energy_shared_kwh - 1e-9).all()
    if case.options["incentive_basis"] == "eligible_only":
        gain = hour.energy_incentivised_kwh.sum(axis=1) - quarter.energy_incentivised_kwh.sum(axis=1)
        assert (gain >= -1e-9).all()


@settings(max_examples=30, deadline=None)
@given(cases)
def test_hours_or_quarters_handed_in_make_no_difference(case: Case) -> None:
    from_quarters = case.settle()
    hours = case.grid.n_steps // 4
    case.grid = TimeGrid(start=case.grid.start, step_s=3600, n_steps=hours)
    case.withdrawn = case.withdrawn.reshape(hours, 4, -1).sum(axis=1)
    case.injected = case.injected.reshape(hours, 4, -1).sum(axis=1)
    case.price = case.price[::4]
    from_hours = case.settle()
    assert abs(from_hours.net_eur - from_quarters.net_eur) < 1e-9
    assert np.abs(from_hours.premium_eur - from_quarters.premium_eur).max() < 1e-9
