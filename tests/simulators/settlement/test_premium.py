import json
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recosim.simulators.settlement.checks import SettlementError
from recosim.simulators.settlement.premium import (
    REGIONS,
    area_of_region,
    excess_share,
    existing_power_share,
    grant_factor,
    is_existing,
    market_zone_of_region,
    premium_eur,
    premium_rate_eur_per_mwh,
    premium_transitional_eur_per_mwh,
    premium_window,
)


@pytest.mark.parametrize(
    ("power", "base"), [(0.5, 80), (200, 80), (200.1, 70), (600, 70), (600.1, 60), (1000, 60)]
)
def test_class_bases_and_caps(power: float, base: float) -> None:
    dear, cheap = premium_rate_eur_per_mwh(power, np.array([300.0, -50.0]), "south", True, 0)
    assert (dear, cheap) == (base, base + 40)


def test_a_number_for_numbers_and_an_array_for_arrays() -> None:
    one = premium_rate_eur_per_mwh(100, 150.0, "south", True, 0)
    assert isinstance(one, float)
    assert json.dumps({"rate": one}) == '{"rate": 110.0}'
    powers = premium_rate_eur_per_mwh(np.array([[200], [600], [1000]]), [150.0, 250.0], "south")
    assert powers.tolist() == [[110.0, 80.0], [100.0, 70.0], [90.0, 60.0]]
    assert premium_rate_eur_per_mwh(100, [], "south", True, 0).tolist() == []
    mixed = premium_rate_eur_per_mwh(100, 150.0, "north", [True, False], [0, 40])
    assert mixed.tolist() == [120.0, 55.0]


def test_correction_is_for_photovoltaics_and_outside_the_cap() -> None:
    assert premium_rate_eur_per_mwh(100, 0.0, "north", True, 0) == 130.0
    assert premium_rate_eur_per_mwh(100, 0.0, "centre", True, 0) == 124.0
    assert premium_rate_eur_per_mwh(100, 0.0, "north", False, 0) == 120.0


def test_grant_halves_the_premium_at_40_percent() -> None:
    assert grant_factor([0.0, 20.0, 40.0]).tolist() == [0.0, 0.25, 0.5]
    assert premium_rate_eur_per_mwh(100, 150.0, "north", True, 40) == 60.0


@given(
    power=st.floats(0.1, 1000.0),
    price=st.floats(-500.0, 4000.0),
    area=st.sampled_from(["north", "centre", "south"]),
    grant=st.floats(0.0, 40.0),
)
def test_premium_lies_between_half_the_base_and_the_cap(
    power: float, price: float, area: str, grant: float
) -> None:
    rate = float(premium_rate_eur_per_mwh(power, price, area, True, grant))
    assert 30.0 <= rate <= 130.0
    many = premium_rate_eur_per_mwh(power, np.array([price, price + 1.0]), area, True, grant)
    assert many[0] == rate
    assert many[1] <= many[0] + 1e-9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1000.01, 100.0, "south", True, 0), r"1000.01, allowed \(0, 1000\]"),
        ((0.0, 100.0, "south", True, 0), "power_kw = 0"),
        ((100, 100.0, "south", True, 40.5), r"grant_percent = 40.5, allowed \[0, 40\]"),
        ((100, np.nan, "south", True, 0), "finite"),
        ((np.array([100, 300]), np.ones(3), "south", True, 0), r"plant_kw \(2,\), .*that broadcast"),
        ((np.nan, 100.0, "south", True, 0), "power_kw = nan"),
        ((100, 100.0, "south", True, np.nan), "grant_percent = nan"),
        ((100, 100.0, "islands", True, 0), "allowed: north, centre, south"),
    ],
)
def test_refused(arguments: tuple[Any, Any, str, bool, float], message: str) -> None:
    with pytest.raises(SettlementError, match=message):
        premium_rate_eur_per_mwh(*arguments)


def test_regions() -> None:
    assert len(REGIONS) == 20
    assert {region for region in REGIONS if area_of_region(region) == "centre"} == {
        "Lazio", "Marche", "Toscana", "Umbria", "Abruzzo",
    }  # fmt: skip
    assert sum(area_of_region(region) == "north" for region in REGIONS) == 8
    zones = {
        zone: {r for r in REGIONS if market_zone_of_region(r) == zone} for zone in ("CNOR", "CSUD", "SUD")
    }
    assert zones["CNOR"] == {"Toscana", "Marche"}
    assert zones["CSUD"] == {"Lazio", "Abruzzo", "Umbria", "Campania"}
    assert zones["SUD"] == {"Molise", "Puglia", "Basilicata"}
    assert market_zone_of_region("emilia_romagna") == "NORD"
    with pytest.raises(SettlementError, match="region = 'Napoli'"):
        area_of_region("Napoli")


def test_premium_with_exempt_withdrawals() -> None:
    energy = np.array([[10.0]])
    rate = np.array([[110.0]])
    assert premium_eur(energy, rate, 0.5, np.array([[0.6]]))[0, 0] == pytest.approx(6 * 0.110 + 4 * 0.055)


def test_excess() -> None:
    assert excess_share([1600.0, 100.0, 0.0], [2000.0, 2000.0, 0.0], 0.55) == pytest.approx([0.25, 0.0, 0.0])
    assert excess_share(1600.0, 2000.0, 0.55, "ratio") == pytest.approx(0.3125)
    assert excess_share([0.0], [0.0], 0.55, "ratio").tolist() == [0.0]
    with pytest.raises(SettlementError, match="points, ratio"):
        excess_share(1.0, 1.0, 0.55, "half")


def test_existing_plants() -> None:
    days = np.array([date(2021, 12, 15).toordinal(), date(2021, 12, 16).toordinal()])
    assert is_existing(days).tolist() == [True, False]
    assert existing_power_share(np.array([30.0, 70.0]), days) == pytest.approx(0.3)


def test_twenty_years_from_local_midnight() -> None:
    first, last = premium_window(date(2024, 3, 15).toordinal())
    assert first == pd.Timestamp("2024-03-14T23:00Z").timestamp()
    assert last == pd.Timestamp("2044-03-14T23:00Z").timestamp()
    assert premium_window(date(2080, 2, 29).toordinal())[1] == pd.Timestamp("2100-02-28T23:00Z").timestamp()


def test_transitional() -> None:
    assert premium_transitional_eur_per_mwh("GAC") == 100.0
    assert premium_transitional_eur_per_mwh("CER") == 110.0
    with pytest.raises(SettlementError, match="allowed: GAC, CER"):
        premium_transitional_eur_per_mwh("AID")
