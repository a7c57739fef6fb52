"""Typical years and leap years in a CSV: whatever the zone and the label, one year of gapless hours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recosim.errors import InputDataError
from recosim.scenarios.weather.files import check_weather, read_weather
from recosim.scenarios.weather.mapping import WeatherMapping
from recosim.scenarios.weather.series import Weather
from recosim.scenarios.weather.table import Site

SITE = Site(40.85, 14.27, 50.0, "Europe/Rome")
PLAIN: dict[str, Any] = {"time": "t", "ghi": "G", "temperature": "T", "wind_speed_m_per_s": 2.0}
# February of a common year before March of a leap year, and a leap February before March of a common one.
TYPICAL = [2007, 2013, 2012, 2010, 2005, 2015, 2009, 2011, 2016, 2014, 2006, 2015]
TYPICAL_OF_LEAP = [2007, 2012, 2010, *TYPICAL[3:]]
WALL, OFFSET = "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M%z"
HOUR = pd.Timedelta(hours=1)

pytestmark = pytest.mark.filterwarnings("ignore:DatetimeIndex.dayofyear")


def hours(years: list[int], zone: str, leap_day: bool = False) -> list[pd.Timestamp]:
    """Begin of every hour of twelve months, each of its own year in a zone."""
    found: list[pd.Timestamp] = []
    for month, year in enumerate(years, start=1):
        begin = pd.Timestamp(year, month, 1, tz=zone)
        found.extend(pd.date_range(begin, begin + pd.offsets.MonthBegin(1), freq="1h", inclusive="left"))
    return [time for time in found if leap_day or (time.month, time.day) != (2, 29)]


def sun(utc_hours: Any) -> Any:
    """A hazy day that is highest at Naples's noon, at 11:03 UTC [W/m2]."""
    return np.maximum(150.0 * np.cos(2.0 * np.pi * (np.asarray(utc_hours) + 0.5 - 11.05) / 24.0), 0.0)


def lines_of(begins: list[pd.Timestamp], write: Callable[[pd.Timestamp], str]) -> list[str]:
    ghi = sun([time.tz_convert("UTC").hour for time in begins])
    rows = (f"{write(time)},{ghi[row]:.3f},{row % 50}" for row, time in enumerate(begins))
    return ["t,G,T", *rows]


def written(folder: Path, lines: list[str]) -> Path:
    path = folder / "year.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def read(path: Path, **changes: Any) -> Weather:
    return read_weather(path, 3600, WeatherMapping.model_validate(PLAIN | changes), SITE)


def refusal(path: Path, **changes: Any) -> str:
    with pytest.raises(InputDataError) as caught:
        read(path, **changes)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def assert_is_the_year(weather: Weather, start: str, n_hours: int) -> None:
    assert f"{weather.grid.utc[0]:%Y-%m-%d %H:%M}" == start
    assert weather.grid.n_steps == n_hours
    np.testing.assert_allclose(
        weather.irradiance_global_w_per_m2, sun(weather.grid.utc.hour.to_numpy()), atol=6e-4
    )
    np.testing.assert_array_equal(weather.temp_outdoor_degc, np.arange(n_hours) % 50)


# Zone of the months, zone and format they are written in, mapping.timezone, UTC of the first hour.
WAYS = {
    "utc": ("UTC", "UTC", WALL, "UTC", "2025-01-01 00:00"),
    "utc with offset": ("UTC", "UTC", OFFSET, "UTC", "2025-01-01 00:00"),
    "utc written in rome": ("UTC", "Europe/Rome", WALL, "Europe/Rome", "2025-01-01 00:00"),
    "utc written in rome with offset": ("UTC", "Europe/Rome", OFFSET, "UTC", "2025-01-01 00:00"),
    "standard time": ("Etc/GMT-1", "Etc/GMT-1", WALL, "UTC+01:00", "2024-12-31 23:00"),
    "standard time with offset": ("Etc/GMT-1", "Etc/GMT-1", OFFSET, "UTC", "2024-12-31 23:00"),
    "standard time written in utc": ("Etc/GMT-1", "UTC", OFFSET, "UTC", "2024-12-31 23:00"),
    "far east": ("Etc/GMT-14", "Etc/GMT-14", WALL, "UTC+14", "2024-12-31 10:00"),
    "west written in utc": ("Etc/GMT+7", "UTC", OFFSET, "UTC", "2025-01-01 07:00"),
    "rome": ("Europe/Rome", "Europe/Rome", WALL, "Europe/Rome", "2024-12-31 23:00"),
    "rome with offset": ("Europe/Rome", "Europe/Rome", OFFSET, "UTC", "2024-12-31 23:00"),
}


