"""The report: what it packs, how large it becomes, what it says and what it refuses."""

import base64
import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from recosim.cli import app
from recosim.errors import ResultsError
from recosim.results.report.energy import flow_plot, flows_kwh
from recosim.results.report.pack import Pack
from recosim.results.report.series import (
    Band,
    community_power,
    fine_rows,
    hourly,
    members_shown,
    week_data,
)
from recosim.results.report.story import report_page
from recosim.results.run_file import RunMeta, open_run
from recosim.results.store import RunWriter
from recosim.scenarios.loader import load_scenario, plain_yaml
from recosim.scenarios.report_bands import band_of
from recosim.scenarios.runner import run_scenario
from recosim.timegrid import TimeGrid

MB = 1_000_000
META = RunMeta(name="made </script> up", scenario_yaml="name: made up\n", controller="rules", seed=1)


def written(
    path: Path,
    *,
    days: int,
    n: int,
    finish: bool = True,
    meta: RunMeta = META,
    start: str = "2025-01-01",
    step_s: int = 900,
    other_kw: float = 0.0,
    kpis: Mapping[str, float] | None = None,
) -> Path:
    """A file of numbers that compress as badly as real ones, in balance, without settlement."""
    grid = TimeGrid.from_local_date(start, days, step_s)
    names = tuple(f"flat-{i:04d}" for i in range(n))
    rng = np.random.default_rng(4)
    series = {
        "load": {"power_load_kw": names},
        "photovoltaics": {"power_pv_kw": names},
        "dwelling": {
            "temp_operative_degc": names,
            "power_heating_kw": names,
            "discomfort_heating_k": names,
        },
        "battery": {"energy_battery_kwh": names, "power_charge_kw": names, "power_discharge_kw": names},
        "meter": {"energy_withdrawn_kwh": names, "energy_injected_kwh": names},
        "weather": {"temp_outdoor_degc": ("site",)},
    }
    with RunWriter(path, meta=meta, grid=grid, series=series) as writer:
        while writer.committed < grid.n_steps - (0 if finish else 96):
            rows = min(96, grid.n_steps - writer.committed)
            shape = (rows, n)
            load, pv, heating = rng.random(shape), 3.0 * rng.random(shape), rng.random(shape)
            charge, discharge = rng.random(shape), rng.random(shape)
            net = (load + heating + charge - discharge - pv + other_kw) * grid.step_h
            block = {
                "load": {"power_load_kw": load},
                "photovoltaics": {"power_pv_kw": pv},
                "dwelling": {
                    "temp_operative_degc": 20.0 + 4.0 * rng.random(shape),
                    "power_heating_kw": heating,
                    "discomfort_heating_k": np.broadcast_to(np.arange(n) / n, shape),
                },
                "battery": {
                    "energy_battery_kwh": 10.0 * rng.random(shape),
                    "power_charge_kw": charge,
                    "power_discharge_kw": discharge,
                },
                "meter": {
                    "energy_withdrawn_kwh": np.maximum(net, 0.0),
                    "energy_injected_kwh": np.maximum(-net, 0.0),
                },
                "weather": {"temp_outdoor_degc": rng.random((rows, 1))},
            }
            writer.append(block, rows)
        if finish:
            usual = {"bill_eur": 12.5, "energy_pv_kwh": 1.0, "cost_net_eur": -3.0, "objective_eur": 5.0}
            writer.finish(usual | dict(kpis or {}))
    return path


def no_band(_run) -> Band:
    return Band(note="none here")


def unpacked(text: str) -> np.ndarray:
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(4, -1)
    return np.ascontiguousarray(planes.T).view("<f4").ravel()


def test_packed_numbers_come_back_with_four_digits() -> None:
    values = np.array([0.0, 1.0, -21.437, 1e-3, 65432.1, np.nan, 3.0])
    pack = Pack()
    assert pack.add(values[:3]) == [0, 3]
    assert pack.add(values[3:]) == [3, 4]
    np.testing.assert_allclose(unpacked(pack.text()), values, rtol=1.3e-4, atol=0.0)


def test_hourly_means_keep_the_energy() -> None:
    np.testing.assert_allclose(hourly(np.array([1.0, 3.0, 5.0, 7.0, 2.0, 4.0]), 4), [4.0, 3.0])
    np.testing.assert_allclose(hourly(np.arange(8.0).reshape(4, 2), 2), [[1.0, 2.0], [5.0, 6.0]])


