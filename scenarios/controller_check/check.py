"""Checks a controller: runs it through days and mishaps, and says in plain words what is wrong and where.

All of it happens in a process of its own, which is ended when the controller never returns.
"""

import logging
import os
import pickle
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from recosim import errors
from recosim.controllers.isolated import end_with_parent, start
from recosim.errors import ControllerError, RecosimError
from recosim.scenarios.controller_check.course import Course
from recosim.scenarios.controller_check.watch import last_line
from recosim.scenarios.loader import load_scenario
from recosim.scenarios.schema.scenario import Scenario

Verdict = Literal["ok", "warning", "failed"]
Progress = Callable[[str, int, int], None]
OWN_WORK_S = 900.0
"""Longest time that passes between two calls of the controller: plants are built, days simulated."""
SCENARIO = "naples"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    name : str
    verdict : {"ok", "warning", "failed"}
    text : str
        What was found, where, and what helps.
    """

    name: str
    verdict: Verdict
    text: str


@dataclass(frozen=True, kw_only=True)
class ControllerReport:
    """What a check found.

    Parameters
    ----------
    controller, scenario : str
    checks : tuple of Check
    """

    controller: str
    scenario: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed; warnings do not count."""
        return all(check.verdict != "failed" for check in self.checks)


def check_controller(
    spec: str,
    scenario: str = SCENARIO,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
    data: Sequence[str | Path] = (),
) -> ControllerReport:
    """Check a controller.

    Parameters
    ----------
    spec : str
        Entry point, ``package.module:Class`` or ``path/to/file.py:Class``.
    scenario : str
        Library name or path; its community, at most ten dwellings of it, is what is controlled.
    overrides : sequence of str
        ``key=value`` for an option of the controller, ``section.key=value`` as for `load_scenario`.
    progress : callable, optional
        Told what goes on, how many parts of the check are done, and how many there are.
    data : sequence of str or Path
        Folders from which the scenario may read files, as for `load_scenario`.

    Raises
    ------
    RecosimError
        The controller cannot be loaded with these options, or the scenario is wrong.
    """
    words = [_as_option(override) for override in overrides]
    loaded = load_scenario(scenario, words, data)
    supervised = _Supervised(spec, scenario, words, loaded.controller.kill_after_s, progress, data)
    return ControllerReport(controller=spec, scenario=loaded.name, checks=tuple(supervised.run()))


def _as_option(override: str) -> str:
    key = override.partition("=")[0].strip()
    plain = "." not in key and "[" not in key and key not in Scenario.model_fields
    return f"controller.options.{override}" if plain else override


class _Supervised:
    """The process that checks, and who waits for it."""

    def __init__(
        self,
        spec: str,
        scenario: str,
        overrides: Sequence[str],
        kill_after_s: float,
        progress: Progress | None,
        data: Sequence[str | Path],
    ) -> None:
        self._arguments = (spec, scenario, list(overrides), list(data))
        self._kill_after_s, self._progress = kill_after_s, progress
        self._where = "while it was loaded"

    def run(self) -> list[Check]:
        """What the process found, and that it never returned or broke off."""
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, *self._arguments))
        start(process)
        theirs.close()
        checks: list[Check] = []
        try:
            limit_s = OWN_WORK_S
            while True:
                if not ours.poll(limit_s):
                    checks.append(self._never_returned(limit_s))
                    return checks
                try:
                    what, *content = pickle.loads(ours.recv_bytes())  # noqa: S301  our own process
                except (EOFError, OSError):
                    process.join(5.0)
                    checks.append(self._broke_off(process.exitcode))
                    return checks
                if what == "end":
                    return checks
                if what == "check":
                    checks.append(content[0])
                    limit_s = OWN_WORK_S
                elif what == "error":
                    raise getattr(errors, content[0])(content[1])
                else:
                    limit_s = self._called(*content)
        finally:
            process.join(2.0 if checks and process.exitcode is None and not ours.closed else 0.0)
            process.kill()
            process.join()
            ours.close()

    def _called(self, where: str, times: float, done: int, total: int) -> float:
        """Take note of where the controller is called next; returns how long that may take."""
        self._where = where
        if self._progress is not None:
            self._progress(where.partition(", step")[0], done, total)
        return self._kill_after_s * times if times else OWN_WORK_S

    def _never_returned(self, limit_s: float) -> Check:
        return Check(
            name="returning",
            verdict="failed",
            text=f"no answer within {limit_s:g} s ({self._where}), so its process was ended, and with it the "
            "check. A plain run would wait for ever; `recosim run --isolate` ends it and leaves the step to "
            "local rules. More time: --set controller.kill_after_s=SECONDS",
        )

    def _broke_off(self, code: int | None) -> Check:
        how = f"signal {-code}" if code and code < 0 else f"exit code {code}"
        return Check(
            name="returning",
            verdict="failed",
            text=f"it brought its process down with {how} ({self._where}); `recosim run --isolate` survives",
        )


def _serve(
    connection: Connection, spec: str, scenario: str, overrides: Sequence[str], data: Sequence[str | Path]
) -> None:
    """Check, and tell the parent: what the process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(2, 1)  # what a controller prints must not end up between the results
    logging.getLogger("recosim").disabled = True  # what a run would warn of is told once, at the end
    threading.Thread(target=end_with_parent, daemon=True).start()

    def tell(*message: Any) -> None:
        connection.send_bytes(pickle.dumps(message, protocol=5))

    def check(name: str, verdict: Verdict, text: str) -> None:
        tell("check", Check(name=name, verdict=verdict, text=text))

    def calling(where: str, times: float, done: int, total: int) -> None:
        tell("calling", where, times, done, total)

    try:
        Course(spec, load_scenario(scenario, overrides, data), check, calling).run()
    except SystemExit as ended:
        message = f"the controller's code called exit({ended.code!r}); take the call out"
        tell("error", ControllerError.__name__, message)
    except RecosimError as error:
        known = type(error).__name__ if hasattr(errors, type(error).__name__) else ControllerError.__name__
        tell("error", known, str(error))
    except Exception as error:  # noqa: BLE001  whatever a controller does, the user is told in a line
        tell(
            "error", ControllerError.__name__, f"controller {spec!r} broke the check off: {last_line(error)}"
        )
    else:
        tell("end")
