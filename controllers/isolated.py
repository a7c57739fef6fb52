"""A controller in its own process: one that never returns, or brings its process down, ends nothing else."""

import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np

from recosim.contracts import Community, Controller, Forecast, Observation, Setpoints
from recosim.controllers.answers import (
    IsolatedFailure,
    Spent,
    Stopwatch,
    TimedSetpoints,
    as_setpoints,
    plain_record,
    reset_controller,
    status_of,
)
from recosim.controllers.registry import code_of, make_controller
from recosim.controllers.remembering import can_resume
from recosim.errors import ControllerError, RecosimError
from recosim.sealed import close, sealed_fields

ENDED_MAX = 3
"""So often a controller's process is started anew at most; then local rules take what is left of the run."""
SECONDS_TO_LEAVE = 2.0
ENDED = "recosim.ended"
"""Under this name, its state says how often a controller's process has ended."""
_NO_WARNING = "ignore::UserWarning:multiprocessing.resource_tracker"
LONGER_TO_BEGIN = 10.0
"""Loading and reset may take so many times as long as a decision."""
LEAST_TO_LOAD_S = 60.0
"""Loading always may: it takes seconds to start a process on a busy machine."""


@contextmanager
def opened_controller(
    spec: str, options: Mapping[str, Any], trusted: bool, kill_after_s: float | None
) -> Iterator[Controller]:
    """Make a controller for the time of a run: in a process of its own if ``kill_after_s`` is given.

    Parameters and errors as `make_controller` and `IsolatedController`.
    """
    if kill_after_s is None:
        yield make_controller(spec, options, trusted=trusted)
        return
    made = IsolatedController(spec, options, trusted=trusted, kill_after_s=kill_after_s)
    try:
        yield made
    finally:
        made.close()


class _EndedError(Exception):
    """The controller's process has ended, or was ended."""


