"""A result file that cannot be written, or that two programs want: a clear error, and nothing lost."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from recosim.errors import ResultsError
from recosim.results import atomic_file
from recosim.results.run_file import RunMeta, open_run
from recosim.results.store import RunWriter
from recosim.timegrid import TimeGrid

META = RunMeta(name="x", scenario_yaml="name: x", controller="c", seed=1)
GRID = TimeGrid(start=1_735_686_000, step_s=3600, n_steps=24 * 6, timezone="Europe/Rome")
SERIES = {"meter": {"energy_withdrawn_kwh": ("a", "b")}, "dwelling": {"temp_indoor_degc": ("a",)}}
no_locks = pytest.mark.skipif(atomic_file.fcntl is None, reason="no locks here")


def write_day(writer: RunWriter, day: int) -> None:
    rows = {
        "meter": {"energy_withdrawn_kwh": np.full((24, 2), 1.0 + day)},
        "dwelling": {"temp_indoor_degc": np.full((24, 1), 20.0 + day)},
    }
    writer.write_controller({"status": [f"day {day}"] * 24})
    writer.append(rows, 24, {"controller": {"day": np.full(3000, day)}})


def check(path: Path, n_days: int) -> None:
    with open_run(path) as run:
        assert run.committed == 24 * n_days
        expected = np.repeat(1.0 + np.arange(n_days), 24)
        assert run.values("meter", "energy_withdrawn_kwh")[:, 1].tolist() == expected.tolist()
        assert [str(text) for text in run.controller()["status"][::24]] == [f"day {d}" for d in range(n_days)]
        kept = run.checkpoint()
        assert kept is not None
        assert kept["controller"]["day"].tolist() == [n_days - 1] * 3000


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """The write with this number, counted down to zero, and all after it fail half-way; -1: none."""
    usual, left = atomic_file._write_at, {"writes": -1, "errno": errno.ENOSPC}

    def write_at(file: Any, first: int, data: memoryview) -> None:
        if left["writes"] == 0:
            usual(file, first, data[: len(data) // 2])
            raise OSError(left["errno"], os.strerror(left["errno"]))
        left["writes"] -= 1
        usual(file, first, data)

    monkeypatch.setattr(atomic_file, "_write_at", write_at)
    yield left
    assert left["writes"] <= 0


def test_a_disk_that_is_full_at_any_write_loses_nothing(tmp_path: Path, failing: dict[str, int]) -> None:
    path, n_failed = tmp_path / "run.h5", 0
    for number in range(100):
        failing["writes"] = -1
        with RunWriter(path, meta=META, grid=GRID, series=SERIES, force=True) as writer:
            for day in range(2):
                write_day(writer, day)
        try:
            with RunWriter.going_on(path, grid=GRID, series=SERIES) as writer:
                failing["writes"] = number
                write_day(writer, 2)
                break
        except ResultsError as error:
            assert str(error) == (
                f"{path} cannot be written (No space left on device): the disk is full, so make room on it, "
                "or name a file on another with --out"
            )
        failing["writes"] = -1
        n_failed += 1
        with open_run(path) as run:
            n_days = run.committed // 24
        assert n_days in (2, 3)  # 3 where all that was missing is in the journal
        check(path, n_days)
        with RunWriter.going_on(path, grid=GRID, series=SERIES) as writer:
            write_day(writer, n_days)
        check(path, n_days + 1)
    assert 10 < n_failed < 100


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.EDQUOT, "your quota on that disk is used up"),
        (errno.EROFS, "that disk is read-only"),
        (errno.EIO, "the disk fails"),
        (errno.ESTALE, "go on with --resume"),
        (errno.ENXIO, "name another file with --out"),
    ],
)
def test_other_failures_say_what_to_do(
    tmp_path: Path, failing: dict[str, int], number: int, cure: str
) -> None:
    path = tmp_path / "run.h5"
    with RunWriter(path, meta=META, grid=GRID, series=SERIES) as writer:
        write_day(writer, 0)
    failing["errno"] = number
    with RunWriter.going_on(path, grid=GRID, series=SERIES) as writer, pytest.raises(ResultsError) as told:
        failing["writes"] = 0
        write_day(writer, 1)
    assert cure in str(told.value)
    assert os.strerror(number) in str(told.value)
    check(path, 1)


def test_a_file_that_cannot_be_made_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.h5"
    path.write_text("last year's")

    def full(*_given: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ResultsError, match="the disk is full"):
        RunWriter(path, meta=META, grid=GRID, series=SERIES, force=True)
    assert [p.name for p in tmp_path.iterdir()] == ["run.h5"]
    assert path.read_text() == "last year's"


@no_locks
def test_two_runs_do_not_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with RunWriter(path, meta=META, grid=GRID, series=SERIES) as writer:
        write_day(writer, 0)
        with pytest.raises(ResultsError, match="run.h5 is in use: another run writes to it"):
            RunWriter(path, meta=META, grid=GRID, series=SERIES, force=True)
        with pytest.raises(ResultsError, match="run.h5 is in use: another run writes to it"):
            RunWriter.going_on(path, grid=GRID, series=SERIES)
        with pytest.raises(ResultsError, match="run.h5 is in use: another run writes to it"):
            open_run(path)
        write_day(writer, 1)
    check(path, 2)


@no_locks
def test_a_reader_that_has_the_file_open_is_named_as_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with RunWriter(path, meta=META, grid=GRID, series=SERIES) as writer:
        write_day(writer, 0)
    with (
        h5py.File(path),
        pytest.raises(ResultsError, match=r"a program \(a notebook, a viewer\) has it open"),
    ):
        RunWriter.going_on(path, grid=GRID, series=SERIES)
    check(path, 1)


@pytest.mark.parametrize("how", ["deleted", "replaced", "changed"])
def test_another_hand_on_the_file_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(atomic_file, "lock", lambda *_given, **_named: None)  # as on some network drives
    path = tmp_path / "run.h5"
    with RunWriter(path, meta=META, grid=GRID, series=SERIES) as writer:
        write_day(writer, 0)
    with RunWriter.going_on(path, grid=GRID, series=SERIES) as writer, pytest.raises(ResultsError) as told:
        if how == "deleted":
            path.unlink()
        elif how == "replaced":
            with RunWriter(path, meta=META, grid=GRID, series=SERIES, force=True) as other:
                write_day(other, 0)
        else:
            with RunWriter.going_on(path, grid=GRID, series=SERIES) as other:
                write_day(other, 1)
        write_day(writer, 1)
    assert f"run.h5 was {how}" in str(told.value)
    if how != "deleted":
        check(path, 2 if how == "changed" else 1)


def test_a_link_is_followed(tmp_path: Path) -> None:
    real, link = tmp_path / "disk" / "run.h5", tmp_path / "run.h5"
    real.parent.mkdir()
    real.write_text("old")
    link.symlink_to(real)
    with RunWriter(link, meta=META, grid=GRID, series=SERIES, force=True) as writer:
        write_day(writer, 0)
    assert link.is_symlink()
    check(real, 1)


FULL = """
import resource, signal, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), -1))
sys.argv[:2] = ["recosim"]
from recosim.cli import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files here")
def test_a_run_on_a_full_disk_ends_with_one_line_and_goes_on(tmp_path: Path) -> None:
    words = ["run", "naples-small", "--days", "6", "--out", "run.h5", "--set", "period.warmup_days=0"]
    done = subprocess.run(
        [sys.executable, "-c", FULL, "700000", *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "run.h5 cannot be written (File too large): files may not become larger there" in done.stderr
    assert "the run ended: run.h5 is not complete, it holds 2025-01-01 to 2025-01-0" in done.stderr
    assert "to go on: recosim run naples-small --days 6" in done.stderr
    with open_run(tmp_path / "run.h5") as run:
        assert 0 < run.committed < run.grid.n_steps
    resumed = [sys.executable, "-m", "recosim", *words, "--resume"]
    subprocess.run(resumed, cwd=tmp_path, check=True, capture_output=True)
    with open_run(tmp_path / "run.h5") as run:
        assert run.complete
