"""Batteries as a mosaik simulator."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from recosim.arrays import FloatArray
from recosim.components import DeviceKind, Devices
from recosim.simulators.clock import State
from recosim.simulators.faults import Outage, struck
from recosim.simulators.group import DeviceGroup, read_only
from recosim.simulators.nodes import LOAD, NodeSum
from recosim.simulators.physics.battery import (
    Battery,
    clip_to_limits,
    retained_share,
    stored_energy_after,
)
from recosim.simulators.physics.battery_ageing import Losses, aged, losses_after

STATE_OF_HEALTH = "state_of_health_battery"
_LEAST_KWH = 1e-9
"""Stands for the capacity of a battery that has none left, which has no state of charge."""


def _stored_kwh(battery: Battery, states: Mapping[str, FloatArray]) -> FloatArray:
    return states["energy_battery_kwh"]


def _limits(battery: Battery) -> dict[str, tuple[FloatArray | float, FloatArray | float]]:
    return {
        "power_charge_kw": (0.0, battery.power_charge_max_kw),
        "power_discharge_kw": (0.0, battery.power_discharge_max_kw),
    }


class Batteries(DeviceGroup):
    """All batteries; their own rule is to charge from own surplus and discharge to own load.

    Where one of them ages, all have a state of health. It is brought up to date at the end of each local day,
    from the first step of the simulation (warm-up included) on, and lowers the most that can be stored.
    """

    declaration: ClassVar[DeviceKind] = DeviceKind(
        kind="battery",
        states=("energy_battery_kwh",),
        controls=("power_charge_kw", "power_discharge_kw"),
        flows={"electricity": {"power_charge_kw": 1.0, "power_discharge_kw": -1.0}},
        outputs=("power_loss_kw",),
        stored_kwh=_stored_kwh,
        storage_flows={"power_charge_kw": 1.0, "power_discharge_kw": -1.0, "power_loss_kw": -1.0},
        limits=_limits,
        together=(("power_charge_kw", "power_discharge_kw"),),
    )

    @classmethod
    def declaration_of(cls, battery: Battery) -> DeviceKind:
        """The declaration of these batteries: those that age have a state more."""
        if not np.any(battery.ages):
            return cls.declaration
        return replace(cls.declaration, states=(*cls.declaration.states, STATE_OF_HEALTH))

    def setup(  # type: ignore[override]
        self,
        *,
        devices: Devices,
        others: Mapping[str, Devices],
        n_pods: int,
        trips: Sequence[Outage] = (),
    ) -> None:
        """Take the batteries, which begin at their lower limit, and the other devices at their PODs.

        During one of the ``trips`` a battery neither charges nor discharges, whatever it is asked.
        """
        self._trips = trips
        if devices.declaration != self.declaration_of(devices.parameters):
            raise ValueError("battery: the declaration does not fit the parameters; use declaration_of")
        self.declaration = devices.declaration  # type: ignore[misc]
        self._new: Battery = devices.parameters
        self._battery = self._new
        self._node = devices.node
        self._others = NodeSum(others, n_pods)
        self.signals = (LOAD, *self._others.names)  # type: ignore[misc]
        n = len(devices)
        self.energy_kwh = np.array(np.broadcast_to(self._battery.state_min * self._battery.capacity_kwh, n))
        self.out = self.zeros()
        self.out["energy_battery_kwh"] = read_only(self.energy_kwh.copy())
        self._ages = STATE_OF_HEALTH in self.declaration.states
        if self._ages:
            self.losses = Losses.none(n)
            self.today: list[tuple[FloatArray, FloatArray]] = []
            self.set_health(np.ones(n))
            self.out[STATE_OF_HEALTH] = self._health
            self._day = self.grid.part(0, self.grid.n_steps + 1).local.day.to_numpy()

    def set_health(self, state_of_health: FloatArray) -> None:
        """Let the batteries have this state of health, shape (n,), from now on."""
        self._health = read_only(np.array(state_of_health))
        self._battery = aged(self._new, self._health)

    def advance(self, step: int, inputs: Mapping[str, FloatArray]) -> None:
        """Charge and discharge within every limit."""
        battery, step_s = self._battery, float(self.grid.step_s)
        before = self.energy_kwh
        net = (inputs[LOAD] + self._others(inputs))[self._node]
        charge, discharge = clip_to_limits(
            battery,
            before,
            inputs["setpoint_power_charge_kw"],
            inputs["setpoint_power_discharge_kw"],
            net,
            step_s,
        )
        if self._trips:
            off = struck(self._trips, step, len(before))
            charge, discharge = np.where(off, 0.0, charge), np.where(off, 0.0, discharge)
        self.energy_kwh = stored_energy_after(battery, before, charge, discharge, step_s)
        conversion = (1.0 - battery.efficiency_charge) * charge + (
            1.0 / battery.efficiency_discharge - 1.0
        ) * discharge
        leaked = (1.0 - retained_share(battery, step_s)) * before * 3600.0 / step_s
        self.out = {
            "energy_battery_kwh": read_only(self.energy_kwh),
            "power_charge_kw": read_only(charge),
            "power_discharge_kw": read_only(discharge),
            "power_loss_kw": read_only(np.asarray(conversion + leaked, dtype=np.float64)),
        }
        if self._ages:
            self._age(step, before, charge - discharge - conversion)
            self.out[STATE_OF_HEALTH] = self._health

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Energy stored, and what has aged the batteries, today included."""
        state = {**super().get_state(), "energy_kwh": self.energy_kwh}
        if self._ages:
            state |= {f"losses/{name}": values for name, values in vars(self.losses).items()}
            n = len(self.names)
            state["today"] = np.array(self.today, dtype=np.float64).reshape(-1, 2, n)
        return state

    def set_state(self, state: State) -> None:
        """Go on from `get_state`."""
        super().set_state(state)
        self.energy_kwh = np.array(state["energy_kwh"])
        if self._ages:
            self.losses = Losses(**{f.name: np.array(state[f"losses/{f.name}"]) for f in fields(Losses)})
            self.today = [(charged, moved) for charged, moved in np.array(state["today"])]
            self.set_health(self.out[STATE_OF_HEALTH])

    def _age(self, step: int, energy_kwh: FloatArray, moved_kw: FloatArray) -> None:
        """Note a step; at the end of a local day, lose what the day costs."""
        new, step_s = self._new, float(self.grid.step_s)
        capacity = np.maximum(new.capacity_kwh * self._health, _LEAST_KWH)
        charged = np.minimum(energy_kwh / capacity, 1.0)
        self.today.append((charged, moved_kw * step_s / 3600.0 / capacity))
        if self._day[step + 1] == self._day[step]:
            return
        charged, moved = (np.stack(rows) for rows in zip(*self.today, strict=True))
        self.today = []
        self.losses = losses_after(self.losses, charged, moved, new.temp_cell_degc, step_s)
        # what a battery that does not age would have lost plays no part
        self.set_health(np.where(new.ages, self.losses.state_of_health, 1.0))
