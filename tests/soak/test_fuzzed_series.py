"""Weather, price and reading files that were damaged in any way: read, or refused in one line."""

import json
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from pvlib import clearsky, solarposition

sys.path.insert(0, str(Path(__file__).parent))
from fuzzing import PIECES, Tally, damaged_text

SEED = os.environ.get("RECOSIM_FUZZ_SEED", "20251121")
LATITUDE, LONGITUDE, ALTITUDE = 40.85, 14.27, 50.0
DAYS = 4
MAPPING = {"time": "time", "ghi": "ghi", "dni": "dni", "dhi": "dhi", "temperature": "temp", "wind": "wind"}
STATION = {
    "time": ["Data", "Ora"], "time_format": "%d/%m/%Y %H:%M", "timezone": "Europe/Rome", "label": "end",
    "delimiter": ";", "decimal": ",", "header_row": 2, "ghi": {"column": "Rad", "unit": "kJ/m2"},
    "temperature": {"column": "T", "unit": "K"}, "wind_speed_m_per_s": 2.0,
}  # fmt: skip
CELLS = (
    "", " ", "nan", "NaN", "inf", "-inf", "1e999", "-1e308", "1e-320", "0", "-0", "-1", "99999", "1e9",
    "9" * 400, "9" * 5000, "1_000", "1 000", "1.234,5", "0,5", "1,5", "0x10", "１２", "½", "true", "None",
    "N/A", "-", "#REF!", "12:00", "x", "x" * 70_000, "\x1b[31mred", "\u202e", "\U0001f4a5", '"', '""', "'",
    "[bold", "<script>", "2025-02-30", "2025-07-02", "2025-07-02T24:00Z", "2025-07-02T25:00Z",
    "9999-12-31T23:00Z", "0001-01-01T00:00Z", "1e400-01-01", "20250702:0000", "2025-07-02T00:00+99:00",
    "2025-07-02T00:00:00.999999999Z", "-2025-07-02", "1677-09-21T00:00Z", "2262-04-12T00:00Z",
    "02/07/2025 00:00", "2025-10-26T02:30:00+02:00",
)  # fmt: skip


def weather() -> list[dict[str, Any]]:
    """Hours of clear summer days over Naples: ``time`` in UTC and means of the hour."""
    times = pd.date_range("2025-06-30", periods=24 * DAYS, freq="h", tz="UTC")
    fine = pd.date_range(times[0], periods=24 * DAYS * 12, freq="5min") + pd.Timedelta(minutes=2.5)
    sun = solarposition.ephemeris(fine, LATITUDE, LONGITUDE)
    ghi = clearsky.haurwitz(sun["apparent_zenith"])["ghi"].to_numpy()
    cosine = np.maximum(np.cos(np.radians(sun["apparent_zenith"].to_numpy())), 0.01)
    parts = {"ghi": ghi, "dni": 0.8 * ghi / cosine, "dhi": 0.2 * ghi}
    means = {name: values.reshape(-1, 12).mean(axis=1).round(2) for name, values in parts.items()}
    return [
        {"time": time, "temp": 24.5, "wind": 2.5, **{name: float(means[name][i]) for name in means}}
        for i, time in enumerate(times)
    ]


def epw() -> str:
    lines = [
        f"LOCATION,Naples,-,ITA,TMY,0,{LATITUDE},{LONGITUDE},1.0,{ALTITUDE}",
        "DATA PERIODS,1,1,Data,Sunday,1,2",
    ]
    for row in weather():
        time = row["time"].tz_convert("Etc/GMT-1")
        cells = ["0"] * 35
        cells[:5] = [str(part) for part in (time.year, time.month, time.day, time.hour + 1, 60)]
        for name, place in {"temp": 6, "ghi": 13, "dni": 14, "dhi": 15, "wind": 21}.items():
            cells[place] = str(row[name])
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


PVGIS = {"temp": "T2m", "ghi": "G(h)", "dni": "Gb(n)", "dhi": "Gd(h)", "wind": "WS10m"}


def pvgis_csv() -> str:
    lines = [f"Latitude (decimal degrees): {LATITUDE}", f"Longitude (decimal degrees): {LONGITUDE}"]
    lines += [
        f"Elevation (m): {ALTITUDE}",
        "Irradiance Time Offset (h): 0.5",
        ",".join(["time(UTC)", *PVGIS.values()]),
    ]
    for row in weather():
        lines.append(",".join([f"{row['time']:%Y%m%d:%H%M}", *(str(row[name]) for name in PVGIS)]))
    return "\n".join([*lines, "", "PVGIS (c) European Union"]) + "\n"


def pvgis_json() -> str:
    rows = [
        {"time(UTC)": f"{row['time']:%Y%m%d:%H%M}"} | {column: row[name] for name, column in PVGIS.items()}
        for row in weather()
    ]
    place = {
        "latitude": LATITUDE,
        "longitude": LONGITUDE,
        "elevation": ALTITUDE,
        "irradiance_time_offset": 0.5,
    }
    return json.dumps({"inputs": {"location": place}, "outputs": {"tmy_hourly": rows}}, indent=1)


