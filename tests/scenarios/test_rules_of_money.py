from typing import Any

import numpy as np
import pytest

from recosim.components import Pods
from recosim.scenarios.community import parts_of
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.rules_of_money import sharing_of, tariff_of, tariff_year
from recosim.simulators.settlement.scheme import Cacer, NoSharing, Transitional
from recosim.simulators.settlement.tariffs import Tariff
from recosim.timegrid import TimeGrid

ROME = "Europe/Rome"
WEEK = TimeGrid.from_local_date("2025-06-02", 7)
PUN = 100.0 + 50.0 * np.sin(np.arange(WEEK.n_steps) / 10.0)


def pods(*overrides: str) -> Pods:
    return parts_of(load_scenario("naples", overrides)).pods


def tariff(*overrides: str) -> Tariff:
    scenario = load_scenario("naples", overrides)
    return tariff_of(scenario, parts_of(scenario).pods, WEEK.times, PUN, ROME)


def sharing(*overrides: str) -> Any:
    scenario = load_scenario("naples", overrides)
    return sharing_of(scenario, parts_of(scenario).pods, ROME)


def test_hourly_tariff_follows_the_pun() -> None:
    rates = tariff().rates(WEEK.times, PUN)
    assert rates.shape == (WEEK.n_steps, 11)
    for column in rates.T:
        slope, offset = np.polyfit(PUN, column, 1)
        np.testing.assert_allclose(column, slope * PUN + offset, atol=1e-12)
        assert 0.001 < slope < 0.0014, "EUR/MWh to EUR/kWh, with losses and VAT"


def test_dwellings_are_residents_and_common_services_are_not() -> None:
    made = tariff().tariffs
    assert [one.excise_exemption for one in made] == [True] * 10 + [False]
    assert made[0].vat == pytest.approx(0.10)
    assert made[10].vat == pytest.approx(0.22)


def test_flat_tariff_takes_the_mean_pun_unless_it_is_given() -> None:
    assert tariff("tariff.kind=flat").tariffs[0].energy.values_eur_per_kwh == pytest.approx(
        (PUN.mean() / 1e3,)
    )
    given = tariff("tariff.kind=flat", "tariff.price_energy_eur_per_kwh=0.15")
    assert given.tariffs[0].energy.values_eur_per_kwh == (0.15,)
    assert np.ptp(given.rates(WEEK.times, PUN), axis=0).max() == pytest.approx(0.0, abs=1e-12)


def test_bands_take_the_mean_pun_of_each_band_unless_they_are_given() -> None:
    values = tariff("tariff.kind=bands").tariffs[0].energy.values_eur_per_kwh
    assert len(set(values)) == 3
    assert all(PUN.min() / 1e3 < value < PUN.max() / 1e3 for value in values)
    given = tariff("tariff.kind=bands", "tariff.prices_energy_bands={f1: 0.2, f2: 0.15, f3: 0.1}")
    assert given.tariffs[0].energy.values_eur_per_kwh == (0.2, 0.15, 0.1)


def test_one_price_for_everything() -> None:
    made = tariff("tariff.price_all_in_eur_per_kwh=0.25")
    np.testing.assert_allclose(made.rates(WEEK.times, PUN), 0.25)
    withdrawn = np.full((WEEK.n_steps, 11), 0.1)
    assert made.bill(WEEK.times, withdrawn, PUN, 900).total_eur.sum() == pytest.approx(0.25 * withdrawn.sum())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dispatching_eur_per_kwh", 0.5),
        ("losses", 0.5),
        ("network_fixed_eur_per_year", 1.5),
        ("network_power_eur_per_kw_month", 2.5),
        ("network_energy_eur_per_kwh", 0.3),
        ("system_eur_per_kwh", 0.4),
        ("excise_eur_per_kwh", 0.6),
        ("vat", 0.0),
    ],
)
def test_a_regulated_figure_is_replaced(key: str, value: float) -> None:
    for one in tariff(f"tariff.{key}={value}").tariffs:
        assert getattr(one, key) == value


def test_sales_and_spread() -> None:
    made = tariff("tariff.sales_eur_per_year=50", "tariff.spread_eur_per_kwh=0.03").tariffs
    assert {one.sales_eur_per_year for one in made} == {50.0}
    assert {one.energy.spread_eur_per_kwh for one in made} == {0.03}


@pytest.mark.parametrize(
    ("overrides", "kind"),
    [
        ([], Cacer),
        (["settlement.regime=transitional"], Transitional),
        (["settlement.configuration=NONE"], NoSharing),
        (["settlement.configuration=NONE", "settlement.regime=transitional"], NoSharing),
    ],
)
def test_kind_of_scheme(overrides: list[str], kind: type) -> None:
    assert type(sharing(*overrides)) is kind


def test_plants_stand_where_their_meters_are() -> None:
    plants = sharing().plants
    assert plants.names == ("roof", "flat-03-pv", "flat-04-pv", "flat-06-pv", "flat-09-pv")
    assert plants.pod.tolist() == [10, 2, 3, 5, 8]
    assert plants.power_kw.tolist() == [20.0, 3.0, 3.0, 3.0, 3.0]


def test_every_delivery_point_is_a_member() -> None:
    members = sharing().members
    assert members.pod.tolist() == list(range(11))
    assert members.kind == ("natural_person",) * 10 + ("company",)


def test_options_reach_the_configuration() -> None:
    configuration = sharing(
        "settlement.settlement_step=quarter",
        "settlement.allocation.key=equal",
        "settlement.fees.gse=false",
        "settlement.minimum_price=true",
        "settlement.region=Lombardia",
        "seed=42",
    ).configuration
    assert configuration.settlement_step == "quarter"
    assert (configuration.allocation.key, configuration.allocation.seed) == ("equal", 42)
    assert (configuration.fees.gse, configuration.fees.rid) == (False, True)
    assert configuration.minimum_price
    assert configuration.region == "Lombardia"
    assert configuration.timezone == ROME


def test_year_of_the_regulated_figures() -> None:
    assert tariff_year(load_scenario("naples", ["period.start=2024-05-01"])) == 2024
    assert tariff_year(load_scenario("naples", ["settlement.tariff_year=2023"])) == 2023


def test_money_of_a_community_without_plants() -> None:
    made = sharing(
        "community.plants=[]", *(f"community.dwellings[{i}].photovoltaics=null" for i in (2, 3, 5, 8))
    )
    nothing = np.zeros((24, 11))
    settled = made.settle(WEEK.times[:96:4], nothing + 1.0, nothing, np.full(24, 100.0))
    assert settled.net_eur == 0.0
