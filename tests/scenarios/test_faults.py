"""Faults in a scenario: what is refused, what they mean to a run, and what is said of them."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from recosim.errors import ScenarioError
from recosim.results.report.faults import spans
from recosim.results.run_file import open_run
from recosim.scenarios.bench.controllers import contestants
from recosim.scenarios.bench.plan import Pair, bounds_of, runs_of
from recosim.scenarios.controller_check.scenes import scenes_of
from recosim.scenarios.faults import faults_of, told
from recosim.scenarios.foreign.file import Foreign
from recosim.scenarios.loader import load_scenario, scenario_from_text, scenario_yaml
from recosim.scenarios.runner import RunResult, build_plant, run_scenario
from recosim.simulators.faults import Outage

JULY = ("period.start=2025-07-14", "period.days=2", "period.warmup_days=1")
WATER = "community.dwellings[0].hot_water={}"
FROM_TO = "start: 2025-07-14T10:00, end: 2025-07-15 08:00"
METER = f"{{kind: meter_silent, member: flat-03, {FROM_TO}}}"
DRIFT = f"{{kind: sensor_drift, member: flat-02, drift_k_per_day: 2, {FROM_TO}}}"
FORECAST = f"{{kind: forecast_down, {FROM_TO}}}"
TRIP = f"{{kind: battery_trip, member: flat-04, {FROM_TO}}}"
LINK = f"{{kind: link_down, member: flat-04, {FROM_TO}}}"
ALL = (METER, DRIFT, FORECAST, TRIP, LINK)

Run = Callable[..., RunResult]


def faulty(*faults: str, changes: tuple[str, ...] = (), name: str = "naples"):
    return load_scenario(name, [*JULY, *changes, f"faults=[{', '.join(faults)}]"])


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (METER.replace("flat-03", "flat-33"), "faults[0].member = 'flat-33', did you mean 'flat-03'?"),
        (LINK.replace("flat-04", "common"), "faults[0].member = 'common', allowed: a dwelling: flat-01"),
        (TRIP.replace("flat-04", "flat-01"), "allowed: a dwelling with a battery: flat-03, flat-04,"),
        (DRIFT.replace("day: 2,", "day: 2, quantity: temp_tank_degc,"), "of which there is none"),
        (FORECAST.replace("15 08", "14 10"), "faults[0].end = 2025-07-14 10:00, allowed: after start = 2025"),
        (FORECAST.replace("-14T", "-13T"), "faults[0].start = 2025-07-13 10:00, allowed: within the p"),
        (FORECAST.replace("15 08:00", "16 00:15"), "faults[0].end = 2025-07-16 00:15, allowed: within"),
        (FORECAST.replace("T10:00", "T10:05"), "2025-07-14 10:05, allowed: whole steps of 15 minutes"),
        (FORECAST.replace("T10:00", "T10:00:30"), "2025-07-14 10:00:30, allowed: whole steps of 15 minutes"),
        (FORECAST.replace("T10:00", "T25:00"), "faults[0].start = '2025-07-14T25:00', allowed: a local time"),
        (FORECAST.replace("T10:00", "T10:00:00Z"), "YYYY-MM-DDTHH:MM, without a zone"),
        (FORECAST.replace("2025-07-14T10:00", "5"), "faults[0].start = 5, allowed: a local time"),
        ("{kind: forecast_down, start: 2025-07-14}", "faults[0].end is missing: Local time"),
        (FORECAST.replace("forecast_down", "fire"), "faults[0].kind = 'fire', allowed: meter_silent,"),
        ("{member: flat-01}", "faults[0].kind is missing, allowed: meter_silent, link_down"),
        (DRIFT.replace("day: 2", "day: 0"), "faults[0]: offset_k and drift_k_per_day are both 0"),
        (DRIFT.replace("day: 2", "day: 101"), "faults[0].drift_k_per_day = 101, allowed [-100, 100]"),
        (FORECAST.replace("kind", "member: flat-01, kind"), "faults[0].member: unknown key"),
        (f"{LINK}, {LINK.replace('T10:00', 'T12:00')}", "faults[1] begins 2025-07-14 12:00, before"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(fault: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(message)) as caught:
        faulty(fault)
    (line,) = str(caught.value).splitlines()
    assert "(--set faults=[{" in line


def test_what_is_refused_is_told_at_the_size_of_the_community_and_at_most_five_times() -> None:
    text = scenario_yaml(load_scenario("naples", JULY)).replace("faults: []", f"faults: [{METER}]")
    assert scenario_from_text(text).faults[0].kind == "meter_silent"
    with pytest.raises(ScenarioError, match=r"'flat-03'.* point: flat-01, flat-02, common \("):
        scenario_from_text(text, ["community.size=2"], source="mine.yaml")
    wrong = [LINK.replace("flat-04", f"x{n}") for n in range(9)]
    with pytest.raises(ScenarioError) as caught:
        faulty(*wrong)
    assert len(str(caught.value).splitlines()) == 6
    assert "and 4 more faults that do not fit" in str(caught.value)


def test_an_hour_that_is_skipped_is_refused() -> None:
    fault = "{kind: forecast_down, start: 2025-03-30T02:30, end: 2025-03-30T04:00}"
    with pytest.raises(ScenarioError, match="2025-03-30 02:30 is skipped when the clocks change"):
        load_scenario("naples", ["period.start=2025-03-30", "period.days=1", f"faults=[{fault}]"])


def test_faults_by_step_and_index() -> None:
    more = FORECAST.replace(
        "2025-07-14T10:00, end: 2025-07-15 08:00", "2025-07-15T08:00, end: 2025-07-15T09:00"
    )
    tank = DRIFT.replace("flat-02", "flat-01").replace("day: 2,", "day: 2, quantity: temp_tank_degc,")
    scenario = faulty(*ALL, more, tank, changes=(WATER,))
    plant = build_plant(scenario)
    found = faults_of(scenario, plant.community, plant.series.simulated)
    assert found is not None
    span = (96 + 40, 2 * 96 + 32)  # after a day of warm-up
    assert found.meters == (Outage(first=span[0], end=span[1], index=2),)
    assert found.links == (Outage(first=span[0], end=span[1], index=3),)
    assert found.trips == (Outage(first=span[0], end=span[1], index=1),)
    assert found.forecasts == (Outage(first=span[0], end=span[1] + 4),)  # those that touch are one
    assert [(d.index, d.states) for d in found.drifts] == [
        (1, ("temp_indoor_degc", "temp_mass_degc")),
        (0, ("temp_tank_degc",)),
    ]
    assert faults_of(load_scenario("naples", JULY), plant.community, plant.series.simulated) is None


def test_local_hours_on_the_day_of_25() -> None:
    fault = "{kind: forecast_down, start: 2025-10-26T02:00, end: 2025-10-26T04:00}"
    given = ["period.start=2025-10-26", "period.days=1", "period.warmup_days=0", f"faults=[{fault}]"]
    scenario = load_scenario("naples", given)
    plant = build_plant(scenario)
    found = faults_of(scenario, plant.community, plant.series.simulated)
    assert found is not None
    assert (found.forecasts[0].first, found.forecasts[0].end) == (8, 20)  # two o'clock comes twice


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run two days in July, each kind of run once."""

    @cache
    def running(*faults: str, controller: str = "rules", changes: tuple[str, ...] = ()) -> RunResult:
        out = tmp_path_factory.mktemp("faults") / "run.h5"
        scenario = faulty(*faults, changes=("community.size=4", *changes))
        return run_scenario(scenario, controller=controller, out=out)

    return running


