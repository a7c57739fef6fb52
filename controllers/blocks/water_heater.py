"""Hot water tanks in the optimisation: linear above the temperature of use, priced below it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyomo.environ as pyo

from recosim.arrays import FloatArray
from recosim.components import Devices
from recosim.contracts import Community
from recosim.controllers.blocks.block import PlannedValues, Window, given
from recosim.controllers.blocks.dwelling import FAR_FACTOR, NEAR_K
from recosim.controllers.horizon import Horizon
from recosim.controllers.storage_value import value_of_tank
from recosim.simulators.physics.hot_water import (
    TEMP_TANK_MAX_DEGC,
    WaterHeater,
    decay,
    heat_per_power,
    temp_cold_degc,
)

MARGIN_K = 1.0
"""How far above the temperature of use a plan stays: slots of hours hide the draws inside them."""
COP_STEPS = 0.1
"""Beyond the present slot a COP is rounded, so that the matrix seldom changes."""


class WaterHeaterBlock:
    """All water heaters of a community over a horizon.

    A tank above the temperature of use is linear: what leaves by the tap does not depend on its temperature.
    A plan takes the same for a colder one, which then looks colder than it will be, and pays for each kelvin
    below the temperature of use as for discomfort in a room, so that it happens only when it must.

    Parameters
    ----------
    community : Community
    horizon : Horizon
    free_start : bool
        The first temperatures are decisions with a price of their own, nothing is kept for safety, and a tank
        may hand out less heat where it is below the temperature of use; the caller gives the values named in
        ``FREE_START``. For bounds, not for control.
    """

    FREE_START = (
        "temp_start_min_degc",
        "temp_start_max_degc",
        "value_start_eur_per_k",
        "value_eur_per_k",
    )
    """Components that ``give`` leaves to the caller."""

    def __init__(self, community: Community, horizon: Horizon, free_start: bool = False) -> None:
        self._free_start = free_start
        self._community = community
        self._devices: Devices = community.devices["water_heater"]
        self._heater: WaterHeater = self._devices.parameters
        self._horizon = horizon
        n = len(self._devices)
        answers = [decay(self._heater, 3600.0 * float(h)) for h in horizon.hours]
        self._keeps = np.stack([np.broadcast_to(keeps, n) for keeps, _ in answers])
        self._per_kw = np.stack([np.broadcast_to(per_kw, n) for _, per_kw in answers])

    def build(self, model: Any) -> pyo.Block:
        """Declare temperatures, powers, the priced shortfall and its cost."""
        block = model.water_heater = pyo.Block()
        hours, last = self._horizon.hours, self._horizon.n_slots
        first = 0 if self._free_start else 1
        block.i = pyo.RangeSet(0, len(self._devices) - 1)
        block.k = pyo.RangeSet(0, last - 1)
        g = given(
            block,
            drift=(block.k, block.i),
            rise_k_per_kw=(block.k, block.i),
            power_max_kw=(block.k, block.i),
            temp_min_degc=(block.i,),
            price_comfort=(block.k, block.i),
            value_eur_per_k=(block.i,),
        )
        block.power_water_heating_kw = pyo.Var(block.i, block.k, bounds=(0, None))
        block.temp_tank_degc = pyo.Var(pyo.RangeSet(first, last), block.i, bounds=(None, TEMP_TANK_MAX_DEGC))
        block.cold_near = pyo.Var(block.i, block.k, bounds=(0, NEAR_K))
        block.cold_far = pyo.Var(block.i, block.k, bounds=(0, None))
        if self._free_start:
            self._declare_free_start(block)

        @block.Constraint(block.k, block.i)
        def heat_balance(b: Any, k: int, i: int) -> Any:
            before = float(self._keeps[k, i]) * b.temp_tank_degc[k, i] if k >= first else 0.0
            rise = g.rise_k_per_kw[k, i] * b.power_water_heating_kw[i, k]
            if self._free_start:
                rise += float(self._per_kw[k, i]) * b.heat_unmet_kw[i, k]
            return b.temp_tank_degc[k + 1, i] == before + rise + g.drift[k, i]

        @block.Constraint(block.k, block.i)
        def warm_enough(b: Any, k: int, i: int) -> Any:
            return b.temp_tank_degc[k + 1, i] + b.cold_near[i, k] + b.cold_far[i, k] >= g.temp_min_degc[i]

        @block.Constraint(block.k, block.i)
        def power_limit(b: Any, k: int, i: int) -> Any:
            return b.power_water_heating_kw[i, k] <= g.power_max_kw[k, i]

        block.discomfort_eur = pyo.Expression(
            expr=sum(
                g.price_comfort[k, i]
                * float(hours[k])
                * (block.cold_near[i, k] + FAR_FACTOR * block.cold_far[i, k])
                for k in block.k
                for i in block.i
            )
        )
        block.cost_eur = pyo.Expression(
            expr=block.discomfort_eur
            - sum(g.value_eur_per_k[i] * block.temp_tank_degc[last, i] for i in block.i)
        )
        if self._free_start:
            block.cost_eur.expr += sum(
                g.value_start_eur_per_k[i] * block.temp_tank_degc[0, i] for i in block.i
            )
        return block

    @staticmethod
    def _declare_free_start(block: Any) -> None:
        """Declare what bounds a free start, and what a tank below the temperature of use keeps back."""
        g = block.given
        g.temp_start_min_degc = pyo.Var(block.i)
        g.temp_start_max_degc = pyo.Var(block.i)
        g.value_start_eur_per_k = pyo.Var(block.i)
        g.unmet_kw_per_k = pyo.Var(block.k, block.i)
        block.heat_unmet_kw = pyo.Var(block.i, block.k, bounds=(0, None))

        @block.Constraint(block.i)
        def not_below_start(b: Any, i: int) -> Any:
            return b.temp_tank_degc[0, i] >= g.temp_start_min_degc[i]

        @block.Constraint(block.i)
        def not_above_start(b: Any, i: int) -> Any:
            return b.temp_tank_degc[0, i] <= g.temp_start_max_degc[i]

        # within a step a tank moves one way, so the colder of both ends decides what it may keep back, and
        # what the run counts as discomfort
        @block.Constraint(block.k, block.i)
        def warm_enough_at_first(b: Any, k: int, i: int) -> Any:
            return b.temp_tank_degc[k, i] + b.cold_near[i, k] + b.cold_far[i, k] >= g.temp_min_degc[i]

        @block.Constraint(block.k, block.i)
        def unmet_when_cold(b: Any, k: int, i: int) -> Any:
            short = b.cold_near[i, k] + b.cold_far[i, k]
            return b.heat_unmet_kw[i, k] - g.unmet_kw_per_k[k, i] * short <= 0.0

    def give(self, window: Window) -> Mapping[str, FloatArray]:
        """Values of the given components; temperatures of spare slots stay at what is observed."""
        heater, forecast, horizon = self._heater, window.forecast, window.horizon
        n_slots, n = horizon.n_slots, len(self._devices)
        # no tank is hotter: a sensor that shows more errs, and must not leave the plan without a solution
        observed = np.minimum(window.observation["temp_tank_degc"], TEMP_TANK_MAX_DEGC)
        if self._free_start:  # no share of the drift comes from temperatures that are known
            observed = np.zeros_like(observed)
        draw, draws = window.slots_of(forecast.heat_hot_water_kw, forecast.heat_hot_water_kw > 0.0)
        present = np.arange(n_slots)[:, None] >= window.spare
        drift = (1.0 - self._keeps) * heater.temp_room_degc - self._per_kw * draw
        drift[: window.spare] = (1.0 - self._keeps[: window.spare]) * observed
        drift[0] = observed if window.spare else drift[0] + self._keeps[0] * observed
        occupied = draws if self._free_start else np.ones_like(draws)
        margin = 0.0 if self._free_start else MARGIN_K
        outdoor = float(window.forecast.temp_outdoor_degc.mean())
        values = {
            "drift": drift,
            "rise_k_per_kw": self._per_kw * self._heat_per_power(window),
            "power_max_kw": np.where(present, heater.power_max_kw, np.zeros((n_slots, n))),
            "temp_min_degc": np.broadcast_to(np.asarray(heater.temp_tap_degc) + margin, n),
            "price_comfort": self._community.price_comfort_eur_per_kh * np.where(present, occupied, 0.0),
            "value_eur_per_k": value_of_tank(heater, window.price_mean[self._devices.node], outdoor),
        }
        if self._free_start:
            times = forecast.grid.times[: horizon.n_steps, None] + forecast.grid.step_s / 2.0
            cold = horizon.window(temp_cold_degc(heater, times), window.spare)
            values["unmet_kw_per_k"] = draw / (heater.temp_tap_degc - horizon.slot_means(cold))
        return {name: v for name, v in values.items() if not (self._free_start and name in self.FREE_START)}

    def ask(self, plan: PlannedValues) -> Mapping[str, FloatArray]:
        """The planned powers."""
        shape = (len(self._devices), self._horizon.n_slots)
        name = "power_water_heating_kw"
        return {name: np.maximum(plan(f"water_heater.{name}", *shape), 0.0)}

    def power_max_kw(self, window: Window) -> FloatArray:
        """Most electric power each heater can take in each slot, shape (n_slots, n_heaters) [kW]."""
        shape = (self._horizon.n_slots, len(self._devices))
        return np.array(np.broadcast_to(self._heater.power_max_kw, shape), dtype=np.float64)

    def _heat_per_power(self, window: Window) -> FloatArray:
        """COP in each slot: at the tank's temperature now, at the set-point later, shape (n_slots, n)."""
        heater = self._heater
        efficiency = heat_per_power(heater, window.temp_outdoor_degc, heater.temp_setpoint_degc)
        rounded = np.round(efficiency / COP_STEPS) * COP_STEPS if np.any(heater.heat_pump) else efficiency
        values = np.array(np.broadcast_to(rounded, self._keeps.shape))
        now = window.observation["temp_tank_degc"]
        values[window.spare] = heat_per_power(heater, window.temp_outdoor_degc[window.spare], now)
        return values
