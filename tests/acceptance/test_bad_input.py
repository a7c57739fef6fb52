"""A hostile user at the command line: whatever is wrong is said in one line, before anything is simulated.

Every refusal is held to the same: exit code 2, one line on standard error that names place, value and what is
allowed, nothing on standard output, no traceback, no result file.
"""

import datetime
import math
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from recosim.cli import main
from recosim.results.run_file import RunMeta, open_run
from recosim.results.store import RunWriter
from recosim.scenarios.world import RecosimWorld
from recosim.timegrid import TimeGrid

DAY = ("--start", "2025-07-14", "--days", "1")
ONE_DAY = ("--set", "period.start=2025-07-14", "--set", "period.days=1", "--set", "period.warmup_days=0")
DAYS_IN_FILE = 4


@dataclass(frozen=True, kw_only=True)
class Outcome:
    code: int
    out: str
    err: str


Command = Callable[..., Outcome]
Refusal = Callable[..., str]


@pytest.fixture
def recosim(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Run a command in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        code = ended.value.code
        captured = capsys.readouterr()
        return Outcome(code=code if isinstance(code, int) else 0, out=captured.out, err=captured.err)

    return command


@pytest.fixture
def refused(recosim: Command, monkeypatch: pytest.MonkeyPatch) -> Refusal:
    """Run a command that must be refused, and return its one line."""

    def simulated(world: RecosimWorld) -> None:
        pytest.fail("simulated before the mistake was found")

    def refusal(*arguments: str) -> str:
        before = set(Path().rglob("*.h5"))
        with monkeypatch.context() as patched:
            patched.setattr(RecosimWorld, "run", simulated)
            outcome = recosim(*arguments)
        assert outcome.code == 2, outcome
        assert outcome.out == ""
        (line,) = outcome.err.splitlines()
        assert line.startswith("error: ")
        assert "this is a defect" not in line
        assert set(Path().rglob("*.h5")) == before
        return line

    return refusal


# the scenario ------------------------------------------------------------------------------------------

OVERRIDES = [
    ("comunity.size=3", "comunity: unknown key, did you mean 'community'?"),
    ("community.sizes=3", "community.sizes: unknown key, did you mean 'size'? allowed: size, dwellings"),
    ("community.size=big", "community.size = 'big', allowed: whole numbers in [1, 1000]"),
    ("community.size=1000000000", "community.size = 1000000000, allowed: whole numbers in [1, 1000]"),
    ("community.size=2.5", "community.size = 2.5, allowed: whole numbers"),
    ("community.size=", "--set community.size=: the value is missing"),
    ("community.dwellings[99].people=1", "entry '99' of community.dwellings, allowed: 0 to 9"),
    ("community.plants[0].power_kw=1e9", "community.plants[0].power_kw = 1000000000.0, allowed (0, 1000]"),
    ("community.dwellings[2].battery.efficiency_charge=1.2", "efficiency_charge = 1.2, allowed [0.01, 1]"),
    ("community.dwellings[2].hot_water={volume_l: 0}", "hot_water.volume_l = 0, allowed [5, 2000]"),
    ("community.dwellings[2].hot_water={kind: gas}", "hot_water.kind = 'gas', allowed: boiler, heat_pump"),
    (
        "community.dwellings[2].hot_water={deadband_k: 15, temp_tap_degc: 45}",
        "deadband_k = 15.0, allowed: at",
    ),
    (
        "community.dwellings[2].hot_water={temp_cold_mean_degc: 24}",
        "cold water within",
    ),
    ("community.dwellings[2].car={power_kw: 43}", "car.power_kw = 43, allowed (0, 22]"),
    ("community.dwellings[2].car={wallbox_kw: 7.4}", "car.wallbox_kw: unknown key"),
    ("community.dwellings[2].car={departure_h: 7.5}", "departure_h without arrival_h; give both"),
    ("community.dwellings[2].car={arrival_h: 17}", "arrival_h without departure_h; give both"),
    ("community.dwellings[2].car={departure_h: 8, arrival_h: 8.25}", "half an hour apart at least"),
    ("community.dwellings[2].car={departure_h: 8, arrival_h: 24}", "car.arrival_h = 24, allowed [0, 24)"),
    ("community.dwellings[2].car={spread_minutes: 10}", "spread_minutes says nothing without"),
    ("community.dwellings[2].battery=7", "community.dwellings[2].battery = 7, allowed: a section"),
    ("hvac.cop_nominal=.nan", "hvac.cop_nominal = nan, allowed"),
    ("hvac.kind=boiler", "hvac.kind = 'boiler', allowed: split, air_to_water"),
    (
        "hvac={kind: air_to_water, cop_nominal: 4}",
        "hvac.cop_nominal: unknown key, allowed: kind, supply_heat",
    ),
    (
        "community.dwellings[2].hvac={kind: air_to_water, supply_heating_degc: 80}",
        "community.dwellings[2].hvac.supply_heating_degc = 80, allowed [25, 60]",
    ),
    (
        "community.dwellings[2].hvac=air_to_water",
        "hvac = 'air_to_water', allowed: a section with the keys kind",
    ),
    ("location.place=Napoli", "location.place = 'Napoli', did you mean 'naples'?"),
    ("settlement.region=Naples", "settlement.region = 'Naples'"),
    ("weather.source=file", "weather: source = 'file' needs file: PATH"),
    ("weather.file=sky.epw", "weather: source = 'synthetic' reads no file"),
    ("controller.name=x.py:Mine", "files are named on the command line only"),
    ("no_equals_sign", "--set no_equals_sign: allowed: section.key=value"),
]


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(("override", "expected"), OVERRIDES, ids=[text for text, _ in OVERRIDES])
def test_an_override_that_is_wrong(refused: Refusal, command: str, override: str, expected: str) -> None:
    line = refused(command, "naples", "--set", override)
    assert expected in line
    assert f"--set {override}" in line


IN_FILE = [
    (("days: 365", "dais: 365"), "period.dais: unknown key, did you mean 'days'?"),
    (("days: 365", "days: many"), "period.days = 'many', allowed: whole numbers in [1, 3660]"),
    (("people: 1,", "people: -1,"), "community.dwellings[0].people = -1, allowed: whole numbers in [1, 12]"),
    (("name: flat-02", "name: flat-01"), "two dwellings are called 'flat-01'"),
    (("archetype: AB.05", "archetype: AB.99"), "community.dwellings[0].archetype = 'AB.99', did you mean"),
    (("seed: 1\n", "seed: 1\nseed: 2\n"), "key 'seed' occurs twice"),
    (("period: {", "period: ["), "naples.yaml, line "),
]


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(("edit", "expected"), IN_FILE, ids=[edit[1].strip() for edit, _ in IN_FILE])
def test_a_scenario_file_that_is_wrong(
    refused: Refusal, recosim: Command, command: str, edit: tuple[str, str], expected: str
) -> None:
    assert recosim("init", "naples").code == 0
    path = Path("naples.yaml")
    text = path.read_text(encoding="utf-8")
    assert edit[0] in text
    path.write_text(text.replace(edit[0], edit[1], 1), encoding="utf-8")
    line = refused(command, "naples.yaml")
    assert expected in line
    assert "naples.yaml" in line


FILES = {
    "empty.yaml": (b"", "empty.yaml holds nothing, allowed: name, description"),
    "list.yaml": (b"- a\n- b\n", "list.yaml holds no mapping"),
    "text.yaml": (b"just some words", "text.yaml holds no mapping"),
    "large.yaml": (b"a" * 10_000_000, "large.yaml has 10000000 bytes, allowed: 8000000"),
    "deep.yaml": (b"[" * 100_000, "deep.yaml, line 1: nested more than 50 deep"),
    "binary.yaml": (bytes(range(256)), "binary.yaml is not UTF-8 text"),
    "code.yaml": (b"name: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
}


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_scenario(refused: Refusal, command: str, name: str, tmp_path: Path) -> None:
    content, expected = FILES[name]
    (tmp_path / name).write_bytes(content)
    assert expected in refused(command, name)


def test_a_file_of_too_many_values(refused: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recosim.scenarios.loader.VALUES_MAX", 10_000)
    Path("many.yaml").write_text("a: [" + "1," * 1_000_000 + "]", encoding="utf-8")
    assert "many.yaml: more than 10000 values" in refused("check", "many.yaml")


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_scenario_that_is_not_there(refused: Refusal, command: str, tmp_path: Path) -> None:
    assert "scenario file 'nowhere.yaml' does not exist" in refused(command, "nowhere.yaml")
    assert "no scenario 'napels', did you mean 'naples'?" in refused(command, "napels")
    assert "no scenario ''; allowed: naples" in refused(command, "")
    assert "does not exist" in refused(command, str(tmp_path))


# the options -------------------------------------------------------------------------------------------

OPTIONS = [
    (("--days", "0"), "period.days = 0, allowed: whole numbers in [1, 3660] (--days 0)"),
    (("--days", "-3"), "period.days = -3, allowed"),
    (("--days", "two"), "period.days = 'two', allowed: whole numbers in [1, 3660] (--days two)"),
    (("--days", "1.5"), "period.days = 1.5, allowed"),
    (("--days", "99999999999"), "period.days = 99999999999, allowed"),
    (("--days", ""), "--days: the value is missing"),
    (("--seed", "-1"), "seed = -1, allowed: whole numbers in [0, 4294967295] (--seed -1)"),
    (("--seed", "x"), "seed = 'x', allowed: whole numbers in"),
    (("--start", "14 July"), "period.start = '14 July', allowed: a date as YYYY-MM-DD (--start 14 July)"),
    (("--start", "14/07/2025"), "period.start = '14/07/2025', allowed: a date as YYYY-MM-DD"),
    (("--start", "2025-02-30"), "--start 2025-02-30: 2025-02-30 is not a date"),
    (("--start", "1800-01-01"), "period.start = 1800-01-01, allowed: a date in the years 2000 to 2100"),
    (("--start", "2010-01-01", "--days", "1"), "tariff_year = 2010"),
    (("--start", ""), "--start: the value is missing"),
    (("--out", ""), ". is a folder: name a file in it"),
    (("--json", "figures.h5"), "--json figures.h5: allowed are - (standard output) and names that end in"),
    (("--json", "no/folder.json"), "the folder no does not exist"),
    (("--nope",), "No such option: --nope"),
    (("--days",), "'--days' requires an argument"),
    (("naples",), "unexpected extra argument"),
]


@pytest.mark.parametrize(("options", "expected"), OPTIONS, ids=[" ".join(words) for words, _ in OPTIONS])
def test_an_option_that_is_wrong(refused: Refusal, options: Sequence[str], expected: str) -> None:
    assert expected in refused("run", "naples", *options)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["fly"], "No such command 'fly'; see: recosim --help"),
        (["run"], "Missing argument 'SCENARIO'; see: recosim run --help"),
        (["compare"], "see: recosim compare --help"),
        (["weather", "fly"], "No such command 'fly'; see: recosim weather --help"),
    ],
)
def test_words_that_are_no_command(refused: Refusal, arguments: Sequence[str], expected: str) -> None:
    assert expected in refused(*arguments)


