"""The installed rules with other set-backs and another early start, tuned on weeks that no comparison uses.

What an optimising controller gains over rules is partly what better rules would gain too. Here the thermostat
of every dwelling is the installed one (`recosim.simulators.physics.thermostat`: hold the near edge of the
band, start early by the rate that was learned), with four figures free: how deep it sets back, and how early
it starts. Learning how long recovery from a set-back takes goes back to

    J. E. Seem, P. R. Armstrong, C. E. Hancock, "Algorithms for predicting recovery time from night setback",
    ASHRAE Transactions 95 (1989).
"""

from collections.abc import Mapping
from dataclasses import fields

import numpy as np

from recosim.arrays import FloatArray
from recosim.contracts import Community, Forecast, Observation, Setpoints
from recosim.controllers.option_values import number_between
from recosim.controllers.rules import Rules
from recosim.simulators.dwellings import LOOK_AHEAD_HOURS, DwellingParameters
from recosim.simulators.physics.thermostat import ThermostatState, initial_state, learn, thermostat_targets


class TunedRules(Rules):
    """The devices' own rules with a tuned thermostat, inside the same comfort band.

    In a set-back the thermostat holds the strictest edge of the coming day, moved by ``setback``, but never
    less than the band of the moment asks for. It begins the next stretch ``start`` times as early
    as its learned rate says: 1 is the installed rule, 0 begins when the edge applies. Batteries, tanks and
    appliances follow their own rules.

    The defaults gave the least sum of J over weeks 6, 25, 32 and 49 of `naples` with seed 2, with at most 5 %
    more discomfort than the installed rules; comparisons use other weeks and seeds. They are found by

        python benchmarks/tune_rules.py

    Parameters
    ----------
    setback_heating_k, setback_cooling_k : float
        Set-back from the day's strictest edge, 0 to 20 [K].
    start_heating, start_cooling : float
        How early to start, against the installed rule, 0 to 10.
    """

    def __init__(
        self,
        setback_heating_k: float = 4.0,
        setback_cooling_k: float = 4.0,
        start_heating: float = 0.5,
        start_cooling: float = 1.0,
    ) -> None:
        def kelvin(name: str, value: float) -> float:
            return number_between(f"rules-tuned.{name}", value, 0.0, 20.0)

        def factor(name: str, value: float) -> float:
            return number_between(f"rules-tuned.{name}", value, 0.0, 10.0)

        self._setback_heating_k = kelvin("setback_heating_k", setback_heating_k)
        self._setback_cooling_k = kelvin("setback_cooling_k", setback_cooling_k)
        self._start_heating = factor("start_heating", start_heating)
        self._start_cooling = factor("start_cooling", start_cooling)

    def reset(self, community: Community, seed: int) -> None:
        """New thermostats, which have learned nothing yet."""
        dwellings = community.devices["dwelling"]
        self._parameters: DwellingParameters = dwellings.parameters
        self._step_s = community.grid.step_s
        self._n_ahead = LOOK_AHEAD_HOURS * community.grid.steps_per_hour
        self._n_day = 24 * community.grid.steps_per_hour
        self._thermostat = initial_state(len(dwellings))
        self._last: tuple[FloatArray, ...] = ()

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        """Targets of the tuned thermostats, for heating and for cooling in their season."""
        operative = self._temp_operative_degc(observation, forecast)
        self._learn(operative)
        lower = forecast.temp_comfort_min_degc[: self._n_day]
        upper = forecast.temp_comfort_max_degc[: self._n_day]
        upper = np.where(forecast.cooling_season[: self._n_day, None], upper, np.inf)
        lower = np.where(forecast.heating_season[: self._n_day, None], lower, -np.inf)
        ahead = slice(self._n_ahead)
        held_low = np.maximum(lower[ahead], lower.max(axis=0) - self._setback_heating_k)
        held_high = np.minimum(upper[ahead], upper.min(axis=0) + self._setback_cooling_k)
        # no set-back outside the season: an edge tomorrow is none today
        held_low = np.where(np.isfinite(lower[ahead]), held_low, -np.inf)
        held_high = np.where(np.isfinite(upper[ahead]), held_high, np.inf)
        targets = self._targets(operative, held_low, held_high)
        self._last = (operative, *targets, held_low[0], held_high[0])
        return Setpoints(temp_heating_degc=_or_none(targets[0]), temp_cooling_degc=_or_none(targets[1]))

    def get_state(self) -> dict[str, FloatArray]:
        """What the thermostats have learned, and what they will learn from next."""
        learned = {item.name: getattr(self._thermostat, item.name) for item in fields(self._thermostat)}
        return learned | {f"last/{i}": values for i, values in enumerate(self._last)}

    def set_state(self, state: Mapping[str, FloatArray]) -> None:
        """Go on from `get_state`, after `reset`."""
        self._thermostat = ThermostatState(
            **{item.name: state[item.name] for item in fields(ThermostatState)}
        )
        n_last = sum(name.startswith("last/") for name in state)
        self._last = tuple(state[f"last/{i}"] for i in range(n_last))

    def _targets(
        self, operative: FloatArray, lower: FloatArray, upper: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """What the installed thermostat would say if it were slower, or quicker, than it has learned."""
        state = self._thermostat
        believed = ThermostatState(
            rate_heating_k_per_h=_slowed(state.rate_heating_k_per_h, self._start_heating),
            rate_cooling_k_per_h=_slowed(state.rate_cooling_k_per_h, self._start_cooling),
            edge_heating_degc=state.edge_heating_degc,
            edge_cooling_degc=state.edge_cooling_degc,
        )
        return thermostat_targets(believed, operative, lower, upper, self._step_s)

    def _learn(self, operative: FloatArray) -> None:
        """Draw the learned rates towards what the last step showed."""
        if self._last:
            before, heating, cooling, lower, upper = self._last
            self._thermostat = learn(
                self._thermostat, before, operative, heating, cooling, lower, upper, self._step_s
            )

    def _temp_operative_degc(self, observation: Observation, forecast: Forecast) -> FloatArray:
        """What a thermostat feels: the nodes as observed, weather and gains as of this step."""
        network = self._parameters.network
        felt = (
            network.operative_air * observation["temp_indoor_degc"]
            + network.operative_mass * observation["temp_mass_degc"]
            + network.operative_outdoor * forecast.temp_outdoor_degc[0]
            + network.operative_internal_k_per_kw * forecast.heat_internal_kw[0]
            + network.operative_solar_k_per_kw * forecast.heat_solar_kw[0]
        )
        return np.asarray(felt, dtype=np.float64)


def _slowed(rate_k_per_h: FloatArray, start: float) -> FloatArray:
    """The rate at which the need for time is ``start`` times what it is; 0 needs none."""
    return rate_k_per_h / start if start > 0.0 else np.full_like(rate_k_per_h, np.inf)


def _or_none(target_degc: FloatArray) -> FloatArray:
    """Targets, with NaN where there is none, which leaves a dwelling to its own rule: off, as well."""
    return np.where(np.isfinite(target_degc), target_degc, np.nan)
