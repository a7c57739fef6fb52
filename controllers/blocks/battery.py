"""Batteries in the optimisation."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyomo.environ as pyo

from recosim.arrays import FloatArray
from recosim.components import Devices
from recosim.contracts import Community
from recosim.controllers.blocks.block import PlannedValues, Window, given
from recosim.controllers.horizon import Horizon
from recosim.controllers.storage_value import value_of_charge
from recosim.simulators.batteries import STATE_OF_HEALTH
from recosim.simulators.physics.battery import Battery, retained_share
from recosim.simulators.physics.battery_ageing import aged


class BatteryBlock:
    """All batteries of a community over a horizon.

    Parameters
    ----------
    community : Community
    horizon : Horizon
    free_start : bool
        The first energies are decisions with a price of their own; the caller gives the values named in
        ``FREE_START``. For bounds, not for control.
    """

    FREE_START = (
        "energy_min_kwh",
        "energy_start_min_kwh",
        "energy_start_max_kwh",
        "value_start_eur_per_kwh",
        "value_eur_per_kwh",
    )
    """Components that ``give`` leaves to the caller."""

    def __init__(self, community: Community, horizon: Horizon, free_start: bool = False) -> None:
        self._free_start = free_start
        self._community = community
        self._devices: Devices = community.devices["battery"]
        self._battery: Battery = self._devices.parameters
        self._horizon = horizon
        # a bound keeps the limits of new batteries, which admit whatever aged ones do
        self._ages = STATE_OF_HEALTH in self._devices.declaration.states and not free_start

    def build(self, model: Any) -> pyo.Block:
        """Declare energy, charge, discharge and the cost of wear."""
        block = model.battery = pyo.Block()
        battery, hours = self._battery, self._horizon.hours
        n, first, last = len(self._devices), 0 if self._free_start else 1, self._horizon.n_slots
        keeps = [np.broadcast_to(retained_share(battery, 3600.0 * float(h)), n) for h in hours]
        energy_max = np.broadcast_to(np.multiply(battery.state_max, battery.capacity_kwh), n)
        into = np.broadcast_to(battery.efficiency_charge, n)
        out = np.broadcast_to(battery.efficiency_discharge, n)
        block.b = pyo.RangeSet(0, n - 1)
        block.k = pyo.RangeSet(0, last - 1)
        g = given(
            block,
            drift_kwh=(block.k, block.b),
            energy_min_kwh=(block.b,),
            charge_max_kw=(block.k, block.b),
            discharge_max_kw=(block.k, block.b),
            value_eur_per_kwh=(block.b,),
        )
        block.power_charge_kw = pyo.Var(block.b, block.k, bounds=(0, None))
        block.power_discharge_kw = pyo.Var(block.b, block.k, bounds=(0, None))
        block.energy_battery_kwh = pyo.Var(
            pyo.RangeSet(first, last),
            block.b,
            bounds=lambda _, k, b: (None, None if self._ages else float(energy_max[b])),
        )
        if self._ages:
            self._declare_ageing(block)

        @block.Constraint(block.k, block.b)
        def energy_balance(blk: Any, k: int, b: int) -> Any:
            before = float(keeps[k][b]) * blk.energy_battery_kwh[k, b] if k >= first else 0.0
            taken = float(into[b] * hours[k]) * blk.power_charge_kw[b, k]
            handed = float(hours[k] / out[b]) * blk.power_discharge_kw[b, k]
            return blk.energy_battery_kwh[k + 1, b] == before + taken - handed + g.drift_kwh[k, b]

        @block.Constraint(pyo.RangeSet(first, last), block.b)
        def not_below_minimum(blk: Any, k: int, b: int) -> Any:
            return blk.energy_battery_kwh[k, b] >= g.energy_min_kwh[b]

        @block.Constraint(block.k, block.b)
        def charge_limit(blk: Any, k: int, b: int) -> Any:
            return blk.power_charge_kw[b, k] <= g.charge_max_kw[k, b]

        @block.Constraint(block.k, block.b)
        def discharge_limit(blk: Any, k: int, b: int) -> Any:
            return blk.power_discharge_kw[b, k] <= g.discharge_max_kw[k, b]

        @block.SOSConstraint(block.k, block.b, sos=1)
        def charges_or_discharges(blk: Any, k: int, b: int) -> Any:
            return [blk.power_charge_kw[b, k], blk.power_discharge_kw[b, k]]

        wear = self._community.price_wear_eur_per_kwh
        block.wear_eur = pyo.Expression(
            expr=sum(
                wear * float(hours[k]) * (block.power_charge_kw[b, k] + block.power_discharge_kw[b, k])
                for k in block.k
                for b in block.b
            )
        )
        block.cost_eur = pyo.Expression(
            expr=block.wear_eur
            - sum(g.value_eur_per_kwh[b] * block.energy_battery_kwh[last, b] for b in block.b)
        )
        if self._free_start:
            self._declare_free_start(block)
        return block

    @staticmethod
    def _declare_ageing(block: Any) -> None:
        """Declare the upper limits of batteries whose capacity shrinks."""
        g = block.given
        g.energy_max_kwh = pyo.Var(block.k, block.b)

        @block.Constraint(block.k, block.b)
        def not_above_maximum(blk: Any, k: int, b: int) -> Any:
            return blk.energy_battery_kwh[k + 1, b] <= g.energy_max_kwh[k, b]

    @staticmethod
    def _declare_free_start(block: Any) -> None:
        """Declare what bounds a free start, and what it is worth."""
        g = block.given
        g.energy_start_min_kwh = pyo.Var(block.b)
        g.energy_start_max_kwh = pyo.Var(block.b)
        g.value_start_eur_per_kwh = pyo.Var(block.b)

        @block.Constraint(block.b)
        def not_below_start(blk: Any, b: int) -> Any:
            return blk.energy_battery_kwh[0, b] >= g.energy_start_min_kwh[b]

        @block.Constraint(block.b)
        def not_above_start(blk: Any, b: int) -> Any:
            return blk.energy_battery_kwh[0, b] <= g.energy_start_max_kwh[b]

        block.cost_eur.expr += sum(
            g.value_start_eur_per_kwh[b] * block.energy_battery_kwh[0, b] for b in block.b
        )

    def give(self, window: Window) -> Mapping[str, FloatArray]:
        """Values of the given components; the energy of spare slots stays at what is observed."""
        battery, horizon = self._battery, window.horizon
        energy = window.observation["energy_battery_kwh"]
        if self._free_start:  # no share of the drift comes from energies that are known
            energy = np.zeros_like(energy)
        n_slots, n = horizon.n_slots, len(self._devices)
        drift = np.zeros((n_slots, n))
        keeps = retained_share(battery, 3600.0 * float(horizon.hours[0]))
        drift[: window.spare] = (1.0 - keeps) * energy
        drift[0] = energy if window.spare else keeps * energy
        present = np.arange(n_slots)[:, None] >= window.spare
        charge = np.where(present, battery.power_charge_max_kw, 0.0)
        surplus = np.maximum(self._surplus_kw(window), 0.0)
        charge = np.where(battery.grid_charging, charge, np.minimum(charge, surplus))
        prices = window.price_mean[self._devices.node]
        # after a long idle spell self-discharge may have taken the battery below its minimum
        lowest = energy * retained_share(battery, 3600.0 * horizon.n_steps / horizon.steps_per_hour)
        values = {
            "drift_kwh": drift,
            "energy_min_kwh": np.minimum(battery.state_min * battery.capacity_kwh, lowest),
            "charge_max_kw": charge,
            "discharge_max_kw": np.where(present, battery.power_discharge_max_kw, 0.0),
            "value_eur_per_kwh": value_of_charge(battery, prices),
        }
        if self._ages:
            values["energy_max_kwh"] = self._energy_max_kwh(drift, window.observation[STATE_OF_HEALTH])
        return {name: v for name, v in values.items() if not (self._free_start and name in self.FREE_START)}

    def ask(self, plan: PlannedValues) -> Mapping[str, FloatArray]:
        """The planned powers."""
        shape = (len(self._devices), self._horizon.n_slots)
        return {
            name: np.maximum(plan(f"battery.{name}", *shape), 0.0)
            for name in ("power_charge_kw", "power_discharge_kw")
        }

    def _energy_max_kwh(self, drift_kwh: FloatArray, state_of_health: FloatArray) -> FloatArray:
        """Most that can be stored after each slot, shape (n_slots, n_batteries).

        A battery that holds more than its shrunken capacity may keep it.
        """
        present = aged(self._battery, state_of_health)
        most = np.broadcast_to(np.multiply(present.state_max, present.capacity_kwh), drift_kwh.shape).copy()
        idle = np.zeros_like(drift_kwh[0])
        for k, hours in enumerate(self._horizon.hours):
            idle = retained_share(present, 3600.0 * float(hours)) * idle + drift_kwh[k]
            most[k] = np.maximum(most[k], idle)
        return most

    def _surplus_kw(self, window: Window) -> FloatArray:
        """Mean surplus of each battery's POD inside each slot, before air conditioning.

        Not the least: one peak of the load would close an hour or two, and cost 1 % of a spring week's bills.
        """
        return window.slots(-window.net_load_kw[:, self._devices.node])
