"""Fetching a typical year: what PVGIS may answer, served on this machine."""

import json
import socket
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pvlib import clearsky, solarposition

from recosim.cli import main
from recosim.errors import InputDataError
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.weather.fetch import fetch_typical_year, write_weather
from recosim.scenarios.weather.files import read_weather
from recosim.scenarios.weather.source import weather_of

OFFSET_H = 0.1761
YEAR_OF_MONTH = (2018, 2007, 2009, 2013, 2008, 2006, 2011, 2010, 2020, 2006, 2007, 2016)
pytestmark = pytest.mark.filterwarnings("ignore:DatetimeIndex.dayofyear")


def pvgis_answer(with_offset: bool = True) -> dict[str, Any]:
    """JSON as PVGIS 5.3 answers, the weather a clear year of Naples."""
    times = pd.date_range("2025-01-01", periods=8760, freq="1h", tz="UTC")
    sun = solarposition.ephemeris(times + pd.Timedelta(hours=OFFSET_H), 40.85, 14.27)
    ghi = 0.8 * clearsky.haurwitz(sun["apparent_zenith"])["ghi"].to_numpy()
    cosine = np.maximum(np.cos(np.radians(sun["apparent_zenith"].to_numpy())), 0.01)
    hours = [
        {
            "time(UTC)": f"{YEAR_OF_MONTH[time.month - 1]}{time:%m%d:%H%M}",
            "T2m": 15.0 + time.hour / 10.0,
            "RH": 70.0,
            "G(h)": round(float(total), 2),
            "Gb(n)": round(float(0.7 * total / height), 2),
            "Gd(h)": round(float(0.3 * total), 2),
            "IR(h)": 300.0,
            "WS10m": 2.5,
            "WD10m": 90.0,
            "SP": 101000.0,
        }
        for time, total, height in zip(times, ghi, cosine, strict=True)
    ]
    location = {"latitude": 40.85, "longitude": 14.27, "elevation": 50.0}
    if with_offset:
        location["irradiance_time_offset"] = OFFSET_H
    return {
        "inputs": {
            "location": location,
            "meteo_data": {"radiation_db": "PVGIS-SARAH3", "meteo_db": "ERA5", "year_min": 2005},
        },
        "outputs": {
            "months_selected": [{"month": m + 1, "year": year} for m, year in enumerate(YEAR_OF_MONTH)],
            "tmy_hourly": hours,
        },
        "meta": {"inputs": {"location": {"description": "Selected location"}}},
    }


ANSWER = pvgis_answer()
SEA = {"message": "Location over the sea. Please, select another location", "status": 400}
Serve = Callable[[int, str], Any]


@contextmanager
def serving(code: int, body: str) -> Iterator[tuple[str, list[str]]]:
    """Address of a server that answers everything so, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent() -> Iterator[str]:
    """Address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/api/"


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy between the test and its server; a folder of its own."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.chdir(tmp_path)


def fetch(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["weather", "fetch", "--latitude", "40.85", "--longitude", "14.27", *arguments])
    shown = capsys.readouterr()
    assert isinstance(ended.value.code, int | None)
    return ended.value.code or 0, shown.out, shown.err


