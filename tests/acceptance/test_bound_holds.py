"""No run may beat the lower bound, and the bound may not be far below what is reached."""

from pathlib import Path

import pytest

from recosim.errors import ScenarioError
from recosim.results.compare import objective_marginal_eur
from recosim.scenarios.bound import bound_scenario, lower_bound
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import run_scenario

TOLERANCE_EUR = 1e-3  # series are kept in single precision
JANUARY, JULY = "2025-01-13", "2025-07-14"
GRID_CHARGING = [f"community.dwellings[{i}].battery.grid_charging=true" for i in (2, 3)]


def scenario(start: str, days: int, *overrides: str):
    return load_scenario("naples", [f"period.start={start}", f"period.days={days}", *overrides])


def reached(folder: Path, described, controller: str) -> float:
    """J by marginal rates of a run on the real plant."""
    result = run_scenario(described, controller=controller, out=folder / f"{controller}.h5")
    return objective_marginal_eur(result.kpis)


def assert_holds(folder: Path, described, gap_percent: float) -> None:
    bound = bound_scenario(described)
    assert bound.upper_eur is not None
    assert bound.lower_eur <= bound.upper_eur + TOLERANCE_EUR
    for controller in ("mpc", "rules"):
        assert bound.lower_eur <= reached(folder, described, controller) + TOLERANCE_EUR
    assert bound.gap_percent_of_bills is not None
    assert bound.gap_percent_of_bills < gap_percent


@pytest.mark.parametrize(("start", "gap_percent"), [(JULY, 15.0), (JANUARY, 2.0)])
def test_two_days(tmp_path, start, gap_percent):
    assert_holds(tmp_path, scenario(start, 2), gap_percent)


BOILERS = ["community.size=4", *(f"community.dwellings[{i}].hot_water={{volume_l: 120}}" for i in (0, 1, 2))]


@pytest.mark.slow
def test_two_days_with_hot_water(tmp_path):
    assert_holds(tmp_path, scenario(JANUARY, 2, *BOILERS), 6.0)


@pytest.mark.slow
@pytest.mark.parametrize("volume_l", [40, 120])
def test_days_of_hot_water_in_windows_of_one(tmp_path, volume_l):
    # a tank too small for its household is below the temperature of use at times
    described = scenario(
        JULY,
        3,
        "community.size=4",
        "building.natural_night_ventilation=false",
        *(f"community.dwellings[{i}].hot_water={{volume_l: {volume_l}}}" for i in (0, 1, 2)),
    )
    lower = sum(window.lower_eur for window in lower_bound(described, days_per_window=1))
    (whole,) = lower_bound(described)
    assert lower <= whole.lower_eur + 1e-6
    for controller in ("mpc", "rules"):
        assert whole.lower_eur <= reached(tmp_path, described, controller) + TOLERANCE_EUR


def test_cars_have_no_bound():
    described = scenario(JANUARY, 2, "community.dwellings[1].car={}")
    with pytest.raises(ScenarioError, match=r"dwellings\[1\].car is given, allowed: no cars.*car=null"):
        lower_bound(described)
    assert not any(
        flat.car for flat in scenario(JANUARY, 2, "community.dwellings[1].car=null").community.dwellings
    )


def test_hot_water_by_heat_pump_has_no_bound():
    described = scenario(JANUARY, 2, "community.dwellings[1].hot_water={kind: heat_pump}")
    with pytest.raises(ScenarioError, match=r"dwellings\[1\].hot_water.kind = 'heat_pump', allowed: boiler"):
        lower_bound(described)


@pytest.mark.slow
@pytest.mark.parametrize(("start", "gap_percent"), [(JULY, 10.0), (JANUARY, 1.0)])
def test_a_week(tmp_path, start, gap_percent):
    assert_holds(tmp_path, scenario(start, 7), gap_percent)


@pytest.mark.slow
def test_with_closed_windows_the_gap_is_small(tmp_path):
    assert_holds(tmp_path, scenario(JULY, 7, "building.natural_night_ventilation=false"), 3.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        ["tariff.price_all_in_eur_per_kwh=0.25"],  # sharing pays more than injecting saves, all day
        GRID_CHARGING,
        ["building.air_change_windows_per_h=6"],
        ["hvac.modulation_min=0.5", "hvac.degradation=0.5"],
        ["hvac={kind: air_to_water, modulation_min: 0.5, degradation: 0.3}"],
        ["seed=5"],
    ],
)
@pytest.mark.parametrize("start", [JULY, JANUARY, "2025-05-31"])
def test_other_communities_and_seasons(tmp_path, start, overrides):
    described = scenario(start, 2, *overrides)
    lower = sum(window.lower_eur for window in lower_bound(described, days_per_window=1))
    for controller in ("mpc", "rules"):
        assert lower <= reached(tmp_path, described, controller) + TOLERANCE_EUR


@pytest.mark.slow
@pytest.mark.parametrize("start", [JULY, JANUARY])
def test_four_days_in_two_windows_and_in_one(start):
    four_days = scenario(start, 4)
    (whole,) = lower_bound(four_days)
    halves = lower_bound(four_days, days_per_window=2)
    assert len(halves) == 2
    assert sum(half.lower_eur for half in halves) <= whole.lower_eur + 1e-6
