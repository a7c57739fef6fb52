from datetime import date
from typing import Any

import numpy as np
import pytest

from recosim.contracts import SharingScheme
from recosim.simulators.settlement.allocation import Allocation
from recosim.simulators.settlement.checks import SettlementError
from recosim.simulators.settlement.configuration import Configuration, Fees, Members, Plants
from recosim.simulators.settlement.premium import premium_rate_eur_per_mwh
from recosim.simulators.settlement.scheme import Cacer, NoSharing, Transitional, make_scheme
from recosim.timegrid import TimeGrid

NEW, OLD = date(2024, 6, 1).toordinal(), date(2019, 6, 1).toordinal()
N_PODS = 5
GRID = TimeGrid.from_local_date("2025-06-02", 2, 3600)


def plants(**changes: Any) -> Plants:
    given: dict[str, Any] = {
        "pod": np.array([0, 1]),
        "power_kw": np.array([20.0, 3.0]),
        "photovoltaic": True,
        "commissioned": NEW,
        "grant_percent": 0.0,
        "voltage": ("LV", "LV"),
        "names": ("roof", "flat 3"),
    } | changes
    return Plants(**given)


def scheme(own: Plants | None = None, members: Members | None = None, **options: Any) -> Any:
    given: dict[str, Any] = {"configuration": "GAC", "region": "Campania", "tariff_year": 2025} | options
    everybody = Members(pod=np.arange(N_PODS), kind=("natural_person",) * N_PODS)
    return make_scheme(
        Configuration(**given),
        own if own is not None else plants(),
        members if members is not None else everybody,
        N_PODS,
    )


