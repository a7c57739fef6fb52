"""What is exported equals what the result file holds, in every format; nothing is left behind by errors."""

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from recosim.errors import ResultsError
from recosim.quantities import quantity
from recosim.results.column_meanings import column_described
from recosim.results.export.csv import write_csv_files
from recosim.results.export.folder import NOTICES_FILE, export_run
from recosim.results.export.mosaik import write_mosaik_file
from recosim.results.export.parquet import write_parquet_files
from recosim.results.export.tables import distinct
from recosim.results.run_file import open_run

SPRING, AUTUMN = "2025-03-29", "2025-10-25"
NOTICES = ("Weather: of a friend.", "Prices: GME.")


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
def test_tables_hold_every_value(written, tmp_path, exporter, read, start, step_s):
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
def test_an_hour_that_comes_twice_is_told_apart(written, tmp_path, exporter, read):
    export_run(written(tmp_path / "run.h5"), exporter, tmp_path / "out")
    table = read(tmp_path / "out", "weather")
    assert table.time_utc.is_unique
    assert table.time_local.is_unique
    assert str(table.time_utc.dt.tz) == "UTC"
    twice = table.time_local[table.time_local.str.startswith("2025-10-26T02:00:00")]
    assert list(twice) == ["2025-10-26T02:00:00+02:00", "2025-10-26T02:00:00+01:00"]


@TABLES
def test_tables_of_money_are_by_owner(written, tmp_path, exporter, read):
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
def test_metadata_describe_every_column(written, tmp_path, exporter, read):
    files = export_run(written(tmp_path / "run.h5"), exporter, tmp_path / "out")
    told = json.loads((tmp_path / "out" / "metadata.json").read_text())
    assert told["notices"] == list(NOTICES)
    with open_run(tmp_path / "run.h5") as run:
        assert told["versions"] == run.meta.versions
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


def test_columns_beside_the_series_say_what_they_are(written, tmp_path):
    export_run(written(tmp_path / "run.h5"), write_csv_files, tmp_path / "out")
    files = json.loads((tmp_path / "out" / "metadata.json").read_text())["files"]
    assert files["kpis.csv"]["value"] == {"unit": "", "meaning": "in the unit of its row", "dtype": "float64"}
    assert files["settlement_monthly_by_pod.csv"]["energy_eur"]["meaning"] == "bill: energy, losses included"
    plan = column_described("controller", "objective_eur")
    assert (plan.unit, plan.meaning) != (quantity("objective_eur").unit, quantity("objective_eur").meaning)
    assert column_described("controller", "milliseconds").unit == "ms"
    assert column_described("controller", "rooms_kw").label == "rooms [kW]", "as a controller names it"


def test_csv_is_read_in_one_line(written, tmp_path):
    export_run(written(tmp_path / "run.h5"), write_csv_files, tmp_path / "out")
    file = tmp_path / "out" / "meter.csv"
    frame = pd.read_csv(file, index_col=["time_utc", "member"], parse_dates=["time_utc"])
    assert frame.loc[("2025-10-24T22:00:00Z", "flat 1 (2)")].energy_injected_kwh.size == 1


