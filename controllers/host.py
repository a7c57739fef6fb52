"""The mosaik simulator that asks a controller and hands its set-points to the devices."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import mosaik_api_v3
import numpy as np
from numpy.typing import NDArray

from recosim.arrays import FloatArray
from recosim.components import SETPOINT_PREFIX
from recosim.contracts import Community, Controller, Forecast, Observation
from recosim.controllers.answers import (
    Answers,
    IsolatedFailure,
    Stopwatch,
    TimedSetpoints,
    plain_record,
    reset_controller,
    status_of,
    within_budget,
)
from recosim.controllers.remembering import controller_state
from recosim.errors import ControllerError
from recosim.sealed import SealedMapping, own_copy, sealed
from recosim.simulators.clock import Clock, State
from recosim.simulators.group import GROUP, GROUP_MODEL, read_only
from recosim.timegrid import SECONDS_PER_HOUR, TimeGrid

METERED = ("energy_withdrawn_hour_kwh", "energy_injected_hour_kwh")
LOCAL_RULES = "local rules"
"""What the record says when a controller failed and every device followed its own rule."""

_log = logging.getLogger("recosim")


class ForecastProvider(Protocol):
    """Gives the forecast of a step."""

    def at(self, step: int) -> Forecast:
        """Forecast from step ``step`` of the simulated grid on."""
        ...


class View(Protocol):
    """What stands between the plant and a controller, such as faults."""

    def seen(self, step: int, observation: Observation) -> Observation:
        """Readings of a step, as they arrive."""
        ...

    def arriving(self, step: int, asked: Mapping[str, FloatArray]) -> Mapping[str, FloatArray]:
        """Set-points of a step that reach their devices, NaN for the others."""
        ...

    def get_state(self) -> Mapping[str, NDArray[Any]]:
        """What it remembers between steps."""
        ...

    def set_state(self, state: State) -> None:
        """Go on from `get_state`."""
        ...


class DecisionLog:
    """What happened at each decision: columns of equal length.

    Attributes
    ----------
    rows : list of dict
        A row for each decision.
    first_beyond : str
        The first value asked for that no device can follow, and when; empty where there is none.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float | int | str]] = []
        self.first_beyond = ""

    def add(self, **row: float | int | str) -> None:
        """Note one decision."""
        self.rows.append(row)

    @property
    def notes(self) -> list[str]:
        """What the reader of the run should know: whether the plant had to clip what was asked."""
        n_beyond = sum(row["beyond_limits"] != 0 for row in self.rows)
        if not n_beyond:
            return []
        return [
            f"in {n_beyond} of {len(self.rows)} decisions the controller asked for more than devices can do, "
            f"and the plant clipped it; the first: {self.first_beyond}"
        ]

    def columns(self, first: int = 0, last: int | None = None) -> dict[str, list[float | int | str]]:
        """Columns over some decisions; what a decision did not report is NaN, or empty where it is text."""
        rows = self.rows[first:last]
        kinds: dict[str, type] = {}
        for row in rows:
            for name, value in row.items():
                kinds.setdefault(name, type(value))
        return {
            name: [row.get(name, "" if kind is str else np.nan) for row in rows]
            for name, kind in kinds.items()
        }


