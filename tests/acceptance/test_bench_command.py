"""`recosim bench` as a user meets it: killed, interrupted, on a cluster that is there, with bad input."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BENCH = [
    sys.executable,
    "-m",
    "recosim",
    "bench",
    "naples-small",
    "--days",
    "1",
    "--set",
    "period.warmup_days=0",
]
RUNS = [
    "--controllers",
    "rules,mine.py:Mine",
    "--forecasts",
    "perfect,medium",
    "--seeds",
    "2",
    "--no-bound",
]
N_RUNS = 2 * 2 * 2
SOURCE = """
import os

import numpy as np

from recosim.contracts import Setpoints


class Mine:
    def reset(self, community, seed):
        self.n_dwellings = len(community.devices["dwelling"])

    def decide(self, observation, forecast):
        sunny = forecast.power_pv_kw[0].sum() > 5.0
        return Setpoints(temp_heating_degc=np.full(self.n_dwellings, 21.0 if sunny else 20.0))


class Dies(Mine):
    def decide(self, observation, forecast):
        os._exit(7)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(SOURCE)
    return tmp_path


def recosim_bench(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BENCH, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=600
    )


def figures(folder: Path) -> Any:
    """The leaderboard without what was timed."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(item) for key, item in value.items() if key != "ms_per_decision"}
        return [strip(item) for item in value] if isinstance(value, list) else value

    return strip(json.loads((folder / "leaderboard.json").read_text()))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "mine.py").write_text(SOURCE)
    done = recosim_bench(*RUNS, "--workers", "2", "--out", "out", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{N_RUNS} made, 0 found finished" in done.stdout
    assert len(list((folder / "out").glob("*.h5"))) == N_RUNS
    found = figures(folder / "out")
    assert {each["controller"] for each in found["leaderboards"][0]["standings"]} == {
        "rules",
        "mine.py:Mine",
    }
    return found


def stop_after(n_runs: int, how: signal.Signals, folder: Path) -> subprocess.CompletedProcess[str]:
    """Begin a bench and end it with a signal to all of its terminal once so many runs are finished."""
    with subprocess.Popen(
        [*BENCH, *RUNS, "--workers", "2", "--out", "out"],
        cwd=folder,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while len(list((folder / "out").glob("*.h5"))) < n_runs:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        if how == signal.SIGKILL:
            process.kill()  # the bench alone: its workers must find out by themselves
        else:
            os.killpg(process.pid, how)
        out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.slow
def test_killed_or_interrupted_and_started_again_it_ends_alike(folder: Path, undisturbed: Any) -> None:
    killed = stop_after(1, signal.SIGKILL, folder)
    assert killed.returncode == -signal.SIGKILL
    assert not (folder / "out" / "leaderboard.json").exists()
    there = len(list((folder / "out").glob("*.h5")))
    interrupted = stop_after(there + 1, signal.SIGINT, folder)  # not before the bench is at work
    assert (interrupted.returncode, interrupted.stderr) == (130, "interrupted\n")
    there = len(list((folder / "out").glob("*.h5")))
    done = recosim_bench(*RUNS, "--workers", "1", "--out", "out", folder=folder)
    assert done.returncode == 0, done.stderr
    assert f"{N_RUNS - there} made, {there} found finished" in done.stdout
    assert figures(folder / "out") == undisturbed


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A Dask scheduler and two workers on loopback, started the way a user starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    dask = [sys.executable, "-m", "dask"]
    commands = [
        [*dask, "scheduler", "--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--no-dashboard"],
        [*dask, "worker", address, "--nthreads", "2", "--no-dashboard"],
        [*dask, "worker", address, "--nthreads", "1", "--no-dashboard"],
    ]
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    logs = (folder / "cluster.log").open("w")
    processes = [subprocess.Popen(c, cwd=elsewhere, stdout=logs, stderr=logs) for c in commands]
    try:
        yield address
    finally:
        for process in processes[::-1]:
            process.terminate()
        for process in processes:
            process.wait(timeout=60)
        logs.close()


@pytest.mark.slow
def test_a_cluster_that_is_there_gives_the_same_figures(folder: Path, undisturbed: Any) -> None:
    with cluster(folder) as address:
        done = _once_it_answers(address, folder)
    assert done.returncode == 0, done.stderr
    assert figures(folder / "out") == undisturbed


def _once_it_answers(address: str, folder: Path) -> subprocess.CompletedProcess[str]:
    host, _, port = address.removeprefix("tcp://").partition(":")
    for _ in range(600):
        with socket.socket() as knock:
            if knock.connect_ex((host, int(port))) == 0:
                break
        time.sleep(0.1)
    return recosim_bench(*RUNS, "--scheduler", address, "--out", "out", folder=folder)


@pytest.mark.slow
def test_a_worker_process_that_dies_takes_no_other_run_along(folder: Path) -> None:
    arguments = ["--controllers", "rules,mine.py:Dies,idle", "--seeds", "1", "--no-bound", "--workers", "2"]
    done = recosim_bench(*arguments, "--out", "out", folder=folder)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "error: naples-small-mine-Dies-perfect-2025-01-01-1d-seed1: the worker process died"
    )
    (table,) = figures(folder / "out")["leaderboards"]
    assert [each["controller"] for each in table["standings"]] == ["rules", "idle"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--controllers", "rules,nobody"], "'nobody' is not installed"),
        (["--controllers", "rules", "--weeks", "1"], "--days and --weeks: give one of them"),
        (["--controllers", "rules", "--seeds", "0"], "--seeds 0, allowed: 1 to"),
        (["--controllers", "rules", "--workers", "0"], "--workers 0, allowed: 1 to 1000"),
        (["--controllers", "rules", "--scheduler", "nowhere"], "no Dask scheduler answers there"),
        (["--controllers", "rules", "--scheduler", "tcp://127.0.0.1:9"], "no Dask scheduler answers there"),
        (
            ["--controllers", "rules", "--workers", "2", "--scheduler", "tcp://127.0.0.1:9"],
            "give one of them",
        ),
        (["--controllers", "none.py:Mine"], "none.py is not there"),
        (["--controllers", "rules", "--forecasts", "good"], "--forecasts good: 'good', allowed: perfect"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    arguments: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from recosim.cli import main

    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["bench", "naples-small", "--days", "1", *arguments])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert told in line
    assert not list(tmp_path.rglob("*.h5"))
