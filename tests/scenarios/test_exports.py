"""Exports of whole runs with cars, hot water and machines, and the notices they owe."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

import recosim
from recosim.results.export.folder import NOTICES_FILE, export_run
from recosim.scenarios.exports import FORMATS
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.runner import run_scenario
from recosim.scenarios.sources import GME, HPLIB, NSRDB, OWN, PVGIS, notices_of

EVERYTHING = (
    "period.start=2025-10-26",
    "period.days=1",
    "period.warmup_days=0",
    "community.shiftable_appliances=true",
    "community.dwellings[1].car={power_kw: 7.4, capacity_kwh: 42}",
    "community.dwellings[2].hot_water={kind: heat_pump}",
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run.h5"
    run_scenario(load_scenario("naples", EVERYTHING), out=out)
    return out


def test_no_two_kinds_have_a_quantity_in_common(path: Path) -> None:
    """So the names of an xarray Dataset do not depend on which devices there are."""
    with recosim.open_run(path) as run:
        names = [name for names in run.groups().values() for name in names]
        assert {"car", "water_heater", "appliance", "battery"} <= run.groups().keys()
        assert sorted(names) == sorted(run.to_xarray().data_vars)


def test_all_formats_agree(path: Path, tmp_path: Path) -> None:
    for name in ("csv", "parquet", "mosaik"):
        export_run(path, FORMATS[name], tmp_path / name)
    with recosim.open_run(path) as run, h5py.File(tmp_path / "mosaik" / "run.hdf5") as mosaik:
        data = run.to_xarray().load()
        for group, names in run.groups().items():
            lines = pd.read_csv(tmp_path / "csv" / f"{group}.csv")
            parquet = pd.read_parquet(tmp_path / "parquet" / f"{group}.parquet")
            for name in names:
                kept = run.values(group, name)
                dtype = run.about(group, name).dtype
                np.testing.assert_array_equal(data[name], kept)
                np.testing.assert_array_equal(parquet[name], kept.ravel())
                np.testing.assert_array_equal(
                    lines[name].to_numpy().astype(dtype), kept.ravel().astype(dtype)
                )
                for i, member in enumerate(run.members(group, name)):
                    np.testing.assert_array_equal(mosaik[f"Series/{group}.{member}/{name}"], kept[:, i])
        assert data.sizes["time"] == 100


def test_devices_are_related_to_their_delivery_points(path: Path, tmp_path: Path) -> None:
    export_run(path, FORMATS["mosaik"], tmp_path / "out")
    with h5py.File(tmp_path / "out" / "run.hdf5") as file:
        of_meter = {pair[1].decode() for pair in file["Relations/meter.flat-03"]}
        assert of_meter == {
            "/Series/load.flat-03",
            "/Series/dwelling.flat-03",
            "/Series/battery.flat-03-battery",
            "/Series/photovoltaics.flat-03-pv",
            "/Series/water_heater.flat-03-hot-water",
            "/Series/appliance.flat-03-washing_machine",
            "/Series/appliance.flat-03-dishwasher",
        } & {f"/Series/{name}" for name in file["Series"]}
        assert len(of_meter) >= 5
        for entity, relations in file["Relations"].items():
            for pair in relations:
                assert pair[0] in file
                assert pair[1] in file
                back = [other[0].decode() for other in file[pair[0]]]
                assert f"/Relations/{entity}" in back


@pytest.mark.parametrize("name", list(FORMATS))
def test_the_command_writes_notices_beside(
    name: str, path: Path, recosim: Callable[..., tuple[int, str, str]]
) -> None:
    code, out, err = recosim("export", str(path), "--format", name, "--out", "new/folder")
    assert (code, err) == (0, "")
    files = [Path(line) for line in out.splitlines()]
    assert {file.name for file in files} == {file.name for file in Path("new/folder").iterdir()}
    text = " ".join(Path("new/folder", NOTICES_FILE).read_text().split())
    assert PVGIS in text
    assert GME in text


def test_files_that_are_not_of_this_run_are_named(
    path: Path, recosim: Callable[..., tuple[int, str, str]]
) -> None:
    Path("full").mkdir()
    for name in ("tariffs.csv", "kpis.csv"):
        Path("full", name).write_text("of another run")
    code, out, err = recosim("export", str(path), "--format", "csv", "--out", "full", "--force")
    assert (code, err) == (0, "note: left alone in full, so not of this run: tariffs.csv\n")
    assert "tariffs.csv" not in out
    assert Path("full/tariffs.csv").read_text() == "of another run" != Path("full/kpis.csv").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--out", "full"), "full is not empty: name another folder, or replace"),
        (("--out", "full/note.txt"), "full/note.txt is a file, not a folder"),
        (("--out", "full/note.txt/deep"), "full/note.txt is a file, not a folder"),
        (("--out", "new", "--format", "xls"), "--format xls: allowed: csv, parquet, mosaik, readings"),
        (("--out", "new", "--format", "CSV"), "--format CSV: allowed: csv"),
        ((), "Missing option '--out'"),
    ],
)
def test_errors_are_one_line(
    words: tuple[str, ...], message: str, path: Path, recosim: Callable[..., tuple[int, str, str]]
) -> None:
    Path("full").mkdir()
    Path("full/note.txt").write_text("mine")
    code, out, err = recosim("export", str(path), *words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not Path("new").exists()
    assert [file.name for file in Path("full").iterdir()] == ["note.txt"]


def test_the_run_names_its_sources(path: Path) -> None:
    with recosim.open_run(path) as run:
        assert run.meta.notices == notices_of(load_scenario("naples", EVERYTHING))
        weather, prices = run.notices
    assert weather.startswith("Weather: a synthetic year")
    assert PVGIS in weather
    assert prices.startswith("Prices: a synthetic year")
    assert prices.endswith(GME)


EPW_HEAD = "LOCATION,Naples,-,ITA,{source},162890,40.85,14.27,1.0,50.0\nDESIGN CONDITIONS,0\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("time(UTC),T2m\n20250101:0000,8.1\n", PVGIS),
        ("Latitude (decimal degrees): 45\n" + "1\n" * 9000 + "PVGIS (c) European Union, 2001-2025\n", PVGIS),
        ("Source,Latitude,Longitude\nNSRDB,41.9,12.5\n", NSRDB),
        ("\ufeffSource,Location ID,Latitude\nx,1,41.9\n", NSRDB),
        (EPW_HEAD.format(source="IGDG"), f"An EPW file whose source is 'IGDG'. {OWN}"),
        (EPW_HEAD.format(source=""), f"An EPW file whose source is not named in it. {OWN}"),
        (EPW_HEAD.format(source="PVGIS") + "COMMENTS 1,made by PVGIS\n", PVGIS),
        ("when,temp\n2025-01-01,3\n", OWN),
    ],
)
def test_the_publisher_of_a_weather_file_is_found_in_it(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "sky.csv").write_text(content, encoding="utf-8")
    scenario = load_scenario("naples", ["weather.source=file", f"weather.file={tmp_path / 'sky.csv'}"])
    weather = notices_of(scenario)[0]
    assert weather == f"Weather: sky.csv, brought to the run's steps. {said}"


def test_files_and_heat_pumps_are_named(tmp_path: Path) -> None:
    (tmp_path / "gme.csv").write_text("time,PUN,CSUD\n")
    prices = f"prices.file={tmp_path / 'gme.csv'}"
    hvac = "community.dwellings[3].hvac={kind: air_to_water}"
    found = notices_of(load_scenario("naples", ["prices.source=file", prices, hvac]))
    assert found[1].startswith("Prices: gme.csv. ")
    assert found[1].endswith(GME)
    assert found[2] == HPLIB


def test_the_report_tells_the_sources(path: Path, recosim: Callable[..., tuple[int, str, str]]) -> None:
    code, _, err = recosim("report", str(path), "--out", "page.html")
    assert code == 0, err
    page = Path("page.html").read_text()
    assert "PVGIS (c) European Union" in page
    assert "Name GME as the source" in page


def test_a_climate_of_the_scenarios_own_owes_nothing_to_pvgis() -> None:
    climate = "weather.climate={irradiation_kwh_per_m2_day: [2,3,4,5,6,7,7,6,5,3,2,2], "
    climate += "temp_degc: [9,9,12,15,19,23,26,26,22,18,14,10]}"
    weather = notices_of(load_scenario("naples", [climate]))[0]
    assert weather.endswith(
        "that the scenario gives (weather.climate). The conditions of whoever published them hold."
    )
    assert "PVGIS" not in weather


def test_public_files_are_recognised(shared_data: Path) -> None:
    for name, said in (("piedmont_pvgis_tmy_45.000_8.000", PVGIS), ("rome_nsrdb_15min_2019", NSRDB)):
        file = shared_data / "weather" / f"{name}.csv"
        weather = notices_of(load_scenario("naples", ["weather.source=file", f"weather.file={file}"]))[0]
        assert weather.endswith(said)