class ControllerHost(mosaik_api_v3.Simulator):
    """Hosts any controller of the contract in `recosim.contracts`.

    A controller that raises, or returns something that does not fit, does not end the run: the devices' own
    rules take that step, and the log says when and why.
    """

    def __init__(self) -> None:
        super().__init__({"api_version": "3.0", "type": "time-based", "models": {}})

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        grid: TimeGrid,
        n_warmup: int,
        community: Community,
        controller: Controller,
        forecasts: ForecastProvider,
        log: DecisionLog,
        seed: int,
        time_budget_ms: float | None = None,
        clock: Clock | None = None,
        registry: dict[str, Any] | None = None,
        view: View | None = None,
    ) -> Any:
        """Take the controller; it is asked from step ``n_warmup`` on.

        A decision that takes longer than ``time_budget_ms`` (None: as long as it likes) comes too late.
        ``view``: what comes between it and the plant; None: nothing does.
        """
        if registry is not None:
            registry["controller"] = self
        self._view = view
        self._grid, self._n_warmup = grid, n_warmup
        self._clock = clock or Clock(grid=grid, n_warmup=n_warmup)
        self.remembered: State | None = None
        self._forgets = False
        self.remembered_view: State = {}
        self._community, self._controller = community, controller
        self._forecasts, self._log = forecasts, log
        self._answers, self._time_budget_ms = Answers(community), time_budget_ms
        self._states = tuple(community.states)
        none = {SETPOINT_PREFIX + name: np.full(len(d), np.nan) for name, d in community.controls.items()}
        self._nothing = {name: read_only(values) for name, values in none.items()}
        self._out = self._nothing
        reset_controller(controller, own_copy(community), seed)
        attrs = [*self._states, *METERED, *self._nothing]
        self.meta["models"] = {GROUP_MODEL: {"public": True, "params": [], "attrs": attrs}}
        return self.meta

    def create(self, num: int, model: str, **model_params: Any) -> list[Any]:
        """Create the one controller."""
        return [{"eid": GROUP, "type": GROUP_MODEL}]

    def step(self, time: int, inputs: Mapping[str, Mapping[str, Mapping[str, Any]]], max_advance: int) -> int:
        """Decide for the step that begins at ``time``; in the warm-up every device follows its own rule."""
        step = self._clock.step_at(time)
        if step < self._n_warmup:
            self._out = self._nothing
        else:
            values = {attr: next(iter(sources.values())) for attr, sources in inputs[GROUP].items()}
            self._out = self._decide(step, values)
        if self._clock.ends_day(step):
            self.remembered = self._state(step)
            self.remembered_view = {} if self._view is None else self._view.get_state()
        return time + self._grid.step_s

    def _state(self, step: int) -> State | None:
        try:
            return controller_state(self._controller)
        except ControllerError as error:
            if not self._forgets:
                when = self._grid.local[step]
                _log.warning("controller at %s: %s; the run cannot be resumed after that day", when, error)
            self._forgets = True
            return None

    def get_data(self, outputs: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
        """Set-points of the present step, NaN where a device is left to itself."""
        return {eid: {attr: self._out[attr] for attr in attrs} for eid, attrs in outputs.items()}

    def _decide(self, step: int, values: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        observation = self._observation(step, values)
        if self._view is not None:
            observation = self._view.seen(step, observation)
        forecast = self._forecasts.at(step)
        watch, beyond = Stopwatch(), 0
        try:
            answer = self._controller.decide(observation, forecast)
            spent = answer.spent if isinstance(answer, TimedSetpoints) else watch.read()
            within_budget(spent, self._time_budget_ms)
            asked = self._answers.checked(answer)
            record = plain_record(getattr(self._controller, "record", {}))
            beyond, first = self._answers.beyond(asked)
            if first is not None and not self._log.first_beyond:
                self._log.first_beyond = f"{first} at {self._grid.local[step]}"
        except Exception as error:  # noqa: BLE001  whatever a controller does, the plant goes on
            spent = error.spent if isinstance(error, IsolatedFailure) else watch.read()
            asked, record = {}, {"status": status_of(error), "fallback": LOCAL_RULES}
            when = self._grid.local[step]
            _log.warning("controller failed at %s, local rules take the step: %s", when, record["status"])
        record.setdefault("status", "ok")
        record.setdefault("fallback", "")
        self._log.add(**record | {"milliseconds": spent.cpu_ms, "beyond_limits": beyond})
        arriving = asked if self._view is None else self._view.arriving(step, asked)
        return {**self._nothing, **{SETPOINT_PREFIX + name: read_only(v) for name, v in arriving.items()}}

    def _observation(self, step: int, values: Mapping[str, FloatArray]) -> Observation:
        time = self._grid.start + step * self._grid.step_s
        hour_begins = time % SECONDS_PER_HOUR == 0
        nothing = np.zeros(len(self._community.pods))
        withdrawn, injected = (sealed(nothing if hour_begins else values[name]) for name in METERED)
        return Observation(
            time=time,
            step=step - self._n_warmup,
            states=SealedMapping((name, sealed(values[name])) for name in self._states),
            energy_withdrawn_hour_kwh=withdrawn,
            energy_injected_hour_kwh=injected,
        )
