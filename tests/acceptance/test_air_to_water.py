"""Communities with air-to-water heat pumps: they run, their energy balances, and the MPC beats the rules."""

from pathlib import Path

import numpy as np
import pytest

from recosim.results.run_file import open_run
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import run_scenario

ALL = ("hvac.kind=air_to_water",)
SOME = tuple(f"community.dwellings[{i}].hvac.kind=air_to_water" for i in (1, 3, 4, 8))
WINTER, SUMMER = "2025-01-13", "2025-07-14"


def run(folder: Path, controller: str, start: str, days: int, *overrides: str):
    scenario = load_scenario("naples-small", [f"period.start={start}", f"period.days={days}", *overrides])
    return run_scenario(scenario, controller=controller, out=folder / f"{controller}.h5", force=True).kpis


def assert_mpc_wins(folder: Path, start: str, days: int, *overrides: str) -> None:
    rules, mpc = (run(folder, name, start, days, *overrides) for name in ("rules", "mpc"))
    for kpis in (rules, mpc):
        assert abs(kpis["balance_residual_kwh"]) < 1e-6
    assert rules["energy_hvac_kwh"] > 5.0 * days
    assert mpc["objective_eur"] < rules["objective_eur"]
    assert mpc["discomfort_kh"] <= rules["discomfort_kh"] + 0.05
    assert mpc["solve_failures"] == 0


def test_a_winter_day_of_both_kinds(tmp_path):
    assert_mpc_wins(tmp_path, WINTER, 1, *SOME)


@pytest.mark.slow
@pytest.mark.parametrize("start", [WINTER, SUMMER])
@pytest.mark.parametrize("units", [ALL, SOME], ids=["all", "some"])
def test_a_week(tmp_path, start, units):
    assert_mpc_wins(tmp_path, start, 7, *units)


def test_a_flat_keeps_its_heat_demand_and_pays_by_its_own_unit(tmp_path):
    """One unit changes one flat: the others run as before, its power is its heat by the heat pump's COP."""
    heat, power = {}, {}
    for name, overrides in {"splits": (), "one": SOME[:1]}.items():
        run(tmp_path, "rules", WINTER, 1, *overrides)
        with open_run(tmp_path / "rules.h5") as file:
            heat[name] = file.values("dwelling", "heat_heating_kw")
            power[name] = file.values("dwelling", "power_heating_kw")
            outdoor = file.values("weather", "temp_outdoor_degc")
    others = np.arange(heat["one"].shape[1]) != 1
    np.testing.assert_array_equal(power["one"][:, others], power["splits"][:, others])
    np.testing.assert_allclose(heat["one"], heat["splits"], atol=1e-5)
    steady = heat["one"][:, 1] > 0.25 * 4.5 * 1.2  # above its lowest speed
    expected = heat["one"][:, 1] / (4.1834 + 0.15405 * (outdoor.ravel() - 7.0))
    assert steady.sum() > 4
    np.testing.assert_allclose(power["one"][steady, 1], expected[steady], rtol=1e-3)
