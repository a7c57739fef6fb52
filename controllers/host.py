"""The mosaik simulator that asks a controller and hands its set-points to the devices."""

import logging
import time as clock
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import mosaik_api_v3
import numpy as np

from recosim.arrays import FloatArray
from recosim.components import SETPOINT_PREFIX
from recosim.contracts import Community, Controller, Forecast, Observation, Setpoints
from recosim.errors import ControllerError, RecosimError
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


class DecisionLog:
    """What happened at each decision: columns of equal length."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float | int | str]] = []

    def add(self, **row: float | int | str) -> None:
        """Note one decision."""
        self.rows.append(row)

    def columns(self) -> dict[str, list[float | int | str]]:
        """Columns over the decisions; what a decision did not report is NaN, or empty where it is text."""
        kinds: dict[str, type] = {}
        for row in self.rows:
            for name, value in row.items():
                kinds.setdefault(name, type(value))
        return {
            name: [row.get(name, "" if kind is str else np.nan) for row in self.rows]
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
    ) -> Any:
        """Take the controller; it is asked from step ``n_warmup`` on."""
        self._grid, self._n_warmup = grid, n_warmup
        self._community, self._controller = community, controller
        self._forecasts, self._log = forecasts, log
        self._sizes = {name: len(devices) for name, devices in community.controls.items()}
        self._states = tuple(community.states)
        none = {SETPOINT_PREFIX + name: np.full(n, np.nan) for name, n in self._sizes.items()}
        self._nothing = {name: read_only(values) for name, values in none.items()}
        self._out = self._nothing
        try:
            controller.reset(community, seed)
        except RecosimError:
            raise
        except Exception as error:
            raise ControllerError(
                f"controller {type(controller).__name__} failed in reset: {type(error).__name__}: {error}"
            ) from error
        attrs = [*self._states, *METERED, *self._nothing]
        self.meta["models"] = {GROUP_MODEL: {"public": True, "params": [], "attrs": attrs}}
        return self.meta

    def create(self, num: int, model: str, **model_params: Any) -> list[Any]:
        """Create the one controller."""
        return [{"eid": GROUP, "type": GROUP_MODEL}]

    def step(self, time: int, inputs: Mapping[str, Mapping[str, Mapping[str, Any]]], max_advance: int) -> int:
        """Decide for the step that begins at ``time``; in the warm-up every device follows its own rule."""
        step = time // self._grid.step_s
        if step < self._n_warmup:
            self._out = self._nothing
        else:
            values = {attr: next(iter(sources.values())) for attr, sources in inputs[GROUP].items()}
            self._out = self._decide(step, values)
        return time + self._grid.step_s

    def get_data(self, outputs: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
        """Set-points of the present step, NaN where a device is left to itself."""
        return {eid: {attr: self._out[attr] for attr in attrs} for eid, attrs in outputs.items()}

    def _decide(self, step: int, values: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        observation = self._observation(step, values)
        forecast = self._forecasts.at(step)
        began = clock.process_time()
        try:
            asked = self._checked(self._controller.decide(observation, forecast))
            record = _plain(getattr(self._controller, "record", {}))
        except Exception as error:  # noqa: BLE001  whatever a controller does, the plant goes on
            status = f"{type(error).__name__}: {error}".replace("\0", "")
            asked, record = {}, {"status": status, "fallback": LOCAL_RULES}
            when = self._grid.local[step]
            _log.warning("controller failed at %s, local rules take the step: %s", when, record["status"])
        record.setdefault("status", "ok")
        record.setdefault("fallback", "")
        self._log.add(**record | {"milliseconds": (clock.process_time() - began) * 1e3})
        return {**self._nothing, **asked}

    def _observation(self, step: int, values: Mapping[str, FloatArray]) -> Observation:
        time = self._grid.start + step * self._grid.step_s
        hour_begins = time % SECONDS_PER_HOUR == 0
        nothing = read_only(np.zeros(len(self._community.pods)))
        withdrawn, injected = (nothing if hour_begins else values[name] for name in METERED)
        return Observation(
            time=time,
            step=step - self._n_warmup,
            states={name: values[name] for name in self._states},
            energy_withdrawn_hour_kwh=withdrawn,
            energy_injected_hour_kwh=injected,
        )

    def _checked(self, setpoints: object) -> dict[str, FloatArray]:
        """Set-points that fit the declared controls, under the names the devices know."""
        if not isinstance(setpoints, Setpoints):
            raise ControllerError(f"decide returned {type(setpoints).__name__}, allowed: Setpoints")
        asked = {}
        for name in setpoints:
            if name not in self._sizes:
                raise ControllerError(f"unknown control {name!r}, allowed: {', '.join(self._sizes)}")
            value = setpoints[name]
            if value.shape != (self._sizes[name],):
                raise ControllerError(f"{name} has shape {value.shape}, allowed: {(self._sizes[name],)}")
            if np.isinf(value).any():
                device = self._community.controls[name].names[int(np.argmax(np.isinf(value)))]
                raise ControllerError(f"{name} of {device} is infinite, allowed: a number or NaN")
            asked[SETPOINT_PREFIX + name] = read_only(value)
        return asked


def _plain(record: object) -> dict[str, float | int | str]:
    """What a controller says of its decision, numbers and text only."""
    if not isinstance(record, Mapping):
        raise ControllerError(
            f"record is a {type(record).__name__}, allowed: a mapping of names to numbers or text"
        )
    plain: dict[str, float | int | str] = {}
    for name, value in record.items():
        if isinstance(value, np.generic):
            value = value.item()
        if not isinstance(name, str) or not isinstance(value, float | int | str):
            raise ControllerError(
                f"record[{name!r}] is a {type(value).__name__}, allowed: numbers and text under names"
            )
        plain[name] = value.replace("\0", "") if isinstance(value, str) else value
    return plain
