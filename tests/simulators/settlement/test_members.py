"""Each member's money beside what it would be alone, on two hours worked by hand."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from recosim.simulators.settlement.allocation import Allocation
from recosim.simulators.settlement.configuration import Configuration, Fees, Members, Plants
from recosim.simulators.settlement.members import (
    MemberAccounts,
    member_accounts,
    seller,
    weights_of_excess,
)
from recosim.simulators.settlement.scheme import make_scheme
from recosim.simulators.settlement.tariffs import Tariff, all_in_tariff
from recosim.timegrid import TimeGrid

GRID = TimeGrid.from_local_date("2025-06-02", 1, 3600)
ROOF, FIRST, SECOND, SHOP = range(4)
KINDS = ("local_authority", "natural_person", "natural_person", "company")
# at noon the roof injects 10 kWh, the flats withdraw 2 and 1, the shop 5; at one o'clock nothing is shared
WITHDRAWN = np.zeros((24, 4))
WITHDRAWN[12] = [0.0, 2.0, 1.0, 5.0]
WITHDRAWN[13] = [1.0, 1.0, 1.0, 1.0]
INJECTED = np.zeros((24, 4))
INJECTED[12, ROOF] = 10.0


def one_plant(pod: int, power_kw: float) -> Plants:
    return Plants(
        pod=np.array([pod]),
        power_kw=np.array([power_kw]),
        photovoltaic=np.array([True]),
        commissioned=np.array([date(2024, 6, 1).toordinal()]),
        grant_percent=np.array([0.0]),
        voltage=("LV",),
    )


def accounts(
    own: Members | None = None, power_kw: float = 50.0, price: float = 100.0, **options: Any
) -> MemberAccounts:
    plants = one_plant(ROOF, power_kw)
    members = Members(pod=np.arange(4), kind=KINDS) if own is None else own
    given: dict[str, Any] = {"configuration": "CER", "region": "Campania", "tariff_year": 2025} | options
    scheme = make_scheme(Configuration(**given), plants, members, 4)
    prices = np.full(24, price)
    bill = Tariff([all_in_tariff(0.25)] * 4, np.full(4, 3.0)).bill(GRID.times, WITHDRAWN, prices, 3600)
    settlement = scheme.settle(GRID.times, WITHDRAWN, INJECTED, prices)
    alone = seller(scheme.alone().settle(GRID.times, WITHDRAWN, INJECTED, prices))
    return member_accounts(bill, settlement, alone, members)


def test_by_hand() -> None:
    found = accounts()
    # 8 of 10 kWh are shared, 25 points above 55 %: a quarter of 8 x 0.12 EUR goes to those who are no company
    premium, excess = 0.96 * 0.75, 0.96 * 0.25
    assert found.bill_eur == pytest.approx([0.25, 0.75, 0.50, 1.50])
    assert found.sale_eur == pytest.approx([10 * 1.052 * 0.1, 0, 0, 0])
    assert found.premium_eur == pytest.approx(premium * np.array([0, 2, 1, 5]) / 8)
    assert found.excess_eur == pytest.approx(excess * np.array([0, 2, 1, 0]) / 3)
    assert found.valorisation_eur == pytest.approx(8 * 0.01057 * np.array([0, 2, 1, 5]) / 8)
    rid, gse = 14.0 + 0.65 * 30, 15.0 + 30.0
    assert found.fees_eur == pytest.approx([(rid + gse) / 365, 0, 0, 0])
    assert found.fees_alone_eur == pytest.approx([rid / 365, 0, 0, 0])
    assert found.sale_alone_eur == pytest.approx(found.sale_eur)
    shares = found.premium_eur + found.excess_eur + found.valorisation_eur
    assert found.gain_eur == pytest.approx(shares - np.array([gse / 365, 0, 0, 0]))
    assert found.net_eur == pytest.approx(found.bill_eur + found.fees_eur - found.sale_eur - shares)
    assert found.fund_eur == 0.0


def test_what_no_member_gets_goes_to_the_fund() -> None:
    found = accounts(allocation=Allocation(fund_share=0.1))
    assert found.fund_premium_eur == pytest.approx(0.072)
    assert found.fund_valorisation_eur == pytest.approx(0.008456)
    assert found.fund_excess_eur == 0.0
    companies = accounts(Members(pod=np.arange(4), kind=("company",) * 4))
    assert companies.excess_eur.tolist() == [0.0] * 4
    assert companies.fund_excess_eur == pytest.approx(0.24)
    nobody = accounts(Members(pod=np.zeros(0, dtype=int), kind=()))
    assert nobody.fund_eur == pytest.approx(0.96 + 0.08456)
    assert nobody.premium_eur.tolist() == [0.0] * 4


def test_members_in_any_order_and_number() -> None:
    found = accounts(Members(pod=np.array([SECOND, FIRST]), kind=("company", "natural_person")))
    assert found.premium_eur == pytest.approx([0, 0.72 * 2 / 3, 0.72 / 3, 0])
    assert found.excess_eur == pytest.approx([0, 0.24, 0, 0])


def test_the_error_of_sampled_shares_is_each_member_s_own() -> None:
    n = 14
    plants = one_plant(3, 50.0)
    members = Members(pod=np.arange(1, n), kind=("natural_person",) * (n - 1))
    key = Allocation(key="shapley", n_samples=10)
    rules = Configuration(configuration="CER", region="Campania", tariff_year=2025, allocation=key)
    scheme = make_scheme(rules, plants, members, n)
    withdrawn = np.random.default_rng(1).random((24, n))
    injected = np.where(np.arange(n) == 3, 4.0, 0.0) * np.ones((24, 1))
    settlement = scheme.settle(GRID.times, withdrawn, injected, np.full(24, 100.0))
    bill = Tariff([all_in_tariff(0.25)] * n, np.full(n, 3.0)).bill(GRID.times, withdrawn, np.zeros(24), 3600)
    found = member_accounts(bill, settlement, seller(settlement), members)
    assert found.share_error_eur[0] == 0.0  # no member
    assert (found.share_error_eur[1:] == settlement.share_error_eur).all()
    assert found.share_error_eur[1:].min() > 0.0


def test_without_a_configuration_nobody_gains() -> None:
    found = accounts(configuration="NONE")
    assert found.gain_eur.tolist() == [0.0] * 4
    assert found.net_eur == pytest.approx(found.net_alone_eur)


def test_alone_a_larger_plant_may_have_the_minimum_price() -> None:
    # up to 100 kW it is open to plants with the premium too; 105.2 EUR/MWh would be more, 15.78 is less
    for power_kw, together in ((50.0, 0.468), (150.0, 0.1578)):
        found = accounts(minimum_price=True, power_kw=power_kw, price=15.0)
        assert found.sale_eur[ROOF] == pytest.approx(together)
        assert found.sale_alone_eur[ROOF] == pytest.approx(0.468)
    assert accounts(minimum_price=True).sale_alone_eur[ROOF] == pytest.approx(1.052)


def test_fees_that_are_left_out_are_left_out_alone_too() -> None:
    assert accounts(fees=Fees(gse=False, rid=False)).fees_alone_eur.tolist() == [0.0] * 4


@pytest.mark.parametrize(
    ("kinds", "weight", "withdrawn", "part"),
    [
        (("natural_person", "company"), [0.4, 0.6], [1.0, 1.0], [1.0, 0.0]),
        (("natural_person", "religious"), [0.1, 0.3], [1.0, 1.0], [0.25, 0.75]),
        (("natural_person", "religious"), [0.5, 0.5], [0.0, 1.0], [0.0, 1.0]),  # no consumer
        (("natural_person", "company"), [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]),  # nothing by the key
        (("company", "company"), [0.5, 0.5], [1.0, 1.0], [0.0, 0.0]),
        (("natural_person", "natural_person"), [0.5, 0.5], [0.0, 0.0], [0.0, 0.0]),
    ],
)
def test_who_has_the_excess(
    kinds: tuple[str, ...], weight: list[float], withdrawn: list[float], part: list[float]
) -> None:
    members = Members(pod=np.arange(2), kind=kinds)
    found = weights_of_excess(members, np.array(weight), np.array([withdrawn]))
    assert found == pytest.approx(part)
