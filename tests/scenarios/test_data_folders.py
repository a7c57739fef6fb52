"""Scenario files read nothing outside their folder and the folders named on the command line."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from recosim.errors import ScenarioError
from recosim.scenarios.data_folders import DataFolders, checked_folders
from recosim.scenarios.loader import load_scenario, write_copy

Command = Callable[..., tuple[int, str, str]]
SECRET = "password,hunter2\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a file that is nobody's business, and in it the scenario's folder and another."""
    (tmp_path / "secret.csv").write_text(SECRET)
    for name in ("scenario", "data"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.csv").write_text(SECRET)
    return tmp_path


def folders(home: Path, *named: str) -> DataFolders:
    return DataFolders(scenario=home / "scenario", named=checked_folders([home / name for name in named]))


@pytest.mark.parametrize("file", ["scenario.csv", "./scenario.csv", "../scenario/scenario.csv", "{here}"])
def test_own_folder(home: Path, file: str) -> None:
    found = folders(home).path_of(file.format(here=home / "scenario" / "scenario.csv"), "x")
    assert found.samefile(home / "scenario" / "scenario.csv")


@pytest.mark.parametrize(
    "file",
    [
        "../secret.csv",
        "../data/data.csv",
        "{home}/secret.csv",
        "/etc/passwd",
        "/dev/stdin",
        "sub/../../secret.csv",
        "C:\\Windows\\win.ini",
        "\\\\server\\share\\x.csv",
        "//server/share/x.csv",
    ],
)
def test_outside(home: Path, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)  # the current folder is no exception
    with pytest.raises(ScenarioError, match=r"lies outside .*scenario.*--data DIR"):
        folders(home).path_of(file.format(home=home), "x")


def test_current_folder_and_home_are_not_searched(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    for file in ("secret.csv", "~/secret.csv"):
        with pytest.raises(ScenarioError, match="is not in"):
            folders(home).path_of(file, "x")


def test_links_that_lead_out(home: Path) -> None:
    (home / "scenario" / "link.csv").symlink_to(home / "secret.csv")
    (home / "scenario" / "inside.csv").symlink_to(home / "scenario" / "scenario.csv")
    (home / "scenario" / "up").symlink_to(home)
    (home / "scenario" / "loop").symlink_to("loop")
    for file in ("link.csv", "up/secret.csv", "up/data/data.csv"):
        with pytest.raises(ScenarioError, match="lies outside"):
            folders(home).path_of(file, "x")
    with pytest.raises(ScenarioError):
        folders(home).path_of("loop", "x")
    assert folders(home).path_of("inside.csv", "x").samefile(home / "scenario" / "scenario.csv")
    assert folders(home, "data").path_of("up/data/data.csv", "x").samefile(home / "data" / "data.csv")


def test_what_is_no_ordinary_file(home: Path) -> None:
    os.mkfifo(home / "scenario" / "pipe")
    for file in (".", "pipe", "a\0b", "x" * 900, "gone.csv"):
        with pytest.raises(ScenarioError) as refused:
            folders(home).path_of(file, "x")
        assert "\0" not in str(refused.value)


def test_named_folders(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = folders(home, "data")
    for file in ("data.csv", "../data/data.csv", str(home / "data" / "data.csv")):
        assert opened.path_of(file, "x").samefile(home / "data" / "data.csv")
    with pytest.raises(ScenarioError, match="lies outside"):
        opened.path_of("../secret.csv", "x")
    with pytest.raises(ScenarioError, match="--data '.*' is not a folder"):
        checked_folders([home / "secret.csv"])


def test_a_file_named_by_an_override(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_copy("naples-small", home / "scenario")
    path, own = str(home / "scenario" / "naples-small.yaml"), "weather={source: file, file: ../secret.csv}"
    assert load_scenario(path, [own]).path_of("../secret.csv").samefile(home / "secret.csv")
    monkeypatch.chdir(home / "data")
    scenario = load_scenario("naples-small", ["prices.source=file", "prices.file=data.csv"])
    assert scenario.path_of("data.csv") == home / "data" / "data.csv"
    assert pickle.loads(pickle.dumps(scenario)).path_of("data.csv") == home / "data" / "data.csv"
    with pytest.raises(ScenarioError, match="'other.csv'"):
        scenario.path_of("other.csv")
    changed = load_scenario(path, ["seed=3"]).model_copy(update={"seed": 4})
    with pytest.raises(ScenarioError, match="lies outside"):
        changed.path_of("../secret.csv")


def test_commands(recosim: Command, home: Path) -> None:
    write_copy("naples-small", home / "scenario")
    path = home / "scenario" / "naples-small.yaml"
    scenario = yaml.safe_load(path.read_text()) | {"prices": {"source": "file", "file": "../secret.csv"}}
    path.write_text(yaml.safe_dump(scenario))
    for command in (["check"], ["run", "--days", "1"], ["bound"], ["bench", "--controllers", "rules"]):
        code, out, err = recosim(*command, "scenario/naples-small.yaml")
        assert (code, out) == (2, ""), command
        assert "lies outside" in err
        assert "--data DIR" in err
        assert "hunter2" not in err
        assert err.count("\n") == 1
        code, _, err = recosim(*command, "scenario/naples-small.yaml", "--data", ".")
        assert "secret.csv: column" in err or "rows of prices" in err
    assert not [path for path in (home / "runs").rglob("*") if path.is_file()]
