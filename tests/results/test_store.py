"""The result file: what is written comes back, and what is broken is refused with a reason."""

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from recosim.errors import ResultsError
from recosim.results.run_file import RunMeta, open_run
from recosim.results.store import RunWriter
from recosim.timegrid import TimeGrid

GRID = TimeGrid.from_local_date("2025-03-29", 3)  # the middle day has 92 quarters
SERIES = {
    "meter": {"energy_withdrawn_kwh": ("flat 1", "stairs à")},
    "battery": {"energy_battery_kwh": ("flat 1",), "setpoint_power_charge_kw": ("flat 1",)},
    "weather": {"temp_outdoor_degc": ("site",)},
}
META = RunMeta(name="small", scenario_yaml="name: small\nplace: 'Napoli à'\n", controller="rules", seed=7)


def _block(first, n_rows, series=SERIES):
    """Values that tell their row and member."""
    rows = np.arange(first, first + n_rows, dtype=float)[:, None]
    return {
        group: {name: rows + 0.25 * np.arange(len(members)) for name, members in quantities.items()}
        for group, quantities in series.items()
    }


def _write(path, *, grid=GRID, series=SERIES, sizes=(96, 96, 92), finish=True):
    with RunWriter(path, meta=META, grid=grid, series=series) as writer:
        for size in sizes:
            writer.append(_block(writer.committed, size, series), size)
        if finish:
            writer.finish({"bill_eur": 12.5, "battery_cycles": None, "contract_overruns": 3})
    return path


@pytest.fixture
def path(tmp_path):
    return _write(tmp_path / "made" / "run.h5")


def test_what_is_written_comes_back(path):
    with open_run(path) as run:
        assert run.complete
        assert run.committed == 284
        assert run.grid == GRID
        assert run.meta == META
        assert run.kpis == {"bill_eur": 12.5, "battery_cycles": None, "contract_overruns": 3}
        assert run.groups()["meter"] == ("energy_withdrawn_kwh",)
        assert run.members("meter", "energy_withdrawn_kwh") == ("flat 1", "stairs à")
        expected = np.arange(284.0)[:, None] + [0.0, 0.25]
        np.testing.assert_array_equal(run.values("meter", "energy_withdrawn_kwh"), expected)
        part = run.values("meter", "energy_withdrawn_kwh", slice(90, 100))
        np.testing.assert_array_equal(part, expected[90:100])


@pytest.mark.parametrize("sizes", [(284,), (95, 1, 96, 92), (96, 92, 96), (1, 96, 187)])
def test_the_size_of_the_blocks_does_not_matter(tmp_path, path, sizes):
    other = _write(tmp_path / "other.h5", sizes=sizes)
    with open_run(path) as one, open_run(other) as two:
        for group, names in one.groups().items():
            for name in names:
                np.testing.assert_array_equal(one.values(group, name), two.values(group, name))


def test_a_frame_has_local_time_names_and_unit(path):
    with open_run(path) as run:
        frame = run.frame("meter", "energy_withdrawn_kwh")
        few = run.frame("meter", "energy_withdrawn_kwh", slice(96, 98))
    assert list(frame.columns) == ["flat 1", "stairs à"]
    assert frame.attrs == {
        "quantity": "energy_withdrawn_kwh",
        "unit": "kWh",
        "meaning": "energy withdrawn from the grid",
    }
    assert frame.index[0] == pd.Timestamp("2025-03-29 00:00", tz="Europe/Rome")
    # 2025-03-30 begins in winter time and has no 02:00
    assert frame.index[96 + 8] == pd.Timestamp("2025-03-30 03:00", tz="Europe/Rome")
    assert list(few.index) == list(frame.index[96:98])


def test_plain_h5py_reads_the_documented_layout(path):
    with h5py.File(path) as file:
        assert file["time"].dtype == np.int64
        assert file["time"][0] == GRID.start
        assert file["committed"][()] == 284
        meta = file["meta"]
        text = meta["scenario"].asstr()[()]
        assert text == META.scenario_yaml
        assert meta.attrs["scenario_sha256"] == hashlib.sha256(text.encode()).hexdigest()
        assert (meta.attrs["controller"], meta.attrs["seed"]) == ("rules", 7)
        energy = file["series/meter/energy_withdrawn_kwh"]
        assert energy.dtype == np.float64
        assert file["series/battery/energy_battery_kwh"].dtype == np.float32
        assert energy.chunks == (96, 2)
        assert energy.attrs["unit"] == "kWh"
        frame = pd.DataFrame(energy[:], columns=file[energy.attrs["members"]].asstr()[:])
    assert frame["stairs à"].iloc[-1] == 283.25