def nsrdb() -> str:
    names = {"temp": "Temperature", "ghi": "GHI", "dni": "DNI", "dhi": "DHI", "wind": "Wind Speed"}
    lines = ["Source,Location ID,Latitude,Longitude,Time Zone,Elevation,Local Time Zone"]
    lines += [
        f"NSRDB,1,{LATITUDE},{LONGITUDE},0,{ALTITUDE},1",
        ",".join(["Year,Month,Day,Hour,Minute", *names.values()]),
    ]
    for row in weather():
        lines.append(",".join([f"{row['time']:%Y,%m,%d,%H},30", *(str(row[name]) for name in names)]))
    return "\n".join(lines) + "\n"


def mapped() -> str:
    names = ("ghi", "dni", "dhi", "temp", "wind")
    lines = [
        f"{row['time']:%Y-%m-%dT%H:%MZ}," + ",".join(str(row[name]) for name in names) for row in weather()
    ]
    return "\n".join([",".join(("time", *names)), *lines]) + "\n"


def station() -> str:
    lines = []
    for row in weather():
        time = (row["time"] + pd.Timedelta(hours=1)).tz_convert("Europe/Rome")
        numbers = (f"{x:.1f}".replace(".", ",") for x in (row["ghi"] * 3.6, row["temp"] + 273.15))
        lines.append(";".join([f"{time:%d/%m/%Y;%H:%M}", *numbers]))
    return "\n".join(["Stazione di Napoli", "Data;Ora;Rad;T", *lines]) + "\n"


def prices() -> str:
    times = pd.date_range("2025-06-30", periods=24 * DAYS, freq="h", tz="UTC")
    lines = [
        f"{time:%Y-%m-%dT%H:%MZ},{100 + 20 * np.sin(i):.2f},{99 + 20 * np.sin(i):.2f}"
        for i, time in enumerate(times)
    ]
    return "\n".join(["time,PUN,zonal_price_eur_per_mwh", *lines]) + "\n"


def readings() -> str:
    times = pd.date_range("2025-07-01", periods=96 * 2, freq="15min", tz="Europe/Rome")
    lines = [f"{time.isoformat()},{0.1 + i % 7 / 50},0.2,{i % 5 / 10}" for i, time in enumerate(times)]
    return "\n".join(["time,IT001A:withdrawal_kwh,IT001B:withdrawal_kwh,IT001B:injection_kwh", *lines]) + "\n"


COMMUNITY = {
    "configuration": "CER",
    "region": "Campania",
    "plants": [{"pod": "IT001B", "power_kw": 10.0, "commissioned": "2024-06-01"}],
    "members": [{"pod": "IT001A"}, {"pod": "IT001B", "kind": "company"}],
    "tariff": {"kind": "hourly"},
}
WRITERS: dict[str, Callable[[], str]] = {
    "weather.epw": epw,
    "weather.csv": pvgis_csv,
    "weather.json": pvgis_json,
    "nsrdb.csv": nsrdb,
    "mapped.csv": mapped,
    "station.csv": station,
    "prices.csv": prices,
    "readings.csv": readings,
    "settled.csv": prices,
}


def commands_for(name: str) -> list[list[str]]:
    """What reads a file of this kind."""
    if name == "readings.csv":
        return [["settle", "case.csv", "--community", "community.yaml"]]
    if name == "settled.csv":
        return [["settle", "good.csv", "--community", "community.yaml", "--prices", "case.csv"]]
    scenario = f"{name.partition('.')[0]}.yaml"
    check = (
        [["weather", "check", "case.csv"]]
        if name in ("weather.epw", "weather.csv", "weather.json", "nsrdb.csv")
        else []
    )
    if name in ("mapped.csv", "station.csv"):
        check = [["weather", "check", "case.csv", "--scenario", scenario]]
    return [*check, ["check", scenario]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("here", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path / "here")
    prepare(tmp_path / "here")
    return tmp_path / "here"


def prepare(folder: Path) -> None:
    """Write what the damaged file is read together with."""
    flat = {
        "name": "flat-1", "archetype": "AB.05", "floor_area_m2": 60, "people": 2,
        "energy_base_kwh_per_year": 1900, "heating_nominal_kw": 4.0, "cooling_nominal_kw": 3.5,
        "photovoltaics": {"power_kw": 3.0},
    }  # fmt: skip
    base = {
        "name": "x", "location": {"latitude_deg": LATITUDE, "longitude_deg": LONGITUDE},
        "community": {"dwellings": [flat]},
        "period": {"start": pd.Timestamp("2025-07-02").date(), "days": 1, "warmup_days": 1},
    }  # fmt: skip
    file = {"source": "file", "file": "case.csv"}
    for name, parts in {
        "weather": {"weather": file},
        "nsrdb": {"weather": file},
        "mapped": {"weather": file | {"mapping": MAPPING}},
        "station": {"weather": file | {"mapping": STATION}},
        "prices": {"prices": file, "weather": {"place": "naples"}},
    }.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(base | parts))
    (folder / "community.yaml").write_text(yaml.safe_dump(COMMUNITY))
    (folder / "good.csv").write_text(readings())


