import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recosim.simulators.settlement.bill import excise_exemption_kwh
from recosim.simulators.settlement.checks import SettlementError
from recosim.simulators.settlement.tariffs import (
    EnergyPrice,
    Tariff,
    all_in_tariff,
    household_tariff,
    non_domestic_tariff,
)
from recosim.timegrid import TimeGrid


@pytest.mark.parametrize(
    ("power", "energy", "exempt"),
    [
        (1.5, 150, 150),
        (1.5, 200, 100),
        (1.5, 300, 0),
        (3.0, 220, 150),
        (3.0, 300, 70),
        (3.0, 370, 0),
        (3.1, 10, 0),
    ],
)
def test_exemption(power: float, energy: float, exempt: float) -> None:
    assert excise_exemption_kwh(energy, power) == pytest.approx(exempt)
    # half a month has half of everything
    assert excise_exemption_kwh(energy / 2, power, 0.5) == pytest.approx(exempt / 2)


@given(energy=st.floats(0, 1000), power=st.sampled_from([1.0, 1.5, 3.0, 4.5]), fraction=st.floats(0.01, 1))
def test_exemption_never_exceeds_the_energy(energy: float, power: float, fraction: float) -> None:
    assert 0.0 <= float(excise_exemption_kwh(energy, power, fraction)) <= min(energy, 150.0 * fraction + 1e-9)


def test_a_year_has_the_yearly_amounts_and_a_part_its_days() -> None:
    tariff = Tariff([household_tariff(2025)], np.array([3.0]))

    def fixed(start: str, days: int) -> float:
        grid = TimeGrid.from_local_date(start, days)
        nothing = np.zeros((grid.n_steps, 1))
        return float(tariff.bill(grid.times, nothing, np.full(grid.n_steps, 100.0), 900).by_pod_eur[0])

    year = (120.0 + 20.46 + 1.71 * 3 * 12) * 1.1
    assert fixed("2025-01-01", 365) == pytest.approx(year)
    assert fixed("2025-03-01", 31) == pytest.approx(year / 12)
    assert fixed("2025-10-24", 7) == pytest.approx(year / 12 * 7 / 31)  # the day of 25 hours is a day
    assert fixed("2025-10-26", 1) == pytest.approx(year / 12 / 31)


def test_bill_is_the_marginal_price_less_the_exemption_plus_fixed_parts() -> None:
    rng = np.random.default_rng(3)
    bands = EnergyPrice(kind="bands", values_eur_per_kwh=(0.20, 0.15, 0.10), spread_eur_per_kwh=0.01)
    tariffs = [
        household_tariff(2025),
        household_tariff(2025, bands),
        household_tariff(2025),
        non_domestic_tariff(2025),
    ]
    tariff = Tariff(tariffs, np.array([3.0, 3.0, 4.5, 3.0]))
    grid = TimeGrid.from_local_date("2025-03-01", 61)
    withdrawn = rng.random((grid.n_steps, 4)) * np.array([0.05, 0.08, 0.05, 0.05])
    price = 200.0 * rng.random(grid.n_steps) - 20.0
    bill = tariff.bill(grid.times, withdrawn, price, 900)
    marginal = (tariff.rates(grid.times, price) * withdrawn).sum(axis=0)
    fixed = (bill.sales_eur + bill.network_fixed_eur + bill.network_power_eur).sum(axis=0)
    exempt = excise_exemption_kwh(bill.energy_kwh, 3.0, 1.0) * np.array([1.0, 1.0, 0.0, 0.0])
    saved = exempt.sum(axis=0) * 0.0227
    taxed = 1.0 + tariff.charges.vat
    assert bill.by_pod_eur == pytest.approx(marginal + (fixed - saved) * taxed, rel=1e-12)
    assert saved[0] > 1.0
    assert bill.energy_kwh.sum(axis=0) == pytest.approx(withdrawn.sum(axis=0))


def test_a_flat_paper_price_is_all_there_is() -> None:
    grid = TimeGrid.from_local_date("2025-07-01", 3, 3600)
    tariff = Tariff([all_in_tariff(0.25)], np.array([4.5]))
    bill = tariff.bill(grid.times, np.ones((grid.n_steps, 1)), np.full(grid.n_steps, 99.0), 3600)
    assert bill.total_eur.sum() == pytest.approx(0.25 * 72)
    assert bill.energy_eur.sum() == pytest.approx(0.25 * 72)


def test_bad_energies_are_refused() -> None:
    tariff = Tariff([all_in_tariff(0.25)] * 2, np.full(2, 3.0))
    times, price = 3600 * np.arange(2), np.zeros(2)
    with pytest.raises(SettlementError, match=r"withdrawn_kwh\[1, 0\] = -1 kWh"):
        tariff.bill(times, np.array([[0.0, 0.0], [-1.0, 0.0]]), price, 3600)
    with pytest.raises(SettlementError, match="shape"):
        tariff.bill(times, np.zeros((2, 3)), price, 3600)
    with pytest.raises(SettlementError, match="finite"):
        tariff.bill(times, np.full((2, 2), np.nan), price, 3600)
