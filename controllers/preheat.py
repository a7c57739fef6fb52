"""Heat or cool ahead while the roof delivers, inside the comfort band; otherwise as installed.

The plainest use of a building's mass for self-consumption: a thermostat whose set-point moves while there is
more photovoltaic power than load. A rule of this kind is what predictive control is compared with in

    J. Salpakari, P. Lund, "Optimal and rule-based control strategies for energy flexibility in buildings with
    PV", Applied Energy 161 (2016) 425-436.
"""

import numpy as np

from recosim.arrays import BoolArray
from recosim.contracts import Community, Forecast, Observation, Setpoints
from recosim.controllers.option_values import number_between
from recosim.controllers.rules import Rules
from recosim.simulators.dwellings import LOOK_AHEAD_HOURS


class Preheat(Rules):
    """The devices' own rules, but more heating or cooling while there is a surplus.

    A dwelling has a surplus when the plants at its own delivery point give more than its load, or when those
    of the community give more than all loads: by ``surplus_kw``, for the community times the number of
    dwellings. The present step of the forecast says so. Then it heats or cools to the strictest edge of the
    band in the next four hours, moved into the band by ``shift_k``. What air conditioning and batteries draw
    counts in no load, so that a unit does not switch itself off. Batteries, tanks and appliances follow their
    own rules.

    Parameters
    ----------
    shift_k : float
        How far the set-point moves into the band, 0 to 5; never past its other edge [K].
    surplus_kw : float
        Least surplus, 0 to 1000 [kW].
    """

    def __init__(self, shift_k: float = 0.5, surplus_kw: float = 0.5) -> None:
        self._shift_k = number_between("preheat.shift_k", shift_k, 0.0, 5.0)
        self._surplus_kw = number_between("preheat.surplus_kw", surplus_kw, 0.0, 1000.0)

    def reset(self, community: Community, seed: int) -> None:
        """Note where plants and dwellings are."""
        self._dwellings = community.devices["dwelling"]
        self._plants = community.devices["photovoltaics"]
        self._n_pods = len(community.pods)
        self._n_ahead = LOOK_AHEAD_HOURS * community.grid.steps_per_hour

    def decide(self, observation: Observation, forecast: Forecast) -> Setpoints:
        """Set-points where there is a surplus; what is left out follows its own rule."""
        low = forecast.temp_comfort_min_degc[: self._n_ahead].max(axis=0)
        high = forecast.temp_comfort_max_degc[: self._n_ahead].min(axis=0)
        heating = np.minimum(low + self._shift_k, np.maximum(high, low))
        cooling = np.maximum(high - self._shift_k, np.minimum(low, high))
        surplus = self._has_surplus(forecast)
        # edges are infinite where no season asks for one
        heats = surplus & np.isfinite(heating) & bool(forecast.heating_season[0])
        cools = surplus & np.isfinite(cooling) & bool(forecast.cooling_season[0])
        return Setpoints(
            temp_heating_degc=np.where(heats, heating, np.nan),
            temp_cooling_degc=np.where(cools, cooling, np.nan),
        )

    def _has_surplus(self, forecast: Forecast) -> BoolArray:
        """Whether each dwelling's own delivery point or the community has a surplus, shape (n_dwellings,)."""
        generated = self._plants.at_nodes(forecast.power_pv_kw[0], self._n_pods)
        surplus = generated - forecast.power_load_kw[0]
        own = surplus[self._dwellings.node] > self._surplus_kw
        return np.asarray(own | (surplus.sum() > self._surplus_kw * len(self._dwellings)), dtype=np.bool_)
