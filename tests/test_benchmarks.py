"""The scripts that the speed figures come from run, and their figures hang together."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def common():
    spec = importlib.util.spec_from_file_location("benchmarks_common", BENCHMARKS / "common.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def figures(folder, script, *arguments):
    out = folder / "figures.json"
    command = [sys.executable, str(BENCHMARKS / script), *arguments, "--json", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "━" in done.stdout  # a table
    return json.loads(out.read_text(encoding="utf-8"))


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_stopwatch_counts_inner_blocks_apart(common, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(common, "process_time", clock)

    class Pump:
        def run(self, seconds):
            clock.now += seconds
            return seconds

    watch, pump = common.Stopwatch(), Pump()
    with watch.watching({"pump": [(Pump, "run")]}):
        pump.run(100.0)  # outside a measured block
        with watch.measuring("before"):
            clock.now += 1.0
            assert pump.run(10.0) == 10.0
            clock.now += 2.0
            watch.relabel("after")
            clock.now += 4.0
    assert watch.seconds == {"before": 3.0, "pump": 10.0, "after": 4.0}
    pump.run(1000.0)
    assert watch.seconds["pump"] == 10.0


def test_stopwatch_ends_a_block_that_raises(common, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(common, "process_time", clock)
    watch = common.Stopwatch()
    with watch.measuring("outer"):
        with pytest.raises(ZeroDivisionError), watch.measuring("inner"):
            clock.now += 1.0
            raise ZeroDivisionError
        clock.now += 2.0
    assert watch.seconds == {"inner": 1.0, "outer": 2.0}


@pytest.mark.slow
@pytest.mark.parametrize(
    "extra", [("--rebuilt-uniform",), ("--exclusive", "--set", "tariff.price_all_in_eur_per_kwh=0.25")]
)
def test_reoptimisation(tmp_path, extra):
    found = figures(tmp_path, "reoptimisation.py", "--members", "2", "--steps", "6", "--every", "5", *extra)
    ways = found["ways"]
    assert ways["ours"]["steps"] == ways["cold"]["steps"] == 6
    assert ways["rebuilt"]["steps"] == ways["persistent"]["steps"] == 2
    assert ("rebuilt uniform" in ways) == ("--rebuilt-uniform" in extra)
    assert all(row["difference"] is None or row["difference"] <= 1e-6 for row in ways.values())
    # far from what is published, so that a busy machine does not matter
    assert ways["rebuilt"]["times_ours"] > 5.0
    assert ways["of that HiGHS"]["median_ms"] < ways["ours"]["median_ms"]
    parts = sum(found["parts_ms"].values())
    assert parts == pytest.approx(ways["ours"]["mean_ms"], rel=0.05)


@pytest.mark.slow
def test_reoptimisation_refuses_an_even_interval(tmp_path):
    command = [sys.executable, str(BENCHMARKS / "reoptimisation.py"), "--every", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert "--every 4, allowed: odd numbers" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("controller", ["rules", "mpc"])
def test_year(tmp_path, controller):
    found = figures(tmp_path, "year.py", "--members", "2", "--days", "1", "--controller", controller)
    measured, year = found["parts_s"], found["year_parts_s"]
    assert sum(measured.values()) == pytest.approx(found["cpu_s"])
    assert found["warmup_days"] == 3
    for part in ("mosaik", "plant", "recorder"):
        assert measured[part] > 0.0
        assert year[part] == pytest.approx(measured[part] * 368 / 4)
    assert year["building"] == measured["building"] > 0.0
    assert (measured["solver"] > 0.0) == (controller == "mpc")
    assert found["kpis"]["solve_failures"] == 0
    assert found["peak_memory_mb"] > 50.0


@pytest.mark.slow
def test_scaling(tmp_path):
    found = figures(
        tmp_path,
        "scaling.py",
        *("--members", "1,3", "--stochastic", "1", "--steps", "3", "--rules", "1", "--days", "1"),
    )
    rows = found["reoptimisation"]
    assert [(row["controller"], row["members"]) for row in rows] == [
        ("mpc", 1),
        ("mpc", 3),
        ("mpc-stochastic", 1),
    ]
    assert [row["ratio"] for row in rows] == [row["median_ms"] / rows[0]["median_ms"] for row in rows]
    assert rows[2]["ratio"] > 1.0
    assert all(row["over_highs"] > 1.0 for row in rows)
    assert [day["members"] for day in found["rules"]] == [1]
    assert found["rules"][0]["day_s"] > 0.0


def test_settlement(tmp_path):
    found = figures(tmp_path, "settlement.py", "--pods", "6", "--days", "1")
    plain, statement = found["rows"]
    assert plain["cpu_s"] > 0.0
    assert statement["peak_memory_mb"] >= plain["peak_memory_mb"] > 30.0
    assert plain["readings_mb"] == pytest.approx(96 * 12 * 20 / 1e6, rel=0.3)


@pytest.mark.slow
def test_seasons(tmp_path):
    (row,) = figures(
        tmp_path, "seasons.py", "--weeks", "2025-07-14", "--days", "1", "--set", "community.size=1"
    )
    assert row["gain_eur"] == pytest.approx(row["objective_base_eur"] - row["objective_eur"])
    assert row["solve_failures"] == 0
    assert row["solve_ms_median_base"] is None  # the rules solve nothing


@pytest.mark.slow
def test_seasons_with_settings_of_the_base_alone(tmp_path):
    (row,) = figures(
        tmp_path,
        "seasons.py",
        *("--weeks", "2025-07-14", "--days", "1", "--set", "community.size=1"),
        *("--base", "mpc", "--base-set", "controller.options.horizon=uniform"),
    )
    assert row["solve_ms_median_base"] > 0.0
    assert row["gain_eur"] != 0.0  # equal settings give equal runs
    gain = 100.0 * row["gain_eur"] / row["bill_base_eur"]
    assert row["gain_percent_of_bills"] == pytest.approx(gain)


@pytest.mark.slow
def test_forecasts(tmp_path):
    found = figures(
        tmp_path,
        "forecasts.py",
        *("--weeks", "2025-07-14", "--days", "1", "--set", "community.size=1", "--set", "seed=4"),
        *("--seeds", "2", "--bound", "1", "--forecasts", "perfect,high"),
    )
    runs, rows = found["runs"], {row["forecast"]: row for row in found["over_all"]}
    assert [run["seed"] for run in runs] == [4, 5]
    assert list(rows) == list(runs[0]["kpis"]) == ["rules", "perfect", "high"]
    assert runs[1]["lower_eur"] is None
    for name, row in rows.items():
        of_seeds = [(run["kpis"]["rules"], run["kpis"][name]) for run in runs]
        gains = [rules["objective_eur"] - mpc["objective_eur"] for rules, mpc in of_seeds]
        percents = [100.0 * gain / of_seeds[i][0]["bill_eur"] for i, gain in enumerate(gains)]
        assert row["gain_percent"] == pytest.approx(sum(percents) / 2)
        assert row["worst_percent"] == pytest.approx(min(percents))
        assert row["runs_won"] == sum(gain > 0.0 for gain in gains)
        assert (row["runs"], row["runs_bounded"], row["solve_failures"]) == (2, 1, 0)
        assert row["regret_eur"] > 0.0
    regrets = rows["rules"]["regret_eur"] - rows["high"]["regret_eur"]
    marginal = [
        kpis["objective_eur"] + kpis["unmodelled_eur"] - kpis["fees_eur"]
        for kpis in (runs[0]["kpis"]["rules"], runs[0]["kpis"]["high"])
    ]
    assert regrets == pytest.approx(marginal[0] - marginal[1])
    assert rows["perfect"]["gain_percent"] != rows["high"]["gain_percent"]