def test_a_selection_holds_the_worst_and_is_spread() -> None:
    assert members_shown(np.zeros(50)) == list(range(50))
    discomfort = np.zeros(1000)
    discomfort[[7, 500, 998]] = 3.0, 2.0, 1.0
    shown = members_shown(discomfort)
    assert len(shown) == len(set(shown)) == 50
    assert {7, 500, 998} <= set(shown)
    assert max(np.diff(shown)) < 60


@pytest.mark.parametrize(
    "kwh",
    [
        {"pv": 10.0, "withdrawn": 5.0, "injected": 6.0, "load": 7.0, "charge": 3.0, "discharge": 1.0},
        {"pv": 10.0, "withdrawn": 5.0, "injected": 6.0, "load": 11.0, "charge": 1.0, "discharge": 3.0},
        {"pv": 2.0, "withdrawn": 9.0, "injected": 4.0, "load": 6.0, "charge": 6.0, "discharge": 5.0},
        {"pv": 2.0, "withdrawn": 3.0, "injected": 1.0, "load": 9.0, "other": -5.0},
        {"withdrawn": 9.0, "injected": 0.0, "load": 6.0, "other": 3.0},
    ],
)
def test_what_flows_into_a_node_flows_out_of_it(kwh) -> None:
    flows = flows_kwh(kwh, 1.0 if kwh["injected"] else 0.0)
    nodes = {name for start, to, _ in flows for name in (start, to)}
    for node in nodes:
        into = sum(energy for _, to, energy in flows if to == node)
        out = sum(energy for start, _, energy in flows if start == node)
        assert into == pytest.approx(out) or not into or not out, node
    assert sum(e for _, to, e in flows if to == "households and common services") == kwh["load"]


@pytest.mark.parametrize("sold_kwh", [-1e-7, 0.0, 1e-7, 1.0])
def test_shared_energy_is_drawn_where_plants_feed_all_in(sold_kwh: float) -> None:
    # as in naples-paper, by the file's single precision; or batteries sell a little of what they bought
    kwh = {"pv": 10.0, "withdrawn": 8.0 + sold_kwh, "injected": 10.0 + sold_kwh, "load": 8.0}
    drawn = {(start, to): energy for start, to, energy in flows_kwh(kwh, 6.0)}
    assert drawn["photovoltaics", "shared"] == drawn["shared", "use"] == 6.0
    assert drawn["from the grid, not shared", "use"] == pytest.approx(2.0 + sold_kwh)
    fed_in = sum(energy for (_, to), energy in drawn.items() if to == "to the grid, not shared")
    assert fed_in == pytest.approx(4.0 + sold_kwh)


def test_nothing_is_called_unshared_where_batteries_share_what_they_bought() -> None:
    flows = flows_kwh({"pv": 1.0, "withdrawn": 9.0, "injected": 4.0, "load": 6.0}, 3.0)
    assert not [flow for flow in flows if "shared" in flow[0] + flow[1]]


def test_a_week_has_its_steps_and_its_days(tmp_path) -> None:
    path = written(tmp_path / "run.h5", days=40, n=3, start="2025-03-10")  # with a day of 23 hours
    with open_run(path) as run:
        power = community_power(run)
        data = week_data(run, power, Band(note=""), "2025-03-25")
        numbers = unpacked(data["packed"])
        at, n = data["power"][0]["steps"]
        expected = run.values("photovoltaics", "power_pv_kw").sum(axis=1)[15 * 96 : 22 * 96 - 4]
        np.testing.assert_allclose(numbers[at : at + n], expected, rtol=1.3e-4)
        assert data["fine_day"] == 15
        assert len(data["day_starts"]) == 41
        assert data["day_starts"][21] - data["day_starts"][20] == 23 * 3600
        assert [seconds for _, seconds in data["offsets"]] == [3600, 7200]
        assert "other" not in power.kw
        for week in ("yesterday", "2024-03-25", "2025-13-01"):
            with pytest.raises(ResultsError, match=f"--week {week}.*allowed"):
                fine_rows(run.grid_committed, power, week)
        # a week cannot begin later than seven days before the end
        assert fine_rows(run.grid_committed, power, "2025-04-18").stop == run.committed


def test_what_other_devices_take_is_found(tmp_path) -> None:
    path = written(tmp_path / "run.h5", days=1, n=2, other_kw=0.5)
    with open_run(path) as run:
        power = community_power(run)
    np.testing.assert_allclose(power.kw["other"], 1.0, atol=1e-5)  # of both together
    np.testing.assert_array_equal(power.drawn["other devices"], power.kw["other"])