def test_members_of_the_quantities_of_one_group_may_differ(tmp_path):
    series = {"load": {"power_load_kw": ("a", "b"), "power_other_kw": ("c",), "power_third_kw": ("a", "b")}}
    path = _write(tmp_path / "run.h5", series=series)
    with open_run(path) as run:
        assert run.members("load", "power_load_kw") == ("a", "b")
        assert run.members("load", "power_other_kw") == ("c",)
        assert run.members("load", "power_third_kw") == ("a", "b")


def test_many_members_are_split_into_chunks_below_a_megabyte(tmp_path):
    members = tuple(f"pod {i}" for i in range(3000))
    series = {"meter": {"energy_withdrawn_kwh": members}, "load": {"power_load_kw": members}}
    path = _write(tmp_path / "run.h5", series=series)
    with h5py.File(path) as file:
        for name in ("meter/energy_withdrawn_kwh", "load/power_load_kw"):
            dataset = file[f"series/{name}"]
            assert dataset.chunks[0] == 96
            assert 500_000 < np.prod(dataset.chunks) * dataset.dtype.itemsize <= 1_000_000
    with open_run(path) as run:
        expected = np.arange(284.0)[:, None] + 0.25 * np.arange(3000)
        np.testing.assert_array_equal(run.values("meter", "energy_withdrawn_kwh"), expected)
        np.testing.assert_array_equal(run.values("load", "power_load_kw"), expected)
        rows = list(run.blocks(3000))
        assert [(r.start, r.stop) for r in rows] == [(0, 284)] or len(rows) > 1
        assert sum(r.stop - r.start for r in rows) == 284


def test_a_short_run_and_another_step_work(tmp_path):
    for step_s, rows in ((300, 7), (3600, 5)):
        grid = TimeGrid(start=0, step_s=step_s, n_steps=rows)
        path = _write(tmp_path / f"{step_s}.h5", grid=grid, sizes=(rows,))
        with open_run(path) as run:
            assert run.values("weather", "temp_outdoor_degc")[:, 0].tolist() == list(range(rows))
            assert run.grid.step_s == step_s


def test_a_setpoint_may_be_nan_and_nothing_else(tmp_path):
    block = _block(0, 96)
    block["battery"]["setpoint_power_charge_kw"][:] = np.nan
    writer = RunWriter(tmp_path / "run.h5", meta=META, grid=GRID, series=SERIES)
    writer.append(block, 96)
    block = _block(96, 96)
    block["battery"]["setpoint_power_charge_kw"][3:] = np.nan
    writer.append(block, 96)
    block = _block(192, 92)
    block["meter"]["energy_withdrawn_kwh"][4, 1] = np.nan
    with pytest.raises(
        ResultsError, match=r"meter/energy_withdrawn_kwh of stairs à is nan at 2025-03-31 02:0"
    ):
        writer.append(block, 92)
    block["meter"]["energy_withdrawn_kwh"][4, 1] = 0.0
    block["battery"]["setpoint_power_charge_kw"][0, 0] = np.inf
    with pytest.raises(ResultsError, match="setpoint_power_charge_kw of flat 1 is inf"):
        writer.append(block, 92)
    writer.close()
    with open_run(tmp_path / "run.h5") as run:
        assert run.committed == 192
        values = run.values("battery", "setpoint_power_charge_kw")
    assert np.isnan(values[:96]).all()
    assert values[96:99, 0].tolist() == [96.0, 97.0, 98.0]
    assert np.isnan(values[99:]).all()