@pytest.mark.parametrize(
    ("years", "label"),
    [(TYPICAL, "start"), (TYPICAL_OF_LEAP, "end"), ([2024] * 12, "end")],
    ids=["typical", "typical of leap", "leap year"],
)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_365_days_of_any_years_are_a_common_year(
    tmp_path: Path, years: list[int], way: tuple[str, ...], label: str
) -> None:
    months_in, written_in, form, timezone, start = way
    shift = HOUR if label == "end" else 0 * HOUR
    begins = hours(years, months_in)
    lines = lines_of(begins, lambda time: (time + shift).tz_convert(written_in).strftime(form))
    assert_is_the_year(read(written(tmp_path, lines), timezone=timezone, label=label), start, 8760)


@pytest.mark.parametrize("years", [TYPICAL_OF_LEAP, [2024] * 12], ids=["typical", "leap year"])
@pytest.mark.parametrize(
    "way", [WAYS[name] for name in ("standard time", "rome", "rome with offset", "west written in utc")]
)
def test_366_days_are_a_leap_year(tmp_path: Path, years: list[int], way: tuple[str, ...]) -> None:
    months_in, written_in, form, timezone, start = way
    lines = lines_of(
        hours(years, months_in, leap_day=True), lambda time: time.tz_convert(written_in).strftime(form)
    )
    year_before = {"2024-12-31 23:00": "2023-12-31 23:00"}
    start = year_before.get(start, start.replace("2025", "2024"))
    assert_is_the_year(read(written(tmp_path, lines), timezone=timezone), start, 8784)


def last_hour_as_24(form: str) -> Callable[[pd.Timestamp], str]:
    """Write ends of hours, midnight as hour 24 of the day that ends."""

    def write(time: pd.Timestamp) -> str:
        return time.strftime(form.replace("%H", f"{time.hour + 1:02d}"))

    return write


@pytest.mark.parametrize(
    ("form", "time_format"),
    [
        ("%Y-%m-%d %H:00", None),
        ("%Y-%m-%dT%H:00", None),
        ("%Y-%m-%dT%H:00:00", None),
        ("%Y-%m-%dT%H:00Z", None),
        ("%Y-%m-%dT%H:00+00:00", None),
        ("%Y%m%dT%H00Z", None),
        ("%d/%m/%Y %H", "%d/%m/%Y %H"),
        ("%d/%m/%Y %H00", "%d/%m/%Y %H%M"),
        ("%d/%m/%Y %H:00 +0000", "%d/%m/%Y %H:%M %z"),
    ],
)
def test_the_hour_24_ends_a_day(tmp_path: Path, form: str, time_format: str | None) -> None:
    path = written(tmp_path, lines_of(hours(TYPICAL, "UTC"), last_hour_as_24(form)))
    assert_is_the_year(read(path, time_format=time_format, label="end"), "2025-01-01 00:00", 8760)


@pytest.mark.parametrize("wrong", ["T24:30", "T25:00", "T12:00-24:00", "T24:00:01", "T124:00"])
def test_other_hours_24_are_no_times(tmp_path: Path, wrong: str) -> None:
    offset = "Z" if wrong.endswith("-24:00") else ""
    lines = lines_of(hours([2025] * 12, "UTC")[:48], lambda time: f"{time:%Y-%m-%dT%H:00}{offset}")
    lines[3] = lines[3].replace(f"T02:00{offset}", wrong)
    assert f"column t, row 4: '2025-01-01{wrong}' is no time as ISO8601 (1 in all)" in refusal(
        written(tmp_path, lines)
    )


def without(lines: list[str], first: str, n: int) -> list[str]:
    at = next(row for row, line in enumerate(lines) if line.startswith(first))
    return lines[:at] + lines[at + n :]


@pytest.mark.parametrize(
    ("first", "n", "words"),
    [
        ("2012-03-10T05", 3, "no row for 2025-03-10 05:00 UTC, after row 1638 (3 steps missing in all)"),
        ("2013-02-28T23", 1, "no row for 2025-02-28 23:00 UTC, after row 1416 (1 steps missing in all)"),
        ("2012-03-01T00", 1, "no row for 2025-03-01 00:00 UTC, after row 1417 (1 steps missing in all)"),
        ("2012-03-01T00", 24, "no row for 2025-03-01 00:00 UTC, after row 1417 (24 steps missing in all)"),
        ("2010-04-01T00", 720, "no row for 2025-04-01 00:00 UTC, after row 2161 (720 steps missing in all)"),
    ],
)
def test_a_gap_in_a_typical_year_is_refused(tmp_path: Path, first: str, n: int, words: str) -> None:
    lines = lines_of(hours(TYPICAL, "UTC"), lambda time: f"{time:%Y-%m-%dT%H:00Z}")
    assert words in refusal(written(tmp_path, without(lines, first, n)))


