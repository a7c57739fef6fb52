"""What stands between the commands and the terminal."""

import logging
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from recosim.errors import ControllerError, ScenarioError
from recosim.results.run_file import RunMeta
from recosim.results.store import RunWriter
from recosim.terminal import (
    Interrupted,
    count_bar,
    described,
    interrupted_between_steps,
    plain,
    progress_bar,
    user_code,
    warnings_shown,
    what_is_left,
)
from recosim.timegrid import TimeGrid


def test_errors_are_one_line() -> None:
    assert described(ScenarioError("a = 1,\n  allowed: 2\n\nb = 3")) == "a = 1,; allowed: 2; b = 3"
    assert described(FileNotFoundError(2, "No such file", "x.csv")) == "[Errno 2] No such file: 'x.csv'"
    assert described(KeyError("x")).startswith("unexpected KeyError: 'x'; this is a defect")
    assert described(MemoryError()).startswith("unexpected MemoryError; this is a defect")


def test_code_that_exits_is_an_error_but_ctrl_c_is_not() -> None:
    with pytest.raises(ControllerError, match=r"called exit\(3\)"), user_code():
        sys.exit(3)
    with pytest.raises(ControllerError, match=r"called exit\(\)"), user_code():
        sys.exit()
    with pytest.raises(Interrupted), user_code():
        raise Interrupted(130)


def test_what_is_left_of_an_interrupted_run(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    words = ["run", "my naples.yaml", "--force"]
    assert "no result file was written" in what_is_left(path, words)
    meta = RunMeta(name="x", scenario_yaml="", controller="rules", seed=1)
    series = {"weather": {"temp_outdoor_degc": ("site",)}}
    grid = TimeGrid.from_local_date("2025-07-14", 3)
    rows = {"weather": {"temp_outdoor_degc": np.full((96, 1), 20.0)}}
    with RunWriter(path, meta=meta, grid=grid, series=series) as writer:
        writer.append(rows, 96)
        writer.append(rows, 96)
    left = what_is_left(path, words)
    assert "is not complete, it holds 2025-07-14 to 2025-07-15 (192 of 288 steps)" in left
    assert "to simulate it from the start, add --force" in left, "nothing was kept to go on with"
    with RunWriter(path, meta=meta, grid=grid, series=series, force=True) as writer:
        writer.append(rows, 96, {"controller": {"array/asked": np.array(96)}})
    assert what_is_left(path, words).endswith("to go on: recosim run 'my naples.yaml' --resume")
    with RunWriter(path, meta=meta, grid=grid, series=series, force=True) as writer:
        for _ in range(3):
            writer.append(rows, 96)
        writer.finish({})
    assert what_is_left(path, words) == f"interrupted: the run in {path} is complete"
    path.write_text("rubbish")
    assert "is not an HDF5 file" in what_is_left(path, words)


def test_ctrl_c_waits_for_the_end_of_a_step_once_there_are_steps() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted), interrupted_between_steps():
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("before the first step it ends at once")
    with pytest.raises(Interrupted), interrupted_between_steps() as after_step:
        after_step()
        os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL, "a second one ends the process"
        after_step()
    assert signal.getsignal(signal.SIGINT) is before


def test_the_first_warnings_are_shown_and_the_rest_counted(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("recosim")
    before = (list(logger.handlers), logger.propagate)
    with warnings_shown(Path("x.h5")):
        logger.warning("one %s\nand more", 1)
    assert capsys.readouterr().err == "warning: one 1 and more\n"
    with warnings_shown(Path("x.h5")):
        for number in range(10):
            logger.warning("number %d", number)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == [f"warning: number {number}" for number in range(3)]
    assert lines[3:] == ["warning: and 7 more like these; x.h5 has them all in /controller"]
    assert (logger.handlers, logger.propagate) == before


def test_plain_values_for_json() -> None:
    given = {"a": np.float64(1.5), "b": (np.int64(2), float("inf")), "c": Path("x"), "d": None, "e": "text"}
    assert plain(given) == {"a": 1.5, "b": [2, None], "c": "x", "d": None, "e": "text"}
    assert type(plain(np.float64(1.5))) is float


def test_progress_is_silent_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("naples") as progress:
        assert progress is None
    assert capsys.readouterr().err == ""


def test_progress_shows_date_and_speed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    clock = iter([0.0, 0.0, 2.0, 2.0])
    monkeypatch.setattr("recosim.terminal.monotonic", lambda: next(clock))
    with progress_bar("naples") as progress:
        assert progress is not None
        progress(0, 192, 1752444000)  # 14 July 2025, midnight in Rome
        progress(96, 192, 1752444000 + 86_400)
    captured = capsys.readouterr()
    assert "0.5 days/s" in captured.err
    assert captured.out == ""


def test_what_is_counted_is_silent_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with count_bar("validate") as progress:
        assert progress is None
    assert capsys.readouterr().err == ""


def test_what_is_counted_shows_its_share(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with count_bar("validate") as progress:
        assert progress is not None
        progress("households", 25, 100)
    captured = capsys.readouterr()
    assert "validate households" in captured.err and "25%" in captured.err
    assert captured.out == ""
