from datetime import date
from pathlib import Path

import pytest

from recosim.errors import BenchError, ControllerError
from recosim.scenarios.bench import plan as bench_plan
from recosim.scenarios.bench.controllers import Contestant, contestants
from recosim.scenarios.bench.plan import (
    Job,
    as_text,
    bounds_of,
    files_of,
    forecasts_of,
    pairs_of,
    runs_of,
    weeks_of,
)
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.schema.scenario import ControllerChoice, Scenario

SOURCE = """
from recosim.contracts import Setpoints


class Mine:
    def __init__(self, gain=1.0):
        self.gain = gain

    def reset(self, community, seed):
        pass

    def decide(self, observation, forecast):
        return Setpoints()
"""


def small(seed: int = 1, *changes: str) -> Scenario:
    return load_scenario("naples-small", [*changes, f"seed={seed}"])


def jobs(found: tuple[Contestant, ...], *changes: str, n_seeds: int = 1) -> list[Job]:
    pairs = pairs_of(small(1, *changes), n_seeds, (1, 27), None)
    return list(runs_of(lambda seed: small(seed, *changes), found, ("perfect", "medium"), pairs))


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return path


def test_weeks_begin_on_the_first_of_january() -> None:
    pairs = pairs_of(small(5), 2, weeks_of("1, 27,52"), None)
    assert [(each.seed, each.start, each.days, each.when) for each in pairs] == [
        (seed, start, 7, when)
        for seed in (5, 6)
        for start, when in (
            (date(2025, 1, 1), "2025-w01"),
            (date(2025, 7, 2), "2025-w27"),
            (date(2025, 12, 24), "2025-w52"),
        )
    ]


def test_days_are_one_period_from_the_start_of_the_scenario() -> None:
    (pair,) = pairs_of(small(1, "period.start=2025-07-14"), 1, (1,), 3)
    assert (pair.start, pair.days, pair.name) == (date(2025, 7, 14), 3, "2025-07-14-3d-seed1")


@pytest.mark.parametrize("text", ["0", "53", "", "1,,2", "one", "1,1", "-3", "1.5"])
def test_bad_weeks(text: str) -> None:
    with pytest.raises(BenchError, match="--weeks"):
        weeks_of(text)


@pytest.mark.parametrize("text", ["", "good", "perfect,perfect", "perfect,"])
def test_bad_forecasts(text: str) -> None:
    with pytest.raises(BenchError, match="--forecasts"):
        forecasts_of(text)


@pytest.mark.parametrize(("n_seeds", "days"), [(0, 1), (-1, 1), (2**33, 1), (1, 0), (1, 10_000)])
def test_bad_numbers(n_seeds: int, days: int) -> None:
    with pytest.raises(BenchError, match="allowed: 1 to"):
        pairs_of(small(), n_seeds, (), days)


def test_all_combinations_have_a_file_of_their_own() -> None:
    found = contestants("rules,mpc,mpc[horizon=uniform]", ControllerChoice())
    made = jobs(found, n_seeds=2)
    assert len(made) == 3 * 2 * 2 * 2
    assert len({job.file_name for job in made}) == len(made)
    assert made[0].file_name == "naples-small-rules-perfect-2025-w01-seed1.h5"
    assert made[2].scenario.controller == ControllerChoice(name="mpc", options={"horizon": "uniform"})
    assert {job.scenario.forecast for job in made} == {"perfect", "medium"}


def test_identity_is_that_of_everything_that_counts(mine: Path) -> None:
    spec = f"{mine}:Mine"
    found = contestants(spec, ControllerChoice())
    known = {as_text(job.identity) for job in jobs(found)}
    assert len(known) == 4
    assert {as_text(job.identity) for job in jobs(found)} == known
    assert known.isdisjoint(
        as_text(job.identity) for job in jobs(found, "comfort.price_comfort_eur_per_kh=0.7")
    )
    other = contestants(f"{spec}[gain=2]", ControllerChoice())
    assert known.isdisjoint(as_text(job.identity) for job in jobs(other))
    mine.write_text(SOURCE + "\n")
    changed = contestants(spec, ControllerChoice())
    assert known.isdisjoint(as_text(job.identity) for job in jobs(changed))


