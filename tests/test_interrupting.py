"""Ctrl-C on real runs: they end between two steps, keep what is done, and print the command that goes on."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from recosim.results.run_file import open_run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no signals here")
RUN = ("naples-small", "--set", "community.dwellings[0].hot_water={kind: heat_pump, power_kw: 0.6}")
LONG = (*RUN, "--days", "20", "--out", "my runs/run.h5")
PATIENCE_S = 120.0
SLOW = """
import time
from pathlib import Path
class Slow:
    def reset(self, community, seed):
        pass
    def decide(self, observation, forecast):
        Path("deciding").touch()
        time.sleep(30.0)
"""


@pytest.fixture
def begin(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Begin a run in a folder of its own."""

    def begun(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "recosim", "run", *words],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return begun


def wait_until(what: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    until = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < until
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.002)


def nothing_runs_in(session: int) -> bool:
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_what_is_printed_goes_on(
    begin: Callable[..., subprocess.Popen[str]], tmp_path: Path, sign: signal.Signals
) -> None:
    process, path = begin(*LONG), tmp_path / "my runs" / "run.h5"
    wait_until(path.exists, process)
    begun = path.stat().st_size
    wait_until(lambda: path.stat().st_size > begun, process)  # amid the writing of a day
    process.send_signal(sign)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert err.count("\n") == 1
    with open_run(path) as run:
        done = run.committed
        assert 0 < done < run.grid.n_steps
    told, _, command = err.strip().partition("; to go on: ")
    assert told.startswith("interrupted: my runs/run.h5 is not complete, it holds 2025-01-01 to ")
    assert shlex.split(command) == [sys.executable, "-m", "recosim", "run", *LONG, "--resume"]
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True, capture_output=True)
    with open_run(path) as run:
        assert run.complete
        assert run.has("water_heater", "temp_tank_degc")


def test_ctrl_c_while_it_starts_leaves_nothing(
    begin: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = begin(*LONG)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode in (130, -signal.SIGINT), err
    assert "Traceback" not in err
    assert not list(tmp_path.rglob("*.h5*"))


def test_a_second_ctrl_c_ends_it_at_once_with_all_it_has_started(
    begin: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    process = begin(*LONG, "--controller", "slow.py:Slow", "--isolate")
    wait_until((tmp_path / "deciding").exists, process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    assert process.poll() is None, "it waits for the end of the step"
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == -signal.SIGINT
    wait_until(lambda: nothing_runs_in(process.pid))