def test_rows_of_the_wrong_shape_or_name_are_refused_and_nothing_is_committed(tmp_path):
    writer = RunWriter(tmp_path / "run.h5", meta=META, grid=GRID, series=SERIES)
    lacking = _block(0, 96)
    del lacking["weather"]
    with pytest.raises(ResultsError, match="weather/temp_outdoor_degc"):
        writer.append(lacking, 96)
    with pytest.raises(ResultsError, match=r"shape \(95, 2\), expected \(96, 2\)"):
        writer.append(_block(0, 95), 96)
    with pytest.raises(ResultsError, match="allowed: 1 to 284"):
        writer.append(_block(0, 285), 285)
    with pytest.raises(ResultsError, match="only 0 of 284 rows"):
        writer.finish({})
    assert writer.committed == 0
    writer.close()


def test_a_key_figure_must_be_finite(tmp_path):
    path = _write(tmp_path / "run.h5", finish=False)
    with RunWriter(path, meta=META, grid=GRID, series=SERIES, force=True) as writer:
        writer.append(_block(0, 284), 284)
        with pytest.raises(ResultsError, match="not a finite number: co2_kg"):
            writer.finish({"bill_eur": 1.0, "co2_kg": float("nan")})
    with open_run(path) as run:
        assert not run.complete
        assert run.kpis == {}


def test_an_existing_file_is_kept_unless_forced(path):
    before = path.read_bytes()
    with pytest.raises(ResultsError, match=r"run\.h5 exists already.*--force"):
        RunWriter(path, meta=META, grid=GRID, series=SERIES)
    assert path.read_bytes() == before
    RunWriter(path, meta=META, grid=GRID, series=SERIES, force=True).close()
    with open_run(path) as run:
        assert run.committed == 0


def test_a_folder_in_the_way_is_our_own_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ResultsError, match="cannot be written"):
        RunWriter(tmp_path / "file" / "run.h5", meta=META, grid=GRID, series=SERIES)
    with pytest.raises(ResultsError, match="is a folder: name a file in it"):
        RunWriter(tmp_path, meta=META, grid=GRID, series=SERIES, force=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
def test_what_is_not_an_ordinary_file_is_refused_and_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ResultsError, match="pipe is not an ordinary file"):
        RunWriter(tmp_path / "pipe", meta=META, grid=GRID, series=SERIES, force=True)
    assert (tmp_path / "pipe").exists()


def test_an_error_leaves_the_file_only_if_it_holds_rows(tmp_path):
    path = tmp_path / "run.h5"
    with pytest.raises(KeyError), RunWriter(path, meta=META, grid=GRID, series=SERIES):
        raise KeyError
    assert not path.exists()
    with pytest.raises(KeyError), RunWriter(path, meta=META, grid=GRID, series=SERIES) as writer:
        writer.append(_block(0, 96), 96)
        raise KeyError
    with open_run(path) as run:
        assert (run.committed, run.complete) == (96, False)
    RunWriter(path, meta=META, grid=GRID, series=SERIES, force=True).close()
    assert path.exists()  # no error: an empty file may be wanted


def test_controller_columns_grow_call_by_call(tmp_path):
    with RunWriter(tmp_path / "run.h5", meta=META, grid=GRID, series=SERIES) as writer:
        writer.write_controller(
            {"status": ["optimal", "à"], "milliseconds": [6.5, 7.0], "fallback": [False, True]}
        )
        writer.write_controller({"status": ["x"], "milliseconds": [1.0], "fallback": [False]})
        writer.write_controller({"status": [7], "milliseconds": ["late"], "iterations": [3]})
        with pytest.raises(ResultsError, match="differ in length"):
            writer.write_controller({"status": ["x"], "milliseconds": [1.0, 2.0], "fallback": [False]})
    with open_run(tmp_path / "run.h5") as run:
        columns = run.controller()
    assert columns["status"].tolist() == ["optimal", "à", "x", "7"]
    np.testing.assert_array_equal(columns["milliseconds"], [6.5, 7.0, 1.0, np.nan])
    np.testing.assert_array_equal(columns["fallback"], [0.0, 1.0, 0.0, np.nan])
    np.testing.assert_array_equal(columns["iterations"], [np.nan, np.nan, np.nan, 3.0])


