"""Generous limits on CPU time: a factor above what was measured, so that only a change of order fails."""

import time
from collections.abc import Callable
from datetime import date

import numpy as np

from recosim.simulators.settlement.configuration import Configuration, Members, Plants
from recosim.simulators.settlement.scheme import Cacer
from recosim.simulators.settlement.tariffs import EnergyPrice, Tariff, household_tariff, non_domestic_tariff
from recosim.timegrid import TimeGrid


def cacer(n_pods: int) -> Cacer:
    return Cacer(
        Configuration(configuration="GAC", region="Campania", tariff_year=2025, minimum_price=True),
        Plants(
            pod=np.arange(5),
            power_kw=20.0,
            photovoltaic=True,
            commissioned=date(2024, 6, 1).toordinal(),
            grant_percent=0.0,
            voltage=("LV",) * 5,
        ),
        Members(pod=np.arange(n_pods), kind=("natural_person",) * n_pods),
        n_pods,
    )


def cpu_s(function: Callable[[], object]) -> float:
    before = time.process_time()
    function()
    return time.process_time() - before


def settle_year(n_pods: int, step_s: int) -> float:
    grid = TimeGrid.from_local_date("2025-01-01", 365, step_s)
    rng = np.random.default_rng(0)
    withdrawn = rng.random((grid.n_steps, n_pods))
    injected = np.zeros_like(withdrawn)
    injected[:, :5] = 4 * rng.random((grid.n_steps, 5))
    price = rng.random(grid.n_steps) * 150
    scheme = cacer(n_pods)
    return cpu_s(lambda: scheme.settle(grid.times, withdrawn, injected, price))


def test_a_year_of_quarters_for_a_hundred_points() -> None:
    assert settle_year(100, 900) < 3.0


def test_a_year_of_hours_for_eleven_points() -> None:
    assert settle_year(11, 3600) < 0.3


def test_rates_over_a_horizon_are_cheap() -> None:
    grid = TimeGrid.from_local_date("2025-06-01", 2, 900).part(0, 100)
    price = np.repeat(np.linspace(20.0, 200.0, 25), 4)
    scheme = cacer(10)
    bands = EnergyPrice(kind="bands", values_eur_per_kwh=(0.14, 0.12, 0.10))
    hourly = Tariff([household_tariff(2025)] * 9 + [non_domestic_tariff(2025)], np.full(10, 3.0))
    by_band = Tariff([household_tariff(2025, bands)] * 10, np.full(10, 3.0))

    def best_us(function: Callable[[], object]) -> float:
        function()
        return 1e6 * min(cpu_s(lambda: [function() for _ in range(100)]) / 100 for _ in range(5))

    assert best_us(lambda: scheme.rates(grid.times, price)) < 100.0
    assert best_us(lambda: hourly.rates(grid.times, price)) < 200.0
    assert best_us(lambda: by_band.rates(grid.times, price)) < 200.0
