import numpy as np
import pytest

from recosim.scenarios.common_services import common_services_load_kw
from recosim.timegrid import TimeGrid

YEAR = TimeGrid.from_local_date("2025-01-01", 365)


def test_a_year_has_the_energy_asked_for() -> None:
    energy = [common_services_load_kw(2000.0, YEAR, seed).sum() / 4 for seed in range(3)]
    np.testing.assert_allclose(energy, 2000.0, rtol=0.01)


def test_load_is_proportional_to_the_energy() -> None:
    day = TimeGrid.from_local_date("2025-06-01", 1)
    np.testing.assert_allclose(
        common_services_load_kw(4000.0, day, 1), 2 * common_services_load_kw(2000.0, day, 1)
    )
    assert not common_services_load_kw(0.0, day, 1).any()


def test_something_runs_always() -> None:
    assert common_services_load_kw(2000.0, YEAR, 1).min() >= 0.4 * 2000.0 / 8760.0


def test_a_moments_load_does_not_depend_on_the_window() -> None:
    part = YEAR.part(3000, 200)
    np.testing.assert_array_equal(
        common_services_load_kw(2000.0, part, 1), common_services_load_kw(2000.0, YEAR, 1)[3000:3200]
    )


def test_seed_decides() -> None:
    first, again, other = (common_services_load_kw(2000.0, YEAR, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_evening_is_busier_than_the_night() -> None:
    load, hour = common_services_load_kw(2000.0, YEAR, 1), YEAR.local.hour
    assert load[hour == 19].mean() > 1.5 * load[hour == 3].mean()


@pytest.mark.parametrize(("date", "n_steps"), [("2025-03-30", 92), ("2025-10-26", 100)])
def test_lights_follow_the_clock_on_the_day_of_the_change(date: str, n_steps: int) -> None:
    grid = TimeGrid.from_local_date(date, 1)
    load = common_services_load_kw(8760.0, grid, 1)
    assert load.shape == (n_steps,)
    dark = (grid.local.hour >= 17) | (grid.local.hour < 7)
    assert load[dark].min() > 0.4 + 0.25