def test_days_of_zeros_take_no_room_and_read_as_zeros(tmp_path):
    series = {"dwelling": {"power_heating_kw": ("a", "b"), "setpoint_power_heating_kw": ("a", "b")}}
    grid, rows = TimeGrid.from_local_date("2025-05-01", 3), np.zeros((96, 2))
    with RunWriter(tmp_path / "run.h5", meta=META, grid=grid, series=series) as writer:
        for heating, asked in ((rows, rows * np.nan), (rows + 1.0, rows), (rows, rows)):
            given = {"power_heating_kw": heating, "setpoint_power_heating_kw": asked}
            writer.append({"dwelling": given}, 96)
    with h5py.File(tmp_path / "run.h5") as file:
        stored = [file[f"series/dwelling/{name}"].id.get_num_chunks() for name in series["dwelling"]]
    assert stored == [1, 2]
    with open_run(tmp_path / "run.h5") as run:
        heating = run.values("dwelling", "power_heating_kw")
        asked = run.values("dwelling", "setpoint_power_heating_kw")
    np.testing.assert_array_equal(heating[:, 0], np.repeat([0.0, 1.0, 0.0], 96))
    np.testing.assert_array_equal(asked[:, 1], np.repeat([np.nan, 0.0, 0.0], 96))


def test_settlement_tables_and_single_values(tmp_path):
    with RunWriter(tmp_path / "run.h5", meta=META, grid=GRID, series=SERIES) as writer:
        writer.write_settlement({"hourly": {"energy_shared_kwh": [9.0]}})
        writer.write_settlement(
            {
                "hourly": {"time": np.arange(3), "energy_shared_kwh": [0.0, 1.5, 2.0]},
                "monthly": {"month": ["2025-03"], "bill_eur": np.array([[1.0, 2.0]])},
            },
            {"scheme": "cacer", "share_consumers": 0.45},
        )
        with pytest.raises(ResultsError, match="hourly differ in length"):
            writer.write_settlement({"hourly": {"a": [1.0], "b": [1.0, 2.0]}})
    with open_run(tmp_path / "run.h5") as run:
        assert run.settlement_tables() == ("hourly", "monthly")
        assert run.settlement("hourly")["energy_shared_kwh"].tolist() == [0.0, 1.5, 2.0]
        assert run.settlement("monthly")["month"].tolist() == ["2025-03"]
        assert run.settlement("monthly")["bill_eur"].tolist() == [[1.0, 2.0]]
        assert run.settlement_attrs() == {"scheme": "cacer", "share_consumers": 0.45}
        with pytest.raises(ResultsError, match="'yearly', only: hourly, monthly"):
            run.settlement("yearly")


def test_a_run_without_controller_or_settlement_reads_as_empty(path):
    with open_run(path) as run:
        assert run.controller() == {}
        assert run.settlement_tables() == ()
        assert run.settlement_attrs() == {}


def test_an_unfinished_run_shows_its_committed_rows(tmp_path):
    path = _write(tmp_path / "run.h5", sizes=(96, 50), finish=False)
    with open_run(path) as run:
        assert not run.complete
        assert run.values("weather", "temp_outdoor_degc").shape == (146, 1)
        assert run.grid_committed.n_steps == 146
        assert len(run.frame("weather", "temp_outdoor_degc")) == 146


def test_the_writer_and_nobody_else_reads_what_is_committed(tmp_path):
    path = tmp_path / "run.h5"
    writer = RunWriter(path, meta=META, grid=GRID, series=SERIES)
    for size in (96, 188):
        writer.append(_block(writer.committed, size), size)
        with pytest.raises(ResultsError, match="is in use: another run writes to it"):
            open_run(path)
        run = writer.so_far()
        assert not run.complete
        assert run.values("weather", "temp_outdoor_degc")[:, 0].tolist() == list(range(writer.committed))
        last = writer.so_far().last("meter", "energy_withdrawn_kwh")
        assert last.tolist() == [writer.committed - 1.0, writer.committed - 0.75]
    writer.finish({"bill_eur": 1.0})
    with open_run(path) as run:
        assert run.complete


def test_a_missing_series_names_what_is_there(path):
    with open_run(path) as run:
        assert run.has("weather", "temp_outdoor_degc")
        assert not run.has("weather", "temp_sky_degc")
        with pytest.raises(ResultsError, match=r"weather/temp_sky_degc \(temp_outdoor_degc\)"):
            run.values("weather", "temp_sky_degc")
        with pytest.raises(ResultsError, match="no group 'dwelling', only: battery, meter, weather"):
            run.frame("dwelling", "temp_indoor_degc")