def series(result: RunResult, group: str, name: str) -> np.ndarray:
    with open_run(result.path) as file:
        return file.values(group, name)


def test_a_run_says_what_was_out_of_order(run: Run) -> None:
    result = run(TRIP, LINK)
    expected = "flat-04: battery tripped, 2025-07-14 10:00 to 2025-07-15 08:00"
    assert result.notes[:2] == (
        f"fault: {expected}",
        f"fault: {expected.replace('battery tripped', 'link down')}",
    )
    with open_run(result.path) as file:
        shown = [(each["what"], each["who"], each["from"], each["lasts"]) for each in spans(file)]
        assert shown == [
            ("battery tripped", "flat-04", "Mon 14 July 2025, 10:00", "22 hours"),
            ("link down", "flat-04", "Mon 14 July 2025, 10:00", "22 hours"),
        ]
        table = file.faults()
        assert table["kind"].tolist() == ["battery_trip", "link_down"]
        assert table["member"].tolist() == ["flat-04", "flat-04"]
        assert (table["start"] - file.grid.start).tolist() == [40 * 900, 40 * 900]
        assert (table["end"] - file.grid.start).tolist() == [128 * 900, 128 * 900]
        assert table["text"][0] == expected
        again = scenario_from_text(file.meta.scenario_yaml)
    assert [told(fault) for fault in again.faults] == list(table["text"])
    with open_run(run().path) as file:
        assert file.faults() == {}


