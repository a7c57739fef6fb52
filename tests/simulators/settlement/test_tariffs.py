import numpy as np
import pytest

from recosim.contracts import Tariff as TariffProtocol
from recosim.simulators.settlement.checks import SettlementError
from recosim.simulators.settlement.tariffs import (
    EnergyPrice,
    Tariff,
    all_in_tariff,
    household_tariff,
    mean_price_by_band,
    non_domestic_tariff,
)
from recosim.timegrid import TimeGrid

GRID = TimeGrid.from_local_date("2025-06-04", 1, 900)  # a Wednesday
N = GRID.n_steps


def test_marginal_price_of_a_household_by_hand() -> None:
    tariff: TariffProtocol = Tariff([household_tariff(2025)], np.array([3.0]))
    rate = tariff.rates(GRID.times, np.full(N, 106.0))
    by_hand = ((0.106 + 0.020 + 0.020) * 1.10 + 0.01003 + 0.0298 + 0.0088 + 0.0227) * 1.10
    assert rate == pytest.approx(np.full((N, 1), by_hand))
    assert 0.20 < by_hand < 0.33


def test_marginal_price_of_common_services_by_hand() -> None:
    rate = Tariff([non_domestic_tariff(2025)], np.array([3.0])).rates(GRID.times, np.full(N, 100.0))
    assert rate[0, 0] == pytest.approx(((0.140) * 1.10 + 0.01003 + 0.0298 + 0.0088 + 0.0125) * 1.22)


def test_all_kinds_side_by_side() -> None:
    by_band = EnergyPrice(kind="bands", values_eur_per_kwh=(0.3, 0.2, 0.1), spread_eur_per_kwh=0.01)
    flat = EnergyPrice(kind="flat", values_eur_per_kwh=(0.12,), spread_eur_per_kwh=0.03)
    tariff = Tariff(
        [all_in_tariff(0.25), household_tariff(2025, by_band), household_tariff(2025, flat)], np.full(3, 3.0)
    )
    rate = tariff.rates(GRID.times, np.linspace(0, 300, N))
    assert rate[:, 0] == pytest.approx(np.full(N, 0.25))
    assert np.ptp(rate[:, 2]) == pytest.approx(0.0, abs=1e-12)
    # F3 to 7:00, F2 to 8:00, F1 to 19:00, F2 to 23:00
    by_hour = rate[::4, 1]
    f1, f2, f3 = by_hour[12], by_hour[7], by_hour[3]
    assert (f1 - f2, f2 - f3) == pytest.approx((0.1 * 1.1 * 1.1,) * 2)
    assert by_hour == pytest.approx([f3] * 7 + [f2] + [f1] * 11 + [f2] * 4 + [f3])


def test_bands_outside_the_table_already_made() -> None:
    by_band = EnergyPrice(kind="bands", values_eur_per_kwh=(0.3, 0.2, 0.1))
    tariff = Tariff([household_tariff(2025, by_band)], np.full(1, 3.0))
    price = np.zeros(N)
    first = tariff.rates(GRID.times, price)
    for date in ("2027-06-02", "2024-06-05"):  # a holiday later, a working Wednesday earlier
        grid = TimeGrid.from_local_date(date, 1, 900)
        holiday = date.startswith("2027")
        assert (np.ptp(tariff.rates(grid.times, price)) == 0.0) == holiday
    assert (tariff.rates(GRID.times, price) == first).all()


def test_mean_price_by_band() -> None:
    hours = np.repeat(np.arange(24), 4)
    f1, f2, f3 = mean_price_by_band(GRID.times, hours.astype(float))
    assert f1 == pytest.approx(np.mean(np.arange(8, 19)) / 1000)
    assert f2 == pytest.approx(np.mean([7, 19, 20, 21, 22]) / 1000)
    assert f3 == pytest.approx(np.mean([0, 1, 2, 3, 4, 5, 6, 23]) / 1000)


def test_later_years_are_noted_once() -> None:
    tariff = Tariff([household_tariff(2031)] * 3, np.full(3, 3.0))
    assert len(tariff.notes) == len(set(tariff.notes)) >= 5
    named = {note.split(":")[0] for note in tariff.notes}
    assert {"excise_household_eur_per_kwh", "vat_household"} <= named
    assert Tariff([household_tariff(2025)], np.full(1, 3.0)).notes == ()


def test_refused() -> None:
    with pytest.raises(SettlementError, match="allowed: flat, bands, hourly"):
        EnergyPrice(kind="monthly")
    with pytest.raises(SettlementError, match="has 1 values, allowed: 3"):
        EnergyPrice(kind="bands", values_eur_per_kwh=(0.1,))
    with pytest.raises(SettlementError, match="one value for each of the 1 tariffs"):
        Tariff([all_in_tariff(0.25)], np.full(2, 3.0))
    with pytest.raises(SettlementError, match="tariff_year = 2021"):
        household_tariff(2021)


def test_mean_price_by_band_with_the_holiday_of_4_october() -> None:
    # in 2027 it is a Monday: as a holiday its F1 hours count as F3
    grid = TimeGrid.from_local_date("2027-10-04", 2)
    price = np.where(grid.local.day == 4, 100.0, 200.0)
    assert mean_price_by_band(grid.times, price)[0] == pytest.approx(0.150)
    f1, _, f3 = mean_price_by_band(grid.times, price, october_4=True)
    assert f1 == pytest.approx(0.200)
    assert f3 == pytest.approx((24 * 100.0 + 8 * 200.0) / 32 / 1000.0)