# the controller ----------------------------------------------------------------------------------------

CONTROLLERS = [
    ("nobody", "", "controller 'nobody' is not installed, allowed: day-ahead, idle"),
    ("absent.py:Mine", "", "absent.py"),
    (
        "mine.py:Mine",
        "class Mine(:\n",
        "controller 'mine.py:Mine': SyntaxError: invalid syntax (mine.py, line 1)",
    ),
    ("mine.py:Mine", "import no_such_module\n", "No module named 'no_such_module'"),
    ("mine.py:Other", "class Mine: ...\n", "mine.py has no class Other"),
    ("mine.py:Mine", "class Mine:\n    def reset(self, c, s): ...\n", "has no method decide"),
    ("mine.py:Mine", "raise SystemExit(0)\n", "called exit"),
    (
        "mine.py:Mine",
        "class Mine:\n    def reset(self, c, s): raise OSError('no\\nkey')\n    decide = reset\n",
        "controller Mine failed in reset: OSError: no; key",
    ),
    ("no.such.package:Mine", "", "No module named 'no'"),
    ("", "", "--controller is empty"),
]


@pytest.mark.parametrize(("name", "code", "expected"), CONTROLLERS)
def test_a_controller_that_is_none(refused: Refusal, name: str, code: str, expected: str) -> None:
    if code:
        Path("mine.py").write_text(code, encoding="utf-8")
    assert expected in refused("run", "naples", *DAY, "--controller", name)


