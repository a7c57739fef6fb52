"""Days on which the clocks change: 23 and 25 hours, none twice, none lost."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recosim.arrays import FloatArray
from recosim.results.run_file import open_run
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import RunResult, build_plant, run_scenario

ROME = "Europe/Rome"
DAYS = {"march": ("2025-03-30", 23), "october": ("2025-10-26", 25)}


@dataclass(frozen=True, kw_only=True)
class Change:
    """A run from the day before a change to the day after."""

    day: str
    hours: int
    result: RunResult
    local: pd.DatetimeIndex
    series: dict[str, FloatArray]
    hourly: dict[str, Any]
    monthly: dict[str, Any]

    @property
    def on_the_day(self) -> Any:
        return self.local.strftime("%Y-%m-%d") == self.day


@pytest.fixture(scope="module", params=DAYS)
def change(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Change:
    day, hours = DAYS[request.param]
    start = (pd.Timestamp(day) - pd.Timedelta(days=1)).date()
    options = [f"period.start={start}", "period.days=3", "period.warmup_days=1"]
    result = run_scenario(load_scenario("naples", options), out=tmp_path_factory.mktemp("clocks") / "run.h5")
    with open_run(result.path) as run:
        return Change(
            day=day,
            hours=hours,
            result=result,
            local=run.grid.local,
            series={f"{g}/{n}": run.values(g, n) for g, names in run.groups().items() for n in names},
            hourly=run.settlement("hourly"),
            monthly=run.settlement("monthly"),
        )


def test_series_have_every_quarter_once(change: Change) -> None:
    n_steps = 4 * (24 + change.hours + 24)
    assert len(change.local) == n_steps
    assert change.on_the_day.sum() == 4 * change.hours
    for name, values in change.series.items():
        assert len(values) == n_steps, name
        assert name.rpartition("/")[2].startswith("setpoint_") or np.isfinite(values).all(), name


def test_settlement_has_every_hour_once(change: Change) -> None:
    times = pd.DatetimeIndex(pd.to_datetime(change.hourly["time"], unit="s", utc=True)).tz_convert(ROME)
    assert len(times) == 24 + change.hours + 24
    assert (times.strftime("%Y-%m-%d") == change.day).sum() == change.hours
    assert (np.diff(change.hourly["time"]) == 3600).all()
    repeated = times[times.strftime("%Y-%m-%d %H") == f"{change.day} 02"]
    assert len(repeated) == {23: 0, 25: 2}[change.hours]


def test_what_is_settled_is_what_was_metered(change: Change) -> None:
    withdrawn, injected = (
        change.series[f"meter/energy_{name}_kwh"].reshape(-1, 4, 11).sum(axis=(1, 2))
        for name in ("withdrawn", "injected")
    )
    np.testing.assert_allclose(change.hourly["energy_shared_kwh"], np.minimum(withdrawn, injected), atol=1e-9)
    assert change.monthly["energy_kwh"].sum() == pytest.approx(withdrawn.sum())
    assert change.result.kpis["energy_withdrawn_kwh"] == pytest.approx(withdrawn.sum())


def test_the_run_is_three_days_long(change: Change) -> None:
    assert change.result.kpis["simulated_days"] == 3.0
    residual = change.result.kpis["balance_residual_kwh"]
    assert residual is not None
    assert residual < 1e-9


def test_fixed_parts_of_the_bill_go_by_days_whatever_their_length(change: Change) -> None:
    assert change.monthly["sales_eur"].sum() == pytest.approx(11 * 120.0 / 12 * 3 / 31)


def test_people_follow_the_clock(change: Change) -> None:
    plant = build_plant(
        load_scenario("naples", [f"period.start={change.day}", "period.days=1", "period.warmup_days=1"])
    )
    grid = plant.series.period
    awake = plant.series.occupants_awake[96 : 96 + grid.n_steps].sum(axis=1)
    hour = grid.local.hour
    assert awake[hour == 3].sum() < 0.2 * awake[hour == 19].sum()
    # the sun does not: it culminates an hour later by the clock in summer time
    sun = plant.series.irradiance_module_w_per_m2[96 : 96 + grid.n_steps, 0]
    noon = grid.hour_of_day_local[np.average(np.arange(len(sun)), weights=sun).astype(int)]
    assert noon == pytest.approx({23: 13.1, 25: 11.8}[change.hours], abs=0.75)


def test_the_short_day_alone(tmp_path: Path) -> None:
    day, hours = DAYS["march"]
    scenario = load_scenario("naples-small", [f"period.start={day}", "period.days=1", "period.warmup_days=1"])
    with open_run(run_scenario(scenario, out=tmp_path / "run.h5").path) as run:
        assert run.committed == 4 * hours
        assert f"{run.grid.local[0]:%Y-%m-%d %H:%M}" == f"{day} 00:00"
        assert f"{run.grid.local[-1]:%Y-%m-%d %H:%M}" == f"{day} 23:45"
        assert run.kpis["simulated_days"] == 1.0
        assert len(run.settlement("hourly")["time"]) == hours
