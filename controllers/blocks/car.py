"""Electric cars in the optimisation: charging at home, and what the coming trips need."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyomo.environ as pyo

from recosim.arrays import FloatArray
from recosim.components import Devices
from recosim.contracts import Community
from recosim.controllers.blocks.block import PlannedValues, Window, given
from recosim.controllers.blocks.pod import CONTRACT_MARGIN
from recosim.controllers.horizon import Horizon
from recosim.controllers.storage_value import value_of_car
from recosim.simulators.physics.car import Car

PRICE_SHORT_EUR_PER_KWH = 10.0
"""Price of each kWh that a car lacks for its trips at the end of a slot: dearer than any other."""


class CarBlock:
    """All cars of a community over a horizon.

    A car at home charges with any power of its wall box; a trip takes what it takes. At the end of each slot
    the battery holds what the trips after it need, by the forecast that the wall box itself goes by. Only
    where that cannot be had is it missing, at a price, so that there is always a plan.

    Slots of quarter-hours watch the contract power of the delivery point; in longer ones a car is planned
    with what the contract leaves beside the load.

    Parameters
    ----------
    community : Community
    horizon : Horizon
    """

    def __init__(self, community: Community, horizon: Horizon) -> None:
        self._devices: Devices = community.devices["car"]
        self._car: Car = self._devices.parameters
        self._horizon = horizon
        self._contract_kw: FloatArray = community.pods.power_contract_kw[self._devices.node]

    def build(self, model: Any) -> pyo.Block:
        """Declare energy, power, the priced shortfall and the value of what is left."""
        block = model.car = pyo.Block()
        hours, last, n = self._horizon.hours, self._horizon.n_slots, len(self._devices)
        capacity = np.broadcast_to(self._car.capacity_kwh, n)
        into = np.broadcast_to(self._car.efficiency_charge, n)
        block.i = pyo.RangeSet(0, n - 1)
        block.k = pyo.RangeSet(0, last - 1)
        g = given(
            block,
            drift_kwh=(block.k, block.i),
            energy_least_kwh=(block.k, block.i),
            power_max_kw=(block.k, block.i),
            value_eur_per_kwh=(block.i,),
        )
        block.power_car_kw = pyo.Var(block.i, block.k, bounds=(0, None))
        block.energy_car_battery_kwh = pyo.Var(
            pyo.RangeSet(1, last), block.i, bounds=lambda _, k, i: (None, float(capacity[i]))
        )
        block.energy_short_kwh = pyo.Var(block.i, block.k, bounds=(0, None))

        @block.Constraint(block.k, block.i)
        def energy_balance(b: Any, k: int, i: int) -> Any:
            before = b.energy_car_battery_kwh[k, i] if k else 0.0
            charged = float(into[i] * hours[k]) * b.power_car_kw[i, k]
            return b.energy_car_battery_kwh[k + 1, i] == before + charged + g.drift_kwh[k, i]

        @block.Constraint(block.k, block.i)
        def enough_for_the_trips(b: Any, k: int, i: int) -> Any:
            return b.energy_car_battery_kwh[k + 1, i] + b.energy_short_kwh[i, k] >= g.energy_least_kwh[k, i]

        @block.Constraint(block.k, block.i)
        def power_limit(b: Any, k: int, i: int) -> Any:
            return b.power_car_kw[i, k] <= g.power_max_kw[k, i]

        block.short_eur = pyo.Expression(
            expr=sum(PRICE_SHORT_EUR_PER_KWH * block.energy_short_kwh[i, k] for i in block.i for k in block.k)
        )
        block.cost_eur = pyo.Expression(
            expr=block.short_eur
            - sum(g.value_eur_per_kwh[i] * block.energy_car_battery_kwh[last, i] for i in block.i)
        )
        return block

    def give(self, window: Window) -> Mapping[str, FloatArray]:
        """Values of the given components; the energy of spare slots stays at what is observed."""
        forecast, horizon = window.forecast, self._horizon
        energy = window.observation["energy_car_battery_kwh"]
        taken = window.slots(_driven_kw(forecast.power_trip_kw, energy, horizon.steps_per_hour))
        drift = -taken * horizon.hours[:, None]
        drift[0] += energy
        ends = horizon.starts + np.asarray(horizon.lengths) - window.spare
        least = forecast.energy_car_least_kwh[np.maximum(ends, 1) - 1]
        return {
            "drift_kwh": drift,
            "energy_least_kwh": np.where(ends[:, None] > 0, least, 0.0),
            "power_max_kw": self.power_max_kw(window),
            "value_eur_per_kwh": value_of_car(self._car, window.price_mean[self._devices.node]),
        }

    def ask(self, plan: PlannedValues) -> Mapping[str, FloatArray]:
        """The planned powers."""
        shape = (len(self._devices), self._horizon.n_slots)
        return {"power_car_kw": np.maximum(plan("car.power_car_kw", *shape), 0.0)}

    def power_max_kw(self, window: Window) -> FloatArray:
        """Most electric power each car can take in each slot, shape (n_slots, n_cars) [kW]."""
        at_home = window.slots((window.forecast.power_trip_kw == 0.0).astype(np.float64))
        most = at_home * self._car.power_max_kw
        left = CONTRACT_MARGIN * self._contract_kw - window.slots(window.net_load_kw[:, self._devices.node])
        long = (self._horizon.hours >= 1.0)[:, None]
        return np.asarray(np.where(long, np.clip(left, 0.0, most), most), dtype=np.float64)


def _driven_kw(trip_kw: FloatArray, energy_kwh: FloatArray, steps_per_hour: int) -> FloatArray:
    """What trips take from the batteries; those under way take no more than is left there [kW]."""
    under_way = np.logical_and.accumulate(trip_kw > 0.0, axis=0)
    if not under_way[0].any():
        return trip_kw
    so_far = np.minimum(np.cumsum(trip_kw * under_way, axis=0) / steps_per_hour, energy_kwh)
    left = np.diff(so_far, axis=0, prepend=0.0) * steps_per_hour
    return np.where(under_way, left, trip_kw)
