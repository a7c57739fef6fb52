"""A CSV of any kind, read as a scenario's mapping says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recosim.commands.weather import weather_app
from recosim.errors import InputDataError, ScenarioError
from recosim.scenarios.data_folders import DataFolders
from recosim.scenarios.loader import json_schema, load_scenario, scenario_from_text, scenario_yaml
from recosim.scenarios.weather.files import read_weather
from recosim.scenarios.weather.mapping import EXAMPLE_PLAIN, EXAMPLE_STATION, WeatherMapping
from recosim.scenarios.weather.source import site_of, weather_of
from recosim.scenarios.weather.table import Site

SITE = Site(40.85, 14.27, 50.0, "Europe/Rome")
PLAIN: dict[str, Any] = {"time": "t", "ghi": "G", "temperature": "T", "wind_speed_m_per_s": 2.0}
GHI = [0, 0, 0, 0, 0, 40, 180, 340, 500, 600, 640, 650, 640, 600, 520, 400, 250, 80, 10, 0, 0, 0, 0, 0]


@pytest.fixture
def write(tmp_path: Path):
    def lines_written(lines: list[str], encoding: str = "utf-8") -> Path:
        path = tmp_path / "station.csv"
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    return lines_written


def day(
    written: str = "%Y-%m-%dT%H:%M", start: str = "2025-06-10", n: int = 24, step: str = "1h"
) -> list[str]:
    times = pd.date_range(start, periods=n, freq=step)
    return ["t,G,T", *(f"{time.strftime(written)},{GHI[time.hour]},{time.hour}" for time in times)]


def read(path: Path, step_s: int = 3600, **changes: Any):
    return read_weather(path, step_s, WeatherMapping.model_validate(PLAIN | changes), SITE)


def refusal(path: Path, **changes: Any) -> str:
    with pytest.raises(InputDataError) as caught:
        read(path, **changes)
    assert str(caught.value).startswith(f"{path}: ") or "weather.mapping" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("label", "first", "start"),
    [
        ("start", "2025-06-10", "06-10 00:00"),
        ("middle", "2025-06-10 00:30", "06-10 00:00"),
        ("end", "2025-06-10", "06-09 23:00"),
    ],
)
def test_a_label_is_the_begin_middle_or_end_of_its_step(write, label: str, first: str, start: str) -> None:
    weather = read(write(day(start=first)), step_s=1800, label=label)
    assert f"{weather.grid.utc[0]:%m-%d %H:%M}" == start
    assert weather.irradiation_global_kwh_per_m2 == pytest.approx(sum(GHI) / 1000.0)


def test_a_middle_on_the_hour_is_refused(write) -> None:
    assert "its step begins at 23:30:00 UTC" in refusal(write(day()), label="middle")


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("W/m2", 1), ("kW/m2", 1000), ("Wh/m2", 2), ("kWh/m2", 2000), ("J/cm2", 1e4 / 1800), ("kJ/m2", 1 / 1.8),
     ("MJ/m2", 1000 / 1.8)],
)  # fmt: skip
def test_units_of_irradiance_in_half_hours(write, unit: str, factor: float) -> None:
    lines = ["t,G,T"]
    for time in pd.date_range("2025-06-10", periods=48, freq="30min"):
        lines.append(f"{time:%Y-%m-%d %H:%M},{GHI[time.hour] / factor!r},20")
    weather = read(write(lines), step_s=1800, ghi={"column": "G", "unit": unit})
    np.testing.assert_allclose(weather.irradiance_global_w_per_m2, np.repeat(GHI, 2))


@pytest.mark.parametrize(("unit", "cell"), [("degC", "25.0"), ("K", "298.15"), ("degF", "77")])
def test_units_of_temperature(write, unit: str, cell: str) -> None:
    lines = [line if i == 0 else f"{line.rsplit(',', 1)[0]},{cell}" for i, line in enumerate(day())]
    weather = read(write(lines), temperature={"column": "T", "unit": unit})
    np.testing.assert_allclose(weather.temp_outdoor_degc, 25.0)


@pytest.mark.parametrize(("unit", "cell"), [("m/s", 10.0), ("km/h", 36.0), ("kn", 36.0 / 1.852)])
def test_units_of_wind(write, unit: str, cell: float) -> None:
    lines = [f"{line},{'W' if i == 0 else cell}" for i, line in enumerate(day())]
    weather = read(write(lines), wind_speed_m_per_s=None, wind={"column": "W", "unit": unit})
    np.testing.assert_allclose(weather.wind_speed_m_per_s, 10.0)


def test_a_factor_comes_before_the_unit(write) -> None:
    weather = read(write(day()), ghi={"column": "G", "unit": "W/m2", "factor": 0.5})
    assert weather.irradiation_global_kwh_per_m2 == pytest.approx(sum(GHI) / 2000.0)


@pytest.mark.parametrize("timezone", ["UTC+01:00", "UTC+1", "Etc/GMT-1", "UTC+0100"])
def test_standard_time_all_year(write, timezone: str) -> None:
    weather = read(write(day()), timezone=timezone)
    assert f"{weather.grid.utc[0]:%m-%d %H:%M}" == "06-09 23:00"


def test_a_zone_follows_its_clock_changes(write) -> None:
    summer = read(write(day()), timezone="Europe/Rome")
    assert f"{summer.grid.utc[0]:%m-%d %H:%M}" == "06-09 22:00"
    # 25 hours: the second 02:00 is in standard time.
    times = pd.date_range("2025-10-26", periods=25, freq="1h", tz="Europe/Rome")
    lines = ["t,G,T", *(f"{time:%Y-%m-%d %H:%M},{GHI[time.hour]},{i}" for i, time in enumerate(times))]
    autumn = read(write(lines), timezone="Europe/Rome")
    assert autumn.grid.n_steps == 25
    np.testing.assert_array_equal(autumn.temp_outdoor_degc, np.arange(25.0))


def test_the_second_hour_of_two_that_was_left_out_is_a_gap(write) -> None:
    assert "no row for 2025-10-26 01:00 UTC, after row 4" in refusal(
        write(day(start="2025-10-26")), timezone="Europe/Rome"
    )


def test_an_hour_that_the_clocks_skip_is_refused(write) -> None:
    message = refusal(write(day(start="2025-03-30")), timezone="Europe/Rome")
    assert "column t, row 4: '2025-03-30T02:00' does not exist in Europe/Rome" in message
    assert "such as UTC+01:00" in message


@pytest.mark.parametrize("offset", ["Z", "+00:00", "+0000", "+00"])
def test_times_with_their_own_offset(write, offset: str) -> None:
    lines = [line.replace(":00,", f":00{offset},", 1) for line in day()]
    weather = read(write(lines), timezone="Europe/Rome")
    assert f"{weather.grid.utc[0]:%m-%d %H:%M}" == "06-10 00:00"
    lines[5] = lines[5].replace(offset, "", 1)
    assert "row 6: '2025-06-10T04:00' has no offset from UTC, others have one" in refusal(write(lines))


def test_date_and_time_in_two_columns_as_italians_write_them(write) -> None:
    lines = ["Stazione di Napoli", "Data;Ora;Radiazione;Temperatura [°C]"]
    for hour in range(24):
        lines.append(f"10/06/2025;{hour + 1:02d}:00;{GHI[hour] * 3.6:.1f}".replace(".", ",") + f";{hour},5")
    changes = EXAMPLE_STATION | {"temperature": "Temperatura [°C]"}
    for encoding in ("utf-8", "cp1252"):
        path = write(lines, encoding)
        weather = read_weather(path, 3600, WeatherMapping.model_validate(changes), SITE)
        # The day ends with 24:00 and began at 22:00 UTC of the day before.
        assert f"{weather.grid.utc[0]:%m-%d %H:%M}" == "06-09 22:00"
        np.testing.assert_allclose(weather.irradiance_global_w_per_m2, GHI, atol=0.02)
        np.testing.assert_allclose(weather.temp_outdoor_degc, np.arange(24) + 0.5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ghi": "GHI"}, "column GHI is missing; the columns found are t, G, T"),
        ({"time": ["d", "t"]}, "column d is missing"),
        ({"time_format": "%d/%m/%Y"}, "column t, row 2: '2025-06-10T00:00' is no time as %d/%m/%Y (24"),
        ({"time_format": "%Q"}, "weather.mapping.time_format = '%Q' is no strptime format"),
        ({"header_row": 3}, "column t, T, G is missing"),
        ({"delimiter": ";"}, "the columns found are t,G,T: correct weather.mapping (columns, delimiter or"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_file_is_refused(write, changes: dict[str, Any], words: str) -> None:
    assert words in refusal(write(day()), **changes)


def test_an_empty_file_and_one_without_rows_are_refused(write) -> None:
    assert "column t, T, G is missing; the columns found are none" in refusal(write([]))
    assert "fewer than two rows" in refusal(write(["t,G,T"]))


def test_a_stray_quotation_mark_costs_its_own_row_only(write) -> None:
    lines = day()
    lines[7] = '2025-06-10T06:00,180,"20,6'
    assert "column T, row 8 (label 2025-06-10 06:00 UTC): '20,6' is no number (1 in all)" in refusal(
        write(lines)
    )


STATION = "weather: {{source: file, file: {file}, mapping: {mapping}}}\n"


def scenario_text(file: Path, mapping: dict[str, Any]) -> str:
    naples = load_scenario("naples-small", ["period.start=2025-06-10", "period.days=1"])
    text = scenario_yaml(naples)
    start, end = text.index("weather:"), len(text)
    assert text[start:end].count("\n\n") == 0
    return text[:start] + STATION.format(file=file, mapping=json.dumps(mapping))


def test_a_scenario_reads_its_station_at_its_location(write) -> None:
    path = write(day())
    scenario = scenario_from_text(scenario_text(path, PLAIN), folders=DataFolders(scenario=path.parent))
    weather = weather_of(scenario)
    assert (weather.latitude, weather.longitude) == (40.85, 14.27)
    assert weather.grid.step_s == 900
    assert weather.irradiation_global_kwh_per_m2 == pytest.approx(sum(GHI) / 1000.0)
    assert scenario_yaml(scenario_from_text(scenario_yaml(scenario))) == scenario_yaml(scenario)
    moved = scenario.location.model_copy(
        update={"place": None, "latitude_deg": 45.0, "longitude_deg": 8.0, "altitude_m": 250.0}
    )
    assert site_of(moved) == Site(45.0, 8.0, 250.0, "Europe/Rome")


def test_the_synthetic_year_is_the_scenarios() -> None:
    scenario = load_scenario("naples-small", ["weather.seed=3"])
    assert weather_of(scenario).source == "synthetic typical year of Naples, seed 3"


def test_check_reads_a_station_by_its_scenario(write, tmp_path: Path, capsys) -> None:
    path = write(day())
    scenario = tmp_path / "station.yaml"
    scenario.write_text(scenario_text(path, PLAIN))
    for arguments, code in (
        (["check", str(path), "--scenario", str(scenario), "--json", "-"], 0),
        (["check", str(path)], 2),
        (["check", str(path), "--scenario", "naples-small"], 2),
    ):
        with pytest.raises(SystemExit) as ended:
            weather_app(arguments)
        assert ended.value.code == code
    shown = capsys.readouterr()
    report = json.loads(shown.out)
    assert (report["kind"], report["steps"], report["gaps"]) == ("csv", 24, 0)
    assert report["ghi_kwh_per_m2"] == pytest.approx(sum(GHI) / 1000.0, abs=1e-3)
    assert "any CSV whose columns weather.mapping of a scenario names" in shown.err
    assert "it has no weather.mapping" in shown.err


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"dni": "x"}, "weather.mapping: dni and dhi belong together"),
        ({"wind": "w"}, "weather.mapping: give either wind, a column, or wind_speed_m_per_s"),
        ({"wind_speed_m_per_s": None}, "weather.mapping: give either wind, a column, or wind_speed_m_per_s"),
        ({"decimal": ","}, "weather.mapping: delimiter and decimal are both ','"),
        ({"timezone": "Rome"}, "weather.mapping.timezone = 'Rome', allowed: UTC, UTC+01:00 or an IANA name"),
        ({"timezone": "UTC+25"}, "weather.mapping.timezone = 'UTC+25', allowed: UTC, UTC+01:00"),
        ({"time_format": "iso"}, "weather.mapping.time_format = 'iso', allowed: a strptime format"),
        ({"ghi": {"column": "G", "unit": "kJ"}}, "weather.mapping.ghi.unit = 'kJ', allowed: W/m2, kW/m2"),
        ({"ghi": {"column": "G", "factor": 0}}, "weather.mapping.ghi.factor = 0"),
        ({"time": []}, "weather.mapping.time = []"),
        ({"label": "mid"}, "weather.mapping.label = 'mid', did you mean 'middle'? allowed: start, middle,"),
        ({"gti": "x"}, "weather.mapping.gti: unknown key, did you mean 'ghi'?"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_refused_by_key(mapping: dict[str, Any], words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(
            "naples-small",
            [f"weather={{source: file, file: a.csv, mapping: {json.dumps(PLAIN | mapping)}}}"],
        )
    assert words in str(caught.value)


def test_a_mapping_needs_a_file() -> None:
    with pytest.raises(ScenarioError, match="weather: mapping belongs to a file"):
        load_scenario("naples-small", [f"weather={{mapping: {json.dumps(PLAIN)}}}"])


def test_the_schema_shows_examples_that_are_valid() -> None:
    shown = json_schema()["$defs"]["WeatherMapping"]
    assert shown["examples"] == [EXAMPLE_PLAIN, EXAMPLE_STATION]
    assert all(WeatherMapping.model_validate(example) for example in shown["examples"])
    assert {"time", "ghi", "temperature"} == set(shown["required"])
    assert all("description" in field for field in shown["properties"].values())
