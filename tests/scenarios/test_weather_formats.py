"""Every format of weather file against one truth: a clear sky over Naples, and what goes wrong in files."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pvlib import clearsky, solarposition

from recosim.errors import InputDataError
from recosim.scenarios.weather.files import check_weather, read_weather
from recosim.scenarios.weather.mapping import WeatherMapping
from recosim.scenarios.weather.series import Weather
from recosim.scenarios.weather.table import Site

LATITUDE, LONGITUDE, ALTITUDE = 40.85, 14.27, 50.0
SITE = Site(LATITUDE, LONGITUDE, ALTITUDE, "Europe/Rome")
OFFSET_H = 0.1761
QUANTITIES = ("temp", "ghi", "dni", "dhi", "wind")
# Local time: the clocks change on 30 March and on 26 October.
SPRING, AUTUMN, SUMMER = ("2025-03-20", 21), ("2025-10-15", 21), ("2025-07-01", 31)

Row = dict[str, Any]
pytestmark = pytest.mark.filterwarnings("ignore:DatetimeIndex.dayofyear")


def sky(times: np.ndarray) -> dict[str, np.ndarray]:
    """Clear sky at POSIX times, a fifth of it diffuse."""
    sun = solarposition.ephemeris(pd.to_datetime(times, unit="s", utc=True), LATITUDE, LONGITUDE)
    ghi = clearsky.haurwitz(sun["apparent_zenith"])["ghi"].to_numpy()
    cosine = np.maximum(np.cos(np.radians(sun["apparent_zenith"].to_numpy())), 0.01)
    return {"ghi": ghi, "dni": 0.8 * ghi / cosine, "dhi": 0.2 * ghi}


def hours_of(begin: np.ndarray, instant_s: float | None) -> list[Row]:
    """Rows of hours that begin at POSIX times: means, or values of a moment of the hour."""
    minutes = (np.arange(12) * 300 + 150) if instant_s is None else np.array([instant_s])
    parts = sky((begin[:, None] + minutes).ravel())
    means = {name: values.reshape(len(begin), -1).mean(axis=1) for name, values in parts.items()}
    return [
        {"begin": int(time), "temp": 15.0, "wind": 3.0, **{name: means[name][i] for name in means}}
        for i, time in enumerate(begin)
    ]


@dataclass(frozen=True, kw_only=True)
class Format:
    """How one kind of file is written, and what it calls its columns."""

    name: str
    write: Callable[[list[Row], str | None, str | None], str]
    columns: dict[str, str]
    instant_s: float | None = None
    zone: str = "UTC"
    mapping: WeatherMapping | None = None


def wall(row: Row, zone: str, shift_s: int = 0) -> pd.Timestamp:
    return pd.Timestamp(row["begin"] + shift_s, unit="s", tz="UTC").tz_convert(zone)


def epw(rows: list[Row], without: str | None = None, clock: str | None = None) -> str:
    lines = [f"LOCATION,Naples,-,ITA,TMY,0,{LATITUDE},{LONGITUDE},1.0,{ALTITUDE}"]
    lines += ["DESIGN CONDITIONS,0", "DATA PERIODS,1,1,Data,Sunday, 1/ 1,12/31"]
    place = {"temp": 6, "ghi": 13, "dni": 14, "dhi": 15, "wind": 21}
    for row in rows:
        time = wall(row, clock or "Etc/GMT-1")
        cells = ["0"] * 35
        cells[:5] = [str(part) for part in (time.year, time.month, time.day, time.hour + 1, 60)]
        for name, column in place.items():
            cells[column] = str(row[name])
        if without is not None:
            del cells[place[without]]
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


EPW = (
    "Dry Bulb Temperature",
    *(f"{part} Radiation" for part in ("Global Horizontal", "Direct Normal", "Diffuse Horizontal")),
    "Wind Speed",
)
PVGIS = {"temp": "T2m", "ghi": "G(h)", "dni": "Gb(n)", "dhi": "Gd(h)", "wind": "WS10m"}
NSRDB = {"temp": "Temperature", "ghi": "GHI", "dni": "DNI", "dhi": "DHI", "wind": "Wind Speed"}


def pvgis_csv(rows: list[Row], without: str | None = None, clock: str | None = None) -> str:
    names = {name: column for name, column in PVGIS.items() if name != without}
    lines = [f"Latitude (decimal degrees): {LATITUDE}", f"Longitude (decimal degrees): {LONGITUDE}"]
    lines += [f"Elevation (m): {ALTITUDE}", f"Irradiance Time Offset (h): {OFFSET_H}"]
    lines.append(",".join(["time(UTC)", *names.values()]))
    for row in rows:
        cells = [f"{wall(row, clock or 'UTC'):%Y%m%d:%H%M}", *(str(row[name]) for name in names)]
        lines.append(",".join(cells))
    return "\n".join([*lines, "", "PVGIS (c) European Union"]) + "\n"


def pvgis_json(rows: list[Row], without: str | None = None, clock: str | None = None) -> str:
    records = [
        {"time(UTC)": f"{wall(row, clock or 'UTC'):%Y%m%d:%H%M}"}
        | {column: row[name] for name, column in PVGIS.items() if name != without}
        for row in rows
    ]
    place = {"latitude": LATITUDE, "longitude": LONGITUDE, "elevation": ALTITUDE}
    return json.dumps({"inputs": {"location": place}, "outputs": {"tmy_hourly": records}}, indent=1)


def nsrdb(minute: int) -> Callable[..., str]:
    def write(rows: list[Row], without: str | None = None, clock: str | None = None) -> str:
        names = {name: column for name, column in NSRDB.items() if name != without}
        lines = ["Source,Location ID,Latitude,Longitude,Time Zone,Elevation,Local Time Zone"]
        lines.append(f"NSRDB,1,{LATITUDE},{LONGITUDE},1,{ALTITUDE},1")
        lines.append(",".join(["Year", "Month", "Day", "Hour", "Minute", *names.values()]))
        for row in rows:
            time = wall(row, clock or "Etc/GMT-1", 60 * minute)
            date = (time.year, time.month, time.day, time.hour, time.minute)
            lines.append(",".join([*map(str, date), *(str(row[name]) for name in names)]))
        return "\n".join(lines) + "\n"

    return write


def table(label_s: int, zone: str) -> Callable[..., str]:
    def write(rows: list[Row], without: str | None = None, clock: str | None = None) -> str:
        names = [name for name in QUANTITIES if name != without]
        lines = [",".join(["time", *names])]
        for row in rows:
            time = wall(row, clock or zone, label_s)
            lines.append(",".join([f"{time:%Y-%m-%d %H:%M}", *(str(row[name]) for name in names)]))
        return "\n".join(lines) + "\n"

    return write


def mapping(**changes: Any) -> WeatherMapping:
    plain = {"time": "time", "ghi": "ghi", "dni": "dni", "dhi": "dhi", "temperature": "temp", "wind": "wind"}
    return WeatherMapping.model_validate(plain | changes)


PLAIN = {name: name for name in QUANTITIES}
FORMATS = [
    Format(
        name="epw",
        write=epw,
        zone="Etc/GMT-1",
        columns=dict(zip(QUANTITIES, EPW, strict=True)),
    ),
    Format(name="pvgis-csv", write=pvgis_csv, columns=PVGIS, instant_s=3600 * OFFSET_H),
    Format(name="pvgis-json", write=pvgis_json, columns=PVGIS, instant_s=3600 * OFFSET_H),
    Format(name="nsrdb-00", write=nsrdb(0), columns=NSRDB, instant_s=0.0, zone="Etc/GMT-1"),
    Format(name="nsrdb-30", write=nsrdb(30), columns=NSRDB, instant_s=1800.0, zone="Etc/GMT-1"),
    Format(name="csv-start", write=table(0, "UTC"), columns=PLAIN, mapping=mapping()),
    Format(
        name="csv-middle",
        write=table(1800, "Etc/GMT-1"),
        columns=PLAIN,
        zone="Etc/GMT-1",
        mapping=mapping(timezone="UTC+01:00", label="middle"),
    ),
    Format(
        name="csv-local-end",
        write=table(3600, "Europe/Rome"),
        columns=PLAIN,
        zone="Europe/Rome",
        mapping=mapping(timezone="Europe/Rome", label="end"),
    ),
]
FOLLOWS_CLOCKS = "csv-local-end"


@pytest.fixture(params=FORMATS, ids=lambda form: form.name)
def form(request: pytest.FixtureRequest) -> Iterator[Format]:
    return request.param


def rows_of(form: Format, start: str, days: int) -> list[Row]:
    """Rows from midnight of a day in the format's own zone on."""
    zone = "Etc/GMT-1" if form.zone == "Europe/Rome" else form.zone
    begin = int(pd.Timestamp(start, tz=zone).timestamp())
    return hours_of(begin + 3600 * np.arange(24 * days), form.instant_s)


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "weather.txt"
    path.write_bytes(text.encode(encoding))
    return path