@pytest.mark.parametrize("name", WRITERS)
def test_sound_files_are_read(name: str, folder: Path) -> None:
    tally = Tally()
    (folder / "case.csv").write_text(WRITERS[name]())
    for words in commands_for(name):
        assert tally.run(name, folder, *words) == 0, tally.problems


@pytest.mark.slow
def test_damaged_files(soaking: bool, folder: Path) -> None:
    tally = Tally()
    for number in range(500 if soaking else 50):
        rng = random.Random(f"{SEED}-series-{number}")
        name = list(WRITERS)[number % len(WRITERS)]
        kind, data = mutated(rng, WRITERS[name]())
        (folder / "case.csv").write_bytes(data)
        for words in commands_for(name):
            tally.run(f"{name} {number} ({kind})", folder, *words)
    print(tally.told())  # noqa: T201  with -s, and where something is wrong
    assert not tally.problems, "\n".join(tally.problems)
    assert {"check 0", "check 2", "settle 0", "settle 2", "weather 0", "weather 2"} <= tally.codes.keys()


def mutated(rng: random.Random, text: str) -> tuple[str, bytes]:
    """A file after one to three kinds of damage."""
    if rng.random() < 0.35:
        return damaged_text(rng, text.encode())
    delimiter = ";" if text.count(";") > text.count(",") else ","
    rows = [line.split(delimiter) for line in text.splitlines()]
    kinds = rng.choices(list(CHANGES), k=rng.choice([1, 1, 1, 2, 3]))
    for kind in kinds:
        CHANGES[kind](rng, rows)
    if rng.random() < 0.1:
        kinds.append("delimiter")
        delimiter = rng.choice([";", "\t", "|", " ", ",,", ","])
    text = "\n".join(delimiter.join(row) for row in rows) + rng.choice(["\n", "\n", "", "\n\n\n"])
    return "+".join(kinds), text.encode(
        rng.choice(["utf-8"] * 6 + ["utf-8-sig", "utf-16", "cp1252"]), "replace"
    )


def _row(rng: random.Random, rows: list[list[str]]) -> list[str]:
    return rng.choice(rows) if rows else []


def _cell(rng: random.Random, rows: list[list[str]]) -> None:
    for _ in range(rng.choice([1, 1, 3, 30])):
        row = _row(rng, rows)
        if row:
            row[rng.randrange(len(row))] = rng.choice(CELLS)


def _piece(rng: random.Random, rows: list[list[str]]) -> None:
    row = _row(rng, rows)
    if row:
        row[rng.randrange(len(row))] += rng.choice(PIECES).decode("utf-8", "replace")


def _time(rng: random.Random, rows: list[list[str]]) -> None:
    row = _row(rng, rows)
    if row:
        row[0] = rng.choice(CELLS[-18:])


def _more(rng: random.Random, rows: list[list[str]]) -> None:
    _row(rng, rows).extend([rng.choice(CELLS[:13])] * rng.choice([1, 3, 1000, 1_000_000]))


def _fewer(rng: random.Random, rows: list[list[str]]) -> None:
    del _row(rng, rows)[rng.choice([0, 1, -1]) :]


def _column(rng: random.Random, rows: list[list[str]]) -> None:
    """Change one column in all rows alike."""
    place = rng.randrange(max(map(len, rows), default=1) or 1)
    change = rng.choice([*SCALES, *("drop", "empty", "swap")])
    for row in rows[3:]:
        if place >= len(row):
            continue
        if change == "drop":
            del row[place]
        elif change == "empty":
            row[place] = ""
        elif change == "swap":
            row[0], row[place] = row[place], row[0]
        else:
            try:
                row[place] = str(float(row[place]) * change)
            except ValueError:
                continue


def _rows(rng: random.Random, rows: list[list[str]]) -> None:
    first, n = rng.randrange(len(rows) + 1), rng.choice([1, 1, 2, 24, 200])
    part = [list(row) for row in rows[first : first + n]]
    match rng.choice(["twice", "lose", "reverse", "shuffle", "blank", "far"]):
        case "twice":
            rows[first:first] = part
        case "lose":
            del rows[first : first + n]
        case "reverse":
            rows[first : first + n] = part[::-1]
        case "shuffle":
            rng.shuffle(rows)
        case "blank":
            rows.insert(first, [""])
        case "far":
            rows.insert(first, rows.pop(rng.randrange(len(rows))))


def _title(rng: random.Random, rows: list[list[str]]) -> None:
    row = rng.choice(rows[:5]) if rows else []
    if row:
        place = rng.randrange(len(row))
        row[place] = rng.choice([row[place].upper(), f" {row[place]} ", "", row[0], "x" * 100_000, *CELLS])


SCALES = (-1.0, 0.0, 1e-3, 1e3, 1e300, float("nan"), float("inf"), 0.9, 1.1)
CHANGES: dict[str, Callable[[random.Random, list[list[str]]], None]] = {
    "cell": _cell, "piece": _piece, "time": _time, "more cells": _more, "fewer cells": _fewer,
    "column": _column, "rows": _rows, "title": _title,
}  # fmt: skip
