"""A result file in every state in which a killed process can leave it: after each write, and within it.

HDF5's index of chunks is a tree that splits after 64 chunks: there, a file that is written in place is lost.
"""

import io
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from recosim.arrays import FloatArray
from recosim.results.atomic_file import journal_of
from recosim.results.checkpoint import Checkpoint
from recosim.results.run_file import Run, RunMeta, open_run
from recosim.results.store import RunWriter
from recosim.timegrid import TimeGrid

STEPS_A_DAY = 24
DAYS = 132
SPLITS = (1, 2, 64, 65)
"""Days within whose writing the process is killed, where not all are tried; the tree splits at the 65th."""
PAGE = 4096
META = RunMeta(name="x", scenario_yaml="name: x", controller="c", seed=1)
GRID = TimeGrid(start=1_735_686_000, step_s=3600, n_steps=STEPS_A_DAY * DAYS, timezone="Europe/Rome")
MEMBERS = {
    "meter": {"energy_withdrawn_kwh": ("a", "b"), "energy_injected_kwh": ("a", "b")},
    "dwelling": {"temp_indoor_degc": ("a",)},
    "battery": {"setpoint_power_charge_kw": ("x",)},
}
Write = tuple[int, bytes | None]
"""Offset and bytes; None instead of bytes: the file ends there."""


class LoggedFile(io.FileIO):
    """Notes what reaches the file."""

    def __init__(self, path: Path, log: list[Write]) -> None:
        super().__init__(path, "r+b")
        self._log = log

    def write(self, data: Any) -> int:
        self._log.append((self.tell(), bytes(data)))
        return super().write(data)

    def truncate(self, size: int | None = None) -> int:
        self._log.append((self.tell() if size is None else size, None))
        return super().truncate(size)


@cache
def rows(day: int) -> dict[str, dict[str, FloatArray]]:
    rng = np.random.default_rng(day)
    return {
        group: {name: rng.random((STEPS_A_DAY, len(members))) for name, members in names.items()}
        for group, names in MEMBERS.items()
    }


def checkpoint(day: int) -> Checkpoint:
    rng = np.random.default_rng(day)
    return {"dwelling": {"temp": rng.random(4)}, "controller": {"plan": rng.random(500 + day * 977 % 9000)}}


def decisions(day: int) -> dict[str, list[Any]]:
    steps = range(STEPS_A_DAY)
    late = {"reason": [f"because {day}" for _ in steps]} if day >= 2 else {}
    return {"status": [f"{day} {i}" for i in steps], "milliseconds": [float(day)] * STEPS_A_DAY, **late}


def write_days(writer: RunWriter, first: int, last: int) -> Iterator[int]:
    for day in range(first, last):
        writer.write_controller(decisions(day))
        writer.append(rows(day), STEPS_A_DAY, checkpoint(day))
        yield day


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[Write], list[int]]:
    """The file as it was made, all writes to it afterwards, and how many there were after each day."""
    path, log, marks = tmp_path_factory.mktemp("crash") / "run.h5", [], []
    given = pytest.MonkeyPatch()
    usual = Path.open

    def opening(self: Path, mode: str = "r", *rest: Any, **options: Any) -> Any:
        return LoggedFile(self, log) if mode == "r+b" else usual(self, mode, *rest, **options)

    given.setattr(Path, "open", opening)
    with given.context(), RunWriter(path, meta=META, grid=GRID, series=MEMBERS) as writer:
        made = path.read_bytes()
        marks += [len(log) for _ in write_days(writer, 0, DAYS)]
    given.undo()
    return made, log, marks


def applied(state: bytearray, write: Write) -> None:
    at, data = write
    end = at if data is None else max(len(state), at + len(data))
    state.extend(bytes(max(end - len(state), 0)))
    if data is None:
        del state[at:]
    else:
        state[at : at + len(data)] = data


def parts_of(write: Write) -> Iterator[Write]:
    """A write as far as it may have come: the system writes page by page."""
    at, data = write
    if data is not None:
        for end in range(PAGE - at % PAGE, len(data), PAGE):
            yield at, data[:end]
    yield write


def check_rows(run: Run, n_days: int) -> None:
    assert run.committed == n_days * STEPS_A_DAY
    for group, names in MEMBERS.items():
        for name in names:
            expected = [rows(day)[group][name] for day in range(n_days)]
            kind = np.float64 if group == "meter" else np.float32
            found = run.values(group, name)
            assert found.tobytes() == np.concatenate(expected).astype(kind).astype(float).tobytes()
    assert list(run.controller()["status"]) == [s for day in range(n_days) for s in decisions(day)["status"]]


def check(path: Path, least: int) -> int:
    """The file opens, no committed day is lost, each is as it was written; how many there are."""
    with open_run(path) as run:
        n_days = run.committed // STEPS_A_DAY
        assert n_days in (least, least + 1)
        if not n_days:
            return 0
        check_rows(run, n_days)
        kept = run.checkpoint()
        assert kept is not None
        np.testing.assert_array_equal(
            kept["controller"]["plan"], checkpoint(n_days - 1)["controller"]["plan"]
        )
    return n_days


def goes_on(path: Path, n_days: int) -> None:
    """Two more days can be written, and then all are there."""
    with RunWriter.going_on(path, grid=GRID, series=MEMBERS) as writer:
        for _ in write_days(writer, n_days, min(n_days + 2, DAYS)):
            pass
    with open_run(path) as run:
        check_rows(run, min(n_days + 2, DAYS))


def test_every_state_opens_and_goes_on(
    history: tuple[bytes, list[Write], list[int]], tmp_path: Path, soaking: bool
) -> None:
    made, log, marks = history
    path, state = tmp_path / "run.h5", bytearray(made)
    tried = torn = 0
    for number, write in enumerate(log):
        done = sum(mark <= number for mark in marks)  # days committed before this write
        for part in parts_of(write):
            applied(state, part)
            if not soaking and done + 1 not in SPLITS:
                continue
            path.write_bytes(state)
            n_days = check(path, done)
            with path.open("rb", buffering=0) as file:
                half_changed = journal_of(file) is not None
            if not half_changed:  # then any HDF5 program reads it, too
                with h5py.File(path) as file:
                    assert int(file["committed"][()]) == n_days * STEPS_A_DAY
            torn += half_changed
            tried += 1
            if number % 5 == 0 or half_changed:
                goes_on(path, n_days)
    assert tried > 100
    assert torn > 20


def test_a_kill_while_a_journal_is_applied_again(
    history: tuple[bytes, list[Write], list[int]], tmp_path: Path
) -> None:
    made, log, marks = history
    day = 64
    state = bytearray(made)
    for write in log[: marks[day] - 3]:  # before the last changes of that day, and the end of its journal
        applied(state, write)
    path, again = tmp_path / "run.h5", []
    path.write_bytes(state)
    opening: Callable[..., Any] = lambda self, *_rest, **_options: LoggedFile(self, again)  # noqa: E731
    with pytest.MonkeyPatch.context() as given:
        given.setattr(Path, "open", opening)
        with RunWriter.going_on(path, grid=GRID, series=MEMBERS):
            pass
    assert len(again) > 3
    for write in [(0, b""), *again]:
        applied(state, write)
        path.write_bytes(state)
        assert check(path, day) == day + 1