def meters(seed: int = 0, grid: TimeGrid = GRID) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    injected = np.zeros((grid.n_steps, N_PODS))
    injected[:, :2] = 4 * rng.random((grid.n_steps, 2))
    price = np.repeat(250 * rng.random(grid.n_steps // grid.steps_per_hour) - 20, grid.steps_per_hour)
    return rng.random((grid.n_steps, N_PODS)), injected, price


def test_kinds_of_scheme() -> None:
    for found, kind in (
        (scheme(), Cacer),
        (scheme(regime="transitional"), Transitional),
        (scheme(configuration="NONE"), NoSharing),
    ):
        assert type(found) is kind
        protocol: SharingScheme = found
        assert protocol.rates_sale(GRID.times, np.full(48, 100.0)).shape == (48, N_PODS)


@pytest.mark.parametrize("options", [{}, {"configuration": "CER"}, {"regime": "transitional"}])
def test_one_class_is_one_tranche_that_pays_what_is_settled(options: dict[str, Any]) -> None:
    what = scheme(**options)
    withdrawn, injected, price = meters()
    (tranche,) = what.rates(GRID.times, price)
    assert tranche.injecting.tolist() == [True, True, False, False, False]
    shared = np.minimum(injected.sum(axis=1), withdrawn.sum(axis=1))
    found = what.settle(GRID.times, withdrawn, injected, price)
    hourly = found.premium_eur.sum(axis=1) + found.valorisation_eur
    assert tranche.rate_eur_per_kwh * shared == pytest.approx(hourly, abs=1e-12)


def test_rate_of_naples_by_hand() -> None:
    (tranche,) = scheme().rates(GRID.times, np.full(48, 107.5))
    assert tranche.rate_eur_per_kwh[0] == pytest.approx((120 + 10.57 + 0.65 + 0.026 * 107.5) / 1000)
    sale = scheme().rates_sale(GRID.times, np.full(48, 107.5))
    assert sale[0] == pytest.approx([0.11309, 0.11309, 0, 0, 0])


def test_two_classes_are_two_tranches_and_the_valorisation() -> None:
    what = scheme(plants(power_kw=np.array([20.0, 300.0])))
    tranches = what.rates(GRID.times, np.full(48, 150.0))
    assert [t.pool for t in tranches] == ["premium", "premium", "valorisation"]
    assert [t.rate_eur_per_kwh[0] for t in tranches] == pytest.approx([0.110, 0.100, 0.01122 + 0.0039])
    assert [t.injecting[:2].tolist() for t in tranches] == [[True, False], [False, True], [True, True]]


def test_an_existing_plant_is_in_the_valorisation_only() -> None:
    what = scheme(plants(commissioned=np.array([NEW, OLD])))
    premium, valorisation = what.rates(GRID.times, np.full(48, 150.0))
    assert premium.injecting.tolist() == [True, False, False, False, False]
    assert valorisation.injecting.tolist() == [True, True, False, False, False]
    found = what.settle(GRID.times, *meters())
    assert found.energy_incentivised_kwh[:, 1].sum() == 0.0
    assert found.energy_shared_total_kwh > found.energy_incentivised_total_kwh


def test_days_of_commissioning_do_not_split_a_class() -> None:
    days = np.array([date(2022, 5, 1).toordinal(), NEW])
    assert len(scheme(plants(commissioned=days)).rates(GRID.times, np.full(48, 100.0))) == 1
    # commissioned within the year: its premium begins later, so it keeps its own tranche
    late = scheme(plants(commissioned=np.array([NEW, date(2025, 6, 3).toordinal()])))
    _, second, _ = late.rates(GRID.times, np.full(48, 100.0))
    assert second.rate_eur_per_kwh.tolist() == [0.0] * 24 + [pytest.approx(0.12)] * 24
    found = late.settle(GRID.times, *meters())
    assert found.premium_eur[:24, 1].sum() == 0.0
    assert found.premium_eur[24:, 1].sum() > 0.0
    assert "flat 3" in found.notes[0]


def test_the_premium_ends_after_twenty_years() -> None:
    day = TimeGrid.from_local_date("2044-03-14", 2, 3600)
    what = scheme(plants(commissioned=date(2024, 3, 15).toordinal()), tariff_year=2044, configuration="CER")
    withdrawn, injected, price = meters(grid=day)
    found = what.settle(day.times, withdrawn, injected, price)
    paid = found.premium_eur.sum(axis=1) > 0.0
    assert paid.tolist() == [True] * 24 + [False] * 24
    assert found.energy_shared_kwh[24:].min() > 0.0
    # the excess looks at what was injected while the premium was due, in the same calendar year
    first = slice(0, 24)
    share = found.energy_incentivised_total_kwh / injected[first].sum()
    assert found.premium_excess_eur == pytest.approx(max(share - 0.55, 0.0) * found.premium_total_eur)
    assert found.premium_excess_eur > 0.0
    (tranche,) = what.rates(day.times, price)
    assert tranche.rate_eur_per_kwh[24:] == pytest.approx(np.full(24, 0.01057))
    assert tranche.rate_eur_per_kwh[:24].min() > 0.05
    assert [note for note in found.notes if "2044" in note]
    assert [note for note in found.notes if "after its 20 years" in note]


def test_valorisation_can_be_left_out() -> None:
    what = scheme(valorisation=False, regime="transitional", tariff_year=2022)
    (tranche,) = what.rates(GRID.times, np.full(48, 100.0))
    assert tranche.rate_eur_per_kwh.tolist() == [0.10] * 48
    assert what.settle(GRID.times, *meters()).valorisation_total_eur == 0.0


def test_grant_and_exempt_withdrawals_in_the_rate() -> None:
    granted = plants(grant_percent=40.0)
    companies = Members(pod=np.arange(5), kind=("company",) * 5)
    price = np.full(48, 150.0)
    assert scheme(granted, configuration="AID").rates(GRID.times, price)[0].rate_eur_per_kwh[
        0
    ] == pytest.approx(0.110 + 0.01057)
    assert scheme(granted, companies, configuration="AID").rates(GRID.times, price)[0].rate_eur_per_kwh[
        0
    ] == pytest.approx(0.055 + 0.01057)


def test_prices_within_an_hour_are_averaged_in_rates_and_settlement() -> None:
    grid = TimeGrid.from_local_date("2025-06-02", 1, 900)
    price = np.tile([100.0, 120.0, 140.0, 240.0], 24)
    what = scheme(configuration="CER")
    (tranche,) = what.rates(grid.times, price)
    assert tranche.rate_eur_per_kwh == pytest.approx(np.full(96, 0.110 + 0.01057))
    withdrawn, injected, _ = meters(grid=grid)
    found = what.settle(grid.times, withdrawn, injected, price)
    assert found.premium_eur.sum(axis=1) == pytest.approx(found.energy_shared_kwh * 0.110)
    # the horizon may begin within an hour: 140 and 240 are left
    (late,) = what.rates(grid.times[2:], price[2:])
    assert late.rate_eur_per_kwh[:3] == pytest.approx([0.080 + 0.01057] * 2 + [0.110 + 0.01057])


def test_plants_behind_one_meter() -> None:
    together = plants(pod=np.array([0, 0]), power_kw=np.array([100.0, 300.0]))
    what = scheme(together, configuration="CER", attribution="pro_rata")
    (tranche,) = what.rates(GRID.times, np.full(48, 150.0))
    assert tranche.rate_eur_per_kwh[0] == pytest.approx(0.25 * 0.110 + 0.75 * 0.100 + 0.01057)
    withdrawn, injected, _ = meters()
    injected[:, 1] = 0.0
    found = what.settle(GRID.times, withdrawn, injected, np.full(48, 150.0))
    paid = found.premium_eur.sum(axis=1) + found.valorisation_eur
    assert paid == pytest.approx(tranche.rate_eur_per_kwh * found.energy_shared_kwh)
    with pytest.raises(SettlementError, match="'roof' and 'flat 3'.*one meter cannot"):
        scheme(plants(pod=np.array([0, 0]), commissioned=np.array([OLD, NEW])))


def test_settlement_by_hand_through_the_formula() -> None:
    withdrawn, injected, price = meters(5)
    found = scheme(configuration="AID").settle(GRID.times, withdrawn, injected, price)
    shared = np.minimum(injected.sum(axis=1), withdrawn.sum(axis=1))
    tip = premium_rate_eur_per_mwh(20.0, price, "south", True, 0)
    assert found.premium_total_eur == pytest.approx(float(shared @ tip) / 1000)
    assert found.sale_total_eur == pytest.approx(float((injected.sum(axis=1) * 1.052) @ price) / 1000)
    assert found.fees_eur == pytest.approx((15.0 + 14.0 + 2.1) * 2 / 365)
    assert found.net_eur == pytest.approx(
        found.premium_total_eur + found.valorisation_total_eur + found.sale_total_eur - found.fees_eur
    )


def test_no_sharing_sells_only() -> None:
    found = scheme(configuration="NONE").settle(GRID.times, *meters())
    assert (found.energy_shared_total_kwh, found.premium_total_eur, found.valorisation_total_eur) == (0, 0, 0)
    assert found.sale_total_eur == pytest.approx(scheme().settle(GRID.times, *meters()).sale_total_eur)
    assert found.fees_gse_eur == 0.0
    assert scheme(configuration="NONE").rates(GRID.times, np.zeros(48)) == ()
    assert not found.share_premium_eur.any()


def test_minimum_price_by_calendar_year() -> None:
    grid = TimeGrid.from_local_date("2024-12-31", 2, 3600)
    withdrawn, injected, _ = meters(grid=grid)
    price = np.repeat([10.0, 200.0], 24)
    found = scheme(minimum_price=True).settle(grid.times, withdrawn, injected, price)
    lacking = injected[:24].sum(axis=0) * (46.8 - 1.052 * 10.0) / 1000  # the second year needs nothing
    assert found.sale_minimum_eur == pytest.approx(lacking)
    assert scheme().settle(grid.times, withdrawn, injected, price).sale_minimum_eur.sum() == 0.0


def test_excess_by_set_of_plants() -> None:
    mixed = plants(grant_percent=np.array([0.0, 40.0]))
    companies = Members(pod=np.arange(5), kind=("company",) * 5)
    withdrawn = np.full((48, 5), 2.0)
    injected = np.zeros((48, 5))
    injected[:, 0], injected[:, 1] = 10.0, 5.0  # seniority: the smaller plant first, so 5 and 5 are shared
    found = scheme(mixed, companies, configuration="CER").settle(
        GRID.times, withdrawn, injected, np.full(48, 150.0)
    )
    assert found.energy_incentivised_kwh[0].tolist() == [5.0, 5.0]
    with_grant = 0.55 * 48 * 5 * 0.055  # all of it shared: 1 - 0.45; the other set shares only half
    assert found.premium_excess_eur == pytest.approx(with_grant)
    assert (
        scheme(regime="transitional")
        .settle(GRID.times, withdrawn, injected, np.full(48, 150.0))
        .premium_excess_eur
        == 0.0
    )


def test_fund_and_members() -> None:
    some = Members(pod=np.array([3, 4]), kind=("natural_person", "company"))
    found = scheme(members=some, allocation=Allocation(fund_share=0.1)).settle(GRID.times, *meters())
    net = found.premium_total_eur - found.premium_excess_eur
    assert found.fund_premium_eur == pytest.approx(0.1 * net, abs=0.01)
    assert found.share_premium_eur.sum() + found.fund_premium_eur == pytest.approx(net, abs=0.005)
    nobody = Members(pod=np.zeros(0, dtype=int), kind=())
    assert scheme(members=nobody).settle(GRID.times, *meters()).fund_premium_eur == pytest.approx(
        net, abs=0.005
    )


def test_injection_without_a_plant_is_noted() -> None:
    withdrawn, injected, price = meters()
    injected[0, 4] = 1.5
    found = scheme().settle(GRID.times, withdrawn, injected, price)
    assert "1.500 kWh" in found.notes[0]
    assert found.sale_eur[0, 4] == 0.0


def test_the_order_in_which_plants_are_written_down_pays_nobody() -> None:
    """Same day, same power: the one without a grant comes first, wherever it stands in the list."""
    withdrawn, injected, price = meters()
    injected *= 2.0  # more than is withdrawn, so that one of the two is left out
    nobody_exempt = Members(pod=np.arange(N_PODS), kind=("company",) * N_PODS)
    paid = []
    for swap in (slice(None), slice(None, None, -1)):
        two = plants(pod=np.array([0, 1])[swap], power_kw=20.0, grant_percent=np.array([0.0, 40.0])[swap])
        found = scheme(two, nobody_exempt, configuration="CER").settle(GRID.times, withdrawn, injected, price)
        paid.append((found.premium_total_eur, found.premium_excess_eur))
    assert paid[0] == pytest.approx(paid[1])
    assert paid[0][0] > 0.0


def test_sampled_values_are_said_to_be_estimates() -> None:
    key = Allocation(key="shapley", n_samples=7)
    assert scheme(allocation=key).settle(GRID.times, *meters()).notes == ()
    n = 13
    many = make_scheme(
        Configuration(configuration="CER", region="Campania", tariff_year=2025, allocation=key),
        plants(),
        Members(pod=np.arange(n), kind=("natural_person",) * n),
        n,
    )
    rng = np.random.default_rng(0)
    injected = np.zeros((48, n))
    injected[:, :2] = 4 * rng.random((48, 2))
    found = many.settle(GRID.times, rng.random((48, n)), injected, np.full(48, 100.0))
    (note,) = found.notes
    assert "13 members are estimated from 7 random orders" in note
    assert f"up to {found.share_error_eur.max():.2f} EUR" in note
    assert found.share_error_eur.max() > 0.01


def test_every_figure_of_an_earlier_year_is_told() -> None:
    notes = scheme(tariff_year=2031, minimum_price=True).settle(GRID.times, *meters()).notes
    assert [note.split(":")[0] for note in notes] == [
        "trase_eur_per_mwh",
        "btau_eur_per_mwh",
        "avoided_losses_lv",
        "loss_uplift_sale_lv",
        "price_minimum_photovoltaic_eur_per_mwh",
    ]
    assert all("2031" in note and "2026" in note for note in notes)
    assert scheme(minimum_price=True).settle(GRID.times, *meters()).notes == ()


def test_quarter_rule_needs_quarters() -> None:
    with pytest.raises(SettlementError, match="3600 s apart"):
        scheme(settlement_step="quarter").settle(GRID.times, *meters())


def test_nothing_to_settle() -> None:
    empty = np.zeros((0, N_PODS))
    found = scheme().settle(np.zeros(0, dtype=np.int64), empty, empty, np.zeros(0))
    assert (found.premium_total_eur, found.net_eur) == (0.0, 0.0)
    without = make_scheme(
        Configuration(
            configuration="CER", region="Campania", tariff_year=2025, fees=Fees(gse=False, rid=False)
        ),
        plants(pod=np.zeros(0, dtype=int), power_kw=np.zeros(0), voltage=(), names=()),
        Members(pod=np.arange(N_PODS), kind=("natural_person",) * N_PODS),
        N_PODS,
    )
    withdrawn, _, price = meters()
    assert without.settle(GRID.times, withdrawn, np.zeros_like(withdrawn), price).net_eur == 0.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: plants(power_kw=np.array([20.0, 1200.0])),
            r"'flat 3': power_kw = 1200, allowed \(0, 1000\]",
        ),
        (lambda: plants(grant_percent=41.0), r"'roof': grant_percent = 41, allowed \[0, 40\]"),
        (lambda: plants(voltage=("LV",)), "voltage has 1 values, allowed: 2"),
        (lambda: plants(voltage=("LV", "BT")), "allowed: LV, MV, HV"),
        (lambda: plants(power_kw=np.ones(3)), "plants.power_kw.*allowed: 2 values or one"),
        (lambda: plants(pod=np.array([0, 0]), voltage=("LV", "MV")), "one delivery point at"),
        (lambda: scheme(plants(pod=np.array([0, 5]))), "plants.pod = 5, allowed: 0 to 4"),
        (lambda: scheme(plants(commissioned=OLD), configuration="CER"), "roof, flat 3.*100%.*allowed: 30%"),
        (lambda: scheme(configuration="REC"), "allowed: CER, GAC, AID, NONE"),
        (lambda: scheme(configuration="AID", regime="transitional"), "transitional regime"),
        (lambda: scheme(region="Naples"), "region = 'Naples'"),
        (lambda: scheme(tariff_year=2022), "tariff_year = 2022"),
        (lambda: Members(pod=np.array([1, 1]), kind=("natural_person",) * 2), "at most once"),
        (lambda: Members(pod=np.array([1]), kind=("shop",)), "members.kind = 'shop'"),
        (
            lambda: scheme(
                members=Members(pod=np.array([2]), kind=("natural_person",)),
                allocation=Allocation(key="shapley"),
            ),
            "'roof' stands behind a delivery point that is no",
        ),
        (
            lambda: scheme().settle(GRID.times, np.full((48, 5), -1.0), np.zeros((48, 5)), np.zeros(48)),
            r"withdrawn_kwh\[0, 0\] = -1 kWh",
        ),
        (
            lambda: scheme().settle(GRID.times, np.zeros((48, 5)), np.zeros((48, 4)), np.zeros(48)),
            r"injected_kwh has shape \(48, 4\)",
        ),
        (lambda: scheme().rates(GRID.times, np.full(48, np.nan)), "price_zonal_eur_per_mwh"),
    ],
)
def test_refused(make: Any, message: str) -> None:
    with pytest.raises(SettlementError, match=message):
        make()