class IsolatedController:
    """A controller that is loaded, reset and asked in a process of its own.

    What it decides is the same as without, to the bit. A decision that is not there after ``kill_after_s``
    ends its process, and so does a crash: that step fails, and before the next the process is started anew
    and reset, with nothing remembered. After the third time every step fails at once.

    Parameters
    ----------
    spec, options, trusted
        As `make_controller`; in this process nothing of the controller is imported.
    kill_after_s : float
        Longest decision; loading and reset may take ten times as long [s].

    Raises
    ------
    ControllerError
        As `make_controller`, or loading it never ends.
    """

    def __init__(
        self, spec: str, options: Mapping[str, Any], *, trusted: bool = False, kill_after_s: float = 60.0
    ) -> None:
        self._made = (spec, dict(options), trusted)
        self._kill_after_s = kill_after_s
        self._process: Any = None
        self._connection: Any = None
        self._began: tuple[Community, int] | None = None
        self.record: Mapping[str, float | int | str] = {}
        self.ended = 0
        self.cpu_s = 0.0
        self.horizon_steps = 0
        self.code_sha256 = ""
        self.get_state: Callable[[], dict[str, Any]] | None = None
        self.set_state: Callable[[Mapping[str, Any]], None] | None = None
        try:
            self._start()
        except _EndedError as ended:
            raise ControllerError(f"controller {spec!r} cannot be loaded: {ended}") from None

    def reset(self, community: Community, seed: int) -> None:
        """Forget everything."""
        self._began, self.ended = (community, seed), 0
        try:
            self._reset()
        except _EndedError as ended:
            raise ControllerError(f"controller {self._made[0]!r} failed in reset: {ended}") from None

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        """Ask the process.

        Raises
        ------
        IsolatedFailure
            The controller raised, or its process ended.
        """
        watch = Stopwatch()
        if self.ended >= ENDED_MAX:
            raise IsolatedFailure(
                f"process ended {ENDED_MAX} times; local rules for the rest of the run", watch.read()
            )
        try:
            if self._process is None:
                self._start()
                self._reset()
            reply, values, record, spent = self._ask(("decide", observation, forecast), 1.0)
        except (_EndedError, ControllerError) as ended:
            self._kill()
            self.ended += 1
            then = "started anew" if self.ended < ENDED_MAX else "not started again"
            raise IsolatedFailure(f"process ended: {ended}; {then}", watch.read()) from None
        self.cpu_s += spent.cpu_ms / 1e3
        if reply == "failed":
            raise IsolatedFailure(values, spent)
        self.record = record
        return TimedSetpoints(spent, values)

    def _get_state(self) -> dict[str, Any]:
        """What the controller remembers; once its process has ended, how often it has, too."""
        state = {} if self._process is None else dict(self._state("get_state"))
        return state | ({ENDED: np.array(self.ended)} if self.ended else {})

    def _set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `_get_state`, after `reset`."""
        own = {name: value for name, value in state.items() if name != ENDED}
        self.ended = int(state.get(ENDED, 0))
        if self.ended and not own:
            self._kill()  # it had nothing to remember, and is started anew before it decides
        else:
            self._state("set_state", own)

    def _state(self, *message: Any) -> Any:
        try:
            reply, answer = self._ask(message, LONGER_TO_BEGIN)
        except _EndedError as ended:
            self._kill()
            self.ended += 1
            raise ControllerError(f"process ended: {ended}") from None
        if reply == "failed":
            raise ControllerError(answer)
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            with suppress(OSError):
                self._connection.send_bytes(pickle.dumps(("end",), protocol=5))
            self._process.join(SECONDS_TO_LEAVE)
        self._kill()

    def _start(self) -> None:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, *self._made), name="recosim controller", daemon=True
        )
        try:
            start(self._process)
            theirs.close()
            limit_s = max(LONGER_TO_BEGIN * self._kill_after_s, LEAST_TO_LOAD_S)
            self.horizon_steps, self.code_sha256, remembers = self._answer(limit_s)[1:]
            self.get_state, self.set_state = (self._get_state, self._set_state) if remembers else (None, None)
        except BaseException:
            self._kill()
            raise

    def _reset(self) -> None:
        self.cpu_s += self._ask(("reset", *(self._began or ())), LONGER_TO_BEGIN)[1].cpu_ms / 1e3

    def _ask(self, message: tuple[Any, ...], times: float) -> Any:
        if self._process is None:
            raise _EndedError("it is not running")
        try:
            self._connection.send_bytes(pickle.dumps(message, protocol=5))
        except OSError:
            raise _EndedError(self._how_it_ended()) from None
        return self._answer(self._kill_after_s * times)

    def _answer(self, limit_s: float) -> Any:
        try:
            if not self._connection.poll(limit_s):
                self._kill()
                raise _EndedError(f"no answer within {limit_s:g} s")
            reply = pickle.loads(self._connection.recv_bytes())  # noqa: S301  our own process
        except (EOFError, OSError):
            raise _EndedError(self._how_it_ended()) from None
        if reply[0] == "refused":
            raise ControllerError(reply[1])
        return reply

    def _how_it_ended(self) -> str:
        process = self._process
        process.join(5.0)
        code = process.exitcode
        self._kill()
        return f"it broke off with signal {-code}" if code and code < 0 else f"it left with exit code {code}"

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.join()
        self._connection.close()


def start(process: Any) -> None:
    """Start a process that may be ended at any moment: nobody is to be warned of what it leaves behind."""
    if os.name == "posix":
        from multiprocessing import resource_tracker

        # its process takes the options of this one, once
        sys.warnoptions.append(_NO_WARNING)
        try:
            resource_tracker.ensure_running()
        finally:
            sys.warnoptions.remove(_NO_WARNING)
    process.start()


def serve(connection: Connection, spec: str, options: Mapping[str, Any], trusted: bool) -> None:
    """Hold a controller and answer for it: what the process of an `IsolatedController` does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run, which ends this process
    sys.stdout.flush()
    os.dup2(2, 1)  # what a controller prints must not end up between the figures
    threading.Thread(target=end_with_parent, daemon=True).start()

    def reply(*message: Any) -> None:
        connection.send_bytes(pickle.dumps(message, protocol=5))

    def allowed(action: Callable[[], Any]) -> Any:
        """What the action gives, or None where the controller refuses; the parent is told why."""
        try:
            return action()
        except RecosimError as error:
            reply("refused", str(error))
        except SystemExit as ended:
            reply("refused", f"the controller's code called exit({ended.code!r}); take the call out")
        return None

    def begun(community: Community, seed: int) -> Spent:
        close(community)
        watch = Stopwatch()
        reset_controller(controller, community, seed)
        return watch.read()

    controller = allowed(lambda: make_controller(spec, options, trusted=trusted))
    if controller is None:
        return
    reply("made", int(getattr(controller, "horizon_steps", 0)), code_of(controller), can_resume(controller))
    while True:
        try:
            what, *given = pickle.loads(connection.recv_bytes())  # noqa: S301  from our own parent
        except EOFError:
            return
        if what == "end":
            return
        if what == "reset":
            spent = allowed(partial(begun, *given))
            if spent is not None:
                reply("reset", spent)
        elif what == "decide":
            reply(*_decided(controller, *given))
        else:
            reply(*_done(getattr(controller, what), *given))


def _decided(controller: Any, observation: Observation, forecast: Forecast) -> tuple[str, Any, Any, Spent]:
    """An answer, or the status of a failure."""
    observation, forecast = sealed_fields(observation), sealed_fields(forecast)
    watch = Stopwatch()
    try:
        answer = as_setpoints(controller.decide(observation, forecast))
        spent = watch.read()
        record = plain_record(getattr(controller, "record", {}))
        return "answer", {name: answer[name] for name in answer}, record, spent
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever it is, the plant goes on
        return "failed", status_of(error), None, watch.read()


def _done(action: Callable[..., Any], *given: Any) -> tuple[str, Any]:
    """What getting or setting a state gives, or how it fails."""
    try:
        answer = action(*given)
        pickle.dumps(answer, protocol=5)
    except (Exception, SystemExit) as error:  # noqa: BLE001  as a decision that fails
        return "failed", status_of(error)
    return "state", answer


def end_with_parent() -> None:
    """End this process when its parent has: a controller in an endless loop would outlive it."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