def test_other_versions_are_another_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    found = contestants("rules", ControllerChoice())
    known = {as_text(job.identity) for job in jobs(found)}
    monkeypatch.setattr(bench_plan, "installed_versions", lambda: {"recosim": "9.9"})
    assert known.isdisjoint(as_text(job.identity) for job in jobs(found))


def test_data_that_changes_is_another_identity(tmp_path: Path) -> None:
    weather = tmp_path / "weather.csv"
    change = ["weather.source=file", f"weather.file={weather}"]
    identities = []
    for text in ("one", "two"):
        weather.write_text(text)
        identities.append(jobs(contestants("rules", ControllerChoice()), *change)[0].identity)
    assert identities[0]["data"] != identities[1]["data"]
    assert identities[0]["scenario"] == identities[1]["scenario"]


def test_files_are_found_wherever_a_scenario_names_them() -> None:
    section = {"a": [{"file": "x.csv"}, {"b": {"meter_file": "y.csv", "file": None}}], "name": "z"}
    assert files_of(section) == ["x.csv", "y.csv"]


def test_bound_depends_neither_on_controller_nor_on_forecast() -> None:
    def bounds(*changes: str) -> list[str]:
        pairs = pairs_of(small(), 1, (1,), None)
        return [as_text(job.identity) for job in bounds_of(lambda seed: small(seed, *changes), pairs)]

    assert bounds() == bounds("forecast=high", "controller.name=mpc", "model_error=0.1")
    assert bounds() != bounds("comfort.price_comfort_eur_per_kh=0.7")


def test_controllers_as_they_are_written(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mine.parent)
    text = "rules, mpc[horizon=uniform,time_limit_ms=50.5],mine.py:Mine,mine.py:Mine[gain=[1, 2]]"
    found = contestants(text, ControllerChoice())
    assert [each.label for each in found] == [
        "rules",
        "mpc[horizon=uniform,time_limit_ms=50.5]",
        "mine.py:Mine",
        "mine.py:Mine[gain=[1, 2]]",
    ]
    assert [each.slug for each in found] == [
        "rules",
        "mpc-horizon-uniform-time_limit_ms-50.5",
        "mine-Mine",
        "mine-Mine-gain-1-2",
    ]
    assert found[1].options == {"horizon": "uniform", "time_limit_ms": 50.5}
    assert found[2].spec == f"{mine}:Mine"  # a worker stands in another folder
    assert found[3].options == {"gain": [1, 2]}


def test_files_of_one_name_are_told_apart(mine: Path) -> None:
    twin = mine.parent / "twin" / "mine.py"
    twin.parent.mkdir()
    twin.write_text(SOURCE)
    found = contestants(f"{mine}:Mine,{twin}:Mine", ControllerChoice())
    assert len({each.slug for each in found}) == 2
    assert [each.label for each in found] == [f"{mine}:Mine", f"{twin}:Mine"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "a name is missing"),
        ("rules,,mpc", "a name is missing"),
        ("rules,rules", "rules stands twice"),
        ("mpc[horizon]", "is no option"),
        ("mpc[2=3]", "is no option"),
        ("mpc[horizon={]", "cannot be read"),
    ],
)
def test_bad_controllers(text: str, told: str) -> None:
    with pytest.raises(BenchError, match=told):
        contestants(text, ControllerChoice())


def test_a_controller_that_is_not_there_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ControllerError, match="is not there"):
        contestants(f"{tmp_path}/none.py:Mine", ControllerChoice())
    (unknown,) = contestants("nobody", ControllerChoice())
    with pytest.raises(ControllerError, match="is not installed"):
        unknown.check()
    (wrong,) = contestants("mpc[no_such=1]", ControllerChoice())
    with pytest.raises(ControllerError, match="has no option 'no_such'"):
        wrong.check()


def test_options_of_the_scenario_go_to_its_own_controller() -> None:
    choice = ControllerChoice(name="mpc", options={"horizon": "uniform"})
    rules, mpc = contestants("rules,mpc", choice)
    assert (rules.options, mpc.options) == ({}, {"horizon": "uniform"})
    with pytest.raises(BenchError, match="not in the bench"):
        contestants("rules", choice)