def test_a_typical_year_is_written_and_a_scenario_reads_it(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(200, json.dumps(ANSWER)) as (url, asked):
        code, out, err = fetch(capsys, "--url", url)
    assert (code, err) == (0, "")
    path = Path("pvgis_tmy_40.850_14.270.csv")
    assert f"weather: {{source: file, file: {json.dumps(str(path))}}}" in out
    assert "8,760 of 60 min, none missing" in out
    [query] = [urllib.parse.urlsplit(one) for one in asked]
    assert query.path == "/api/tmy"
    given = urllib.parse.parse_qs(query.query)
    assert (given["lat"], given["lon"], given["outputformat"]) == (["40.85"], ["14.27"], ["json"])
    ghi = sum(hour["G(h)"] for hour in ANSWER["outputs"]["tmy_hourly"]) / 1000.0
    scenario = load_scenario("naples-small", [f"weather={{source: file, file: {path}}}"])
    weather = weather_of(scenario)
    assert weather.irradiation_global_kwh_per_m2 == pytest.approx(ghi)
    assert (weather.latitude, weather.longitude, weather.altitude_m) == (40.85, 14.27, 50.0)
    text = path.read_text()
    assert "Irradiance Time Offset (h): 0.1761" in text
    assert "\n4,2013\n" in text
    assert text.endswith("Databases: PVGIS-SARAH3, ERA5\nPVGIS (c) European Union\n")


def test_the_answer_itself_is_the_same_weather() -> None:
    """The JSON that PVGIS offers for download, and one of a version that does not tell the minute."""
    Path("as_answered.json").write_text(json.dumps(ANSWER))
    Path("older.json").write_text(json.dumps(pvgis_answer(with_offset=False)))
    with serving(200, json.dumps(ANSWER)) as (url, _):
        write_weather(fetch_typical_year(40.85, 14.27, url), Path("fetched.csv"))
    fetched, answered, older = (
        read_weather(Path(name), 3600).irradiance_global_w_per_m2
        for name in ("fetched.csv", "as_answered.json", "older.json")
    )
    np.testing.assert_array_equal(fetched, answered)
    # The minute found is a whole one, half a minute from the true one at most.
    np.testing.assert_allclose(older, answered, atol=4.0)


def test_nothing_is_overwritten_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.csv").write_text("mine")
    with serving(200, json.dumps(ANSWER)) as (url, asked):
        code, out, err = fetch(capsys, "--url", url, "--out", "mine.csv")
        assert (code, out) == (2, "")
        assert err == "error: mine.csv exists already; add --force to replace it, or choose another --out\n"
        assert Path("mine.csv").read_text() == "mine"
        assert not asked
        code, out, err = fetch(capsys, "--url", url, "--out", "mine.csv", "--force", "--json", "-")
    assert (code, err) == (0, "")
    assert json.loads(out)["steps"] == 8760
    assert Path("mine.csv").read_text().startswith("Latitude (decimal degrees): 40.85\n")


def test_a_file_that_appears_meanwhile_is_not_overwritten_either() -> None:
    Path("mine.csv").write_text("mine")
    with pytest.raises(InputDataError, match=r"mine\.csv exists already"):
        write_weather("", Path("mine.csv"))
    assert Path("mine.csv").read_text() == "mine"


@pytest.mark.parametrize("out", ["nowhere/mine.csv", "."])
def test_a_folder_that_cannot_be_written_to_is_refused_first(
    capsys: pytest.CaptureFixture[str], out: str
) -> None:
    with serving(200, json.dumps(ANSWER)) as (url, asked):
        code, _, err = fetch(capsys, "--url", url, "--out", out)
    assert code == 2
    assert "allowed is a file in a folder that exists" in err
    assert not asked


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """One line, and no file."""
    code, out, err = fetch(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not list(Path().iterdir())
    return err


def without(answer: dict[str, Any], column: str) -> dict[str, Any]:
    hours = [
        {name: value for name, value in hour.items() if name != column}
        for hour in answer["outputs"]["tmy_hourly"]
    ]
    return answer | {"outputs": answer["outputs"] | {"tmy_hourly": hours}}


def with_hours(hours: list[dict[str, Any]]) -> str:
    return json.dumps(ANSWER | {"outputs": ANSWER["outputs"] | {"tmy_hourly": hours}})


HOURS = ANSWER["outputs"]["tmy_hourly"]


@pytest.mark.parametrize(
    ("code", "body", "words"),
    [
        (400, json.dumps(SEA), "PVGIS refuses latitude 40.85, longitude 14.27: Location over the sea."),
        (503, "<html>", "PVGIS fails: 503 Server Error: Service Unavailable"),
        (404, "", "PVGIS fails: 404 Client Error: Not Found"),
        (429, "", "PVGIS fails: 429 Client Error: Too Many Requests"),
        (200, "<html>", "is no typical year of PVGIS (JSONDecodeError: "),
        (200, "{}", "is no typical year of PVGIS (KeyError: 'meta')"),
        (200, "[]", "is no typical year of PVGIS (TypeError: "),
        (200, json.dumps(without(ANSWER, "Gb(n)")), "is no typical year of PVGIS: 8760 hours, without Gb(n)"),
        (200, with_hours(HOURS[:4000] + HOURS[4003:]), "time column, no row for 2025-06-16 16:00 UTC"),
        (200, with_hours([HOURS[0] | {"T2m": None}, *HOURS[1:]]), "csv: column T2m, row 19 (label 2025-01-"),
    ],
)  # fmt: skip
def test_what_is_no_typical_year_is_refused(
    capsys: pytest.CaptureFixture[str], code: int, body: str, words: str
) -> None:
    with serving(code, body) as (url, _):
        assert words in refusal(capsys, "--url", url)


def test_no_network(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/api/"
    message = refusal(capsys, "--url", url)
    assert f"PVGIS cannot be reached ({url}): no network, or a proxy that is not set" in message
    assert "or give an EPW, PVGIS or NSRDB file that you have" in message


def test_no_answer_in_time(capsys: pytest.CaptureFixture[str]) -> None:
    with silent() as url:
        message = refusal(capsys, "--url", url, "--timeout", "1")
    assert f"PVGIS did not answer within 1 s ({url}); try again later" in message


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/"])
def test_a_url_that_is_none(capsys: pytest.CaptureFixture[str], url: str) -> None:
    assert "check the URL" in refusal(capsys, "--url", url)


@pytest.mark.parametrize("place", [["--latitude", "91"], ["--longitude", "x"]])
def test_a_place_off_the_earth_is_wrong_usage(capsys: pytest.CaptureFixture[str], place: list[str]) -> None:
    assert place[0] in refusal(capsys, *place)