def read(form: Format, path: Path, step_s: int = 3600) -> Weather:
    return read_weather(path, step_s, form.mapping, form.mapping and SITE)


def refusal(form: Format, path: Path) -> str:
    """One line that names the file, the same as the check's first problem."""
    with pytest.raises(InputDataError) as caught:
        read(form, path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert check_weather(path, form.mapping, form.mapping and SITE).problems[0] == message
    return message


def truth_of(weather: Weather) -> dict[str, np.ndarray]:
    rows = hours_of(np.asarray(weather.grid.times), None)
    return {name: np.array([row[name] for row in rows]) for name in ("ghi", "dni", "dhi")}


def test_the_means_of_the_hours_come_back(form: Format, tmp_path: Path) -> None:
    rows = rows_of(form, *SPRING)
    weather = read(form, written(tmp_path, form.write(rows)))
    assert weather.grid.start == rows[0]["begin"]
    assert weather.grid.n_steps == len(rows)
    assert (weather.latitude, weather.longitude, weather.altitude_m) == (LATITUDE, LONGITUDE, ALTITUDE)
    np.testing.assert_allclose(weather.temp_outdoor_degc, 15.0)
    np.testing.assert_allclose(weather.wind_speed_m_per_s, 3.0)
    truth = truth_of(weather)
    # Of the middle of an hour the value differs a little from the mean: the sun's course is bent.
    atol = 0.01 if form.instant_s is None else 8.0
    np.testing.assert_allclose(weather.irradiance_global_w_per_m2, truth["ghi"], atol=atol)
    np.testing.assert_allclose(weather.irradiance_diffuse_w_per_m2, truth["dhi"], atol=atol)
    days = weather.irradiance_global_w_per_m2.reshape(-1, 24).sum(axis=1)
    np.testing.assert_allclose(days, truth["ghi"].reshape(-1, 24).sum(axis=1), rtol=0.01)
    high = truth["ghi"] > 100.0
    assert np.abs(weather.irradiance_direct_w_per_m2[high] / truth["dni"][high] - 1.0).max() < 0.05


def noons(weather: Weather) -> tuple[np.ndarray, np.ndarray]:
    """Middle of each day's irradiation minus that of the sun's height [min], and how clear the day is."""
    times = weather.grid.times + weather.grid.step_s / 2
    moments = pd.to_datetime(times, unit="s", utc=True)
    sun = solarposition.get_solarposition(moments, weather.latitude, weather.longitude)
    both = weather.irradiance_global_w_per_m2, np.maximum(np.sin(np.radians(sun["elevation"])), 0.0)
    day = ((times + 240.0 * weather.longitude) // 86400).astype(int)
    day = day - day[0]
    whole = np.bincount(day) == 86400 // weather.grid.step_s
    sums = [np.bincount(day, one)[whole] for one in both]
    ghi, height = (np.bincount(day, one * (times - times[0]))[whole] for one in both)
    with np.errstate(invalid="ignore"):  # a day without sun has no noon, and is no clear day
        return (ghi / sums[0] - height / sums[1]) / 60.0, sums[0] / sums[1]


def test_noon_is_the_suns(form: Format, tmp_path: Path) -> None:
    weather = read(form, written(tmp_path, form.write(rows_of(form, *SPRING))), step_s=900)
    minutes, _ = noons(weather)
    assert len(minutes) >= 19
    assert np.abs(minutes).max() < 1.5


@pytest.mark.parametrize(
    "name",
    [
        "weather/piedmont_pvgis_tmy_45.000_8.000.csv",
        "weather/rome_nsrdb_15min_2019.csv",
        "validation/USA_CO_Denver.Intl.AP.725650_TMY3.epw",
    ],
)
def test_noon_of_measured_clear_days_is_the_suns(shared_data: Path, name: str) -> None:
    minutes, clearness = noons(read_weather(shared_data / name))
    assert abs(np.median(minutes[np.argsort(clearness)[-30:]])) < 1.5


@pytest.mark.parametrize("value", ["NaN", "", "-"])
def test_a_nan_is_refused_by_column_row_and_time(form: Format, tmp_path: Path, value: str) -> None:
    rows = rows_of(form, "2025-03-20", 2)
    for name, column in form.columns.items():
        wrong = [row | {name: value} if i == 30 else row for i, row in enumerate(rows)]
        message = refusal(form, written(tmp_path, form.write(wrong)))
        assert f"column {column}, row " in message
        assert "2025-03-21 0" in message
        assert f"{value!r} is no number (1 in all)" in message


def test_a_missing_column_is_refused_by_name(form: Format, tmp_path: Path) -> None:
    for name, column in form.columns.items():
        path = written(tmp_path, form.write(rows_of(form, "2025-03-20", 2), name))
        if form.name.startswith("nsrdb") and name in ("dni", "dhi"):
            # Without one of the parts the other is of no use: both come from a model.
            assert read(form, path).irradiance_direct_w_per_m2 is None
            assert read(form, path).irradiance_diffuse_w_per_m2 is None
            continue
        with pytest.raises(InputDataError) as caught:
            read(form, path)
        lacks = "row 4 has 34 columns" if form.name == "epw" else f"column {column} is missing"
        assert str(caught.value).startswith(f"{path}: {lacks}")


def test_a_repeated_hour_is_refused_by_row_and_time(form: Format, tmp_path: Path) -> None:
    rows = rows_of(form, "2025-03-20", 2)
    rows.insert(31, rows[30])
    message = refusal(form, written(tmp_path, form.write(rows)))
    assert "time column, row " in message
    assert "(label 2025-03-21 0" in message
    assert "has the time of the row before" in message


def test_a_missing_hour_is_refused_by_time(form: Format, tmp_path: Path) -> None:
    rows = rows_of(form, "2025-03-20", 2)
    gone = rows.pop(30)
    message = refusal(form, written(tmp_path, form.write(rows)))
    label = pd.Timestamp(gone["begin"], unit="s")
    later = {"epw": "1h", "nsrdb-30": "30min", "csv-middle": "30min", FOLLOWS_CLOCKS: "1h"}
    label += pd.Timedelta(later.get(form.name, "0h"))
    assert f"time column, no row for {label:%Y-%m-%d %H:%M} UTC, after row " in message
    assert "(1 steps missing in all)" in message


@pytest.mark.parametrize(
    ("season", "words"),
    [
        (SPRING, "no row for 2025-03-30 0"),
        (AUTUMN, "2025-10-26 0"),
        (SUMMER, r"the clear days of that month the middle of the day's sun is (\d+) min after solar noon"),
    ],
)
def test_local_time_with_clock_changes(
    form: Format, tmp_path: Path, season: tuple[str, int], words: str
) -> None:
    rows = rows_of(form, *season)
    path = written(tmp_path, form.write(rows, None, "Europe/Rome"))
    if form.name == FOLLOWS_CLOCKS:
        assert read(form, path).grid.n_steps == len(rows)
        assert np.abs(noons(read(form, path, 900))[0]).max() < 1.5
    else:
        message = refusal(form, path)
        assert "time column, " in message
        found = re.search(words, message)
        assert found, message
        if season == SUMMER and form.name != "pvgis-json":  # which finds its own minute of the hour
            assert int(found[1]) == pytest.approx(120 if form.zone == "UTC" else 60, abs=2)


@pytest.mark.parametrize("haze", [1.0, 0.45])
def test_kilojoules_are_refused_or_read_as_such(form: Format, tmp_path: Path, haze: float) -> None:
    watts = rows_of(form, "2025-12-10", 3)
    for row in watts:
        row |= {name: haze * row[name] for name in ("ghi", "dni", "dhi")}
    kilojoules = [row | {name: 3.6 * row[name] for name in ("ghi", "dni", "dhi")} for row in watts]
    reference = read(form, written(tmp_path, form.write(watts)))
    path = written(tmp_path, form.write(kilojoules))
    message = refusal(form, path)
    assert (
        f"column {form.columns['ghi']}, row " in message or f"column {form.columns['dni']}, row " in message
    )
    assert "is the column in kJ/m2" in message
    if form.mapping is not None:
        named = {name: {"column": name, "unit": "kJ/m2"} for name in ("ghi", "dni", "dhi")}
        again = read_weather(
            path, 3600, WeatherMapping.model_validate(form.mapping.model_dump() | named), SITE
        )
        np.testing.assert_allclose(
            again.irradiance_global_w_per_m2, reference.irradiance_global_w_per_m2, atol=0.01
        )


def test_8784_hours_are_a_leap_year(form: Format, tmp_path: Path) -> None:
    rows = rows_of(form, "2024-01-01", 366)
    weather = read(form, written(tmp_path, form.write(rows)))
    assert weather.grid.n_steps == 8784
    assert weather.grid.start == rows[0]["begin"]


def test_a_leap_year_without_its_29th_of_february_is_a_common_year(form: Format, tmp_path: Path) -> None:
    rows = rows_of(form, "2024-01-01", 366)
    zone = "Etc/GMT-1" if form.zone == "Europe/Rome" else form.zone
    kept = [row for row in rows if f"{wall(row, zone):%m-%d}" != "02-29"]
    path = written(tmp_path, form.write(kept))
    weather = read(form, path)
    assert weather.grid.n_steps == 8760
    assert np.abs(noons(weather)[0]).max() < 4.0


@pytest.mark.parametrize("change", ["crlf", "bom", "crlf-and-bom", "utf-16", "no-last-line-end"])
def test_line_ends_and_byte_order_marks_change_nothing(form: Format, tmp_path: Path, change: str) -> None:
    text = form.write(rows_of(form, "2025-03-20", 2))
    plain = read(form, written(tmp_path, text))
    text = text.replace("\n", "\r\n") if "crlf" in change else text
    text = text.rstrip("\n") if change == "no-last-line-end" else text
    encoding = "utf-16" if change == "utf-16" else "utf-8-sig" if "bom" in change else "utf-8"
    other = read(form, written(tmp_path, text, encoding))
    assert other.grid == plain.grid
    np.testing.assert_array_equal(other.irradiance_global_w_per_m2, plain.irradiance_global_w_per_m2)
    np.testing.assert_array_equal(other.temp_outdoor_degc, plain.temp_outdoor_degc)


@pytest.mark.parametrize(
    "form", [form for form in FORMATS if form.mapping is None], ids=lambda form: form.name
)
def test_a_longitude_of_the_wrong_sign_is_noticed(form: Format, tmp_path: Path) -> None:
    text = form.write(rows_of(form, *SUMMER)).replace(str(LONGITUDE), str(-LONGITUDE))
    assert "min before solar noon at longitude -14.27" in refusal(form, written(tmp_path, text))
