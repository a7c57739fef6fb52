"""Runs opened from Python: frames and datasets equal the file; what is missing or damaged is said."""

import sys

import h5py
import numpy as np
import pytest
import xarray

import recosim
from recosim.errors import ResultsError
from recosim.results.export.folder import export_run
from recosim.results.export.parquet import write_parquet_files
from recosim.results.run_file import Run

SPRING, AUTUMN = "2025-03-29", "2025-10-25"
NOTICES = ("Weather: of a friend.", "Prices: GME.")


PERIODS = pytest.mark.parametrize(
    ("start", "step_s"), [(SPRING, 900), (AUTUMN, 900), (AUTUMN, 300), (SPRING, 3600), (AUTUMN, 1800)]
)


@PERIODS
def test_xarray_holds_every_value(written, tmp_path, start, step_s):
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


def test_xarray_reads_what_is_asked_for(written, tmp_path, monkeypatch):
    asked = []
    read = Run.values

    def values(self, group, quantity, rows=None, members=None):
        asked.append((quantity, rows, members))
        return read(self, group, quantity, rows, members)

    with recosim.open_run(written(tmp_path / "run.h5")) as run:
        whole = run.values("meter", "energy_injected_kwh")
        monkeypatch.setattr(Run, "values", values)
        series = run.to_xarray().energy_injected_kwh
        assert not asked
        np.testing.assert_array_equal(series[10:20:3, ::-1].values, whole[10:20:3, ::-1])
        assert asked == [("energy_injected_kwh", slice(10, 20, 3), slice(0, 3, 1))]
        np.testing.assert_array_equal(series.isel(meter=1).values, whole[:, 1])
        assert asked[1:] == [("energy_injected_kwh", slice(None), slice(1, 2))]
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


def test_a_frame_of_a_group(written, tmp_path):
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
        assert run.notices == NOTICES
        with pytest.raises(ResultsError, match="no group 'dwelling', only: battery, meter, weather"):
            run.frame("dwelling")
        with pytest.raises(ResultsError, match="no group 'dwelling'"):
            run.to_xarray("dwelling")


def test_a_group_without_quantities_is_none(written, tmp_path):
    path = written(tmp_path / "run.h5")
    with h5py.File(path, "r+") as file:
        del file["series/weather/temp_outdoor_degc"]
    with (
        recosim.open_run(path) as run,
        pytest.raises(ResultsError, match="no group 'weather', only: battery, meter$"),
    ):
        run.frame("weather")


def test_columns_of_other_lengths_are_damage(written, tmp_path):
    path = written(tmp_path / "run.h5")
    with h5py.File(path, "r+") as file:
        values = file["settlement/hourly/energy_shared_kwh"][1:]
        del file["settlement/hourly/energy_shared_kwh"]
        file["settlement/hourly/energy_shared_kwh"] = values
    with (
        recosim.open_run(path) as run,
        pytest.raises(ResultsError, match="parts do not fit together"),
    ):
        run.settlement_frame("hourly")


@pytest.mark.parametrize("package", ["pyarrow", "xarray"])
def test_a_missing_package_is_named_with_its_cure(written, tmp_path, monkeypatch, package):
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
def test_open_run_refuses_what_is_no_run(written, tmp_path, content):
    path = tmp_path / "run.h5"
    if content is None:
        whole = written(tmp_path / "whole.h5").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    else:
        path.write_bytes(content)
    with pytest.raises(ResultsError, match=r"run\.h5"):
        recosim.open_run(path)


@pytest.mark.parametrize("committed", [0, 96])
def test_of_an_interrupted_run_what_is_committed_is_read(written, tmp_path, committed):
    path = written(tmp_path / "run.h5", finish=False, n_written=committed)
    with recosim.open_run(path) as run:
        assert not run.complete
        assert run.kpi_frame().empty
        assert run.to_xarray().load().sizes["time"] == committed
        assert len(run.frame("weather")) == len(run.frame("meter", "energy_injected_kwh")) == committed


@pytest.mark.parametrize("column", ["time", "energy_shared_kwh"])
def test_a_damaged_settlement_is_told(written, tmp_path, column):
    path = written(tmp_path / "run.h5")
    with h5py.File(path, "r+") as file:
        hourly = file["settlement/hourly"]
        if column == "time":
            hourly["time"][0] = 2**62
        else:
            del hourly[column]
            hourly[column] = [1.0, 2.0]
    with (
        recosim.open_run(path) as run,
        pytest.raises(ResultsError, match=r"run\.h5 is damaged: its parts do not"),
    ):
        run.settlement_frame("hourly")
