"""Processes of foreign simulators: started, watched, and ended whatever happens."""

import ctypes
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

from recosim.errors import ForeignError
from recosim.timegrid import TimeGrid

GRACE_S = 2.0
"""How long a process may take to end when it is told to."""
POLL_S = 0.02
_PR_SET_PDEATHSIG = 1


def what(name: str) -> str:
    """Words that every message begins with."""
    return f"foreign simulator {name!r}"


class Clock:
    """Simulated time, for messages: noted whenever a foreign simulator is called to step."""

    def __init__(self, grid: TimeGrid) -> None:
        self.grid = grid
        self.time: int | None = None

    def __str__(self) -> str:
        """Local time of the step, empty before the first."""
        if self.time is None:
            return ""
        now = pd.Timestamp(self.grid.start + self.time, unit="s", tz=self.grid.timezone)
        return f" at {now:%Y-%m-%d %H:%M}"


def _ended_with_parent() -> Callable[[], object] | None:
    """What a process does first so that the kernel ends it when the run is killed; None except on Linux.

    Whoever is killed ends nothing, and a simulator need not notice: mosaik-api-v3 would wait for ever.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # before the fork, after which nothing may be loaded
    return partial(libc.prctl, _PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """A process in a session of its own, so that what it starts itself can be ended with it."""

    def __init__(self, name: str, words: list[str], folder: Path) -> None:
        self._name = name
        try:
            # what it prints must not get between recosim's JSON: both its outputs go to our standard error
            self._popen = subprocess.Popen(
                words,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=sys.__stderr__,
                start_new_session=True,
                preexec_fn=_ended_with_parent(),
            )
        except OSError as error:
            raise ForeignError(
                f"{what(name)} cannot be started: {words[0]}: {error.strerror}; command: {shlex.join(words)}"
            ) from None

    @property
    def end(self) -> str | None:
        """How it ended, None while it runs."""
        code = self._popen.poll()
        if code is None:
            return None
        return f"ended with code {code}" if code >= 0 else f"was ended by signal {-code}"

    def kill(self, grace_s: float = GRACE_S) -> None:
        """End it and all that it has started, at the latest after a time of grace."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            until = time.monotonic() + grace_s
            while self._popen.poll() is None and time.monotonic() < until:
                time.sleep(POLL_S)
            try:
                os.killpg(self._popen.pid, sign)
            except (ProcessLookupError, PermissionError):
                break
        self._popen.wait()
