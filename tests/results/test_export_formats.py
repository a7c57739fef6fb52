"""What is exported equals what the result file holds, in every format; nothing is left behind by errors."""

import json
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray

import recosim
from recosim.errors import ResultsError
from recosim.results.export import NOTICES_FILE, export_run
from recosim.results.export_csv import write_csv_files
from recosim.results.export_mosaik import write_mosaik_file
from recosim.results.export_parquet import write_parquet_files
from recosim.results.export_tables import distinct
from recosim.results.run_file import Run, RunMeta, open_run
from recosim.results.store import RunWriter
from recosim.timegrid import TimeGrid

SPRING, AUTUMN = "2025-03-29", "2025-10-25"
SERIES = {
    "meter": dict.fromkeys(("energy_withdrawn_kwh", "energy_injected_kwh"), ("flat 1", "stairs à", "flat 1")),
    "battery": {"energy_battery_kwh": ("flat/1", "b"), "setpoint_power_charge_kw": ("b",)},
    "weather": {"temp_outdoor_degc": ("site",)},
}
META = RunMeta(
    name="small",
    scenario_yaml="name: small\n",
    controller="rules",
    seed=7,
    notices=("Weather: of a friend.", "Prices: GME."),
)


def written(path: Path, *, start=AUTUMN, days=3, step_s=900, finish=True, meta=META, n_written=None) -> Path:
    grid = TimeGrid.from_local_date(start, days, step_s=step_s)
    rng = np.random.default_rng(5)
    with RunWriter(path, meta=meta, grid=grid, series=SERIES) as writer:
        while writer.committed < (grid.n_steps if n_written is None else n_written):
            size = min(writer.rows_per_block, grid.n_steps - writer.committed)
            block = {
                group: {name: rng.normal(size=(size, len(members))) for name, members in names.items()}
                for group, names in SERIES.items()
            }
            block["battery"]["setpoint_power_charge_kw"][::3] = np.nan
            block["battery"]["energy_battery_kwh"] *= (
                writer.committed > 0
            )  # a day of zeros is not in the file
            writer.append(block, size)
        hours = np.arange(4) * 3600 + grid.start
        writer.write_settlement(
            {
                "hourly": {
                    "time": hours,
                    "energy_shared_kwh": rng.random(4),
                    "premium_eur": rng.random((4, 3)),
                    "sale_eur": rng.random((4, 3)),
                },
                "members": {"bill_eur": rng.random(3), "pod": np.array(["flat 1", "stairs à", "flat 1"])},
                "monthly": {"year": [2025], "month": [3], "energy_eur": rng.random((1, 3))},
            }
        )
        writer.write_controller(
            {"status": ["ok"] * writer.committed, "milliseconds": rng.random(writer.committed)}
        )
        writer.write_faults(
            {"kind": ["meter"], "start": [grid.start], "end": [grid.start + 3600], "text": ["x"]}
        )
        if finish:
            writer.finish({"bill_eur": 12.5, "battery_cycles": None, "contract_overruns": 3})
    return path


