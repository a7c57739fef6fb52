"""What faults leave of readings, forecasts and set-points: the plant does not know of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recosim.arrays import BoolArray, FloatArray, IntArray
from recosim.contracts import Community, Forecast, Observation
from recosim.controllers.forecasts import DERIVED
from recosim.controllers.host import METERED, ForecastProvider
from recosim.sealed import SealedMapping, sealed
from recosim.simulators.faults import Faults, Outage, struck
from recosim.timegrid import SECONDS_PER_DAY, SECONDS_PER_HOUR

READABLE_DEGC = (-40.0, 125.0)
"""Range of a temperature sensor, at whose ends a drifting one stays."""


class FaultyView:
    """Stands between the plant and a controller.

    A reading that is missing keeps the last value that was read. Of a meter, which counts from each hour on,
    it is what was last read at that time of day, or the last mean power before there was a day: a substitute
    as meter operators form it. A link that is down before the first step leaves the readings of that step.

    Parameters
    ----------
    faults : Faults
    community : Community
    """

    def __init__(self, faults: Faults, community: Community) -> None:
        self._faults, self._community = faults, community
        self._n_pods, self._step_s = len(community.pods), community.grid.step_s
        self._read: dict[str, FloatArray] = {}
        self._power_kw: dict[str, FloatArray] = {name: np.zeros(self._n_pods) for name in METERED}
        shape = (SECONDS_PER_DAY // self._step_s, self._n_pods)
        self._day_kwh: dict[str, FloatArray] = {name: np.full(shape, np.nan) for name in METERED}

    def seen(self, step: int, observation: Observation) -> Observation:
        """Readings of step ``step`` of the simulated grid, as they arrive."""
        faults, missing = self._faults, dict[str, BoolArray]()
        cut = struck(faults.links, step, self._n_pods)
        states = self._drifted(step, observation.states)
        for name, devices in self._community.states.items():
            gone = cut[devices.node]
            if gone.any():
                states[name] = np.where(gone, self._read.get(name, states[name]), states[name])
                missing[name] = sealed(gone)
        self._read = states
        silent = cut | struck(faults.meters, step, self._n_pods)
        metered: dict[str, Any] = {}
        hours = observation.time % SECONDS_PER_HOUR / SECONDS_PER_HOUR
        for name in METERED:
            reading: FloatArray = getattr(observation, name)
            if hours > 0.0:
                self._power_kw[name] = np.where(silent, self._power_kw[name], reading / hours)
            before = self._day_kwh[name][observation.time % SECONDS_PER_DAY // self._step_s]
            substitute = np.where(np.isnan(before), self._power_kw[name] * hours, before)
            metered[name] = sealed(np.where(silent, substitute, reading))
            before[~silent] = reading[~silent]
            if silent.any():
                missing[name] = sealed(silent)
        return replace(
            observation,
            states=SealedMapping((name, sealed(values)) for name, values in states.items()),
            missing=SealedMapping(missing),
            **metered,
        )

    def _drifted(self, step: int, states: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        shown = dict(states)
        for drift in self._faults.drifts:
            if not drift.holds(step):
                continue
            days = (step - drift.first) * self._step_s / SECONDS_PER_DAY
            for name in drift.states:
                values = np.array(shown[name])
                values[drift.index] += drift.offset_k + drift.drift_k_per_day * days
                values[drift.index] = np.clip(values[drift.index], *READABLE_DEGC)
                shown[name] = values
        return shown

    def arriving(self, step: int, asked: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Set-points that reach their devices; NaN, the device's own rule, for the others."""
        cut = struck(self._faults.links, step, self._n_pods)
        if not cut.any():
            return dict(asked)
        controls = self._community.controls
        return {name: np.where(cut[controls[name].node], np.nan, v) for name, v in asked.items()}

    def get_state(self) -> dict[str, NDArray[np.float64]]:
        """What it remembers of the readings so far: the last ones, and the meters' powers and day."""
        read = {f"read/{name}": np.array(values) for name, values in self._read.items()}
        powers = {f"power_kw/{name}": np.array(values) for name, values in self._power_kw.items()}
        return read | powers | {f"day_kwh/{name}": np.array(v) for name, v in self._day_kwh.items()}

    def set_state(self, state: Mapping[str, NDArray[np.float64]]) -> None:
        """Go on from what `get_state` gave."""
        for what, kept in (
            ("read/", self._read),
            ("power_kw/", self._power_kw),
            ("day_kwh/", self._day_kwh),
        ):
            kept.clear()
            kept |= {k.removeprefix(what): np.array(v) for k, v in state.items() if k.startswith(what)}


class InterruptedForecasts:
    """Forecasts that fail to come now and then.

    Meanwhile the last one that came goes on, and its last day is repeated where it ends: weather, what
    follows from it, and loads. What needs no service is as ever: prices, calendars, comfort bands and trips.

    Parameters
    ----------
    forecasts : ForecastProvider
    outages : sequence of Outage
        In order, without touching; one that begins with the first step is left that step's forecast.
    """

    def __init__(self, forecasts: ForecastProvider, outages: tuple[Outage, ...]) -> None:
        self._forecasts, self._outages = forecasts, outages
        self._issued = -1
        self._last: Forecast

    def at(self, step: int) -> Forecast:
        """Forecast from step ``step`` of the simulated grid on."""
        outage = next((each for each in self._outages if each.holds(step)), None)
        if outage is None:
            return self._forecasts.at(step)
        issued = max(outage.first - 1, 0)
        if issued != self._issued:
            self._last, self._issued = self._forecasts.at(issued), issued
        known, last = self._forecasts.at(step), self._last
        rows = rows_of_old(step - issued, last.grid.n_steps, SECONDS_PER_DAY // last.grid.step_s)
        rows = rows[: known.grid.n_steps]
        return replace(known, **{name: sealed(getattr(last, name)[rows]) for name in DERIVED})


def rows_of_old(age: int, n_steps: int, per_day: int) -> IntArray:
    """Rows of a forecast of ``n_steps`` that is ``age`` steps old, for each step from now on.

    Examples
    --------
    >>> rows_of_old(2, 6, 4).tolist()
    [2, 3, 4, 5, 2, 3]
    """
    rows = age + np.arange(n_steps)
    return np.where(rows < n_steps, rows, rows - per_day * ((rows - n_steps) // per_day + 1))
