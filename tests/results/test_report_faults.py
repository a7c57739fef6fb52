"""The report's faults: what was out of order, shaded in the week, and what it cost."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from recosim.readable import readable
from recosim.results.report.faults import faults_story, spans
from recosim.results.report.story import report_page
from recosim.results.run_file import open_run
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.report_bands import band_of
from recosim.scenarios.runner import run_scenario

READY = "document.documentElement.dataset.ready === 'yes'"
TRIP = "{kind: battery_trip, member: flat-03, start: 2025-10-25T10:00, end: 2025-10-28}"
FORECAST = "{kind: forecast_down, start: 2025-10-26T03:00, end: 2025-10-26T04:00}"
DRIFT = "{kind: sensor_drift, member: flat-02, offset_k: -1, start: 2025-10-31, end: 2025-11-03}"

Run = Callable[..., Path]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Ten days with the change of clocks, each set of faults once, in files of one folder."""
    folder = tmp_path_factory.mktemp("faults")

    @cache
    def running(name: str, *faults: str, seed: int = 1) -> Path:
        given = ["period.start=2025-10-24", "period.days=10", "period.step_minutes=60", "community.size=3"]
        scenario = load_scenario("naples", [*given, f"seed={seed}", f"faults=[{', '.join(faults)}]"])
        run_scenario(scenario, controller="rules", out=folder / name)
        return folder / name

    return running


def test_faults_are_told_in_the_order_and_the_words_of_people(run: Run) -> None:
    with open_run(run("all.h5", DRIFT, TRIP, FORECAST)) as file:
        found = spans(file)
        assert [(each["number"], each["what"], each["who"]) for each in found] == [
            (1, "battery tripped", "flat-03"),
            (2, "no forecasts", "the whole community"),
            (3, "indoor sensor off by -1 K", "flat-02"),
        ]
        assert found[0]["from"] == "Sat 25 October 2025, 10:00"
        assert [each["lasts"] for each in found] == ["2.625 days", "1 hour", "3 days"]
        assert all(each["means"] and each["seen"] for each in found)
    with open_run(run("none.h5")) as file:
        assert faults_story(file, []) is None


def test_the_cost_is_told_beside_the_run_without_them(run: Run) -> None:
    path, clean, other = run("trip.h5", TRIP), run("none.h5"), run("seed.h5", seed=2)
    with open_run(path) as file, open_run(clean) as reference:
        alone = faults_story(file, [path, other])
        beside = faults_story(file, [other, path, clean])
        figures = {name: (reference.kpis[name], file.kpis[name]) for name in ("objective_eur", "bill_eur")}
    assert alone["costs"] is None
    assert "--without-faults" in alone["words"][-1]
    rows = {row[0]: row[1:] for row in beside["costs"]["rows"]}
    without, with_faults = figures["bill_eur"]
    assert with_faults > without
    change = readable(with_faults - without, "EUR")
    assert rows["bills for withdrawn energy"] == [
        readable(without, "EUR"),
        readable(with_faults, "EUR"),
        f"+{change}",
        "EUR",
    ]
    told = beside["words"][-1].replace("\u00a0", " ")
    cost = figures["objective_eur"][1] - figures["objective_eur"][0]
    assert f"(none.h5) they cost {readable(cost, 'EUR')} EUR on the whole" in told
    assert f"{readable(with_faults, 'EUR')} EUR with the faults, {readable(without, 'EUR')}" in told


def test_the_run_that_lies_beside_by_name_is_found(run: Run) -> None:
    path = run("own.h5", TRIP)
    run("own-without-faults.h5")
    assert "What the faults cost" in report_page([path], band_of)
    run("odd.h5", TRIP).with_stem("odd-without-faults").write_text("no run")
    assert "What the faults cost" not in report_page([run("odd.h5", TRIP)], band_of)


class Interrupted(Exception):
    """Ends a run."""


def test_what_an_interrupted_run_did_not_reach_is_not_told_as_met(tmp_path: Path) -> None:
    def progress(done: int, n_steps: int, time: int) -> None:
        if done > 30:
            raise Interrupted

    given = ["period.start=2025-10-24", "period.days=3", "period.step_minutes=60", "community.size=3"]
    given.append("period.warmup_days=0")
    later = "{kind: forecast_down, start: 2025-10-26T03:00, end: 2025-10-26T04:00}"
    first = "{kind: battery_trip, member: flat-03, start: 2025-10-24, end: 2025-10-24T01:00}"
    scenario = load_scenario("naples", [*given, f"faults=[{later}, {first}]"])
    with pytest.raises(Interrupted):
        run_scenario(scenario, controller="rules", out=tmp_path / "cut.h5", progress=progress)
    with open_run(tmp_path / "cut.h5") as file:
        told = faults_story(file, [])
        assert 0 < file.committed < file.grid.n_steps
    assert [each["seen"] for each in told["spans"]] == [True, False]
    assert told["words"][0].startswith("One thing was out of order")
    assert told["words"][1] == "1 more would have followed after what is in the file."
    page = report_page([tmp_path / "cut.h5"], band_of)
    assert page.count("not reached") == 1
    assert page.count("data-time=") == 1


@pytest.mark.slow
def test_spans_are_shaded_and_shown_on_demand(run: Run, chromium, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(report_page([run("all.h5", DRIFT, TRIP, FORECAST)], band_of), encoding="utf-8")
    chromium.problems.clear()
    chromium.look()
    chromium.open(page, READY)
    chromium.run("document.querySelector('button[data-time]').click()")

    def shapes(name: str) -> list[list[str]]:
        return chromium.run(
            f"document.getElementById('{name}-0').layout.shapes.map((s) => [s.label.text, s.x0, s.x1])"
        )

    trip, forecast = ["1", "2025-10-25T10:00", "2025-10-28T00:00"], "2"
    assert chromium.run("document.activeElement.id") == "week-head-0"
    drawn = shapes("power")
    assert drawn[0] == trip
    assert drawn[1] == [forecast, "2025-10-26T03:00", "2025-10-26T04:00"]
    assert [text for text, *_ in shapes("temp")] == [forecast]  # of flat-01, which has none of its own
    assert shapes("stored")[0] == trip
    labels = "[...document.querySelectorAll('#power-0 .shape-label, #power-0 .shape-group text')].length"
    assert chromium.run(labels) >= 2
    told = chromium.run("document.getElementById('told-0').textContent")
    assert "Out of order: flat-03: battery tripped, Sat 25 October 2025, 10:00" in told
    assert chromium.problems == []