def of_csv(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv", parse_dates=["time_utc"])


def of_parquet(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / f"{name}.parquet")


TABLES = pytest.mark.parametrize(
    ("exporter", "read"),
    [(write_csv_files, of_csv), (write_parquet_files, of_parquet)],
    ids=["csv", "parquet"],
)
PERIODS = pytest.mark.parametrize(
    ("start", "step_s"), [(SPRING, 900), (AUTUMN, 900), (AUTUMN, 300), (SPRING, 3600), (AUTUMN, 1800)]
)


@TABLES
@PERIODS
def test_tables_hold_every_value(tmp_path, exporter, read, start, step_s):
    path = written(tmp_path / "run.h5", start=start, step_s=step_s)
    export_run(path, exporter, tmp_path / "out")
    with open_run(path) as run:
        local, times = run.grid.local, run.grid.utc
        for group, names in run.groups().items():
            table = read(tmp_path / "out", group)
            members = {name: distinct(run.members(group, name)) for name in names}
            everyone = list(dict.fromkeys(m for some in members.values() for m in some))
            assert len(table) == run.committed * len(everyone)
            assert list(table.time_utc[:: len(everyone)]) == list(times)
            assert list(pd.to_datetime(table.time_local[:: len(everyone)], utc=True)) == list(times)
            assert table.time_local.iloc[0] == local[0].isoformat()
            for name in names:
                wanted = run.values(group, name)
                wide = table[name].to_numpy().reshape(run.committed, len(everyone))
                columns = [everyone.index(member) for member in members[name]]
                dtype = run.about(group, name).dtype
                np.testing.assert_array_equal(wide[:, columns].astype(dtype), wanted.astype(dtype))
                others = [i for i in range(len(everyone)) if i not in columns]
                assert np.isnan(wide[:, others]).all()


@TABLES
def test_an_hour_that_comes_twice_is_told_apart(tmp_path, exporter, read):
    export_run(written(tmp_path / "run.h5"), exporter, tmp_path / "out")
    table = read(tmp_path / "out", "weather")
    assert table.time_utc.is_unique
    assert table.time_local.is_unique
    assert str(table.time_utc.dt.tz) == "UTC"
    twice = table.time_local[table.time_local.str.startswith("2025-10-26T02:00:00")]
    assert list(twice) == ["2025-10-26T02:00:00+02:00", "2025-10-26T02:00:00+01:00"]


@TABLES
def test_tables_of_money_are_by_owner(tmp_path, exporter, read):
    path = written(tmp_path / "run.h5")
    export_run(path, exporter, tmp_path / "out")
    with open_run(path) as run:
        hourly, monthly = run.settlement("hourly"), run.settlement("monthly")
    plants, pods = (read(tmp_path / "out", f"settlement_hourly_by_{owner}") for owner in ("plant", "pod"))
    np.testing.assert_array_equal(plants.premium_eur, hourly["premium_eur"].ravel())
    np.testing.assert_array_equal(pods.sale_eur, hourly["sale_eur"].ravel())
    assert list(pods.pod[:3]) == ["flat 1", "stairs à", "flat 1 (2)"]
    assert list(plants.plant.astype(str)[:4]) == ["1", "2", "3", "1"]
    energy = pd.read_parquet if read is of_parquet else pd.read_csv
    suffix = "parquet" if read is of_parquet else "csv"
    by_month = energy(tmp_path / "out" / f"settlement_monthly_by_pod.{suffix}")
    np.testing.assert_array_equal(by_month.energy_eur, monthly["energy_eur"].ravel())
    assert set(by_month.month) == {3}


@TABLES
def test_metadata_describe_every_column(tmp_path, exporter, read):
    files = export_run(written(tmp_path / "run.h5"), exporter, tmp_path / "out")
    told = json.loads((tmp_path / "out" / "metadata.json").read_text())
    assert told["notices"] == list(META.notices)
    assert told["versions"]["recosim"] == META.versions["recosim"]
    assert (told["scenario"], told["seed"], told["timezone"]) == ("small", 7, "Europe/Rome")
    tables = {file.name for file in files if file.suffix in (".csv", ".parquet")}
    assert set(told["files"]) == tables
    for name in tables:
        path = tmp_path / "out" / name
        table = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
        assert list(table.columns) == list(told["files"][name])
    head = next(iter(tables)).rpartition(".")[2]
    assert told["files"][f"battery.{head}"]["energy_battery_kwh"] == {
        "unit": "kWh",
        "meaning": "energy stored at the end of the step",
        "dtype": "float32",
    }


def test_csv_is_read_in_one_line(tmp_path):
    export_run(written(tmp_path / "run.h5"), write_csv_files, tmp_path / "out")
    file = tmp_path / "out" / "meter.csv"
    frame = pd.read_csv(file, index_col=["time_utc", "member"], parse_dates=["time_utc"])
    assert frame.loc[("2025-10-24T22:00:00Z", "flat 1 (2)")].energy_injected_kwh.size == 1


def test_parquet_bears_units_and_notices(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    export_run(written(tmp_path / "run.h5"), write_parquet_files, tmp_path / "out")
    schema = parquet.read_schema(tmp_path / "out" / "meter.parquet")
    assert schema.field("energy_injected_kwh").metadata[b"unit"] == b"kWh"
    assert schema.field("energy_injected_kwh").metadata[b"meaning"] == b"energy injected into the grid"
    assert json.loads(schema.metadata[b"recosim"])["notices"] == list(META.notices)


def test_rows_come_by_blocks(tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("recosim.results.run_file.BLOCK_BYTES", 8 * 96 * 8)
    export_run(written(tmp_path / "run.h5"), write_parquet_files, tmp_path / "out")
    assert parquet.ParquetFile(tmp_path / "out" / "meter.parquet").num_row_groups == 4  # of 24 hours each
    export_run(tmp_path / "run.h5", write_csv_files, tmp_path / "lines")
    lines = (tmp_path / "lines" / "meter.csv").read_text().splitlines()
    assert sum(line.startswith("time_utc") for line in lines) == 1


@PERIODS
def test_mosaik_holds_every_value(tmp_path, start, step_s):
    path = written(tmp_path / "run.h5", start=start, step_s=step_s)
    pods = {("battery", "flat/1"): "flat 1", ("battery", "b"): "stairs à", ("car", "foreign"): "flat 1"}
    export_run(path, lambda run, folder: write_mosaik_file(run, folder, pods), tmp_path / "out")
    with open_run(path) as run, h5py.File(tmp_path / "out" / "run.hdf5") as file:
        assert file.attrs["step_size"] == step_s
        assert file.attrs["start"] == run.grid.local[0].isoformat()
        assert "GME" in file.attrs["notices"]
        assert set(file) == {"Relations", "Series"}
        assert set(file["Relations"]) == set(file["Series"])
        assert "battery.flat_1" in file["Series"]
        for group, names in run.groups().items():
            for name in names:
                for i, member in enumerate(run.members(group, name)):
                    again = " (2)" if i == 2 else ""
                    series = file[f"Series/{group}.{member.replace('/', '_')}{again}/{name}"]
                    assert (series.shape, series.dtype) == ((run.committed,), np.float64)
                    np.testing.assert_array_equal(series[:], run.values(group, name)[:, i])
                    assert series.attrs["unit"] == run.about(group, name).unit
        relation = file["Relations/battery.b"]
        assert (relation.shape, relation.dtype.kind) == ((1, 2), "S")
        assert relation[0, 1].decode() == "/Series/meter.stairs à"
        assert file[relation[0, 0]].name == "/Relations/meter.stairs à"
        assert file[relation[0, 1]]["energy_injected_kwh"].shape == (run.committed,)
        assert file["Relations/weather.site"].shape == (0,)


@PERIODS
def test_xarray_holds_every_value(tmp_path, start, step_s):
    path = written(tmp_path / "run.h5", start=start, step_s=step_s)
    with recosim.open_run(str(path)) as run:
        data = run.to_xarray()
        assert data.equals(run.dataset)
        for group, names in run.groups().items():
            for name in names:
                series = data[name]
                np.testing.assert_array_equal(series.values, run.values(group, name))
                assert series.attrs["units"] == run.about(group, name).unit
                assert series.dtype == run.about(group, name).dtype
        assert data.energy_battery_kwh.dims == ("time", "battery")
        assert data.setpoint_power_charge_kw.dims == ("time", "battery_2")
        assert list(data.meter.values) == ["flat 1", "stairs à", "flat 1 (2)"]
        assert list(data.time.values) == list(run.grid.utc.tz_localize(None).values)
        assert data.time_local.values[0] == np.datetime64(f"{start}T00:00")
        assert data.attrs["timezone"] == "Europe/Rome"
        assert "GME" in data.attrs["notices"]
        assert set(run.to_xarray("weather").data_vars) == {"temp_outdoor_degc"}


def test_xarray_reads_what_is_asked_for(tmp_path, monkeypatch):
    asked = []
    read = Run.values

    def values(self, group, quantity, rows=None):
        asked.append((quantity, rows))
        return read(self, group, quantity, rows)

    with recosim.open_run(written(tmp_path / "run.h5")) as run:
        whole = run.values("meter", "energy_injected_kwh")
        monkeypatch.setattr(Run, "values", values)
        series = run.to_xarray().energy_injected_kwh
        assert not asked
        np.testing.assert_array_equal(series[10:20:3, ::-1].values, whole[10:20:3, ::-1])
        assert asked == [("energy_injected_kwh", slice(10, 20, 3))]
        np.testing.assert_array_equal(series[5, 1].values, whole[5, 1])
        np.testing.assert_array_equal(series[::-2].values, whole[::-2])
        np.testing.assert_array_equal(series[[7, 3]][:, [2, 0]].values, whole[[7, 3]][:, [2, 0]])
        np.testing.assert_array_equal(series[-1].values, whole[-1])
        daily = series.resample(time="1D").sum().load()
    assert isinstance(daily, xarray.DataArray)
    assert float(daily.sum()) == pytest.approx(whole.sum())
    with pytest.raises(ResultsError, match="is closed: read what you need"):
        series.load()
    with pytest.raises(ResultsError, match="is closed"):
        run.frame("meter")


def test_a_frame_of_a_group(tmp_path):
    with recosim.open_run(written(tmp_path / "run.h5")) as run:
        frame = run.frame("battery")
        assert frame.index.tz is not None
        assert frame.index.is_unique
        assert list(frame.columns) == [
            ("energy_battery_kwh", "flat/1"),
            ("energy_battery_kwh", "b"),
            ("setpoint_power_charge_kw", "b"),
        ]
        np.testing.assert_array_equal(
            frame["energy_battery_kwh"], run.values("battery", "energy_battery_kwh")
        )
        assert frame.attrs["units"] == {"energy_battery_kwh": "kWh", "setpoint_power_charge_kw": "kW"}
        assert len(run.frame("battery", rows=slice(3, 9))) == 6
        assert run.frame("weather", "temp_outdoor_degc").attrs["unit"] == "degC"
        kpis = run.kpi_frame()
        assert kpis.loc["bill_eur", "value"] == run.kpis["bill_eur"] == 12.5
        assert kpis.loc["bill_eur", "unit"] == "EUR"
        assert np.isnan(kpis.loc["battery_cycles", "value"])
        assert run.settlement_frame("hourly").index.tz is not None
        assert run.settlement_frame("members").index.name == "pod"
        assert run.notices == META.notices
        with pytest.raises(ResultsError, match="no group 'dwelling', only: battery, meter, weather"):
            run.frame("dwelling")
        with pytest.raises(ResultsError, match="no group 'dwelling'"):
            run.to_xarray("dwelling")


@TABLES
def test_of_an_interrupted_run_what_is_committed_is_exported(tmp_path, exporter, read):
    path = written(tmp_path / "run.h5", finish=False, n_written=96)
    export_run(path, exporter, tmp_path / "out")
    assert len(read(tmp_path / "out", "weather")) == 96
    assert json.loads((tmp_path / "out" / "metadata.json").read_text())["complete"] is False
    assert not list((tmp_path / "out").glob("kpis.*"))
    with recosim.open_run(path) as run:
        assert run.to_xarray().sizes["time"] == 96
        assert len(run.frame("weather")) == 96


def test_of_an_interrupted_run_mosaik_has_what_is_committed(tmp_path):
    path = written(tmp_path / "run.h5", finish=False, n_written=96)
    export_run(path, lambda run, folder: write_mosaik_file(run, folder, {}), tmp_path / "out")
    with h5py.File(tmp_path / "out" / "run.hdf5") as file:
        assert file["Series/weather.site/temp_outdoor_degc"].shape == (96,)


def test_notices_go_with_every_folder(tmp_path):
    files = export_run(written(tmp_path / "run.h5"), write_csv_files, tmp_path / "out")
    assert files[-1].name == NOTICES_FILE
    text = files[-1].read_text()
    assert all(notice in text for notice in META.notices)


def test_a_file_that_names_no_sources_says_so(tmp_path):
    path = written(tmp_path / "run.h5")
    with h5py.File(path, "r+") as file:
        del file["meta/notices"]
    export_run(path, write_csv_files, tmp_path / "out")
    assert "does not say whose data" in (tmp_path / "out" / NOTICES_FILE).read_text()


def damaged(path: Path) -> Path:
    with h5py.File(path, "r+") as file:
        del file["members"]
    return path


def test_nothing_is_left_of_an_export_that_fails(tmp_path):
    path = damaged(written(tmp_path / "run.h5"))
    with pytest.raises(ResultsError, match="is damaged"):
        export_run(path, write_csv_files, tmp_path / "new" / "out")
    assert [file.name for file in tmp_path.iterdir()] == ["run.h5"]


def test_what_was_there_stays_where_an_export_fails(tmp_path):
    path, folder = written(tmp_path / "run.h5"), tmp_path / "out"
    export_run(path, write_csv_files, folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    def fails(run, stage):
        write_csv_files(run, stage)
        (stage / "meter.csv").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(ResultsError, match="out cannot be written: No space left on device"):
        export_run(path, fails, folder, force=True)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    with pytest.raises(ResultsError, match="is not empty"):
        export_run(path, write_csv_files, folder)
    (folder / "mine.txt").write_text("mine")
    export_run(path, write_csv_files, folder, force=True)
    assert {file.name for file in folder.iterdir()} == {*before, "mine.txt"}


def test_a_run_without_a_step_is_refused(tmp_path):
    path = tmp_path / "run.h5"
    RunWriter(path, meta=META, grid=TimeGrid.from_local_date(SPRING, 1), series=SERIES).close()
    with pytest.raises(ResultsError, match="holds no recorded step"):
        export_run(path, write_csv_files, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with recosim.open_run(path) as run:
        assert run.to_xarray().sizes["time"] == 0
        assert run.frame("meter").empty


@pytest.mark.parametrize("package", ["pyarrow", "xarray"])
def test_a_missing_package_is_named_with_its_cure(tmp_path, monkeypatch, package):
    path = written(tmp_path / "run.h5")
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "recosim.results.lazy_arrays", raising=False)
    if package == "pyarrow":
        with pytest.raises(ResultsError, match=r"pip install 'recosim\[parquet\]'"):
            export_run(path, write_parquet_files, tmp_path / "out")
        assert not (tmp_path / "out").exists()
    else:
        with (
            recosim.open_run(path) as run,
            pytest.raises(ResultsError, match=r"pip install 'recosim\[xarray\]'"),
        ):
            run.to_xarray()


def test_the_package_offers_open_run_without_loading_it():
    assert "open_run" in dir(recosim)
    assert recosim.open_run.__module__ == "recosim.results.opened"
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = recosim.nothing_such


@pytest.mark.parametrize("content", [b"", b"no HDF5", None])
def test_open_run_refuses_what_is_no_run(tmp_path, content):
    path = tmp_path / "run.h5"
    if content is None:
        whole = written(tmp_path / "whole.h5").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    else:
        path.write_bytes(content)
    with pytest.raises(ResultsError, match=r"run\.h5"):
        recosim.open_run(path)