def test_a_tripped_battery_rests_and_the_balance_closes(run: Run) -> None:
    result, clean = run(TRIP), run()
    down = slice(40, 128)
    for name in ("power_charge_kw", "power_discharge_kw"):
        assert not series(result, "battery", name)[down, 1].any()
        assert series(clean, "battery", name)[down, 1].any()
        assert series(result, "battery", name)[down, 0].any()
    before = [series(r, "battery", "power_charge_kw")[:40] for r in (result, clean)]
    assert np.array_equal(*before)
    assert result.kpis["balance_residual_kwh"] < 1e-6


def test_no_set_points_arrive_over_a_broken_link(run: Run) -> None:
    result = run(LINK, controller="idle")
    asked = series(result, "battery", "setpoint_power_charge_kw")
    cooling = series(result, "dwelling", "setpoint_power_cooling_kw")
    assert np.isnan(asked[40:128, 1]).all()
    assert np.isnan(cooling[40:128, 3]).all()
    assert not asked[:40].any()
    assert not asked[128:].any()
    assert not asked[:, 0].any()
    assert not cooling[:, :3].any()
    # the devices follow their own rules meanwhile, and no longer
    charged = series(result, "battery", "power_charge_kw")
    assert charged[40:128, 1].sum() > 1.0
    assert charged[:40, 1].sum() == charged[128:, 1].sum() == 0.0
    assert result.kpis["balance_residual_kwh"] < 1e-6


def test_rules_and_the_plant_do_not_know_of_what_is_only_seen_wrongly(run: Run) -> None:
    """Thermostats have sensors of their own, and meters count on: settled is what flowed."""
    result, clean = run(METER, DRIFT, FORECAST), run()
    same = set(clean.kpis) - {"cpu_s"}
    assert {name: result.kpis[name] for name in same} == {name: clean.kpis[name] for name in same}


@pytest.mark.parametrize("fault", [METER, DRIFT, FORECAST])
def test_the_mpc_decides_otherwise_by_what_it_sees(run: Run, fault: str) -> None:
    result, clean = (run(*f, controller="mpc") for f in ((fault,), ()))
    names = ("power_charge_kw", "power_cooling_kw")
    groups = ("battery", "dwelling")
    same = [
        np.array_equal(*(series(r, g, n)[rows] for r in (result, clean)))
        for g, n in zip(groups, names, strict=True)
        for rows in (slice(0, 40), slice(40, None))
    ]
    assert same[0]
    assert same[2]
    assert not (same[1] and same[3])
    assert result.kpis["balance_residual_kwh"] < 1e-6
    assert result.kpis["fallbacks"] == result.kpis["solve_failures"] == 0


def test_a_drifting_sensor_warms_the_flat_that_it_is_in(run: Run) -> None:
    cold = DRIFT.replace("drift_k_per_day: 2", "offset_k: -3")
    result, clean = (run(*f, controller="mpc") for f in ((cold,), ()))
    warmer = [series(r, "dwelling", "temp_indoor_degc")[60:128].mean(axis=0) for r in (result, clean)]
    assert warmer[0][1] - warmer[1][1] > 0.5
    assert result.kpis["discomfort_kh"] > clean.kpis["discomfort_kh"]


def test_the_bench_keeps_what_lies_in_its_weeks_and_bounds_without() -> None:
    scenario = faulty(*ALL)
    starts = [scenario.period.date_start.replace(day=day) for day in (14, 15, 16)]
    pairs = [Pair(seed=1, start=start, days=1) for start in starts]
    (rules,) = contestants("rules", scenario.controller)
    runs = list(runs_of(lambda seed: scenario, [rules], ["perfect"], pairs))
    assert [len(job.scenario.faults) for job in runs] == [5, 5, 0]
    for job in runs:
        # what a run's file holds can be read again
        assert scenario_from_text(scenario_yaml(job.scenario)).faults == job.scenario.faults
    times = [told(job.scenario.faults[2]) for job in runs[:2]]
    assert times == [
        "no forecasts, 2025-07-14 10:00 to 2025-07-15 00:00",
        "no forecasts, 2025-07-15 00:00 to 2025-07-15 08:00",
    ]
    assert [job.scenario.faults for job in bounds_of(lambda seed: scenario, pairs)] == [(), (), ()]


def test_a_controller_is_checked_without_them() -> None:
    assert all(scene.scenario.faults == () for scene in scenes_of(faulty(*ALL)))


def test_foreign_simulators_and_faults_are_one_or_the_other(tmp_path: Path) -> None:
    foreign = Foreign(simulators=[], folder=tmp_path)
    with pytest.raises(ScenarioError, match="faults with --foreign, allowed: one of them"):
        run_scenario(faulty(METER), foreign=foreign, out=tmp_path / "run.h5")
    assert list(tmp_path.iterdir()) == []