def test_an_unknown_option_of_a_controller(refused: Refusal) -> None:
    line = refused("run", "naples", *DAY, "--controller", "mpc", "--set", "controller.horizont=12")
    assert "controller 'mpc' has no option 'horizont'; did you mean 'horizon'? allowed: horizon, " in line
    assert "controller 'nobody' is not installed" in refused(
        "check", "naples", "--set", "controller.name=nobody"
    )
    assert "'rules' has no option 'x', allowed: none" in refused("check", "naples", "--set", "controller.x=1")


# weather and prices ------------------------------------------------------------------------------------


def moments(hours: int, step_minutes: int = 60) -> list[datetime.datetime]:
    """Two days before the run until some after it."""
    first = datetime.datetime(2025, 7, 12)
    return [first + datetime.timedelta(minutes=step_minutes * i) for i in range(60 * hours // step_minutes)]


def sun(hour: int) -> float:
    return 800.0 * math.sin(math.pi * (hour - 4) / 15) if 4 < hour < 19 else 0.0


def pvgis(hours: int) -> list[list[str]]:
    rows = [
        ["Latitude (decimal degrees): 40.85"],
        ["Longitude (decimal degrees): 14.27"],
        ["Elevation (m): 50"],
    ]
    rows.append(["time(UTC)", "T2m", "RH", "G(h)", "Gb(n)", "Gd(h)", "IR(h)", "WS10m", "WD10m", "SP"])
    for t in moments(hours):
        g = sun(t.hour)
        cells = f"{t:%Y%m%d:%H%M},{20 + t.hour / 4},60,{g:.1f},{0.6 * g:.1f},{0.4 * g:.1f},300,2.5,90,1e5"
        rows.append(cells.split(","))
    return rows


def epw(hours: int) -> list[list[str]]:
    rows = [["LOCATION", "Naples", "-", "ITA", "-", "0", "40.85", "14.27", "1.0", "50.0"]]
    rows.append(["DATA PERIODS", "1", "1", "Data", "Sunday", " 1/ 1", "12/31"])
    for t in moments(hours):
        cells = ["0"] * 35
        cells[:5] = [f"{t.year}", f"{t.month}", f"{t.day}", f"{t.hour + 1}", "60"]
        g = sun(t.hour)
        cells[6], cells[13], cells[14] = f"{20 + t.hour / 4}", f"{g:.1f}", f"{0.6 * g:.1f}"
        cells[15], cells[21] = f"{0.4 * g:.1f}", "2.5"
        rows.append(cells)
    return rows


def nsrdb(hours: int) -> list[list[str]]:
    rows = [["Source", "Location ID", "Latitude", "Longitude", "Time Zone", "Elevation", "Local Time Zone"]]
    rows.append(["NSRDB", "1", "40.85", "14.27", "0", "50", "1"])
    rows.append(["Year", "Month", "Day", "Hour", "Minute", "DHI", "DNI", "GHI", "Temperature", "Wind Speed"])
    for t in moments(hours, 30):
        g = sun(t.hour)
        cells = f"{t.year},{t.month},{t.day},{t.hour},{t.minute}"
        cells += f",{0.4 * g:.1f},{0.6 * g:.1f},{g:.1f},{20 + t.hour / 4},2.5"
        rows.append(cells.split(","))
    return rows


def prices(hours: int) -> list[list[str]]:
    rows = [["time_utc", "PUN", "CSUD"]]
    rows += [[f"{t:%Y-%m-%dT%H:%MZ}", f"{100 + t.hour}", f"{110 + t.hour}"] for t in moments(hours)]
    return rows


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A format: how it is made, where its rows begin, its columns of temperature (or price) and sun."""

    section: str
    make: Callable[[int], list[list[str]]]
    first: int
    value: int
    named: str
    sun: int | None = None
    named_sun: str = ""

    def write(self, rows: list[list[str]]) -> tuple[str, ...]:
        Path("data.txt").write_text("\n".join(",".join(row) for row in rows) + "\n", encoding="utf-8")
        return ("--set", f"{self.section}.source=file", "--set", f"{self.section}.file=data.txt")


KINDS = {
    "pvgis": Kind(section="weather", make=pvgis, first=4, value=1, named="T2m", sun=3, named_sun="G(h)"),
    "epw": Kind(
        section="weather",
        make=epw,
        first=2,
        value=6,
        named="Dry Bulb Temperature",
        sun=13,
        named_sun="Global Horizontal Radiation",
    ),
    "nsrdb": Kind(
        section="weather", make=nsrdb, first=3, value=8, named="Temperature", sun=7, named_sun="GHI"
    ),
    "prices": Kind(section="prices", make=prices, first=1, value=2, named="CSUD"),
}
WEATHER = [name for name, kind in KINDS.items() if kind.sun is not None]


@pytest.mark.parametrize("name", KINDS)
def test_the_files_themselves_are_in_order(recosim: Command, name: str) -> None:
    outcome = recosim("check", "naples", *ONE_DAY, *KINDS[name].write(KINDS[name].make(24 * DAYS_IN_FILE)))
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("text", ["nan", "", "12O", "inf"])
@pytest.mark.parametrize("name", KINDS)
def test_a_value_that_is_no_number(refused: Refusal, command: str, name: str, text: str) -> None:
    kind = KINDS[name]
    rows = kind.make(24 * DAYS_IN_FILE)
    rows[kind.first + 9][kind.value] = text
    line = refused(command, "naples", *ONE_DAY, *kind.write(rows))
    assert f"data.txt: column {kind.named}, row {kind.first + 10} (" in line
    assert f"{text!r} is no number" in line


@pytest.mark.parametrize("name", KINDS)
def test_a_gap(refused: Refusal, name: str) -> None:
    kind = KINDS[name]
    rows = kind.make(24 * DAYS_IN_FILE)
    per_hour = 2 if name == "nsrdb" else 1
    first = kind.first + per_hour * 50  # 14 July, 02:00
    del rows[first : first + 3]
    line = refused("check", "naples", *ONE_DAY, *kind.write(rows))
    hour = "01:00" if name == "epw" else "02:00"  # its labels are the ends of hours, in UTC+1
    assert f"2025-07-14 {'02:00' if name == 'epw' else hour} UTC" in line
    assert "3 steps missing" in line


@pytest.mark.parametrize("name", KINDS)
def test_a_missing_column(refused: Refusal, name: str) -> None:
    kind = KINDS[name]
    rows = kind.make(24 * DAYS_IN_FILE)
    header = kind.first - 1 if name != "epw" else kind.first
    for row in rows[header:]:
        del row[kind.sun or kind.value]
    line = refused("check", "naples", *ONE_DAY, *kind.write(rows))
    if name == "epw":  # its columns have no names
        assert "row 3 has 34 columns, allowed: 35; a column is missing" in line
    else:
        assert f"column {kind.named_sun or kind.named}" in line
        assert "is missing; the columns found are " in line


@pytest.mark.parametrize(
    ("factor", "expected"),
    [(0.001, "is the column in kW/m2? Multiply it by 1000"), (1000.0, "allowed [0, 1600]")],
)
@pytest.mark.parametrize("name", WEATHER)
def test_irradiance_in_another_unit(refused: Refusal, name: str, factor: float, expected: str) -> None:
    kind = KINDS[name]
    assert kind.sun is not None
    rows = kind.make(24 * DAYS_IN_FILE)
    for row in rows[kind.first :]:
        row[kind.sun] = f"{factor * float(row[kind.sun]):.6f}"
    line = refused("check", "naples", *ONE_DAY, *kind.write(rows))
    assert f"data.txt: column {kind.named_sun}" in line
    assert expected in line


@pytest.mark.parametrize("factor", [0.001, 1000.0])
def test_prices_in_another_unit(refused: Refusal, factor: float) -> None:
    kind = KINDS["prices"]
    rows = kind.make(24 * DAYS_IN_FILE)
    for row in rows[1:]:
        row[kind.value] = f"{factor * float(row[kind.value])}"
    line = refused("check", "naples", *ONE_DAY, *kind.write(rows))
    assert "data.txt: column CSUD" in line
    assert "EUR/MWh" in line


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("name", KINDS)
def test_a_run_that_outlasts_its_data(refused: Refusal, command: str, name: str) -> None:
    data = KINDS[name].write(KINDS[name].make(24 * DAYS_IN_FILE))
    line = refused(command, "naples", *ONE_DAY, "--set", "period.days=30", *data)
    what = "price" if name == "prices" else "weather"
    assert f"data.txt: no {what} for 2025-07-1" in line
    assert "the data cover 2025-07-12" in line


@pytest.mark.parametrize("name", KINDS)
def test_a_truncated_file(refused: Refusal, name: str) -> None:
    """Cut in the middle of a row, and down to nothing."""
    kind = KINDS[name]
    rows = kind.make(24 * DAYS_IN_FILE)
    cut = [*rows[:60], rows[60][: kind.value]]
    assert "data.txt: " in refused("check", "naples", *ONE_DAY, *kind.write(cut))
    for n_rows in (0, 1, kind.first, kind.first + 1):
        assert "data.txt: " in refused("check", "naples", *ONE_DAY, *kind.write(rows[:n_rows]))


@pytest.mark.parametrize("section", ["weather", "prices"])
def test_a_file_of_another_kind(refused: Refusal, section: str) -> None:
    data = ("--set", f"{section}.source=file", "--set", f"{section}.file=")
    Path("words.txt").write_text("nothing of the kind\n" * 50, encoding="utf-8")
    Path("bytes.txt").write_bytes(bytes(range(256)) * 40)
    Path("wide.txt").write_text("x," * 100_000 + "\n1\n2\n", encoding="utf-8")
    for name in ("words.txt", "bytes.txt", "wide.txt"):
        line = refused("check", "naples", *ONE_DAY, *data[:-1], data[-1] + name)
        assert f"{name}: " in line
        assert len(line) < 1000
    line = refused("check", "naples", *ONE_DAY, *data[:-1], data[-1] + "absent.txt")
    assert "file 'absent.txt' is not in " in line


def test_a_weather_file_alone(refused: Refusal, recosim: Command) -> None:
    """`weather check` is red, exit code 1, for what a reader would refuse, and 2 for what is no weather."""
    rows = pvgis(24 * DAYS_IN_FILE)
    rows[20][1] = "warm"
    KINDS["pvgis"].write(rows)
    red = recosim("weather", "check", "data.txt")
    assert (red.code, red.err) == (1, "")
    assert "column T2m, row 21" in " ".join(red.out.split())
    Path("data.txt").write_text("no weather", encoding="utf-8")
    assert "data.txt: not recognised as weather; allowed: an EPW file" in refused(
        "weather", "check", "data.txt"
    )
    assert "cannot be read" in refused("weather", "check", "absent.epw")


# result files ------------------------------------------------------------------------------------------


def result_file(path: Path, finished: bool = True) -> Path:
    meta = RunMeta(name="x", scenario_yaml="name: x\n", controller="rules", seed=1)
    grid = TimeGrid.from_local_date("2025-07-14", 2)
    with RunWriter(
        path, meta=meta, grid=grid, series={"weather": {"temp_outdoor_degc": ("site",)}}
    ) as writer:
        writer.append({"weather": {"temp_outdoor_degc": np.full((96, 1), 20.0)}}, 96)
        if finished:
            writer.append({"weather": {"temp_outdoor_degc": np.full((96, 1), 20.0)}}, 96)
            writer.finish({"bill_eur": 1.0})
    return path


def test_files_that_cannot_be_compared(refused: Refusal) -> None:
    whole = result_file(Path("whole.h5"))
    Path("text.h5").write_text("hello")
    Path("cut.h5").write_bytes(whole.read_bytes()[:3000])
    Path("folder.h5").mkdir()
    result_file(Path("part.h5"), finished=False)
    for name, expected in {
        "text.h5": "text.h5 is not an HDF5 file",
        "cut.h5": "cut.h5 cannot be opened",
        "folder.h5": "folder.h5 is a folder",
        "absent.h5": "absent.h5 is not there",
        "part.h5": "part.h5 is not complete: 96 of 192 steps",
    }.items():
        assert expected in refused("compare", "whole.h5", name)
        assert expected in refused("compare", name, "whole.h5")
    assert "1 result file given, allowed: 2 or more" in refused("compare", "whole.h5")


def test_a_result_file_that_cannot_be(
    refused: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, folder = Path("kept.h5"), Path("folder")
    kept.write_text("mine")
    folder.mkdir()
    run = ("run", "naples", *DAY, "--out")
    assert "kept.h5 exists already: name another file, or replace it with --force" in refused(*run, "kept.h5")
    assert kept.read_text() == "mine"
    assert "folder is a folder: name a file in it" in refused(*run, "folder")
    assert "folder is a folder" in refused(*run, "folder", "--force")
    assert "kept.h5 is a file, not a folder" in refused(*run, "kept.h5/run.h5")
    folder.chmod(0o500)
    if os.access(folder, os.W_OK):  # nothing is read-only for root
        locked = (tmp_path / "folder").resolve()
        monkeypatch.setattr("recosim.results.place.os.access", lambda path, _: Path(path).resolve() != locked)
    assert "folder is read-only" in refused(*run, "folder/run.h5")
    assert "folder is read-only" in refused(*run, "folder/deeper/run.h5")
    folder.chmod(0o700)


# tracebacks, Ctrl-C ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "napels"],
        ["check", "naples", "--set", "seed=x"],
        ["compare", "absent.h5", "absent.h5"],
        ["weather", "check", "absent.epw"],
        ["init", "atlantis"],
    ],
)
def test_the_traceback_is_for_debug(recosim: Command, refused: Refusal, arguments: list[str]) -> None:
    line = refused(*arguments)
    outcome = recosim(*arguments, "--debug")
    assert outcome.code == 2
    assert outcome.err.startswith("Traceback")
    assert outcome.err.splitlines()[-1] == line


STOPPING = """
import os, signal

from recosim.contracts import Setpoints


class Stop:
    def __init__(self, step):
        self.step = step

    def reset(self, community, seed):
        pass

    def decide(self, observation, forecast):
        if observation.step == self.step:
            os.kill(os.getpid(), signal.SIGINT)
        return Setpoints()
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to oneself here")
def test_ctrl_c_keeps_the_days_that_are_finished(recosim: Command, refused: Refusal, tmp_path: Path) -> None:
    Path("stop.py").write_text(STOPPING, encoding="utf-8")
    run = ["run", "naples", "--start", "2025-07-14", "--days", "2", "--set", "period.warmup_days=0"]
    run += ["--controller", "stop.py:Stop", "--set"]

    def stopped(step: int) -> str:
        command = [sys.executable, "-m", "recosim", *run, f"controller.step={step}"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (130, ""), done.stderr
        note, line = done.stderr.splitlines()
        assert note.startswith("note: controller 'stop.py:Stop' cannot go on with an interrupted run")
        return line

    assert stopped(3) == "interrupted: no day was finished, so no result file was written"
    assert list(Path().rglob("*.h5")) == []

    path = Path("runs/naples-stop-2025-07-14-2d-seed1.h5")
    line = stopped(100)
    assert line.startswith(
        f"interrupted: {path} is not complete, it holds 2025-07-14 to 2025-07-14 (96 of 192"
    )
    assert "to simulate it from the start, add --force" in line
    with open_run(path) as kept:
        assert (kept.complete, kept.committed) == (False, 96)
    assert f"{path} is not complete" in refused("compare", str(path), str(path))
    assert "--force" in refused(*run, "controller.step=-1")

    again = recosim(*run, "controller.step=-1", "--force")
    assert again.code == 0, again.err
    with open_run(path) as whole:
        assert whole.complete


def test_a_controller_that_always_fails_is_said_to_but_not_35040_times(recosim: Command) -> None:
    Path("bad.py").write_text(
        "class Bad:\n"
        "    def reset(self, community, seed): ...\n"
        "    def decide(self, observation, forecast): raise ValueError('bad\\nluck')\n",
        encoding="utf-8",
    )
    outcome = recosim("run", "naples", *DAY, "--set", "period.warmup_days=0", "--controller", "bad.py:Bad")
    assert outcome.code == 0
    lines = outcome.err.splitlines()
    assert len(lines) == 4
    assert all("2025-07-14 00:" in line and "ValueError: bad luck" in line for line in lines[:3])
    assert lines[3] == (
        "warning: and 93 more like these; runs/naples-bad-2025-07-14-1d-seed1.h5 has them all in /controller"
    )
