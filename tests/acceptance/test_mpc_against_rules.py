"""With perfect forecasts the MPC must beat what is installed today, and not by being uncomfortable."""

from pathlib import Path

import pytest

from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import run_scenario

# least gain in J, in per cent of the bills of the rules
WEEKS = [("2025-01-13", 1.0), ("2025-04-14", -0.5), ("2025-07-14", 1.0), ("2025-10-13", -0.5)]
DISCOMFORT_KH = 0.05


def compared(folder: Path, start: str, days: int, *overrides: str):
    given = [f"period.start={start}", f"period.days={days}", *overrides]
    return [
        run_scenario(load_scenario("naples", given), controller=name, out=folder / f"{name}.h5").kpis
        for name in ("rules", "mpc")
    ]


def assert_gains(rules, mpc, least_percent: float) -> None:
    gain = 100.0 * (rules["objective_eur"] - mpc["objective_eur"]) / rules["bill_eur"]
    assert gain > least_percent
    assert mpc["discomfort_kh"] <= rules["discomfort_kh"] + DISCOMFORT_KH
    assert mpc["solve_failures"] == 0


def test_two_summer_days(tmp_path):
    assert_gains(*compared(tmp_path, "2025-07-14", 2), 1.0)


@pytest.mark.slow
@pytest.mark.parametrize(("start", "least"), WEEKS)
def test_a_week_of_each_season(tmp_path, start, least):
    assert_gains(*compared(tmp_path, start, 7), least)


@pytest.mark.slow
@pytest.mark.parametrize(("start", "least"), WEEKS)
def test_a_week_of_each_season_with_measured_weather_and_prices(tmp_path, shared_data, start, least):
    weather = shared_data / "weather" / "rome_nsrdb_15min_2019.csv"
    prices = shared_data / "prices" / "it_dayahead_zonal_2023-11_2024-10_utc.csv"
    rules, mpc = compared(
        tmp_path,
        start,
        7,
        "location.place=rome",
        "weather.source=file",
        f"weather.file={weather}",
        "prices.source=file",
        f"prices.file={prices}",
        "prices.align=calendar",
    )
    assert_gains(rules, mpc, least)
