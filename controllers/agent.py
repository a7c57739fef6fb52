"""A trained agent as a controller: what it is shown as one vector, and what its action asks for.

`recosim.scenarios.gym_env` trains on the same two translations.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recosim.arrays import FloatArray
from recosim.components import Devices
from recosim.contracts import Community, Forecast, Observation, Setpoints
from recosim.controllers.outlook import price_shared_eur_per_kwh
from recosim.errors import ControllerError
from recosim.quantities import Sign, quantity

Vector = NDArray[np.float32]
Limits = tuple[FloatArray | float, FloatArray | float]

BATTERY = "battery"
"""The two controls of a battery as one action: +1 charges with all its power, -1 discharges with all."""
LEADS_H: tuple[float, ...] = (0.0, 1.0, 2.0, 3.0, 6.0, 12.0)
LEAD_MAX_H = 23.0
TEMP_HEATING_DEGC = (16.0, 24.0)
TEMP_COOLING_DEGC = (22.0, 30.0)
_HOURS_PER_DAY, _DAYS_PER_YEAR = 24.0, 365.25

_LIMITS: Mapping[str, Callable[[Any], Limits]] = {
    "temp_heating_degc": lambda dwellings: TEMP_HEATING_DEGC,
    "temp_cooling_degc": lambda dwellings: TEMP_COOLING_DEGC,
    "power_water_heating_kw": lambda heaters: (0.0, heaters.power_max_kw),
    "power_car_kw": lambda cars: (0.0, cars.power_max_kw),
    "power_pv_limit_kw": lambda plants: (0.0, plants.plant.power_nominal_kw),
}
"""Least and most of each control, which -1 and +1 stand for."""
ACTIONS = (BATTERY, *_LIMITS)
DEFAULT_ACTIONS = (BATTERY, "temp_heating_degc", "temp_cooling_degc")

_SITE: Mapping[str, Callable[[Forecast], FloatArray]] = {
    "temp_outdoor_degc": lambda forecast: forecast.temp_outdoor_degc,
    "power_load_kw": lambda forecast: forecast.power_load_kw.sum(axis=1),
    "power_pv_kw": lambda forecast: forecast.power_pv_kw.sum(axis=1),
    "price_buy_eur_per_kwh": lambda forecast: forecast.price_buy_eur_per_kwh.mean(axis=1),
    "price_sell_eur_per_kwh": lambda forecast: forecast.price_sell_eur_per_kwh.mean(axis=1),
    "price_shared_eur_per_kwh": price_shared_eur_per_kwh,
    "share_occupied": lambda forecast: forecast.occupied.mean(axis=1),
}
"""Forecasts of the whole community: loads and plants added up, prices the mean of the delivery points."""


class Agent(Protocol):
    """What decides, such as a model of Stable-Baselines3."""

    def predict(self, observation: Any, *, deterministic: bool = ...) -> tuple[Any, Any]:
        """Action for an observation, and the state of a recurrent policy, which is not used."""
        ...


class AgentView:
    """Translates between the contract of a controller and an agent's two vectors.

    Parameters
    ----------
    community : Community
    actions : sequence of str, optional
        Of `ACTIONS`; default: those of `DEFAULT_ACTIONS` whose devices the community has. Everything else is
        left to the devices' own rules.
    leads_h : sequence of float
        How far ahead the forecasts are that the agent sees, whole steps up to 23 h [h].

    Attributes
    ----------
    observation_names, action_names : tuple of str
        What each number is: ``quantity[device]``, and ``quantity+3h`` for a forecast.
    observation_low, observation_high : array of float32, shape (n_observation,)
        Bounds by `recosim.quantities`, infinite where nothing limits a quantity.

    Raises
    ------
    ControllerError
        An action is unknown or the community has no device for it, or a lead is out of range.
    """

    def __init__(
        self,
        community: Community,
        actions: Sequence[str] | None = None,
        leads_h: Sequence[float] = LEADS_H,
    ) -> None:
        self._community = community
        self._actions = self._chosen(actions)
        steps = [lead * community.grid.steps_per_hour for lead in leads_h]
        for lead, step in zip(leads_h, steps, strict=True):
            if not 0.0 <= lead <= LEAD_MAX_H or step != int(step):
                raise ControllerError(f"leads_h: {lead:g}, allowed: whole steps from 0 to {LEAD_MAX_H:g} h")
        self._leads = [int(step) for step in steps]
        bounds: dict[str, tuple[float, float]] = dict(self._bounds(leads_h))
        self.observation_names = tuple(bounds)
        limits = np.array(list(bounds.values()), dtype=np.float32)
        self.observation_low, self.observation_high = limits[:, 0], limits[:, 1]
        self.action_names = tuple(
            f"{action}[{name}]" for action, devices in self._actions.items() for name in devices.names
        )

    def _chosen(self, actions: Sequence[str] | None) -> dict[str, Devices]:
        def devices_of(action: str) -> Devices | None:
            if action == BATTERY:
                return self._community.devices.get(BATTERY)
            return self._community.controls.get(action)

        if actions is None:
            chosen = {a: d for a in DEFAULT_ACTIONS if (d := devices_of(a)) is not None and len(d)}
        else:
            chosen = {}
            for action in actions:
                if action not in ACTIONS:
                    raise ControllerError(f"actions: {action!r}, allowed: {', '.join(ACTIONS)}")
                devices = devices_of(action)
                if devices is None or not len(devices):
                    raise ControllerError(f"actions: {action!r}, but the community has no device for it")
                chosen[action] = devices
        if not chosen:
            raise ControllerError(f"actions: none, allowed: one or more of {', '.join(ACTIONS)}")
        return chosen

    def _bounds(self, leads_h: Sequence[float]) -> list[tuple[str, tuple[float, float]]]:
        one = (-1.0, 1.0)
        found = [(name, one) for name in ("sin_day", "cos_day", "sin_year", "cos_year")]
        found += [(name, (0.0, 1.0)) for name in ("weekend", "heating_season", "cooling_season")]
        for state, devices in self._community.states.items():
            found += [(f"{state}[{name}]", bounds_of(state)) for name in devices.names]
        for name in ("energy_withdrawn_hour_kwh", "energy_injected_hour_kwh"):
            found.append((name, (0.0, np.inf)))
        for name in _SITE:
            limits = (0.0, 1.0) if name == "share_occupied" else bounds_of(name)
            found += [(f"{name}+{lead:g}h", limits) for lead in leads_h]
        return found

    def encode(self, observation: Observation, forecast: Forecast) -> Vector:
        """What the agent sees, shape (n_observation,)."""
        now = pd.Timestamp(observation.time, unit="s", tz=self._community.grid.timezone)
        day = 2.0 * np.pi * (now.hour + now.minute / 60.0) / _HOURS_PER_DAY
        year = 2.0 * np.pi * now.day_of_year / _DAYS_PER_YEAR
        parts = [
            np.array([np.sin(day), np.cos(day), np.sin(year), np.cos(year), float(now.weekday() >= 5)]),
            np.array([forecast.heating_season[0], forecast.cooling_season[0]], dtype=np.float64),
            *(observation[state] for state in self._community.states),
            np.array(
                [observation.energy_withdrawn_hour_kwh.sum(), observation.energy_injected_hour_kwh.sum()]
            ),
            *(series(forecast)[self._leads] for series in _SITE.values()),
        ]
        return np.concatenate(parts, dtype=np.float32)

    def decode(self, action: Any) -> Setpoints:
        """What an action asks for.

        Parameters
        ----------
        action : array-like, shape (n_actions,)
            Each in [-1, 1].

        Raises
        ------
        ControllerError
            The shape is another, or a value is no number in [-1, 1].
        """
        given = np.asarray(action, dtype=np.float64)
        if given.shape != (len(self.action_names),):
            raise ControllerError(f"action has shape {given.shape}, allowed: {(len(self.action_names),)}")
        wrong = ~(np.abs(given) <= 1.0)
        if wrong.any():
            at = int(np.argmax(wrong))
            raise ControllerError(f"action {self.action_names[at]} = {given[at]:g}, allowed: [-1, 1]")
        asked: dict[str, FloatArray] = {}
        first = 0
        for name, devices in self._actions.items():
            part = given[first : first + len(devices)]
            first += len(devices)
            if name == BATTERY:
                asked["power_charge_kw"] = np.maximum(part, 0.0) * devices.parameters.power_charge_max_kw
                asked["power_discharge_kw"] = (
                    np.maximum(-part, 0.0) * devices.parameters.power_discharge_max_kw
                )
            else:
                low, high = _LIMITS[name](devices.parameters)
                asked[name] = low + 0.5 * (part + 1.0) * np.subtract(high, low)
        return Setpoints(**asked)


class AgentController:
    """Lets an agent decide.

    Derive a class that loads the agent, and name it as a controller of your own:

    .. code-block:: python

        class Mine(AgentController):
            def __init__(self):
                super().__init__(PPO.load("agent.zip"))

    Parameters
    ----------
    agent : Agent
        Anything with ``predict(observation, deterministic=True) -> (action, state)``.
    actions, leads_h
        As the agent was trained with; see `AgentView`.
    """

    def __init__(
        self, agent: Agent, actions: Sequence[str] | None = None, leads_h: Sequence[float] = LEADS_H
    ) -> None:
        self._agent, self._actions, self._leads_h = agent, actions, leads_h

    def reset(self, community: Community, seed: int) -> None:
        """Take the community, whose devices must be as many as the agent was trained with."""
        self._view = AgentView(community, self._actions, self._leads_h)

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        """Ask the agent."""
        action, _ = self._agent.predict(self._view.encode(observation, forecast), deterministic=True)
        return self._view.decode(action)


def bounds_of(name: str) -> tuple[float, float]:
    """Lowest and highest value of a quantity, by the one table of quantities."""
    described = quantity(name)
    if described.bounds is not None:
        return described.bounds
    return (0.0 if described.sign is Sign.NON_NEGATIVE else -np.inf), np.inf
