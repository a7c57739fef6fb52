"""The commands as a user meets them: output, exit codes, errors."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from recosim import __version__
from recosim.cli import main
from recosim.commands.options import run_options
from recosim.quantities import KPI_NAMES
from recosim.results.accounts import CommunityAccounts

DAY = ["--start", "2025-07-14", "--days", "1"]
SLOW_TO_IMPORT = {"mosaik", "pyomo", "highspy", "pandas", "scipy", "h5py", "pvlib"}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


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


def is_one_error_line(outcome: Outcome) -> bool:
    lines = outcome.err.splitlines()
    return outcome.code == 2 and len(lines) == 1 and lines[0].startswith("error: ")


def test_version(recosim: Command) -> None:
    assert recosim("--version") == Outcome(code=0, out=f"recosim {__version__}\n", err="")


def test_module_is_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "recosim", "--version"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout == f"recosim {__version__}\n"


@pytest.mark.parametrize("arguments", [["--version"], ["list"], ["run", "--help"]])
def test_quick_commands_import_nothing_slow(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from recosim.cli import main\n"
        "try:\n"
        f"    main({arguments})\n"
        "except SystemExit as ended:\n"
        "    assert not ended.code, ended.code\n"
        f"print(sorted({SLOW_TO_IMPORT} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "[]\n"


def test_list(recosim: Command) -> None:
    listing = recosim("list")
    assert listing.code == 0
    names = [line.split()[0] for line in listing.out.splitlines() if line.startswith(" ")]
    assert {"naples", "idle", "rules", "mpc"} <= set(names)
    assert all(len(line.split()) > 1 for line in listing.out.splitlines() if line.startswith(" "))


@pytest.mark.parametrize("arguments", [["run"], ["run", "naples", "--nope"], ["nope"], ["compare"]])
def test_wrong_usage(recosim: Command, arguments: list[str]) -> None:
    outcome = recosim(*arguments)
    assert is_one_error_line(outcome), outcome
    assert outcome.err.rstrip().endswith("--help")
    assert outcome.out == ""


@pytest.mark.parametrize("arguments", [[], ["weather"]])
def test_a_bare_word_shows_the_help(recosim: Command, arguments: list[str]) -> None:
    assert recosim(*arguments) == recosim(*arguments, "--help")


@pytest.mark.skipif(os.name == "nt", reason="pipes end otherwise there")
@pytest.mark.parametrize("command", ["schema", "list"])
def test_a_reader_that_leaves_is_no_error(command: str, tmp_path: Path) -> None:
    script = f"set -o pipefail; {sys.executable} -m recosim {command} | true"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["run", "nowhere"], "nowhere"),
        (["run", "nowhere.yaml"], "nowhere.yaml"),
        (["check", "nowhere"], "nowhere"),
        (["run", "naples", *DAY, "--set", "no.such.key=1"], "no.such.key"),
        (["run", "naples", *DAY, "--set", "no_equals_sign"], "no_equals_sign"),
        (["run", "naples", "--days", "0"], "period.days"),
        (["run", "naples", "--start", "14 July"], "period.start"),
        (["run", "naples", *DAY, "--controller", "nobody"], "nobody"),
        (["compare", "a.h5", "b.h5"], "a.h5"),
        (["compare", "--json", "a.h5", "b.h5"], "--json a.h5"),
        (["run", "naples", *DAY, "--json", "a.h5"], "--json a.h5"),
        (["run", "naples", *DAY, "--json", "nowhere/a.json"], "nowhere"),
        (["weather", "check", "sky.epw"], "sky.epw"),
        (["init", "atlantis"], "atlantis"),
    ],
)
def test_our_own_errors_are_one_line(recosim: Command, arguments: list[str], named: str) -> None:
    outcome = recosim(*arguments)
    assert is_one_error_line(outcome), outcome
    assert named in outcome.err
    assert outcome.out == ""
    assert list(Path().rglob("*.h5")) == []


def test_debug_adds_the_traceback(recosim: Command) -> None:
    outcome = recosim("run", "nowhere", "--debug")
    assert outcome.code == 2
    assert outcome.err.startswith("Traceback")
    assert outcome.err.splitlines()[-1].startswith("error: ")


def test_run_and_compare(recosim: Command) -> None:
    """One day: what is printed, what lies in the file, what a second run may not overwrite."""
    shown = recosim("run", "naples", *DAY, "--controller", "idle", "--seed", "3", "--members")
    assert shown.code == 0, shown.err
    assert "Members, EUR for 1 day from 2025-07-14" in shown.out
    assert "Bills, EUR for 1 day" in shown.out
    (path,) = Path("runs").iterdir()
    assert path.name == "naples-idle-2025-07-14-1d-seed3.h5"
    for group in ("Money", "Energy", "Shares", "Grid", "Comfort", "Running"):
        assert group in shown.out
    assert str(path) in shown.out

    before = path.read_bytes()
    refused = recosim("run", "naples", *DAY, "--controller", "idle", "--seed", "3")
    assert is_one_error_line(refused), refused
    assert str(path) in refused.err
    assert "--force" in refused.err
    assert path.read_bytes() == before

    told = recosim(
        "run", "naples", *DAY, "--controller", "rules", "--out", "b.h5", "--seed", "3", "--json", "-"
    )
    assert told.code == 0, told.err
    answer = json.loads(told.out)
    assert list(answer) == ["scenario", "controller", "file", "kpis", "members", "fund", "months"]
    assert (answer["scenario"], answer["controller"], answer["file"]) == ("naples", "rules", "b.h5")
    assert set(answer["kpis"]) == set(KPI_NAMES)
    assert answer["kpis"]["simulated_days"] == 1

    table = recosim("compare", str(path), "b.h5")
    assert table.code == 0
    assert "idle" in table.out
    assert "change" in table.out
    bare = recosim("compare", str(path), "b.h5", "--json")
    kept = recosim("compare", str(path), "b.h5", "--json", "c.json")
    assert kept.code == 0
    assert "change" in kept.out
    rows = {row["kpi"]: row for row in json.loads(bare.out)["rows"]}
    assert rows["bill_eur"]["values"][1] == pytest.approx(answer["kpis"]["bill_eur"])
    assert json.loads(Path("c.json").read_text()) == json.loads(bare.out)


def test_force_overwrites(recosim: Command) -> None:
    Path("old.h5").write_text("old")
    assert is_one_error_line(recosim("run", "naples", *DAY, "--controller", "idle", "--out", "old.h5"))
    assert Path("old.h5").read_text() == "old"
    assert recosim("run", "naples", *DAY, "--controller", "idle", "--out", "old.h5", "--force").code == 0
    assert Path("old.h5").read_bytes()[1:4] == b"HDF"


def test_init_check_and_schema(recosim: Command) -> None:
    assert recosim("init", "naples").code == 0
    assert Path("naples.yaml").is_file()
    assert is_one_error_line(recosim("init", "naples")), "a user's edited copy must not be overwritten"
    checked = recosim("check", "naples.yaml", *["--set", "period.days=1"])
    assert checked.code == 0, checked.err
    assert list(Path().rglob("*.h5")) == []
    schema = json.loads(recosim("schema").out)
    assert {"period", "controller"} <= set(schema["properties"])


def test_weather_check(recosim: Command, shared_data: Path) -> None:
    file = shared_data / "weather" / "rome_nsrdb_15min_2019.csv"
    answer = json.loads(recosim("weather", "check", str(file), "--json", "-").out)
    assert (answer["steps"], answer["gaps"]) == (35040, 0)
    assert answer["ghi_kwh_per_m2"] == pytest.approx(1478, abs=1)
    assert answer["temp_mean_degc"] == pytest.approx(17.2, abs=0.05)
    shown = recosim("weather", "check", str(file))
    assert shown.code == 0
    assert "1,477.6 kWh/m2" in shown.out


def test_weather_check_is_red(recosim: Command, shared_data: Path) -> None:
    lines = (shared_data / "weather" / "rome_nsrdb_15min_2019.csv").read_text().splitlines(keepends=True)
    Path("gap.csv").write_text("".join(lines[:2000] + lines[2004:]))
    red = recosim("weather", "check", "gap.csv", "--json")
    assert red.code == 1
    assert json.loads(red.out)["gaps"] == 4
    assert recosim("weather", "check", "gap.csv").code == 1


@pytest.fixture
def runs_as(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., object]], None]:
    """Put something else in the place of the simulation."""
    import recosim.scenarios.runner

    def replace(stand_in: Callable[..., object]) -> None:
        monkeypatch.setattr(recosim.scenarios.runner, "run_scenario", stand_in)

    return replace


def test_only_json_on_standard_output(
    recosim: Command, runs_as: Callable[[Callable[..., object]], None]
) -> None:
    def chatty(*_: object, **__: object) -> object:
        sys.stdout.write("a controller that talks\n")
        return SimpleNamespace(
            path=Path("x.h5"),
            kpis={"bill_eur": float("nan")},
            accounts=CommunityAccounts(members={}, fund={}, months={}),
            scenario_name="naples",
            controller="rules",
            notes=(),
        )

    runs_as(chatty)
    outcome = recosim("run", "naples", "--json", "-")
    assert json.loads(outcome.out)["kpis"] == {"bill_eur": None}
    assert outcome.err == "a controller that talks\n"


def test_interrupt_ends_with_130(recosim: Command, runs_as: Callable[[Callable[..., object]], None]) -> None:
    def swallowing(*_: object, **__: object) -> object:
        with suppress(KeyboardInterrupt):  # as mosaik does
            os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("went on after Ctrl-C")

    runs_as(swallowing)
    before = signal.getsignal(signal.SIGINT)
    outcome = recosim("run", "naples")
    assert outcome.code == 130
    assert outcome.err == "interrupted: no day was finished, so no result file was written\n"
    assert signal.getsignal(signal.SIGINT) is before


def test_system_errors_about_files_are_one_line(
    recosim: Command, runs_as: Callable[[Callable[..., object]], None]
) -> None:
    def full(*_: object, **__: object) -> object:
        raise OSError(28, "No space left on device", "runs/x.h5")

    runs_as(full)
    outcome = recosim("run", "naples")
    assert is_one_error_line(outcome)
    assert "No space left on device" in outcome.err


def test_what_nobody_foresaw_is_one_line_too(
    recosim: Command, runs_as: Callable[[Callable[..., object]], None]
) -> None:
    def broken(*_: object, **__: object) -> object:
        raise ZeroDivisionError("a\nb")

    runs_as(broken)
    outcome = recosim("run", "naples")
    assert is_one_error_line(outcome)
    assert "unexpected ZeroDivisionError: a; b; this is a defect of recosim" in outcome.err
    assert recosim("run", "naples", "--debug").err.startswith("Traceback")


def test_overrides_of_the_period() -> None:
    assert run_options("2025-07-14", "7", "0") == ["--start=2025-07-14", "--days=7", "--seed=0"]
    assert run_options(None, None, None) == []