@pytest.mark.parametrize("n", [23, 25])
def test_a_hole_of_about_a_day_is_no_left_out_29_february(tmp_path: Path, n: int) -> None:
    lines = lines_of(hours([2024] * 12, "UTC", leap_day=True), lambda time: f"{time:{WALL}}")
    assert f"no row for 2024-02-29 00:00 UTC, after row 1417 ({n} steps missing in all)" in refusal(
        written(tmp_path, without(lines, "2024-02-29 00", n))
    )


def test_years_that_are_absent_are_a_gap(tmp_path: Path) -> None:
    both = hours([2019] * 12, "UTC") + hours([2021] * 12, "UTC")
    lines = lines_of(both, lambda time: f"{time:{WALL}}")
    assert "no row for 2020-01-01 00:00 UTC, after row 8761 (8784 steps" in refusal(written(tmp_path, lines))


def test_years_that_follow_each_other_stay(tmp_path: Path) -> None:
    both = hours([2024] * 12, "UTC", leap_day=True) + hours([2025] * 12, "UTC")
    path = written(tmp_path, lines_of(both, lambda time: f"{time:{WALL}}"))
    assert_is_the_year(read(path), "2024-01-01 00:00", 8784 + 8760)


def test_months_in_another_order_are_refused(tmp_path: Path) -> None:
    begins = sorted(hours(TYPICAL, "UTC"))
    assert "is earlier than the row before: put the rows in order" in refusal(
        written(tmp_path, lines_of(begins, lambda time: f"{time:%Y-%m-%dT%H:00Z}"))
    )


def outcome(path: Path, **changes: Any) -> str:
    """Start of what is read, or the refusal; the check must agree."""
    mapping = WeatherMapping.model_validate(PLAIN | changes)
    try:
        check = check_weather(path, mapping, SITE)
    except InputDataError as error:
        assert str(error) == refusal(path, **changes)
        return str(error)
    if check.problems:
        assert check.problems[0] == refusal(path, **changes)
        return check.problems[0]
    assert read(path, **changes).grid.n_steps == check.steps
    return check.start


@pytest.mark.parametrize("timezone", ["UTC", "UTC+14", "UTC-12", "Europe/Rome"])
@pytest.mark.parametrize("label", ["start", "end"])
@pytest.mark.parametrize("date", ["0000-01-01", "0001-01-01", "1582-10-15", "9999-12-31", "10000-01-01"])
def test_the_first_and_the_last_years_there_are(tmp_path: Path, date: str, label: str, timezone: str) -> None:
    lines = ["t,G,T", *(f"{date}T{hour:02d}:00,50,20" for hour in range(24))]
    found = outcome(written(tmp_path, lines), label=label, timezone=timezone)
    if date == "10000-01-01":
        assert "column t, row 2: '10000-01-01T00:00' is no time" in found
    elif timezone == "UTC" and label == "start" and date > "0001":
        assert found == f"{date} 00:00 UTC"


CELLS = ["", "NaN", "24:00", "0000-00-00T00:00", "9999-12-31T23:59Z", "2012-02-29T00:00Z", "1e999", '"', ";"]


def mutated(lines: list[str], rng: np.random.Generator) -> list[str]:
    """The same rows after a few mishaps."""
    lines = list(lines)
    for _ in range(rng.integers(1, 4)):
        row = int(rng.integers(0, len(lines)))
        kind = rng.integers(6)
        if kind == 0:
            del lines[row]
        elif kind == 1:
            lines.insert(row, lines[int(rng.integers(len(lines)))])
        elif kind == 2:
            cells = lines[row].split(",")
            cells[int(rng.integers(len(cells)))] = str(rng.choice(CELLS))
            lines[row] = ",".join(cells)
        elif kind == 3:
            at = int(rng.integers(len(lines[row]) + 1))
            lines[row] = lines[row][:at] + chr(int(rng.integers(1, 300))) + lines[row][at + 1 :]
        elif kind == 4:
            old, new = rng.choice(["2007", "2013", "2012", "Z", ":00", "T"], 2)
            lines[row:] = [line.replace(str(old), str(new)) for line in lines[row:]]
        else:
            lines = lines[:row] + lines[row + int(rng.integers(40)) :]
    return lines


@pytest.mark.parametrize("zone", ["UTC", "Europe/Rome"])
@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, seed: int, zone: str) -> None:
    rng = np.random.default_rng(seed)
    ending = "Z" if zone == "UTC" else ""
    begins = [time for time in hours(TYPICAL, zone) if (time.month, time.day) in {(2, 28), (3, 1), (3, 25)}]
    lines = mutated(lines_of(begins, lambda time: f"{time:%Y-%m-%dT%H:%M}{ending}"), rng)
    path = tmp_path / "year.csv"
    path.write_bytes("\n".join(lines).encode("utf-8"))
    assert outcome(path, timezone=zone, label=str(rng.choice(["start", "middle", "end"])))
