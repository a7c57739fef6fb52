"""Runs with batteries that age: health falls day by day, no energy is lost, and a bound still holds."""

import numpy as np
import pytest

from recosim.errors import ScenarioError
from recosim.results.run_file import open_run
from recosim.scenarios.bound import lower_bound
from recosim.scenarios.community import parts_of
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import run_scenario

FOUR = "community.size=4"  # two of the four flats have a battery
AGEING = tuple(f"community.dwellings[{i}].battery.ageing=lfp" for i in (2, 3))


def scenario(days, *overrides, start="2025-07-14", warmup=1):
    given = (f"period.start={start}", f"period.days={days}", f"period.warmup_days={warmup}")
    return load_scenario("naples", [*given, FOUR, *overrides])


def health_of(run):
    return run.values("battery", "state_of_health_battery").astype(np.float64)


def check(result, days):
    """What every run with ageing must show; returns the recorded health."""
    assert result.kpis["balance_residual_kwh"] < 1e-9
    with open_run(result.path) as run:
        health, energy = health_of(run), run.values("battery", "energy_battery_kwh")
        charge = run.values("battery", "power_charge_kw")
        batteries = parts_of(scenario(days, *AGEING)).devices["battery"].parameters
    falls = np.flatnonzero(np.diff(health[:, 0]) < 0.0) + 1  # the rows with a new value
    # a row is the end of its step: the last step of each local day
    assert falls.tolist() == [96 * day - 1 for day in range(1, days + 1)]
    assert (np.diff(health, axis=0) <= 0.0).all()
    assert ((health > 0.99) & (health < 1.0)).all()  # the warm-up has aged them, too
    assert result.kpis["battery_state_of_health"] == pytest.approx(health[-1].mean(), rel=1e-6)
    present = np.concatenate([np.ones_like(health[:1]), health[:-1]])  # known when the step begins
    limit = batteries.state_max * batteries.capacity_kwh * present
    assert (energy[charge > 0.0] <= limit[charge > 0.0] + 1e-5).all()  # the file is float32
    assert energy.max() > 0.9 * limit.max()
    return health


def test_a_week_of_ageing_loses_health_and_no_energy(tmp_path):
    result = run_scenario(scenario(7, *AGEING), controller="rules", out=tmp_path / "run.h5")
    health = check(result, 7)
    # a new battery loses most on its first days: by the table 0.0005 x 8 ^ 0.526 by time alone, half full
    assert 0.0010 < 1.0 - health[-1].mean() < 0.0030


def test_the_mpc_runs_with_batteries_that_age(tmp_path):
    result = run_scenario(scenario(2, *AGEING), controller="mpc", out=tmp_path / "run.h5")
    assert result.kpis["solve_failures"] == result.kpis["fallbacks"] == 0
    check(result, 2)


def test_warmer_cells_age_faster_and_one_kind_can_stand_beside_the_other(tmp_path):
    warm = "community.dwellings[2].battery.temp_cell_degc=40"
    only = run_scenario(scenario(2, AGEING[0]), controller="rules", out=tmp_path / "only.h5")
    hot = run_scenario(scenario(2, AGEING[0], warm), controller="rules", out=tmp_path / "hot.h5")
    with open_run(only.path) as one, open_run(hot.path) as other:
        assert (health_of(one)[:, 1] == 1.0).all()
        assert (health_of(other)[95:, 0] < health_of(one)[95:, 0]).all()
        assert only.kpis["battery_state_of_health"] == pytest.approx(health_of(one)[-1, 0], rel=1e-6)


def test_without_ageing_there_is_no_health(tmp_path):
    result = run_scenario(scenario(1), controller="rules", out=tmp_path / "run.h5")
    assert result.kpis["battery_state_of_health"] is None
    with open_run(result.path) as run, pytest.raises(Exception, match="state_of_health_battery"):
        health_of(run)


def test_a_bound_admits_batteries_as_good_as_new():
    values = [
        [week.lower_eur for week in lower_bound(scenario(1, *given, warmup=0))] for given in (AGEING, ())
    ]
    assert values[0] == values[1]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("ageing=lead", r"battery\.ageing.*lead.*none.*lfp"),
        ("temp_cell_degc=60", r"battery\.temp_cell_degc.*60.*45"),
    ],
)
def test_what_cannot_be_is_refused(setting, message):
    with pytest.raises(ScenarioError, match=message):
        scenario(1, f"community.dwellings[2].battery.{setting}")