def test_files_that_are_no_results_are_refused_by_name(tmp_path, path):
    with pytest.raises(ResultsError, match=r"absent\.h5 is not there"):
        open_run(tmp_path / "absent.h5")
    (tmp_path / "text.h5").write_text("time;power\n")
    with pytest.raises(ResultsError, match=r"text\.h5 is not an HDF5 file"):
        open_run(tmp_path / "text.h5")
    (tmp_path / "empty.h5").touch()
    with pytest.raises(ResultsError, match=r"empty\.h5 is not an HDF5 file"):
        open_run(tmp_path / "empty.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(ResultsError, match=r"other\.h5 is an HDF5 file, but not a recosim run"):
        open_run(tmp_path / "other.h5")


@pytest.mark.parametrize("part", ["meta", "time", "committed", "series", "meta/scenario", "meta/versions"])
def test_a_file_that_lacks_a_part_is_refused(path, part):
    with h5py.File(path, "a") as file:
        del file[part]
    with pytest.raises(ResultsError, match=r"run\.h5.*run again"):
        open_run(path)


def test_a_file_cut_short_anywhere_is_refused(path):
    whole = path.read_bytes()
    for share in np.linspace(0.0, 0.999, 25):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ResultsError, match=r"run\.h5"), open_run(path) as run:
            run.values("meter", "energy_withdrawn_kwh")


@pytest.mark.parametrize(
    ("part", "instead"),
    [
        ("time", np.dtype("int64")),  # a type where a data set should be
        ("committed", "many"),
        ("meta/kpis", "{not json"),
        ("meta/versions", 3.0),
        ("members/meter", 1),
        ("series/meter/energy_withdrawn_kwh", "text"),
    ],
)
def test_a_part_of_the_wrong_kind_is_our_own_error(path, part, instead):
    with h5py.File(path, "a") as file:
        del file[part]
        file[part] = instead
    with pytest.raises(ResultsError, match=r"run\.h5 is damaged.*run again"), open_run(path) as run:
        run.frame("meter", "energy_withdrawn_kwh")


_ENDLESS = """
import sys
from pathlib import Path
import numpy as np
from recosim.results.run_file import RunMeta
from recosim.results.store import RunWriter
from recosim.timegrid import TimeGrid
meta = RunMeta(name="endless", scenario_yaml="", controller="rules", seed=1)
series = {"meter": {f"energy_{i}_kwh": tuple(map(str, range(200))) for i in range(8)}}
grid = TimeGrid.from_local_date("2025-01-01", 3650)
writer = RunWriter(Path(sys.argv[1]), meta=meta, grid=grid, series=series)
while True:
    block = {n: np.full((96, 200), 1.0 * writer.committed + i) for i, n in enumerate(series["meter"])}
    writer.append({"meter": block}, 96)
    print(writer.committed, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_a_killed_writer_leaves_every_committed_row(tmp_path):
    for trial, lines in enumerate((1, 7, 20)):
        path = Path(tmp_path / f"{trial}.h5")
        command = [sys.executable, "-c", _ENDLESS, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for _ in range(lines):
                process.stdout.readline()
            os.kill(process.pid, signal.SIGKILL)
            told = [int(line) for line in process.stdout.read().split("\n")[:-1]]  # the last may be cut
        with open_run(path) as run:
            assert not run.complete
            assert run.committed >= max(told, default=96 * lines)
            expected = np.repeat(np.arange(0.0, run.committed, 96.0), 96)
            for i in range(8):
                values = run.values("meter", f"energy_{i}_kwh")
                assert (values == (expected + i)[:, None]).all()


_FULL_DISK = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (6_000_000, 6_000_000))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files here")
def test_a_full_disk_is_our_own_error(tmp_path):
    path = tmp_path / "run.h5"
    command = [sys.executable, "-c", _FULL_DISK + _ENDLESS, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split()[0] == "96"
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("recosim.errors.ResultsError")]
    assert "run.h5 cannot be written (File too large): files may not become larger there" in line
    with open_run(path) as run:
        assert run.committed == int(done.stdout.split()[-1])
