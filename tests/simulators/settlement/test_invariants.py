"""What every settlement must satisfy, on random communities and days of 92, 96 and 100 quarters."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recosim.simulators.settlement.allocation import KEYS, Allocation
from recosim.simulators.settlement.bill import Bill
from recosim.simulators.settlement.configuration import MEMBER_KINDS, Configuration, Fees, Members, Plants
from recosim.simulators.settlement.members import MemberAccounts, member_accounts, seller
from recosim.simulators.settlement.outcome import Settlement
from recosim.simulators.settlement.premium import REGIONS
from recosim.simulators.settlement.scheme import make_scheme
from recosim.simulators.settlement.tariffs import EnergyPrice, Tariff, household_tariff, non_domestic_tariff
from recosim.timegrid import TimeGrid

# one of 92 quarters, one of 100, and one each side of a month's and of a year's end
PERIODS = (
    ("2025-03-30", 1),
    ("2025-10-26", 1),
    ("2026-03-29", 2),
    ("2025-07-02", 1),
    ("2025-10-31", 2),
    ("2024-12-31", 2),
)
CENT_EUR = 0.01
ENERGY_PRICES = (
    EnergyPrice(kind="hourly", spread_eur_per_kwh=0.02),
    EnergyPrice(kind="flat", values_eur_per_kwh=(0.12,)),
    EnergyPrice(kind="bands", values_eur_per_kwh=(0.16, 0.13, 0.10)),
)


class Case:
    """A random community and a day or two of its meters."""

    def __init__(
        self, seed: int, n_pods: int, n_plants: int, period: tuple[str, int], options: dict[str, Any]
    ) -> None:
        rng = np.random.default_rng(seed)
        self.grid = TimeGrid.from_local_date(*period, 900)
        n = self.grid.n_steps
        pod = rng.integers(0, n_pods, n_plants)
        new_at_pod = np.ones(n_pods, dtype=bool)
        if options["configuration"] != "CER":  # where existing plants are limited to 30 %
            new_at_pod = rng.random(n_pods) < 0.7
        age = np.where(new_at_pod[pod], date(2022, 1, 1).toordinal(), date(2015, 1, 1).toordinal())
        self.plants = Plants(
            pod=pod,
            power_kw=rng.choice([2.5, 3.0, 20.0, 199.0, 200.0, 300.0, 600.0, 900.0, 1000.0], n_plants),
            photovoltaic=rng.random(n_plants) < 0.8,
            # a few days only, so that some were commissioned together
            commissioned=age + rng.choice([0, 300], n_plants),
            grant_percent=rng.choice([0.0, 0.0, 10.0, 40.0], n_plants),
            voltage=tuple(("LV", "MV", "HV")[p % 3] for p in pod),
        )
        member = (rng.random(n_pods) < rng.choice([0.3, 1.0])) | np.isin(np.arange(n_pods), pod)
        self.members = Members(
            pod=np.flatnonzero(member), kind=tuple(rng.choice(MEMBER_KINDS, int(member.sum())))
        )
        self.withdrawn = rng.random((n, n_pods)) * (rng.random((n, n_pods)) < rng.choice([0.1, 0.6]))
        self.injected = np.zeros((n, n_pods))
        self.injected[:, pod] = 5 * rng.random((n, pod.size)) * (rng.random((n, pod.size)) < 0.5)
        self.price = np.repeat(300 * rng.random(n // 4) - 60, 4)
        self.options = options | {"region": str(rng.choice(REGIONS)), "tariff_year": 2025}
        self.tariffs = [
            (household_tariff, non_domestic_tariff)[int(rng.random() < 0.2)](2025, ENERGY_PRICES[i % 3])
            for i in range(n_pods)
        ]
        self.power_kw = rng.choice([1.5, 3.0, 4.5], n_pods)

    @property
    def n_pods(self) -> int:
        return int(self.withdrawn.shape[1])

    def of_one_rate(self) -> "Case":
        """The same community with plants of one class."""
        self.plants = replace(
            self.plants,
            power_kw=20.0,
            photovoltaic=True,
            grant_percent=0.0,
            voltage=("LV",) * len(self.plants),
        )
        return self

    def scheme(self, **changes: Any) -> Any:
        return make_scheme(Configuration(**self.options | changes), self.plants, self.members, self.n_pods)

    def settle(self, rows: slice = slice(None), **changes: Any) -> Settlement:
        meters = self.withdrawn[rows], self.injected[rows], self.price[rows]
        found: Settlement = self.scheme(**changes).settle(self.grid.times[rows], *meters)
        return found

    def bill(self, rows: slice = slice(None)) -> Bill:
        tariff = Tariff(self.tariffs, self.power_kw)
        return tariff.bill(self.grid.times[rows], self.withdrawn[rows], self.price[rows], 900)

    def accounts(self) -> MemberAccounts:
        alone = self.scheme().alone().settle(self.grid.times, self.withdrawn, self.injected, self.price)
        return member_accounts(self.bill(), self.settle(), seller(alone), self.members)

    def by_hour(self, energy_kwh: Any) -> Any:
        return energy_kwh.sum(axis=1).reshape(-1, 4).sum(axis=1)


def cases(
    periods: Sequence[tuple[str, int]] = PERIODS,
    configurations: Sequence[str] = ("CER", "GAC", "AID", "NONE"),
    **given_options: Any,
) -> st.SearchStrategy[Case]:
    rules: dict[str, Any] = {
        "configuration": st.sampled_from(configurations),
        "regime": st.sampled_from(["cacer", "cacer", "transitional"]),
        "attribution": st.sampled_from(["seniority", "pro_rata"]),
        "incentive_basis": st.sampled_from(["eligible_only", "attributed"]),
        "excess_variant": st.sampled_from(["points", "ratio"]),
        "minimum_price": st.booleans(),
        "fees": st.builds(Fees, gse=st.booleans(), rid=st.booleans()),
        "valorisation": st.sampled_from([True, True, False]),
        "allocation": st.builds(
            Allocation,
            key=st.sampled_from(KEYS),
            fund_share=st.sampled_from([0.0, 0.2, 1.0]),
            n_samples=st.just(5),
        ),
    } | {name: st.just(value) for name, value in given_options.items()}
    options = st.fixed_dictionaries(rules).filter(
        lambda chosen: (chosen["regime"], chosen["configuration"]) != ("transitional", "AID")
    )
    return st.builds(
        Case,
        seed=st.integers(0, 2**32 - 1),
        n_pods=st.integers(1, 50),
        n_plants=st.integers(1, 5),
        period=st.sampled_from(periods),
        options=options,
    )


def money(found: Settlement) -> list[float]:
    return [
        found.premium_total_eur,
        found.premium_excess_eur,
        found.valorisation_total_eur,
        found.sale_total_eur,
        found.fees_gse_eur,
        found.fees_rid_eur,
    ]


def whole_cents(amounts_eur: Any) -> int:
    cents = np.rint(100 * np.asarray(amounts_eur))
    assert np.abs(100 * np.asarray(amounts_eur) - cents).max(initial=0.0) < 1e-6
    return int(cents.sum())


@settings(max_examples=60, deadline=None)
@given(cases())
def test_premium_is_shares_and_excess_to_the_cent(case: Case) -> None:
    found = case.settle()
    paid = whole_cents(found.share_premium_eur) + whole_cents(found.fund_premium_eur)
    assert paid == round(100 * (found.premium_total_eur - found.premium_excess_eur))
    valorised = whole_cents(found.share_valorisation_eur) + whole_cents(found.fund_valorisation_eur)
    assert valorised == round(100 * found.valorisation_total_eur)
    assert (found.share_premium_eur >= 0.0).all()
    assert 0.0 <= found.premium_excess_eur <= found.premium_total_eur + 1e-9


@settings(max_examples=40, deadline=None)
@given(cases())
def test_the_accounts_of_all_are_the_account_of_the_community(case: Case) -> None:
    found, settled, bill = case.accounts(), case.settle(), case.bill()
    earned = settled.sale_total_eur + settled.premium_total_eur + settled.valorisation_total_eur
    net = float(bill.total_eur.sum()) + settled.fees_eur - earned
    assert abs(float(found.net_eur.sum()) - found.fund_eur - net) < 1e-9
    companies = {
        int(p) for p, kind in zip(case.members.pod, case.members.kind, strict=True) if kind == "company"
    }
    consumers = set(np.flatnonzero(case.withdrawn.sum(axis=0)).tolist()) & set(case.members.pod.tolist())
    served = np.flatnonzero(found.excess_eur)
    assert set(served.tolist()) <= consumers - companies
    if consumers - companies:  # else it is for social purposes
        assert abs(found.fund_excess_eur) < 1e-9
    # in whole cents each has what it has in full precision
    exact = found.premium_eur[case.members.pod], found.valorisation_eur[case.members.pod]
    rounded = settled.share_premium_eur, settled.share_valorisation_eur
    assert np.abs(np.array(exact) - np.array(rounded)).max(initial=0.0) <= 1.5 * CENT_EUR + 1e-9
    assert (found.bill_eur + found.fees_alone_eur - found.sale_alone_eur == found.net_alone_eur).all()
    if case.options["configuration"] == "NONE":
        assert np.abs(found.gain_eur).max() < 1e-9


@settings(max_examples=60, deadline=None)
@given(cases())
def test_incentivised_within_shared_within_the_meters(case: Case) -> None:
    found = case.settle()
    withdrawn, injected = case.by_hour(case.withdrawn), case.by_hour(case.injected)
    incentivised = found.energy_incentivised_kwh.sum(axis=1)
    assert found.times.size == case.grid.n_steps // 4
    assert (found.energy_incentivised_kwh >= 0.0).all()
    assert (incentivised <= found.energy_shared_kwh + 1e-9).all()
    expected = np.minimum(withdrawn, injected) * (case.options["configuration"] != "NONE")
    assert np.abs(found.energy_shared_kwh - expected).max() <= 1e-9


@settings(max_examples=60, deadline=None)
@given(cases(configurations=("CER", "GAC", "AID"), incentive_basis="eligible_only"))
def test_attribution_adds_up_and_no_plant_has_more_than_it_injected(case: Case) -> None:
    found, scheme = case.settle(), case.scheme()
    weight = case.plants.power_kw / np.bincount(case.plants.pod, case.plants.power_kw)[case.plants.pod]
    injected = case.injected.reshape(-1, 4, case.n_pods).sum(axis=1)[:, case.plants.pod] * weight
    assert (found.energy_incentivised_kwh <= injected + 1e-9).all()
    eligible = injected[:, scheme.rules.eligible].sum(axis=1)
    expected = np.minimum(eligible, case.by_hour(case.withdrawn))
    assert np.abs(found.energy_incentivised_kwh.sum(axis=1) - expected).max() <= 1e-9


@settings(max_examples=40, deadline=None)
@given(cases())
def test_the_hourly_rule_never_shares_less_than_the_quarter_rule(case: Case) -> None:
    hour, quarter = case.settle(), case.settle(settlement_step="quarter")
    assert (hour.energy_shared_kwh >= quarter.energy_shared_kwh - 1e-9).all()
    if case.options["incentive_basis"] == "eligible_only":
        gain = hour.energy_incentivised_kwh.sum(axis=1) - quarter.energy_incentivised_kwh.sum(axis=1)
        assert (gain >= -1e-9).all()


@settings(max_examples=40, deadline=None)
@given(cases(incentive_basis="eligible_only"))
def test_the_hourly_rule_never_pays_less_where_all_plants_earn_the_same(case: Case) -> None:
    """With several rates it may: by the hour a senior plant takes what a better paid one has by quarters."""
    case.of_one_rate()
    hour, quarter = case.settle(), case.settle(settlement_step="quarter")
    for name in ("premium_eur", "valorisation_eur"):
        by_hour, by_quarter = (
            getattr(found, name).reshape(hour.times.size, -1).sum(axis=1) for found in (hour, quarter)
        )
        assert (by_hour >= by_quarter - 1e-9).all()
    assert hour.premium_total_eur + hour.valorisation_total_eur >= quarter.premium_total_eur


@settings(max_examples=30, deadline=None)
@given(cases())
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


@settings(max_examples=30, deadline=None)
@given(cases(), st.integers(0, 2**32 - 1))
def test_the_order_of_delivery_points_and_plants_does_not_matter(case: Case, seed: int) -> None:
    rng = np.random.default_rng(seed)
    new_of_old = rng.permutation(case.n_pods)
    order, listed = rng.permutation(len(case.plants)), rng.permutation(len(case.members))
    before, accounts = case.settle(), case.accounts()
    case.plants = Plants(
        pod=new_of_old[case.plants.pod[order]],
        power_kw=case.plants.power_kw[order],
        photovoltaic=case.plants.photovoltaic[order],
        commissioned=case.plants.commissioned[order],
        grant_percent=case.plants.grant_percent[order],
        voltage=tuple(case.plants.voltage[i] for i in order),
    )
    case.members = Members(
        pod=new_of_old[case.members.pod[listed]], kind=tuple(case.members.kind[i] for i in listed)
    )
    old_of_new = np.argsort(new_of_old)
    case.withdrawn, case.injected = case.withdrawn[:, old_of_new], case.injected[:, old_of_new]
    case.tariffs, case.power_kw = [case.tariffs[i] for i in old_of_new], case.power_kw[old_of_new]
    np.testing.assert_allclose(money(case.settle()), money(before), atol=1e-9)
    if case.options["allocation"].key != "shapley" or len(case.members) <= 12:  # else sampled
        again = case.accounts()
        np.testing.assert_allclose(again.net_eur[new_of_old], accounts.net_eur, atol=1e-9)
        np.testing.assert_allclose(again.net_alone_eur[new_of_old], accounts.net_alone_eur, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(cases(periods=PERIODS[-2:]))
def test_parts_of_a_period_add_up_at_a_month_s_end(case: Case) -> None:
    """What is settled by the hour, the day or the month does; yearly rules do where the year ends too."""
    (end,) = np.flatnonzero(np.diff(case.grid.local.month)) + 1
    parts = slice(0, int(end)), slice(int(end), None)
    bills = [case.bill(part).total_eur for part in parts]
    np.testing.assert_allclose(np.concatenate(bills), case.bill().total_eur, atol=1e-9)
    year_ends = len(set(case.grid.local.year)) > 1
    if not year_ends:
        case.options = case.options | {"minimum_price": False}
    whole, pieces = money(case.settle()), np.sum([money(case.settle(part)) for part in parts], axis=0)
    yearly = [] if year_ends else [1]
    np.testing.assert_allclose(np.delete(pieces, yearly), np.delete(whole, yearly), atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(cases(), st.floats(0.01, 50.0))
def test_twice_the_energy_is_twice_the_money(case: Case, factor: float) -> None:
    before, bill = case.settle(), case.bill()
    weight, fees = before.weight, before.fees_eur
    case.withdrawn, case.injected = factor * case.withdrawn, factor * case.injected
    after, larger = case.settle(), case.bill()
    np.testing.assert_allclose(money(after)[:4], factor * np.array(money(before)[:4]), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(after.weight, weight, atol=1e-9)
    assert after.fees_eur == fees
    for name in ("energy_eur", "dispatching_eur", "network_energy_eur", "system_eur"):
        np.testing.assert_allclose(getattr(larger, name), factor * getattr(bill, name), rtol=1e-9, atol=1e-9)
    for name in ("sales_eur", "network_fixed_eur", "network_power_eur"):
        np.testing.assert_array_equal(getattr(larger, name), getattr(bill, name))
