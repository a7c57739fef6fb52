"""Dwellings in the optimisation: the 3R2C network, reversible air conditioning, a priced comfort band."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyomo.environ as pyo

from recosim.arrays import FloatArray
from recosim.components import Devices
from recosim.contracts import Community, Forecast
from recosim.controllers.blocks.block import PlannedValues, Window, given
from recosim.controllers.horizon import Horizon
from recosim.controllers.storage_value import value_of_heat
from recosim.simulators.dwellings import (
    TEMP_COOLING_STOPS_DEGC,
    TEMP_HEATING_STOPS_DEGC,
    DwellingParameters,
)
from recosim.simulators.physics.comfort import windows_open
from recosim.simulators.physics.heat_pump import cooling_capacity_kw, cop, eer, heating_capacity_kw
from recosim.simulators.physics.rc_network import AIR, MASS, DiscreteNetwork, discretise

NEAR_K = 2.0
FAR_FACTOR = 3.0
"""Beyond ``NEAR_K`` outside the band, a kelvin hour costs ``FAR_FACTOR`` times as much."""
OPEN_BAND_DEGC = 1e3
"""Stands for no limit in a comfort row, which must stay finite."""
RUNS_KW = 1e-6
"""A planned power below this is none."""
FROZEN_WITHIN = 0.01
"""A COP enters the matrix anew only when it has moved by more than this share."""


class DwellingBlock:
    """All dwellings of a community over a horizon.

    Parameters
    ----------
    community : Community
    horizon : Horizon
    free_start : bool
        The first temperatures are decisions with a price of their own, and heat may be removed beside the air
        conditioning; the caller gives the values named in ``FREE_START``. For bounds, not for control.
    """

    FREE_START = (
        "temp_start_min_degc",
        "temp_start_max_degc",
        "value_start_eur_per_k",
        "value_eur_per_k",
        "removal_min_kw",
        "removal_kw",
        "removal_kw_per_k",
    )
    """Components that ``give`` leaves to the caller: between ``removal_min_kw`` and ``removal_kw +
    removal_kw_per_k T_air`` of heat is removed in a slot that begins with ``T_air``."""

    def __init__(self, community: Community, horizon: Horizon, free_start: bool = False) -> None:
        self._free_start = free_start
        self._community = community
        self._devices: Devices = community.devices["dwelling"]
        self._parameters: DwellingParameters = self._devices.parameters
        self._horizon = horizon
        self._by_length = {
            int(length): discretise(self._parameters.network, float(length) * community.grid.step_s)
            for length in np.unique(horizon.lengths)
        }
        self._response = np.stack([network.b for network in self._networks()])
        self._held: dict[str, FloatArray] = {}
        self._operative_given: FloatArray = np.zeros((horizon.n_slots, len(self._devices)))

    def reset(self) -> None:
        """Forget the coefficients held so far."""
        self._held.clear()

    def _networks(self) -> list[DiscreteNetwork]:
        return [self._by_length[length] for length in self._horizon.lengths]

    def build(self, model: Any) -> pyo.Block:
        """Declare temperatures, powers, comfort slack and their cost."""
        block = model.dwelling = pyo.Block()
        network = self._parameters.network
        step = self._networks()
        hours = self._horizon.hours
        n = len(self._devices)
        block.i = pyo.RangeSet(0, n - 1)
        block.k = pyo.RangeSet(0, self._horizon.n_slots - 1)
        block.node = pyo.RangeSet(AIR, MASS)
        last = self._horizon.n_slots
        g = given(
            block,
            drift=(block.node, block.k, block.i),
            cop=(block.k, block.i),
            eer=(block.k, block.i),
            heating_max_kw=(block.k, block.i),
            cooling_max_kw=(block.k, block.i),
            temp_min_degc=(block.k, block.i),
            temp_max_degc=(block.k, block.i),
            price_comfort=(block.k, block.i),
            value_eur_per_k=(block.node, block.i),
        )
        first = 0 if self._free_start else 1
        block.power_heating_kw = pyo.Var(block.i, block.k, bounds=(0, None))
        block.power_cooling_kw = pyo.Var(block.i, block.k, bounds=(0, None))
        block.temp = pyo.Var(block.node, pyo.RangeSet(first, last), block.i)
        block.cold_near, block.warm_near = (
            pyo.Var(block.i, block.k, bounds=(0, NEAR_K)),
            pyo.Var(block.i, block.k, bounds=(0, NEAR_K)),
        )
        block.cold_far, block.warm_far = (
            pyo.Var(block.i, block.k, bounds=(0, None)),
            pyo.Var(block.i, block.k, bounds=(0, None)),
        )

        if self._free_start:
            self._declare_free_start(block)

        @block.Expression(block.k, block.i)
        def heat_kw(b: Any, k: int, i: int) -> Any:
            conditioned = g.cop[k, i] * b.power_heating_kw[i, k] - g.eer[k, i] * b.power_cooling_kw[i, k]
            return conditioned - b.heat_removed_kw[i, k] if self._free_start else conditioned

        @block.Constraint(block.node, block.k, block.i)
        def heat_balance(b: Any, node: int, k: int, i: int) -> Any:
            a, per_kw = step[k].a[i, node], step[k].b[i, node, 2]
            before = sum(a[other] * b.temp[other, k, i] for other in b.node) if k >= first else 0.0
            return b.temp[node, k + 1, i] == before + per_kw * b.heat_kw[k, i] + g.drift[node, k, i]

        @block.Expression(block.k, block.i)
        def temp_operative(b: Any, k: int, i: int) -> Any:
            return (
                network.operative_air[i] * b.temp[AIR, k + 1, i]
                + network.operative_mass[i] * b.temp[MASS, k + 1, i]
            )

        @block.Constraint(block.k, block.i)
        def not_too_cold(b: Any, k: int, i: int) -> Any:
            slack = b.cold_near[i, k] + b.cold_far[i, k] - b.warm_near[i, k] - b.warm_far[i, k]
            return b.temp_operative[k, i] + slack >= g.temp_min_degc[k, i]

        @block.Constraint(block.k, block.i)
        def not_too_warm(b: Any, k: int, i: int) -> Any:
            slack = b.cold_near[i, k] + b.cold_far[i, k] - b.warm_near[i, k] - b.warm_far[i, k]
            return b.temp_operative[k, i] + slack <= g.temp_max_degc[k, i]

        @block.Constraint(block.k, block.i)
        def heating_limit(b: Any, k: int, i: int) -> Any:
            return b.power_heating_kw[i, k] <= g.heating_max_kw[k, i]

        @block.Constraint(block.k, block.i)
        def cooling_limit(b: Any, k: int, i: int) -> Any:
            return b.power_cooling_kw[i, k] <= g.cooling_max_kw[k, i]

        @block.SOSConstraint(block.k, block.i, sos=1)
        def heats_or_cools(b: Any, k: int, i: int) -> Any:
            return [b.power_heating_kw[i, k], b.power_cooling_kw[i, k]]

        block.discomfort_eur = pyo.Expression(
            expr=sum(
                g.price_comfort[k, i]
                * float(hours[k])
                * (
                    block.cold_near[i, k]
                    + block.warm_near[i, k]
                    + FAR_FACTOR * (block.cold_far[i, k] + block.warm_far[i, k])
                )
                for k in block.k
                for i in block.i
            )
        )
        block.cost_eur = pyo.Expression(
            expr=block.discomfort_eur
            - sum(
                g.value_eur_per_k[node, i] * block.temp[node, last, i] for node in block.node for i in block.i
            )
        )
        if self._free_start:
            block.cost_eur.expr += sum(
                g.value_start_eur_per_k[node, i] * block.temp[node, 0, i]
                for node in block.node
                for i in block.i
            )
        return block

    @staticmethod
    def _declare_free_start(block: Any) -> None:
        """Declare what bounds a free start, and heat that leaves beside the air conditioning."""
        g = block.given
        g.temp_start_min_degc = pyo.Var(block.node, block.i)
        g.temp_start_max_degc = pyo.Var(block.node, block.i)
        g.value_start_eur_per_k = pyo.Var(block.node, block.i)
        g.removal_min_kw = pyo.Var(block.k, block.i)
        g.removal_kw = pyo.Var(block.k, block.i)
        g.removal_kw_per_k = pyo.Var(block.k, block.i)
        block.heat_removed_kw = pyo.Var(block.i, block.k)

        @block.Constraint(block.node, block.i)
        def not_below_start(b: Any, node: int, i: int) -> Any:
            return b.temp[node, 0, i] >= g.temp_start_min_degc[node, i]

        @block.Constraint(block.node, block.i)
        def not_above_start(b: Any, node: int, i: int) -> Any:
            return b.temp[node, 0, i] <= g.temp_start_max_degc[node, i]

        @block.Constraint(block.k, block.i)
        def removed_at_least(b: Any, k: int, i: int) -> Any:
            return b.heat_removed_kw[i, k] >= g.removal_min_kw[k, i]

        @block.Constraint(block.k, block.i)
        def removed_at_most(b: Any, k: int, i: int) -> Any:
            more_when_warm = g.removal_kw_per_k[k, i] * b.temp[AIR, k, i]
            return b.heat_removed_kw[i, k] - more_when_warm <= g.removal_kw[k, i]

    def give(self, window: Window) -> Mapping[str, FloatArray]:
        """Values of the given components; temperatures of spare slots stay at what is observed."""
        parameters, forecast, horizon = self._parameters, window.forecast, window.horizon
        network = parameters.network
        observed = np.stack([window.observation["temp_indoor_degc"], window.observation["temp_mass_degc"]], 1)
        if self._free_start:  # no share of the drift comes from temperatures that are known
            observed = np.zeros_like(observed)
        n = len(self._devices)
        outdoor = window.temp_outdoor_degc
        internal, solar, solair = window.slots_of(
            forecast.heat_internal_kw, forecast.heat_solar_kw, forecast.temp_solair_degc
        )
        weather = window.common.get("dwelling")
        if weather is None:
            weather = window.common["dwelling"] = self._of_weather(window, observed[:, AIR])
        inputs = np.empty((horizon.n_slots, n, 5))
        for j, rows in enumerate((outdoor, solair, weather["airing"], internal, solar)):
            inputs[:, :, j] = rows
        drift = np.einsum("knsj,knj->kns", self._response, inputs)
        kept = np.einsum("nab,nb->na", self._by_length[horizon.lengths[0]].a, observed)
        if window.spare:
            drift[: window.spare] = observed - kept
            drift[0] = observed
        else:
            drift[0] += kept
        weights = (
            network.operative_outdoor * outdoor
            + network.operative_internal_k_per_kw * internal
            + network.operative_solar_k_per_kw * solar
        )
        self._operative_given = weights
        values = {
            **{name: v for name, v in weather.items() if name not in ("airing", "lowest", "highest")},
            "drift": drift.transpose(2, 0, 1),
            "temp_min_degc": weather["lowest"] - weights,
            "temp_max_degc": weather["highest"] - weights,
        }
        return {name: v for name, v in values.items() if not (self._free_start and name in self.FREE_START)}

    def _of_weather(self, window: Window, temp_air_degc: FloatArray) -> Mapping[str, FloatArray]:
        """What neither sun nor load changes: limits, band, prices, and the heat of open windows."""
        forecast, parameters = window.forecast, self._parameters
        outdoor = window.temp_outdoor_degc
        opened = windows_open(temp_air_degc, forecast.temp_outdoor_degc[:, None], forecast.summer[:, None])
        airing = np.where(
            opened,
            parameters.conductance_windows_open_w_per_k
            * (forecast.temp_outdoor_degc[:, None] - temp_air_degc)
            / 1e3,
            0.0,
        )
        device = parameters.air_conditioner
        heating_max, cooling_max = self._power_limits(window)
        prices = window.price_mean[self._devices.node]
        occupied, airing = window.slots_of(forecast.occupied, airing)
        return {
            "airing": airing,
            "cop": self._hold("cop", cop(device, outdoor), window.spare),
            "eer": self._hold("eer", eer(device, outdoor), window.spare),
            "heating_max_kw": heating_max,
            "cooling_max_kw": cooling_max,
            "lowest": self._edge(window, self._lowest(forecast), np.maximum),
            "highest": self._edge(window, self._highest(forecast), np.minimum),
            "price_comfort": self._community.price_comfort_eur_per_kh
            * np.where(occupied > 0.0, occupied, 0.0 if self._free_start else 1.0),
            "value_eur_per_k": value_of_heat(parameters, forecast, prices),
        }

    def ask(self, plan: PlannedValues) -> Mapping[str, FloatArray]:
        """Planned temperatures where a unit runs, so that the device meets them whatever its part load.

        Where nothing is planned both powers are zero; slots longer than a step ask for powers.
        """
        n, n_slots = len(self._devices), self._horizon.n_slots
        network = self._parameters.network
        heating = plan("dwelling.power_heating_kw", n, n_slots)
        cooling = plan("dwelling.power_cooling_kw", n, n_slots)
        air, mass = plan("dwelling.temp", 2, n_slots, n)
        operative = (network.operative_air * air + network.operative_mass * mass + self._operative_given).T
        heats, cools = heating > RUNS_KW, cooling > RUNS_KW
        by_power = ~(heats | cools) | (np.asarray(self._horizon.lengths) > 1)
        return {
            "power_heating_kw": np.where(by_power, np.where(heats, heating, 0.0), np.nan),
            "power_cooling_kw": np.where(by_power, np.where(cools, cooling, 0.0), np.nan),
            "temp_heating_degc": np.where(heats & ~by_power, operative, np.nan),
            "temp_cooling_degc": np.where(cools & ~by_power, operative, np.nan),
        }

    def power_max_kw(self, window: Window) -> FloatArray:
        """Most electric power each dwelling can take in each slot, shape (n_slots, n_dwellings) [kW]."""
        weather = window.common.get("dwelling")
        if weather is not None:
            return np.maximum(weather["heating_max_kw"], weather["cooling_max_kw"])
        heating, cooling = self._power_limits(window)
        return np.maximum(heating, cooling)

    def _power_limits(self, window: Window) -> tuple[FloatArray, FloatArray]:
        """Electric power at full capacity, zero outside the season, shape (n_slots, n_dwellings) [kW]."""
        device, forecast = self._parameters.air_conditioner, window.forecast
        outdoor = window.temp_outdoor_degc
        heating, cooling = window.slots_of(forecast.heating_season[:, None], forecast.cooling_season[:, None])
        most_heating = heating_capacity_kw(device, outdoor) / cop(device, outdoor)
        most_cooling = cooling_capacity_kw(device, outdoor) / eer(device, outdoor)
        return np.where(heating > 0.5, most_heating, 0.0), np.where(cooling > 0.5, most_cooling, 0.0)

    def _lowest(self, forecast: Forecast) -> FloatArray:
        """Lower edges: the band with somebody at home, else where a unit stops cooling."""
        stops = np.where(forecast.cooling_season, TEMP_COOLING_STOPS_DEGC, -np.inf)[:, None]
        return np.where(forecast.occupied, forecast.temp_comfort_min_degc, stops)

    def _highest(self, forecast: Forecast) -> FloatArray:
        """Upper edges: the band with somebody at home, else where a unit stops heating."""
        stops = np.where(forecast.heating_season, TEMP_HEATING_STOPS_DEGC, np.inf)[:, None]
        return np.where(forecast.occupied, forecast.temp_comfort_max_degc, stops)

    def _edge(self, window: Window, rows: FloatArray, strictest: Any) -> FloatArray:
        """Strictest edge of the band inside each slot; open in spare slots."""
        none = -OPEN_BAND_DEGC if strictest is np.maximum else OPEN_BAND_DEGC
        limited = np.minimum(np.maximum(rows, -OPEN_BAND_DEGC), OPEN_BAND_DEGC)
        edges = window.horizon.window(limited, window.spare, none)
        result: FloatArray = strictest.reduceat(edges, window.horizon.starts, axis=0)
        return result

    def _hold(self, name: str, values: FloatArray, present: int) -> FloatArray:
        """Coefficients for the matrix: exact in the present slot, elsewhere changed only when they moved."""
        held = self._held.get(name)
        values = np.broadcast_to(values, (self._horizon.n_slots, len(self._devices)))
        if held is None:
            held = np.array(values)
        else:
            moved = np.abs(values - held) > FROZEN_WITHIN * np.abs(held)
            moved[:present] = False
            moved[present] = True
            held = np.where(moved, values, held)
        self._held[name] = held
        return held