def test_parquet_bears_units_and_notices(written, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    export_run(written(tmp_path / "run.h5"), write_parquet_files, tmp_path / "out")
    schema = parquet.read_schema(tmp_path / "out" / "meter.parquet")
    assert schema.field("energy_injected_kwh").metadata[b"unit"] == b"kWh"
    assert schema.field("energy_injected_kwh").metadata[b"meaning"] == b"energy injected into the grid"
    assert json.loads(schema.metadata[b"recosim"])["notices"] == list(NOTICES)


def test_rows_come_by_blocks(written, tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("recosim.results.run_file.BLOCK_BYTES", 8 * 96 * 8)
    export_run(written(tmp_path / "run.h5"), write_parquet_files, tmp_path / "out")
    assert parquet.ParquetFile(tmp_path / "out" / "meter.parquet").num_row_groups == 4  # of 24 hours each
    export_run(tmp_path / "run.h5", write_csv_files, tmp_path / "lines")
    lines = (tmp_path / "lines" / "meter.csv").read_text().splitlines()
    assert sum(line.startswith("time_utc") for line in lines) == 1


@PERIODS
def test_mosaik_holds_every_value(written, tmp_path, start, step_s):
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


@TABLES
def test_of_an_interrupted_run_what_is_committed_is_exported(written, tmp_path, exporter, read):
    path = written(tmp_path / "run.h5", finish=False, n_written=96)
    export_run(path, exporter, tmp_path / "out")
    assert len(read(tmp_path / "out", "weather")) == 96
    assert json.loads((tmp_path / "out" / "metadata.json").read_text())["complete"] is False
    assert not list((tmp_path / "out").glob("kpis.*"))


def test_of_an_interrupted_run_mosaik_has_what_is_committed(written, tmp_path):
    path = written(tmp_path / "run.h5", finish=False, n_written=96)
    export_run(path, lambda run, folder: write_mosaik_file(run, folder, {}), tmp_path / "out")
    with h5py.File(tmp_path / "out" / "run.hdf5") as file:
        assert file["Series/weather.site/temp_outdoor_degc"].shape == (96,)


def test_notices_go_with_every_folder(written, tmp_path):
    files = export_run(written(tmp_path / "run.h5"), write_csv_files, tmp_path / "out")
    assert files[-1].name == NOTICES_FILE
    text = files[-1].read_text()
    assert all(notice in text for notice in NOTICES)


def test_a_file_that_names_no_sources_says_so(written, tmp_path):
    path = written(tmp_path / "run.h5")
    with h5py.File(path, "r+") as file:
        del file["meta/notices"]
    export_run(path, write_csv_files, tmp_path / "out")
    assert "does not say whose data" in (tmp_path / "out" / NOTICES_FILE).read_text()


def damaged(path: Path) -> Path:
    with h5py.File(path, "r+") as file:
        del file["members"]
    return path


def test_nothing_is_left_of_an_export_that_fails(written, tmp_path):
    path = damaged(written(tmp_path / "run.h5"))
    with pytest.raises(ResultsError, match="is damaged"):
        export_run(path, write_csv_files, tmp_path / "new" / "out")
    assert [file.name for file in tmp_path.iterdir()] == ["run.h5"]


def test_what_was_there_stays_where_an_export_fails(written, tmp_path):
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


def test_a_run_without_a_step_is_refused(written, tmp_path):
    path = tmp_path / "run.h5"
    written(path, n_written=0, finish=False)
    with pytest.raises(ResultsError, match="holds no recorded step"):
        export_run(path, write_csv_files, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_names_that_are_no_text_are_damage(written, tmp_path):
    path = written(tmp_path / "run.h5")

    def exporter(run, stage):
        (stage / "names.csv").write_text("\udce9", encoding="utf-8")

    with pytest.raises(ResultsError, match=r"run\.h5 is damaged: .*surrogates not allowed"):
        export_run(path, exporter, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@TABLES
def test_numbers_of_the_other_byte_order_are_numbers(written, tmp_path, exporter, read):
    path = written(tmp_path / "run.h5")
    with h5py.File(path, "r+") as file:
        for name in ("series/weather/temp_outdoor_degc", "settlement/hourly/energy_shared_kwh"):
            old = file[name]
            values, attributes = old[()], dict(old.attrs)
            del file[name]
            file.create_dataset(name, data=values.astype(values.dtype.newbyteorder()))
            file[name].attrs.update(attributes)
    export_run(path, exporter, tmp_path / "out")
    with open_run(path) as run:
        wanted = run.values("weather", "temp_outdoor_degc")[:, 0]
        np.testing.assert_allclose(read(tmp_path / "out", "weather").temp_outdoor_degc, wanted, rtol=1e-6)