@pytest.mark.parametrize("n", [10, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_year_stays_below_ten_megabytes(tmp_path, n) -> None:
    path = written(tmp_path / "year.h5", days=365, n=n, step_s=900 if n == 10 else 3600)
    page = report_page([path], no_band)
    assert len(page.encode()) < 10 * MB
    assert f"{min(n, 50)} of\n{n} dwellings" in page or n == 10
    assert page.count('<option value="') == 2 * min(n, 50) + 1  # dwellings, batteries and all batteries


def test_runs_side_by_side_also_stay_below_ten_megabytes(tmp_path) -> None:
    path = written(tmp_path / "year.h5", days=365, n=60)
    page = report_page([path, path, path], no_band)
    assert len(page.encode()) < 10 * MB
    assert page.count('class="run"') == 3


def test_a_page_is_closed_to_the_network_and_to_names(tmp_path) -> None:
    page = report_page([written(tmp_path / "run.h5", days=2, n=2)], no_band)
    assert "default-src 'none'" in page
    body = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert re.search(r"""(?:src|href)\s*=\s*["']""", body) is None
    assert "made </script> up" not in page
    assert "made &lt;/script&gt; up" in page


def test_an_interrupted_run_shows_what_is_there(tmp_path) -> None:
    path = written(tmp_path / "cut.h5", days=3, n=2, finish=False)
    page = report_page([path], no_band)
    assert "This run was interrupted: 192 of 288 steps are in the file" in page
    assert "Money by month" not in page
    with pytest.raises(ResultsError, match="not complete|interrupted|did not end"):
        report_page([path, path], no_band)


@pytest.mark.parametrize(
    ("table", "column", "values"),
    [
        ("hourly", "time", [1735686000, 1735689600]),
        ("hourly", "energy_shared_kwh", None),
        ("members", "net_eur", [1.0]),
        ("monthly", "bill_eur", [np.nan]),
    ],
)
def test_parts_that_do_not_fit_are_damage(tmp_path, table, column, values) -> None:
    import h5py

    scenario = load_scenario("naples-small", ["period.days=1", "period.warmup_days=0"])
    path = tmp_path / "run.h5"
    run_scenario(scenario, controller="idle", out=path)
    assert "Money by month" in report_page([path], no_band)
    with h5py.File(path, "r+") as file:
        del file[f"settlement/{table}/{column}"]
        if values is not None:
            file[f"settlement/{table}/{column}"] = values
    with pytest.raises(ResultsError, match="run.h5 is damaged: .*; run again"):
        report_page([path], no_band)


def test_runs_are_told_apart_in_words(tmp_path) -> None:
    one = written(tmp_path / "one.h5", days=2, n=2)
    other = written(tmp_path / "<b>other.h5", days=2, n=3, kpis={"objective_eur": 7.0, "bill_eur": 10.0})
    later = written(tmp_path / "later.h5", days=2, n=2, start="2025-02-01")
    page = report_page([one, other, later], no_band).replace("\u00a0", " ")
    name = "&lt;b&gt;other"
    assert f"{name} costs 2.00 EUR more than one, comfort and wear included (J): " in page
    assert "bills are 10.00 EUR instead of 12.50 (-2.50)" in page
    assert "later is of 2025-02-01 00:00" in page
    assert "differences between them say little. More than the controller differs, see below." in page
    assert "differ in the period" in page  # as in recosim compare
    (traces,) = (f["data"] for k, f in plots_of(page).items() if k == "compared-0")
    assert [trace["name"] for trace in traces] == ["one", "&lt;b>other", "later"]


def test_a_member_far_beyond_all_others_does_not_hide_them() -> None:
    from recosim.results.report.money import _set_range

    costs = {f"flat-{i}": (500.0 + i, 600.0 + i) for i in range(60)}
    drawing = {"layout": {"yaxis": {}}}
    assert _set_range(drawing, costs) == ""
    assert "range" not in drawing["layout"]["yaxis"]
    told = _set_range(drawing, {**costs, "common": (-90_000.0, -91_000.0)})
    assert told == " Bars that go beyond the drawing: common (-90,000.00 EUR)."
    low, high = drawing["layout"]["yaxis"]["range"]
    assert low == 0.0
    assert 659.0 < high < 700.0


def test_many_small_uses_are_drawn_as_one(tmp_path) -> None:
    kwh = {
        "pv": 900.0,
        "withdrawn": 300.0,
        "injected": 100.0,
        "load": 1080.0,
        "standby": 12.0,
        "auxiliary": 8.0,
    }
    plot = flow_plot({name: np.array([value]) for name, value in kwh.items()}, 50.0)
    labels = plot["figure"]["data"][0]["node"]["label"]
    assert "all else<br>20.00 kWh" in labels
    assert not any("standby" in label for label in labels)
    assert plot["caption"].endswith(
        "All else: standby of heating and cooling 12.00 kWh, the plants' own draw 8.00 kWh."
    )


def test_nothing_recorded_is_refused(tmp_path) -> None:
    grid = TimeGrid.from_local_date("2025-01-01", 1)
    path = tmp_path / "empty.h5"
    writer = RunWriter(path, meta=META, grid=grid, series={"meter": {"energy_withdrawn_kwh": ("flat",)}})
    writer.close()  # as after a kill: an error would remove a file without rows
    with pytest.raises(ResultsError, match="holds no recorded step"):
        report_page([path], no_band)


def test_the_band_of_many_dwellings_needs_no_households(tmp_path) -> None:
    scenario = load_scenario("naples", ["period.days=2", "period.start=2025-01-14"])
    meta = RunMeta(name="naples", scenario_yaml=plain_yaml(scenario), controller="rules", seed=1)
    path = written(tmp_path / "run.h5", days=2, n=10, meta=meta, start="2025-01-14")
    with open_run(path) as run:
        own = band_of(run)
        from recosim.scenarios import report_bands

        limit, report_bands.DWELLINGS_WITH_OWN_BAND = report_bands.DWELLINGS_WITH_OWN_BAND, 1
        try:
            awake = band_of(run)
        finally:
            report_bands.DWELLINGS_WITH_OWN_BAND = limit
    assert own.low_degc.shape == (192, 10)
    assert awake.low_degc.shape == (192, 1)
    # being at home and awake asks for most: no own band is narrower, and some are as narrow
    assert (own.low_degc <= awake.low_degc).all()
    assert (own.low_degc == awake.low_degc).any()
    assert "at home and awake" in awake.note


def test_a_scenario_that_cannot_be_read_only_costs_the_band(tmp_path) -> None:
    with open_run(written(tmp_path / "run.h5", days=1, n=2)) as run:
        band = band_of(run)
    assert band.low_degc is None
    assert "not drawn" in band.note


def test_the_band_of_other_times_is_not_drawn(tmp_path) -> None:
    scenario = load_scenario("naples", ["period.days=3660", "period.start=2025-01-14"])
    meta = RunMeta(name="naples", scenario_yaml=plain_yaml(scenario), controller="rules", seed=1)
    with open_run(written(tmp_path / "run.h5", days=2, n=10, meta=meta, start="2025-01-14")) as run:
        band = band_of(run)
    assert band.low_degc is None
    assert "the times of the file are not those of its scenario" in band.note


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{run}", "-o", "{run}"], "let it end in .html"),
        (["{run}", "-o", "{folder}"], "let it end in .html"),
        (["{run}", "-o", "{run}/deep/report.html"], "is a file, not a folder"),
        (["{run}", "--week", "2031-01-01", "-o", "{folder}/r.html"], "lies outside the run"),
        (["{folder}/none.h5", "-o", "{folder}/r.html"], "is not there"),
        (["{run}"] * 9 + ["-o", "{folder}/r.html"], "allowed: 1 to 8"),
    ],
)
def test_bad_input_is_one_line(tmp_path, arguments, message) -> None:
    run = written(tmp_path / "run.h5", days=1, n=1)
    before = run.read_bytes()
    given = [text.format(run=run, folder=tmp_path) for text in arguments]
    found = CliRunner().invoke(app, ["report", *given])
    assert found.exit_code == 2
    assert message in found.output
    assert "Traceback" not in found.output
    assert run.read_bytes() == before
    assert not (tmp_path / "r.html").exists()


def plots_of(page: str) -> dict:
    return json.loads(re.search(r"^const plots = (.*);$", page, re.MULTILINE).group(1))


def test_the_data_of_a_page_can_be_read_again(tmp_path) -> None:
    plots = plots_of(report_page([written(tmp_path / "run.h5", days=2, n=2)], no_band))
    assert {figure["data"][0]["type"] for figure in plots.values()} >= {"sankey", "bar"}
